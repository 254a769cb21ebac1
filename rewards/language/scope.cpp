#include "rewards/language/scope.h"

#include "rewards/answer_text.h"
#include "rewards/tags.h"

namespace grpo {
namespace {

std::string_view thought(std::string_view text) {
  const size_t open = text.find(kThinkOpen);
  if (open != std::string_view::npos) text.remove_prefix(open + kThinkOpen.size());
  return text.substr(0, text.rfind(kThinkClose));
}

std::string_view answered(std::string_view text) {
  const size_t close = text.rfind(kThinkClose);
  if (close != std::string_view::npos) text.remove_prefix(close + kThinkClose.size());
  text = text.substr(0, text.find(kThinkOpen));
  const std::string_view inner = trim(text);
  if (!inner.starts_with(kAnswerOpen) || !inner.ends_with(kAnswerClose)) return text;
  return inner.substr(kAnswerOpen.size(), inner.size() - kAnswerOpen.size() - kAnswerClose.size());
}

}  // namespace

Scope read_scope(ObjectReader& options, const std::string& fallback) {
  const std::string name = options.choice("scope", {"think", "answer", "all"}, fallback);
  if (name == "think") return Scope::kThink;
  return name == "answer" ? Scope::kAnswer : Scope::kAll;
}

std::string_view text_in(Scope scope, std::string_view completion) {
  switch (scope) {
    case Scope::kThink:
      return thought(completion);
    case Scope::kAnswer:
      return answered(completion);
    case Scope::kAll:
      break;
  }
  return completion;
}

}  // namespace grpo

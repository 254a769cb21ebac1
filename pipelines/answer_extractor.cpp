#include "pipelines/answer_extractor.h"

#include "core/error.h"
#include "rewards/answer_text.h"

namespace grpo {
namespace {

std::optional<std::string_view> last_boxed(std::string_view text) {
  constexpr std::string_view opening = "\\boxed{";
  const size_t start = text.rfind(opening);
  if (start == std::string_view::npos) return std::nullopt;
  const size_t first = start + opening.size();
  int64_t depth = 1;
  for (size_t i = first; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // an escaped brace is text
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return text.substr(first, i - first);
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> answer_extractor_names() {
  return {"none", "####", "boxed"};
}

std::optional<std::string> extract_gold(const std::string& extractor, std::string_view text) {
  std::optional<std::string_view> found = text;
  if (extractor == "####") {
    const size_t mark = text.rfind("####");
    found = mark == std::string_view::npos ? std::nullopt : std::optional(text.substr(mark + 4));
  } else if (extractor == "boxed") {
    found = last_boxed(text);
  } else {
    GRPO_CHECK(extractor == "none");
  }
  if (!found || trim(*found).empty()) return std::nullopt;
  return std::string(trim(*found));
}

}  // namespace grpo

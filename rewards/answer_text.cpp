#include "rewards/answer_text.h"

#include <utf8proc.h>

#include "rewards/tags.h"

namespace grpo {
namespace {

constexpr std::string_view kWhitespace = " \t\n\v\f\r";
constexpr size_t kExcerptBytes = 120;

// The part of a completion that is not thinking.
std::string_view outside_thinking(std::string_view text) {
  const size_t close = text.rfind(kThinkClose);
  if (close != std::string_view::npos) text.remove_prefix(close + kThinkClose.size());
  return text.substr(0, text.find(kThinkOpen));
}

std::string_view last_line(std::string_view text) {
  text = trim(text);
  const size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : trim(text.substr(newline + 1));
}

}  // namespace

Extract read_extract(ObjectReader& options, const std::vector<std::string>& choices, const std::string& fallback) {
  const std::string name = options.choice("extract", choices, fallback);
  if (name == "answer_tag") return Extract::kAnswerTag;
  if (name == "last_line") return Extract::kLastLine;
  GRPO_CHECK(name == "all" || name == "completion");
  return Extract::kAll;
}

std::optional<std::string_view> extract_answer(std::string_view text, Extract extract) {
  switch (extract) {
    case Extract::kAnswerTag: return last_answer_tag(text);
    case Extract::kLastLine: {
      const std::string_view line = last_line(text);
      return line.empty() ? std::nullopt : std::optional(line);
    }
    case Extract::kAll: return trim(text);
  }
  return std::nullopt;
}

std::optional<std::string_view> last_answer_tag(std::string_view text) {
  text = outside_thinking(text);
  const size_t last_close = text.rfind(kAnswerClose);
  if (last_close == std::string_view::npos) return std::nullopt;
  const size_t open = text.substr(0, last_close).rfind(kAnswerOpen);
  if (open == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(open + kAnswerOpen.size());
  return trim(rest.substr(0, rest.find(kAnswerClose)));
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kWhitespace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhitespace) - first + 1);
}

bool is_blank(std::string_view text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  size_t at = 0;
  while (at < text.size()) {
    utf8proc_int32_t codepoint = -1;
    const utf8proc_ssize_t length =
        utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &codepoint);
    if (length <= 0 || codepoint < 0) return false;
    switch (utf8proc_category(codepoint)) {
      case UTF8PROC_CATEGORY_ZS:
      case UTF8PROC_CATEGORY_ZL:
      case UTF8PROC_CATEGORY_ZP:
      case UTF8PROC_CATEGORY_CC:
      case UTF8PROC_CATEGORY_CF: break;
      default: return false;
    }
    at += static_cast<size_t>(length);
  }
  return true;
}

std::string excerpt(std::string_view text) {
  const Json raw = std::string(text.substr(0, kExcerptBytes));
  const std::string valid = raw.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(valid).get<std::string>();
}

}  // namespace grpo

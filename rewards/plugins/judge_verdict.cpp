#include "rewards/plugins/judge_verdict.h"

#include <fmt/format.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <charconv>
#include <cmath>

#include "core/json.h"
#include "rewards/answer_text.h"
#include "rewards/tags.h"

namespace grpo {
namespace {

constexpr std::string_view kKey = "correctness";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

std::optional<bool> meaning(std::string_view word) {
  const std::string plain = lower(trim(word));
  if (plain == "correct") return true;
  if (plain == "incorrect") return false;
  return std::nullopt;
}

// The inside of a text that is one fenced block; the text itself otherwise.
std::string_view without_fence(std::string_view text) {
  text = trim(text);
  constexpr std::string_view kFence = "```";
  if (text.size() < 2 * kFence.size() || !text.starts_with(kFence) || !text.ends_with(kFence)) return text;
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return text;
  text.remove_suffix(kFence.size());
  return line < text.size() ? trim(text.substr(line)) : text;
}

// The verdict of a reply that is one JSON object.
std::optional<bool> read_object(std::string_view text) {
  if (!text.starts_with('{')) return std::nullopt;
  Json object;
  try {
    object = parse_json(text, "reply");
  } catch (const std::exception&) {
    return std::nullopt;
  }
  std::optional<bool> verdict;
  for (const auto& [key, value] : object.items()) {
    if (lower(key) != kKey || !value.is_string()) continue;
    const std::optional<bool> said = meaning(value.get<std::string>());
    if (!said || (verdict && *verdict != *said)) return std::nullopt;
    verdict = said;
  }
  return verdict;
}

size_t skip_blanks(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r'))) ++at;
  return at;
}

// The string that follows a colon at `at`; none if anything else follows.
std::optional<std::string_view> string_behind_colon(std::string_view text, size_t at) {
  at = skip_blanks(text, at);
  if (at >= text.size() || text[at] != ':') return std::nullopt;
  at = skip_blanks(text, at + 1);
  if (at >= text.size() || text[at] != '"') return std::nullopt;
  const std::string_view rest = text.substr(at + 1, 32);
  const size_t end = rest.find('"');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

// The verdict that all mentions of the key share.
std::optional<bool> read_mentions(std::string_view text) {
  const std::string plain = lower(text);
  const std::string key = fmt::format("\"{}\"", kKey);
  std::optional<bool> verdict;
  for (size_t at = plain.find(key); at != std::string::npos; at = plain.find(key, at + 1)) {
    if (at > 0 && plain[at - 1] == '\\') continue;
    const std::optional<std::string_view> word = string_behind_colon(plain, at + key.size());
    const std::optional<bool> said = word ? meaning(*word) : std::nullopt;
    if (!said || (verdict && *verdict != *said)) return std::nullopt;
    verdict = said;
  }
  return verdict;
}

}  // namespace

std::string_view behind_thought(std::string_view reply) {
  const size_t close = reply.rfind(kThinkClose);
  if (close != std::string_view::npos) return reply.substr(close + kThinkClose.size());
  return trim(reply).starts_with(kThinkOpen) ? std::string_view() : reply;
}

std::optional<bool> read_correctness(std::string_view reply) {
  const std::optional<bool> verdict = read_object(without_fence(reply));
  return verdict ? verdict : read_mentions(reply);
}

struct GradePattern::Code {
  explicit Code(pcre2_code* given) : compiled(given) {}
  ~Code() { pcre2_code_free(compiled); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  pcre2_code* compiled;
};

GradePattern::GradePattern(const std::string& expression, double min, double max, const std::string& where)
    : min_(min), max_(max) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                   PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &error, &offset, nullptr);
  if (code == nullptr) {
    unsigned char text[128] = {};
    pcre2_get_error_message(error, text, sizeof text);
    throw Error(fmt::format("the regular expression {} does not compile: {} at character {}", expression,
                            reinterpret_cast<const char*>(text), offset),
                where, "write backslashes twice in JSON: \"\\\\d+\"");
  }
  code_ = std::make_shared<const Code>(code);
  uint32_t groups = 0;
  pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
  if (groups != 1) {
    throw Error(fmt::format("the regular expression {} has {} groups, not one", expression, groups), where,
                "put the number in brackets, and others in (?:...)");
  }
}

std::optional<double> GradePattern::read(std::string_view reply) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create_from_pattern(code_->compiled, nullptr), pcre2_match_data_free);
  std::optional<std::string_view> last;
  size_t at = 0;
  while (at <= reply.size()) {
    const int found = pcre2_match(code_->compiled, reinterpret_cast<PCRE2_SPTR>(reply.data()), reply.size(), at, 0,
                                  data.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) return std::nullopt;
    const PCRE2_SIZE* places = pcre2_get_ovector_pointer(data.get());
    if (found > 1 && places[2] != PCRE2_UNSET) last = reply.substr(places[2], places[3] - places[2]);
    at = std::max(places[1], at + 1);
  }
  if (!last) return std::nullopt;
  const std::string_view text = trim(*last);
  double grade = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), grade);
  if (error != std::errc() || end != text.data() + text.size() || !(grade >= min_ && grade <= max_)) return std::nullopt;
  return grade;
}

}  // namespace grpo

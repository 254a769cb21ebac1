#include "sandbox/judge/compare_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "sandbox/judge/apps_compare.h"
#include "sandbox/judge/decimal.h"
#include "sandbox/judge/printable.h"
#include "sandbox/judge/words.h"

namespace grpo {
namespace {

constexpr std::string_view kEnd = "the end of the output";

std::string quoted(std::string_view text) {
  return '"' + printable(text) + '"';
}

Comparison differs(size_t line, const std::string& expected, const std::string& found) {
  return {false, fmt::format("line {}: expected {}, found {}", line, expected, found)};
}

// Of words, where an empty one is the end.
Comparison words_differ(const OutputWord& expected, const OutputWord& found) {
  const auto name = [](const OutputWord& word) {
    return word.text.empty() ? std::string(kEnd) : quoted(word.text);
  };
  return differs(static_cast<size_t>(found.line), name(expected), name(found));
}

// Of lines that exist on one side at least.
Comparison lines_differ(const std::vector<std::string_view>& expected,
                        const std::vector<std::string_view>& found, size_t index) {
  const auto name = [&](const std::vector<std::string_view>& lines) {
    return index < lines.size() ? quoted(lines[index]) : std::string(kEnd);
  };
  return differs(index + 1, name(expected), name(found));
}

// Both texts word by word; `same` sees two words.
template <typename Same>
Comparison compare_words(std::string_view expected, std::string_view found, bool white_space_counts,
                         Same same) {
  OutputWordReader wanted_words(expected);
  OutputWordReader found_words(found);
  for (;;) {
    const OutputWord wanted = wanted_words.next();
    const OutputWord word = found_words.next();
    if (white_space_counts && wanted.space != word.space) {
      return {false, fmt::format("line {}: expected the white space {}, found {}", word.line,
                                 quoted(wanted.space), quoted(word.space))};
    }
    if (wanted.text.empty() != word.text.empty()) return words_differ(wanted, word);
    if (wanted.text.empty()) return {true, ""};
    if (!same(wanted.text, word.text)) return words_differ(wanted, word);
  }
}

// Lines by index; `same` sees two lines. An absent line differs from any.
template <typename Same>
Comparison compare_lines(const std::vector<std::string_view>& expected,
                         const std::vector<std::string_view>& found, Same same) {
  const size_t shared = std::min(expected.size(), found.size());
  for (size_t i = 0; i < shared; ++i) {
    if (!same(expected[i], found[i])) return lines_differ(expected, found, i);
  }
  if (expected.size() != found.size()) return lines_differ(expected, found, shared);
  return {true, ""};
}

Comparison compare_exact(std::string_view expected, std::string_view found, bool ignore_case) {
  if (same_word(expected, found, ignore_case)) return {true, ""};
  return compare_lines(split_lines(expected), split_lines(found),
                       [&](std::string_view a, std::string_view b) { return same_word(a, b, ignore_case); });
}

// Without empty ones at the end. `whole`: of the white space, only a \r at the end goes.
std::vector<std::string_view> stripped_lines(std::string_view text, bool whole = false) {
  std::vector<std::string_view> lines = split_lines(text);
  for (std::string_view& line : lines) {
    if (!whole) line = stripped(line);
    if (line.ends_with('\r')) line.remove_suffix(1);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

bool same_words(std::string_view a, std::string_view b, bool ignore_case) {
  return compare_words(a, b, false,
                       [&](std::string_view x, std::string_view y) { return same_word(x, y, ignore_case); })
      .equal;
}

bool is_nan(std::string_view word) {
  if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
  return same_word(word, "nan", true);
}

bool within(std::string_view expected, std::string_view found, const OutputRule& rule) {
  if (is_nan(expected) || is_nan(found)) return false;
  if (same_word(expected, found, rule.ignore_case)) return true;
  const std::optional<Decimal> wanted = parse_decimal(expected);
  if (!wanted) return false;
  const std::optional<Decimal> number = parse_decimal(found);
  if (!number) return false;
  if (*wanted == *number) return true;
  if (rule.float_absolute <= 0.0 && rule.float_relative <= 0.0) return false;
  const double a = nearest_double(expected);
  const double b = nearest_double(found);
  if (!std::isfinite(a) || !std::isfinite(b)) return false;
  return std::abs(a - b) <= std::max(rule.float_absolute, rule.float_relative * std::abs(a)) + 1e-15;
}

// Words of two lines that are all numbers, and equal.
bool equal_decimals(std::string_view expected, std::string_view found) {
  OutputWordReader wanted_words(expected);
  OutputWordReader found_words(found);
  for (;;) {
    const OutputWord wanted = wanted_words.next();
    const OutputWord word = found_words.next();
    if (wanted.text.empty() || word.text.empty()) return wanted.text.empty() && word.text.empty();
    const std::optional<Decimal> a = parse_decimal(wanted.text);
    if (!a || a != parse_decimal(word.text)) return false;
  }
}

Comparison compare_lcb(std::string_view expected, std::string_view found) {
  const std::vector<std::string_view> wanted = split_lines(stripped(expected));
  const std::vector<std::string_view> lines = split_lines(stripped(found));
  return compare_lines(wanted, lines, [](std::string_view a, std::string_view b) {
    a = stripped(a);
    b = stripped(b);
    return a == b || equal_decimals(a, b);
  });
}

// absl::SimpleAtod: decimal numbers of any size, inf, infinity, nan, nan(letters).
std::optional<double> code_contests_number(std::string_view word) {
  word = stripped(word);
  if (parse_decimal(word)) return nearest_double(word);
  std::string_view name = word;
  if (name.starts_with('-') || name.starts_with('+')) name.remove_prefix(1);
  if (name == "inf" || name == "infinity") {
    return word.starts_with('-') ? -std::numeric_limits<double>::infinity()
                                 : std::numeric_limits<double>::infinity();
  }
  const bool is_named_nan =
      name.starts_with("nan(") && name.ends_with(')') &&
      std::all_of(name.begin() + 4, name.end() - 1, [](char c) {
        return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
      });
  if (name == "nan" || is_named_nan) return std::numeric_limits<double>::quiet_NaN();
  // What is left may be a number with an exponent of more digits than parse_decimal takes.
  if (word.empty() || word.find_first_not_of("0123456789+-.e") != std::string_view::npos) return std::nullopt;
  const std::string text(word);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size()) return std::nullopt;
  return value;
}

Comparison compare_code_contests(std::string_view expected, std::string_view found) {
  constexpr std::string_view kSeparators = " \n\t\r\v";
  OutputWordReader wanted_words(expected, kSeparators);
  OutputWordReader found_words(found, kSeparators);
  // Equal texts are right whatever they hold; else two words that are the same but infinite or nan are not.
  bool all_same = true;
  std::optional<Comparison> first;
  for (;;) {
    const OutputWord wanted = wanted_words.next();
    const OutputWord word = found_words.next();
    if (wanted.text.empty() != word.text.empty()) return first.value_or(words_differ(wanted, word));
    if (wanted.text.empty()) break;
    const bool same = same_word(wanted.text, word.text, true);
    all_same = all_same && same;
    if (first) continue;
    std::string lowered[2] = {std::string(wanted.text), std::string(word.text)};
    for (std::string& text : lowered) std::transform(text.begin(), text.end(), text.begin(), lower);
    const std::optional<double> a = code_contests_number(lowered[0]);
    const std::optional<double> b = a ? code_contests_number(lowered[1]) : std::nullopt;
    if (a && b ? !(std::abs(*a - *b) < 1e-5) : !same) first = words_differ(wanted, word);
  }
  return all_same || !first ? Comparison{true, ""} : *first;
}

Comparison compare_yes_no(std::string_view expected, std::string_view found) {
  const std::string_view wanted = stripped(expected);
  const std::string_view word = stripped(found);
  const bool is_answer = same_word(wanted, "yes", true) || same_word(wanted, "no", true);
  if (is_answer && same_word(wanted, word, true)) return {true, ""};
  OutputWordReader words(found);
  return differs(static_cast<size_t>(words.next().line),
                 is_answer ? quoted(wanted) : "yes or no, which the test does not hold,", quoted(word));
}

struct Piece {
  std::string_view text;
  int64_t line = 1;
};

std::vector<Piece> pieces(std::string_view text, bool of_words) {
  std::vector<Piece> all;
  if (of_words) {
    OutputWordReader words(text);
    for (OutputWord word = words.next(); !word.text.empty(); word = words.next())
      all.push_back({word.text, word.line});
  } else {
    for (const std::string_view line : stripped_lines(text)) {
      all.push_back({line, static_cast<int64_t>(all.size()) + 1});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Piece& a, const Piece& b) { return a.text < b.text; });
  return all;
}

Comparison compare_unordered(std::string_view expected, std::string_view found, bool of_words) {
  const std::vector<Piece> wanted = pieces(expected, of_words);
  const std::vector<Piece> given = pieces(found, of_words);
  const char* kind = of_words ? "word" : "line";
  for (size_t i = 0; i < std::max(wanted.size(), given.size()); ++i) {
    if (i < wanted.size() && i < given.size() && wanted[i].text == given[i].text) continue;
    if (i == given.size() || (i < wanted.size() && wanted[i].text < given[i].text)) {
      return {false,
              fmt::format("the {} {} is missing, or not there as often", kind, quoted(wanted[i].text))};
    }
    return {false, fmt::format("line {}: the {} {} is not expected, or not as often", given[i].line, kind,
                               quoted(given[i].text))};
  }
  return {true, ""};
}

Comparison compare_apps(std::string_view expected, std::string_view found) {
  if (apps_equal(expected, found)) return {true, ""};
  Comparison lines = compare_lines(stripped_lines(expected), stripped_lines(found), std::equal_to<>());
  if (lines.equal) lines = {false, "the lines are the same but for their ends"};
  return lines;
}

struct NamedRule {
  const char* name;
  OutputRule rule;
};

constexpr std::array<std::pair<const char*, Comparator>, 11> kNames = {{
    {"tokens", Comparator::kTokens},
    {"exact", Comparator::kExact},
    {"lines", Comparator::kLines},
    {"line_tokens", Comparator::kLineTokens},
    {"lcb_decimal", Comparator::kLcbDecimal},
    {"float", Comparator::kFloat},
    {"code_contests", Comparator::kCodeContests},
    {"yes_no", Comparator::kYesNo},
    {"unordered", Comparator::kUnordered},
    {"unordered_tokens", Comparator::kUnorderedTokens},
    {"apps", Comparator::kApps},
}};

OutputRule float_rule(double tolerance) {
  return {.comparator = Comparator::kFloat, .float_absolute = tolerance, .float_relative = tolerance};
}

const std::vector<NamedRule>& testlib_rules() {
  static const std::vector<NamedRule> rules = {
      {"wcmp", {}},
      {"lcmp", {.comparator = Comparator::kLineTokens}},
      {"fcmp", {.comparator = Comparator::kLines, .white_space_counts = true}},
      {"ncmp", {}},
      {"icmp", {}},
      {"hcmp", {}},
      {"rcmp", {.comparator = Comparator::kFloat, .float_absolute = 1.5e-6, .float_relative = 0.0}},
      {"rcmp4", float_rule(1e-4)},
      {"rcmp6", float_rule(1e-6)},
      {"rcmp9", float_rule(1e-9)},
      {"yesno", {.comparator = Comparator::kYesNo}},
      {"nyesno", {.ignore_case = true}},
      {"caseicmp", {}},
      {"uncmp", {.comparator = Comparator::kUnorderedTokens}},
  };
  return rules;
}

}  // namespace

Comparison compare_output(std::string_view expected, std::string_view found, const OutputRule& rule) {
  const auto same = [&](std::string_view a, std::string_view b) { return same_word(a, b, rule.ignore_case); };
  switch (rule.comparator) {
    case Comparator::kTokens:
      return compare_words(expected, found, rule.white_space_counts, same);
    case Comparator::kExact:
      return compare_exact(expected, found, rule.ignore_case);
    case Comparator::kLines:
      return compare_lines(stripped_lines(expected, rule.white_space_counts),
                           stripped_lines(found, rule.white_space_counts), same);
    case Comparator::kLineTokens:
      return compare_lines(
          stripped_lines(expected), stripped_lines(found),
          [&](std::string_view a, std::string_view b) { return same_words(a, b, rule.ignore_case); });
    case Comparator::kLcbDecimal:
      return compare_lcb(expected, found);
    case Comparator::kFloat:
      return compare_words(expected, found, rule.white_space_counts,
                           [&](std::string_view a, std::string_view b) { return within(a, b, rule); });
    case Comparator::kCodeContests:
      return compare_code_contests(expected, found);
    case Comparator::kYesNo:
      return compare_yes_no(expected, found);
    case Comparator::kUnordered:
      return compare_unordered(expected, found, false);
    case Comparator::kUnorderedTokens:
      return compare_unordered(expected, found, true);
    case Comparator::kApps:
      return compare_apps(expected, found);
  }
  return {false, "no such comparator"};
}

const char* comparator_name(Comparator comparator) {
  for (const auto& [name, value] : kNames) {
    if (value == comparator) return name;
  }
  return "";
}

const std::vector<std::string>& comparator_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& entry : kNames) all.emplace_back(entry.first);
    return all;
  }();
  return names;
}

std::optional<OutputRule> output_rule(const std::string& name) {
  for (const auto& [known, comparator] : kNames) {
    if (name == known) return OutputRule{.comparator = comparator};
  }
  const std::string base = name.ends_with(".cpp") ? name.substr(0, name.size() - 4) : name;
  for (const NamedRule& rule : testlib_rules()) {
    if (base == rule.name) return rule.rule;
  }
  return std::nullopt;
}

}  // namespace grpo

#include "sandbox/judge/apps_compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/judge/decimal.h"
#include "sandbox/judge/words.h"

namespace grpo {
namespace {

constexpr std::string_view kPythonSpace = " \t\n\v\f\r\x1c\x1d\x1e\x1f";

using Lines = std::vector<std::string_view>;

// str.splitlines(): no empty line after a last line end.
Lines python_lines(std::string_view text) {
  Lines lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (std::string_view("\n\r\v\f\x1c\x1d\x1e").find(text[at]) == std::string_view::npos) continue;
    lines.push_back(text.substr(start, at - start));
    if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') ++at;
    start = at + 1;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

// float(text), where it does not raise.
std::optional<double> python_float(std::string_view text) {
  text = stripped(text, kPythonSpace);
  const bool negative = text.starts_with('-');
  std::string_view name = text;
  if (negative || name.starts_with('+')) name.remove_prefix(1);
  const double sign = negative ? -1.0 : 1.0;
  if (same_word(name, "nan", true)) return std::numeric_limits<double>::quiet_NaN();
  if (same_word(name, "inf", true) || same_word(name, "infinity", true)) {
    return sign * std::numeric_limits<double>::infinity();
  }
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit_at = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    if (text[i] == '_' && i > 0 && digit_at(i - 1) && digit_at(i + 1)) continue;
    plain += text[i];
  }
  if (parse_decimal(plain)) return nearest_double(plain);
  // An exponent beyond 18 digits, which float() takes: 0 or infinity. strtod agrees with it on what is left.
  if (plain.empty() || plain.find_first_not_of("0123456789+-.eE") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(plain.c_str(), &end);
  if (end != plain.c_str() + plain.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<double>> floats(const Lines& texts) {
  std::vector<double> values;
  for (const std::string_view text : texts) {
    const std::optional<double> value = python_float(text);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

// numpy.allclose with its default tolerances.
bool all_close(const std::vector<double>& found, const std::vector<double>& expected) {
  return std::equal(found.begin(), found.end(), expected.begin(), expected.end(), [](double a, double b) {
    if (!std::isfinite(a) || !std::isfinite(b)) return a == b;
    return std::abs(a - b) <= 1e-8 + 1e-5 * std::abs(b);
  });
}

// round(value, 3): the decimal nearest to the exact value, half to even, as a double again.
double rounded(double value) {
  if (!std::isfinite(value)) return value;
  char text[400];
  std::snprintf(text, sizeof text, "%.3f", value);
  return std::strtod(text, nullptr) + 0.0;  // -0 and 0 are one
}

template <typename Value>
using Sets = std::vector<std::vector<Value>>;

template <typename Value>
void sort_unique(std::vector<Value>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

Sets<std::string_view> word_sets(const Lines& lines, bool drop_empty) {
  Sets<std::string_view> sets;
  for (const std::string_view line : lines) {
    std::vector<std::string_view> words;
    OutputWordReader reader(line, kPythonSpace);
    for (OutputWord word = reader.next(); !word.text.empty(); word = reader.next()) words.push_back(word.text);
    if (words.empty() && drop_empty) continue;
    sort_unique(words);
    sets.push_back(std::move(words));
  }
  sort_unique(sets);
  return sets;
}

// none: a word that is no number, or nan, which is in no two sets at once.
std::optional<Sets<double>> number_sets(const Sets<std::string_view>& words) {
  Sets<double> sets;
  for (const std::vector<std::string_view>& line : words) {
    std::vector<double> numbers;
    for (const std::string_view word : line) {
      const std::optional<double> value = python_float(word);
      if (!value || std::isnan(*value)) return std::nullopt;
      numbers.push_back(rounded(*value));
    }
    sort_unique(numbers);
    sets.push_back(std::move(numbers));
  }
  sort_unique(sets);
  return sets;
}

std::string joined(const Lines& lines, bool strip) {
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) text += '\n';
    text += strip ? stripped(lines[i], kPythonSpace) : lines[i];
  }
  return text;
}

}  // namespace

bool apps_equal(std::string_view expected, std::string_view found) {
  Lines lines = python_lines(found);
  const std::string_view whole = stripped(expected, kPythonSpace);
  for (const bool strip : {false, true}) {
    if (stripped(joined(lines, strip), kPythonSpace) == whole) return true;
  }
  Lines wanted = split_lines(expected);
  std::erase_if(wanted, [](std::string_view line) { return line.empty(); });
  for (std::string_view& line : wanted) line = stripped(line, kPythonSpace);
  if (lines == wanted) return true;
  std::erase_if(lines, [](std::string_view line) { return line.empty(); });
  if (lines == wanted) return true;

  const std::optional<std::vector<double>> numbers = floats(lines);
  const std::optional<std::vector<double>> wanted_numbers = numbers ? floats(wanted) : std::nullopt;
  if (numbers && wanted_numbers && all_close(*numbers, *wanted_numbers)) return true;

  const Sets<std::string_view> sets = word_sets(lines, true);
  const Sets<std::string_view> wanted_sets = word_sets(wanted, false);
  if (sets == wanted_sets) return true;
  const std::optional<Sets<double>> rounded_sets = number_sets(sets);
  return rounded_sets && rounded_sets == number_sets(wanted_sets);
}

}  // namespace grpo

// Oniguruma's regular expressions in PCRE2's spelling; see split_pattern.h.

#include <fmt/format.h>

#include <array>

#include "core/error.h"
#include "policy/io/split_pattern.h"

namespace grpo {
namespace {

// Unicode's White_Space. PCRE2's own \s counts U+180E as well, which Unicode dropped in version 6.3.
constexpr std::string_view kWhiteSpace =
    R"(\x{09}-\x{0d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

constexpr std::array<std::string_view, 7> kGroups = {":", "i:", "=", "!", "<=", "<!", ">"};

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Translation {
 public:
  Translation(const std::string& pattern, const std::string& where) : pattern_(pattern), where_(where) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '\\') {
        escape();
      } else if (in_class_) {
        class_character();
      } else {
        plain_character();
      }
    }
    return std::move(out_);
  }

 private:
  bool follows(std::string_view text) const {
    return std::string_view(pattern_).substr(at_).starts_with(text);
  }
  void copy(size_t count) {
    out_ += pattern_.substr(at_, count);
    at_ += count;
  }

  void escape() {
    if (at_ + 1 == pattern_.size()) refuse("ends with a backslash");
    const char c = pattern_[at_ + 1];
    switch (c) {
      case 's':
        at_ += 2;
        out_ += in_class_ ? std::string(kWhiteSpace) : fmt::format("[{}]", kWhiteSpace);
        return;
      case 'S':
        if (in_class_) refuse("uses \\S inside a character class");
        at_ += 2;
        out_ += fmt::format("[^{}]", kWhiteSpace);
        return;
      case 'u':
        unicode_escape();
        return;
      case 'x':
      case 'p':
      case 'P': {
        const size_t close = pattern_.find('}', at_);
        if (pattern_[at_ + 2] != '{' || close == pattern_.npos)
          refuse(fmt::format("uses \\{} without braces", c));
        copy(close + 1 - at_);
        return;
      }
      case 'd':
      case 'D':
      case 'r':
      case 'n':
      case 't':
      case 'f':
        copy(2);
        return;
      default:
        if (is_alnum(c)) refuse(fmt::format("uses \\{}", c));
        copy(2);
    }
  }

  // \uHHHH
  void unicode_escape() {
    const std::string digits = pattern_.substr(at_ + 2, 4);
    if (digits.size() != 4 || !is_hex(digits[0]) || !is_hex(digits[1]) || !is_hex(digits[2]) ||
        !is_hex(digits[3])) {
      refuse("uses \\u without four hexadecimal digits");
    }
    out_ += fmt::format("\\x{{{}}}", digits);
    at_ += 6;
  }

  void class_character() {
    if (follows("[")) refuse("nests character classes");
    if (follows("&&")) refuse("intersects character classes");
    if (follows("]")) in_class_ = false;
    copy(1);
  }

  void plain_character() {
    if (follows("[")) {
      in_class_ = true;
      copy(follows("[^") ? 2 : 1);
      if (follows("]")) refuse("holds a class that starts with ]");
    } else if (follows("(?")) {
      at_ += 2;
      for (const auto group : kGroups) {
        if (!follows(group)) continue;
        out_ += "(?";
        return copy(group.size());
      }
      refuse("uses a group other than (?:, (?i:, (?=, (?!, (?<=, (?<!, (?>");
    } else if (follows("(*") || follows("{,")) {
      refuse(fmt::format("uses {}", pattern_.substr(at_, 2)));
    } else if (follows("}+") || follows("}?")) {
      // A possessive interval in PCRE2, a repeated one in Oniguruma; }? differs for {n} alike.
      refuse(fmt::format("uses {} behind a count", pattern_[at_ + 1]));
    } else {
      copy(1);
    }
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(fmt::format("the regular expression {} {}, which is not supported", pattern_, what), where_);
  }

  const std::string& pattern_;
  const std::string& where_;
  std::string out_;
  size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string translate_oniguruma(const std::string& pattern, const std::string& where) {
  return Translation(pattern, where).run();
}

}  // namespace grpo

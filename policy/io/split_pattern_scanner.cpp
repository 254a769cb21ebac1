#include "policy/io/split_pattern_scanner.h"

#include <string>

#include "policy/io/split_pattern.h"
#include "policy/io/unicode.h"
#include "policy/io/unicode_classes.h"

namespace grpo {
namespace {

// A text by character classes. Positions are byte offsets of characters; at the end of the text there is no
// class.
class ClassReader {
 public:
  explicit ClassReader(std::string_view text) : text_(text), classes_(CharacterClasses::table()) {}

  size_t size() const { return text_.size(); }
  char byte(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  // The classes of the character at `at`, whose end becomes `end`.
  uint8_t read(size_t at, size_t& end) const {
    end = at;
    if (at >= text_.size()) return 0;
    return classes_.of(next_character(text_, end));
  }
  uint8_t classes(size_t at) const {
    size_t end;
    return read(at, end);
  }

  // The end of the characters from `at` on that are in any of `wanted`.
  size_t run(size_t at, uint8_t wanted) const {
    for (size_t end; at < text_.size() && (read(at, end) & wanted) != 0;) at = end;
    return at;
  }
  // The end of the characters from `at` on that are in none of `unwanted`.
  size_t run_without(size_t at, uint8_t unwanted) const {
    for (size_t end; at < text_.size() && (read(at, end) & unwanted) == 0;) at = end;
    return at;
  }
  size_t line_ends(size_t at) const {
    while (byte(at) == '\r' || byte(at) == '\n') ++at;
    return at;
  }

  // White space at `at`, by \s*[\r\n]+ where `lines` is set, then \s+(?!\S), then \s+: up to the last line
  // end, else up to but not including the character that stands before the next word, else all.
  size_t white_space(size_t at, bool lines) const {
    size_t i = at, last = at, line_end = 0;
    while (i < text_.size()) {
      size_t end;
      const uint8_t c = read(i, end);
      if ((c & kSpace) == 0) break;
      if ((c & kLineEnd) != 0) line_end = end;
      last = i;
      i = end;
    }
    if (lines && line_end != 0) return line_end;
    return i == text_.size() || last == at ? i : last;
  }

 private:
  std::string_view text_;
  const CharacterClasses& classes_;
};

bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// 's|'t|'re|'ve|'m|'ll|'d at an apostrophe: its end, or `at`. Without regard to case, 's has a third form:
// U+017F is a long s.
size_t contraction(const ClassReader& text, size_t at, bool any_case) {
  const auto letter = [&](size_t i) {
    const char c = text.byte(i);
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char first = letter(at + 1), second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
  if (first == 'l' && second == 'l') return at + 3;
  if (any_case && first == '\xC5' && second == '\xBF') return at + 3;
  return at;
}

// Each of these returns the end of the match that starts at `at`, or `at` where none does.

size_t match_gpt2(const ClassReader& text, size_t at) {
  if (text.byte(at) == '\'') {
    const size_t end = contraction(text, at, false);
    if (end != at) return end;
  }
  const size_t word = text.byte(at) == ' ' ? at + 1 : at;  // behind the optional space
  const uint8_t c = text.classes(word);
  if ((c & kLetter) != 0) return text.run(word, kLetter);
  if ((c & kNumber) != 0) return text.run(word, kNumber);
  if (word < text.size() && (c & kSpace) == 0) return text.run_without(word, kSpace | kLetter | kNumber);
  return text.white_space(at, false);
}

// Qwen's and Llama 3's patterns differ in how many digits stay together.
template <int kDigits>
size_t match_words(const ClassReader& text, size_t at) {
  if (text.byte(at) == '\'') {
    const size_t end = contraction(text, at, true);
    if (end != at) return end;
  }
  size_t next;
  const uint8_t c = text.read(at, next);
  if ((c & kLetter) != 0) return text.run(next, kLetter);
  if ((c & kNumber) != 0) {
    for (int digits = 1; digits < kDigits; ++digits) {
      size_t end;
      if ((text.read(next, end) & kNumber) == 0) break;
      next = end;
    }
    return next;
  }
  const uint8_t behind = text.classes(next);
  if ((c & kLineEnd) == 0 && (behind & kLetter) != 0) return text.run(next, kLetter);
  constexpr uint8_t kNotOther = kSpace | kLetter | kNumber;
  if ((c & kNotOther) == 0) return text.line_ends(text.run_without(next, kNotOther));
  if (text.byte(at) == ' ' && next < text.size() && (behind & kNotOther) == 0) {
    return text.line_ends(text.run_without(next, kNotOther));
  }
  return text.white_space(at, true);
}

size_t match_deepseek_numbers(const ClassReader& text, size_t at) {
  for (int digits = 0; digits < 3; ++digits) {
    size_t end;
    if ((text.read(at, end) & kNumber) == 0) break;
    at = end;
  }
  return at;
}

size_t match_deepseek(const ClassReader& text, size_t at) {
  if (is_ascii_punctuation(text.byte(at)) && is_ascii_letter(text.byte(at + 1))) {
    for (++at; is_ascii_letter(text.byte(at));) ++at;
    return at;
  }
  size_t next;
  const uint8_t c = text.read(at, next);
  if ((c & (kLetter | kMark)) != 0) return text.run(next, kLetter | kMark);
  const uint8_t behind = text.classes(next);
  if ((c & (kLineEnd | kPunctuation | kSymbol)) == 0 && (behind & (kLetter | kMark)) != 0) {
    return text.run(next, kLetter | kMark);
  }
  constexpr uint8_t kSign = kPunctuation | kSymbol;
  if ((c & kSign) != 0 || (text.byte(at) == ' ' && (behind & kSign) != 0)) {
    return text.line_ends(text.run(next, kSign));
  }
  return (c & kSpace) != 0 ? text.white_space(at, true) : at;
}

template <size_t (*kMatch)(const ClassReader&, size_t)>
void scan(std::string_view text, std::vector<TextSpan>& matches) {
  const ClassReader reader(text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = kMatch(reader, at);
    if (end != at) {
      matches.push_back({at, end});
      at = end;
    } else {
      next_character(text, at);
    }
  }
}

bool is_deepseek_cjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FA5) || (c >= 0x3040 && c <= 0x30FF);
}

// Text without Chinese goes by bytes: no first byte below E3 begins a character of the class.
void scan_deepseek_cjk(std::string_view text, std::vector<TextSpan>& matches) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<uint8_t>(text[at]) < 0xE3) {
      ++at;
      continue;
    }
    const size_t begin = at;
    size_t end = at;
    while (at < text.size() && is_deepseek_cjk(next_character(text, at))) end = at;
    if (end != begin) {
      matches.push_back({begin, end});
      at = end;
    }
  }
}

}  // namespace

SplitScanner split_scanner(std::string_view pattern) {
  std::string spelled;
  for (const char c : pattern) {
    if (c == '\r' || c == '\n') {
      spelled += c == '\r' ? "\\r" : "\\n";
    } else {
      spelled += c;
    }
  }
  if (spelled == kGpt2Pattern) return &scan<match_gpt2>;
  if (spelled == kQwenPattern) return &scan<match_words<1>>;
  if (spelled == kLlama3Pattern) return &scan<match_words<3>>;
  if (spelled == kDeepSeekNumbers) return &scan<match_deepseek_numbers>;
  if (spelled == kDeepSeekCjk) return &scan_deepseek_cjk;
  if (spelled == kDeepSeekPattern) return &scan<match_deepseek>;
  return nullptr;
}

}  // namespace grpo

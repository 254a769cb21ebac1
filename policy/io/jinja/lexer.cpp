#include "policy/io/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "core/error.h"
#include "policy/io/jinja/characters.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

bool is_digit_of(char c, int base) {
  const int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : 99;
  return digit < base;
}

// \r\n and \r become \n, and the one that ends the text goes.
std::string normalized(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(std::string text, const std::string& where) : text_(std::move(text)), where_(where) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) data();
    add(Token::Kind::kEnd);
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& fix = "") const {
    throw Error(what, fmt::format("{}: line {}", where_, line_), fix);
  }

  std::string_view rest() const { return std::string_view(text_).substr(at_); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void advance(size_t bytes) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
    if (bytes > 0) after_line_end_ = text_[at_ - 1] == '\n';
  }

  void skip_space() {
    const std::string_view left = rest();
    advance(left.size() - strip_space(left, Side::kLeft).size());
  }

  Token& add(Token::Kind kind, std::string text = "") {
    Token token;
    token.kind = kind;
    token.text = std::move(text);
    token.line = line_;
    tokens_.push_back(std::move(token));
    return tokens_.back();
  }

  // Text before a tag, white space taken off as the tag's sign says.
  std::string_view trimmed(std::string_view text, char sign, bool is_print, bool at_line_start) const {
    if (sign == '-') return strip_space(text, Side::kRight);
    if (sign == '+' || is_print) return text;
    const size_t line_begin = text.rfind('\n') + 1;  // npos + 1 is 0
    if (line_begin == 0 && !at_line_start) return text;
    return strip_space(text.substr(line_begin)).empty() ? text.substr(0, line_begin) : text;
  }

  // The text up to the next tag, and that tag.
  void data() {
    const bool at_line_start = after_line_end_;
    size_t begin = at_;
    while (begin < text_.size() && !is_tag(begin)) begin = text_.find('{', begin + 1);
    begin = std::min(begin, text_.size());
    const std::string_view before = std::string_view(text_).substr(at_, begin - at_);
    if (begin == text_.size()) {
      add(Token::Kind::kData, std::string(before));
      advance(before.size());
      return;
    }
    const char kind = text_[begin + 1];
    const char next = begin + 2 < text_.size() ? text_[begin + 2] : '\0';
    const char sign = next == '-' || next == '+' ? next : '\0';
    const std::string kept(trimmed(before, sign, kind == '{', at_line_start));
    if (!kept.empty()) add(Token::Kind::kData, kept);
    advance(before.size());
    size_t raw_bytes = 0;
    if (kind == '%' && is_raw_begin(&raw_bytes)) {
      advance(raw_bytes);
      raw();
      return;
    }
    const size_t opening = sign == '\0' ? 2 : 3;
    if (kind == '#') {
      advance(opening);
      comment();
      return;
    }
    add(kind == '{' ? Token::Kind::kPrintBegin : Token::Kind::kBlockBegin);
    advance(opening);
    tag(kind);
  }

  bool is_tag(size_t at) const {
    if (text_[at] != '{' || at + 1 >= text_.size()) return false;
    const char next = text_[at + 1];
    return next == '{' || next == '%' || next == '#';
  }

  // {% raw %} with its signs and spaces, at at_.
  bool is_raw_begin(size_t* bytes) const { return is_word_tag("raw", bytes, false); }

  // {% word %}, `trimming` the line end behind it.
  bool is_word_tag(std::string_view word, size_t* bytes, bool trimming) const {
    std::string_view left = rest();
    left.remove_prefix(2);
    if (left.starts_with('-') || left.starts_with('+')) left.remove_prefix(1);
    left = strip_space(left, Side::kLeft);
    if (!left.starts_with(word)) return false;
    left = strip_space(left.substr(word.size()), Side::kLeft);
    if (left.starts_with("-%}")) {
      left = strip_space(left.substr(3), Side::kLeft);
    } else if (left.starts_with("%}")) {
      left.remove_prefix(trimming && left.substr(2).starts_with('\n') ? 3 : 2);
    } else if (trimming && left.starts_with("+%}")) {
      left.remove_prefix(3);
    } else {
      return false;
    }
    *bytes = rest().size() - left.size();
    return true;
  }

  void raw() {
    const size_t begin = at_;
    const bool at_line_start = after_line_end_;
    for (size_t end = text_.find("{%", at_); end != std::string::npos; end = text_.find("{%", end + 1)) {
      const size_t here = at_;
      at_ = end;  // is_word_tag looks at at_
      size_t bytes = 0;
      const bool found = is_word_tag("endraw", &bytes, true);
      const char sign = peek(2) == '-' || peek(2) == '+' ? peek(2) : '\0';
      at_ = here;
      if (!found) continue;
      const std::string kept(
          trimmed(std::string_view(text_).substr(begin, end - begin), sign, false, at_line_start));
      if (!kept.empty()) add(Token::Kind::kData, kept);
      advance(end - begin + bytes);
      return;
    }
    fail("{% raw %} is not closed", "add {% endraw %}");
  }

  void comment() {
    const size_t end = text_.find("#}", at_);
    if (end == std::string::npos) fail("a comment is not closed", "add #}");
    const char sign = end > at_ ? text_[end - 1] : '\0';
    advance(end + 2 - at_);
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && peek() == '\n') {
      advance(1);
    }
  }

  // The end of a tag at at_, with what it takes of the text behind it.
  bool end_of_tag(char kind) {
    const std::string end = kind == '{' ? "}}" : "%}";
    const std::string_view left = rest();
    if (left.starts_with("-" + end)) {
      add(kind == '{' ? Token::Kind::kPrintEnd : Token::Kind::kBlockEnd);
      advance(3);
      skip_space();
      return true;
    }
    const bool plus = kind == '%' && left.starts_with("+" + end);
    if (!plus && !left.starts_with(end)) return false;
    add(kind == '{' ? Token::Kind::kPrintEnd : Token::Kind::kBlockEnd);
    advance(plus ? 3 : 2);
    if (!plus && kind == '%' && peek() == '\n') advance(1);
    return true;
  }

  void tag(char kind) {
    std::string open;  // brackets to be closed
    for (;;) {
      skip_space();
      if (at_ >= text_.size()) fail(kind == '{' ? "{{ is not closed" : "{% is not closed", "");
      if (open.empty() && end_of_tag(kind)) return;
      const char c = peek();
      if (number() || name()) continue;
      if (c == '\'' || c == '"') {
        string(c);
      } else {
        const std::string found = operator_at();
        if (found == "(" || found == "[" || found == "{")
          open += found == "(" ? ')' : found == "[" ? ']' : '}';
        if (found == ")" || found == "]" || found == "}") {
          if (open.empty()) fail(fmt::format("unexpected '{}'", found));
          if (open.back() != found[0])
            fail(fmt::format("unexpected '{}', expected '{}'", found, open.back()));
          open.pop_back();
        }
        add(Token::Kind::kOperator, found);
        advance(found.size());
      }
    }
  }

  std::string operator_at() const {
    for (const char* two : {"//", "**", "==", "!=", ">=", "<="}) {
      if (rest().starts_with(two)) return two;
    }
    if (std::string_view("+-/*%~[](){}><=.:|,;").find(peek()) == std::string_view::npos || peek() == '\0') {
      size_t end = at_;
      const char32_t c = next_character(text_, end);
      fail(fmt::format("unexpected character '{}' (U+{:04X})", c < 0x20 ? "" : text_.substr(at_, end - at_),
                       uint32_t{c}));
    }
    return std::string(1, peek());
  }

  bool name() {
    size_t end = at_;
    while (end < text_.size()) {
      size_t next = end;
      const char32_t c = next_character(text_, next);
      if (c != '_' && !is_letter(c) && !is_digit(c)) break;
      end = next;
    }
    if (end == at_) return false;
    if (text_[at_] >= '0' && text_[at_] <= '9') fail("a name starts with a digit");
    add(Token::Kind::kName, text_.substr(at_, end - at_));
    advance(end - at_);
    return true;
  }

  // Bytes of digits from `from`, single underscores between them allowed; 0 if there is none.
  size_t digits(size_t from, int base = 10) const {
    size_t end = from;
    while (end < text_.size() &&
           (is_digit_of(text_[end], base) || (text_[end] == '_' && end > from && end + 1 < text_.size() &&
                                              is_digit_of(text_[end + 1], base) && text_[end - 1] != '_'))) {
      ++end;
    }
    return end - from;
  }

  bool number() {
    if (digits(at_) == 0) return false;
    size_t end = at_ + digits(at_);
    const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';  // a.0.1: two items, no number 0.1
    bool real = false;
    if (!after_dot) {
      if (end < text_.size() && text_[end] == '.' && digits(end + 1) > 0) {
        end += 1 + digits(end + 1);
        real = true;
      }
      if (end < text_.size() && (text_[end] | 0x20) == 'e') {
        const size_t sign =
            end + 1 < text_.size() && (text_[end + 1] == '+' || text_[end + 1] == '-') ? 1 : 0;
        if (digits(end + 1 + sign) > 0) {
          end += 1 + sign + digits(end + 1 + sign);
          real = true;
        }
      }
    }
    real ? add_real(end) : add_whole(end);
    return true;
  }

  std::string without_underscores(size_t begin, size_t end) const {
    std::string out = text_.substr(begin, end - begin);
    std::erase(out, '_');
    return out;
  }

  void add_real(size_t end) {
    add(Token::Kind::kFloat).real = std::strtod(without_underscores(at_, end).c_str(), nullptr);
    advance(end - at_);
  }

  void add_whole(size_t end) {
    int base = 10;
    const char letter = peek() == '0' ? static_cast<char>(peek(1) | 0x20) : '\0';
    for (const auto& [mark, of] : {std::pair{'x', 16}, {'o', 8}, {'b', 2}}) {
      const size_t underscore = peek(2) == '_' ? 1 : 0;
      if (letter != mark || digits(at_ + 2 + underscore, of) == 0) continue;
      base = of;
      end = at_ + 2 + underscore + digits(at_ + 2 + underscore, of);
    }
    const std::string written = without_underscores(at_ + (base == 10 ? 0 : 2), end);
    if (base == 10 && written[0] == '0' && written.find_first_not_of('0') != std::string::npos) {
      fail("a whole number starts with 0", "leave the 0 out");
    }
    int64_t whole = 0;
    if (std::from_chars(written.data(), written.data() + written.size(), whole, base).ec != std::errc()) {
      fail("a whole number beyond 64 bits");
    }
    add(Token::Kind::kInteger).integer = whole;
    advance(end - at_);
  }

  void string(char mark) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != mark) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) fail("a string is not closed", fmt::format("add {}", mark));
    Token& token = add(Token::Kind::kString);
    token.text = unescaped(std::string_view(text_).substr(at_ + 1, end - at_ - 1));
    advance(end + 1 - at_);
  }

  std::string unescaped(std::string_view text) const {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 == text.size()) {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      constexpr std::string_view letters = "abfnrtv\\'\"", meanings = "\a\b\f\n\r\t\v\\'\"";
      const size_t known = letters.find(c);
      if (known != std::string_view::npos) {
        out += meanings[known];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        append_code(out, text.substr(i + 1, count), count, 16);
        i += count;
      } else if (c >= '0' && c <= '7') {
        size_t count = 1;
        while (count < 3 && i + count < text.size() && text[i + count] >= '0' && text[i + count] <= '7')
          ++count;
        append_code(out, text.substr(i, count), count, 8);
        i += count - 1;
      } else if (c == 'N') {
        fail("characters by name (\\N{...}) are not supported", "write the character, or \\uXXXX");
      } else if (c != '\n') {  // an escaped line end is nothing; others stay as they are
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  void append_code(std::string& out, std::string_view digits, size_t count, int base) const {
    uint32_t code = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
    const bool whole = digits.size() == count && end == digits.data() + count && error == std::errc();
    if (!whole || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      fail("an escape sequence is no character", "write the character itself");
    }
    append_utf8(out, code);
  }

  const std::string text_;
  const std::string& where_;
  size_t at_ = 0;
  int line_ = 1;
  bool after_line_end_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, const std::string& where) {
  return Lexer(normalized(text), where).run();
}

}  // namespace grpo::jinja

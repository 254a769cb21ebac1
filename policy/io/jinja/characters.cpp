#include "policy/io/jinja/characters.h"

#include <string.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

struct Range {
  char32_t first, last;
};

bool in_ranges(char32_t c, const Range* begin, const Range* end) {
  const Range* it = std::lower_bound(begin, end, c, [](const Range& r, char32_t x) { return r.last < x; });
  return it != end && it->first <= c;
}

// Digits by numeric type that are no decimal digits.
constexpr std::array<Range, 20> kOtherDigits = {
    {{0xb2, 0xb3},     {0xb9, 0xb9},       {0x1369, 0x1371},   {0x19da, 0x19da},   {0x2070, 0x2070},
     {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247c},   {0x2488, 0x2490},
     {0x24ea, 0x24ea}, {0x24f5, 0x24fd},   {0x24ff, 0x24ff},   {0x2776, 0x277e},   {0x2780, 0x2788},
     {0x278a, 0x2792}, {0x10a40, 0x10a43}, {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a}}};

// Letters whose upper case is several letters, Latin sharp s and the f and st ligatures aside.
constexpr std::array<Range, 19> kManyLetters = {{{0x149, 0x149},
                                                 {0x1f0, 0x1f0},
                                                 {0x390, 0x390},
                                                 {0x3b0, 0x3b0},
                                                 {0x587, 0x587},
                                                 {0x1e96, 0x1e9a},
                                                 {0x1f50, 0x1f50},
                                                 {0x1f52, 0x1f52},
                                                 {0x1f54, 0x1f54},
                                                 {0x1f56, 0x1f56},
                                                 {0x1f80, 0x1faf},
                                                 {0x1fb2, 0x1fb4},
                                                 {0x1fb6, 0x1fb7},
                                                 {0x1fbc, 0x1fbc},
                                                 {0x1fc2, 0x1fc7},
                                                 {0x1fcc, 0x1fd7},
                                                 {0x1fe2, 0x1fe7},
                                                 {0x1ff2, 0x1ffc},
                                                 {0xfb13, 0xfb17}}};

constexpr std::array<const char*, 7> kLigatures = {"FF", "FI", "FL", "FFI", "FFL", "ST", "ST"};

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_line_end(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

template <typename Drop>
std::string_view strip_where(std::string_view text, Side side, Drop drop) {
  size_t begin = 0, end = text.size();
  while (side != Side::kRight && begin < end) {
    size_t next = begin;
    if (!drop(next_character(text, next))) break;
    begin = next;
  }
  while (side != Side::kLeft && end > begin) {
    size_t before = end;
    if (!drop(previous_character(text, before))) break;
    end = before;
  }
  return text.substr(begin, end - begin);
}

// A capital sigma that ends a word becomes the final form: a letter before it, none after, marks and such
// skipped.
bool ends_word(std::string_view text, size_t at, size_t after) {
  const auto skipped = [](char32_t c) {
    const utf8proc_category_t kind = category(c);
    return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
           kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' ||
           c == ':' || c == 0xb7 || c == 0x2019;
  };
  const auto cased = [](char32_t c) {
    return is_lower(c) || is_upper(c) || category(c) == UTF8PROC_CATEGORY_LT;
  };
  bool letter_before = false;
  while (at > 0) {
    const char32_t c = previous_character(text, at);
    if (skipped(c)) continue;
    letter_before = cased(c);
    break;
  }
  while (letter_before && after < text.size()) {
    const char32_t c = next_character(text, after);
    if (!skipped(c)) return !cased(c);
  }
  return letter_before;
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

size_t byte_offset(std::string_view text, int64_t index) {
  size_t at = 0;
  while (index > 0 && at < text.size()) {
    next_character(text, at);
    --index;
  }
  return at;
}

bool is_space(char32_t c) {
  return is_white_space(c) || (c >= 0x1c && c <= 0x1f);
}

bool is_letter(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal_digit(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t c) {
  return is_decimal_digit(c) || in_ranges(c, kOtherDigits.data(), kOtherDigits.data() + kOtherDigits.size());
}

bool is_lower(char32_t c) {
  return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0;
}

bool is_upper(char32_t c) {
  return utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  const utf8proc_category_t kind = category(c);
  return kind != UTF8PROC_CATEGORY_CN && (kind < UTF8PROC_CATEGORY_ZS || kind > UTF8PROC_CATEGORY_CO);
}

std::string_view strip_space(std::string_view text, Side side) {
  return strip_where(text, side, is_space);
}

std::string_view strip_characters(std::string_view text, std::string_view set, Side side) {
  std::u32string wanted;
  for (size_t i = 0; i < set.size();) wanted.push_back(next_character(set, i));
  std::sort(wanted.begin(), wanted.end());
  return strip_where(text, side,
                     [&](char32_t c) { return std::binary_search(wanted.begin(), wanted.end(), c); });
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    const char32_t c = next_character(text, i);
    if (c == 0x130) {
      out += "i\xcc\x87";
    } else if (c == 0x3a3) {
      append_utf8(out, ends_word(text, at, i) ? 0x3c2 : 0x3c3);
    } else {
      append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

std::optional<std::string> to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_character(text, i);
    if (c == 0xdf) {
      out += "SS";
    } else if (c >= 0xfb00 && c <= 0xfb06) {
      out += kLigatures[c - 0xfb00];
    } else if (in_ranges(c, kManyLetters.data(), kManyLetters.data() + kManyLetters.size())) {
      return std::nullopt;
    } else {
      append_utf8(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

size_t find_first(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

size_t find_last(std::string_view text, std::string_view part) {
  const std::string backwards(text.rbegin(), text.rend()), wanted(part.rbegin(), part.rend());
  const size_t at = find_first(backwards, wanted);
  return at == std::string::npos ? at : text.size() - at - part.size();
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t end = i;
    const char32_t c = next_character(text, i);
    if (!is_line_end(c)) continue;
    if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
    lines.push_back(text.substr(begin, (keep_ends ? i : end) - begin));
    begin = i;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::vector<std::string_view> split_words(std::string_view text, int64_t limit, bool from_right) {
  std::vector<std::string_view> words;
  text = strip_space(text, from_right ? Side::kRight : Side::kLeft);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<int64_t>(words.size()) == limit) {
      words.push_back(strip_space(text, from_right ? Side::kLeft : Side::kRight));
      break;
    }
    size_t at = from_right ? text.size() : 0;
    size_t cut = at;
    while (from_right ? at > 0 : at < text.size()) {
      cut = at;
      if (is_space(from_right ? previous_character(text, at) : next_character(text, at))) break;
      cut = at;
    }
    words.push_back(from_right ? text.substr(cut) : text.substr(0, cut));
    text = from_right ? strip_space(text.substr(0, cut), Side::kRight)
                      : strip_space(text.substr(cut), Side::kLeft);
  }
  if (from_right) std::reverse(words.begin(), words.end());
  return words;
}

}  // namespace grpo::jinja

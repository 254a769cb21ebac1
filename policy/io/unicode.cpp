#include "policy/io/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/error.h"

namespace grpo {
namespace {

struct Sequence {
  size_t length;  // bytes of the well-formed or ill-formed part, at least 1
  bool valid;
  bool cut_short;  // ill-formed only because the text ends here
};

// Table 3-7 of the Unicode standard: how many bytes follow a first byte, and what the second may be.
Sequence sequence_at(std::string_view bytes, size_t index) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = byte(index);
  if (first < 0x80) return {1, true, false};
  if (first < 0xC2 || first > 0xF4) return {1, false, false};
  const size_t wanted = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  uint8_t low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  for (size_t i = 1; i < wanted; ++i) {
    if (index + i == bytes.size()) return {i, false, true};
    if (byte(index + i) < low || byte(index + i) > high) return {i, false, false};
    low = 0x80;
    high = 0xBF;
  }
  return {wanted, true, false};
}

// Where the ASCII that begins at `index` ends: at the first other byte, or up to seven bytes before it.
size_t skip_ascii(std::string_view bytes, size_t index) {
  for (uint64_t eight; index + 8 <= bytes.size(); index += 8) {
    std::memcpy(&eight, bytes.data() + index, 8);
    if ((eight & 0x8080808080808080) != 0) break;
  }
  return index;
}

// Letters and marks are alphabetic by category but for these symbols (property Other_Alphabetic).
bool is_alphabetic_symbol(char32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

}  // namespace

size_t complete_utf8_prefix(std::string_view bytes) {
  // Only the last three bytes can begin a character that is not finished.
  for (size_t back = 1; back <= std::min<size_t>(3, bytes.size()); ++back) {
    const size_t start = bytes.size() - back;
    const auto first = static_cast<uint8_t>(bytes[start]);
    if ((first & 0xC0) == 0x80) continue;
    const Sequence sequence = sequence_at(bytes, start);
    return sequence.cut_short && sequence.length == back ? start : bytes.size();
  }
  return bytes.size();
}

bool is_valid_utf8(std::string_view bytes) {
  for (size_t i = skip_ascii(bytes, 0); i < bytes.size();) {
    if (bytes[i] == ' ') {  // words of ASCII mostly follow each other
      i = skip_ascii(bytes, i + 1);
      continue;
    }
    const Sequence sequence = sequence_at(bytes, i);
    if (!sequence.valid) return false;
    i += sequence.length;
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const Sequence sequence = sequence_at(bytes, i);
    text += sequence.valid ? bytes.substr(i, sequence.length) : std::string_view("\xEF\xBF\xBD");
    i += sequence.length;
  }
  return text;
}

char32_t previous_character(std::string_view text, size_t& index) {
  do --index;
  while ((static_cast<uint8_t>(text[index]) & 0xC0) == 0x80);
  size_t start = index;
  return next_character(text, start);
}

void append_utf8(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
    return;
  }
  const int following = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  const uint8_t marker = following == 1 ? 0xC0 : following == 2 ? 0xE0 : 0xF0;
  text += static_cast<char>(marker | c >> (6 * following));
  for (int i = following - 1; i >= 0; --i) text += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_numeric(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool is_word(char32_t c) {
  if (c == 0x200C || c == 0x200D) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return is_alphabetic_symbol(c);
  }
}

std::string nfc(std::string_view text) {
  // ASCII is its own normal form, and most text is ASCII.
  const auto rest = text.substr(skip_ascii(text, 0));
  if (std::all_of(rest.begin(), rest.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; })) {
    return std::string(text);
  }
  utf8proc_uint8_t* mapped = nullptr;
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
  GRPO_CHECK(length >= 0);
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
}

}  // namespace grpo

#pragma once
// UTF-8 and the few character properties tokenizers ask about. Text inside a tokenizer is always valid UTF-8:
// replace_invalid_utf8 is the gate, everything after it may assume so.

#include <cstdint>
#include <string>
#include <string_view>

namespace grpo {

// Length in bytes of the longest prefix of `bytes` that does not end within a character: what remains is an
// incomplete character that more bytes may complete (0 to 3 bytes).
size_t complete_utf8_prefix(std::string_view bytes);

bool is_valid_utf8(std::string_view bytes);

// Replaces each maximal ill-formed part by U+FFFD, as the Unicode standard recommends (section 3.9) and as
// Rust and Python do.
std::string replace_invalid_utf8(std::string_view bytes);

// The character whose first byte is `text[index]`; `index` moves behind it. Valid UTF-8 only.
inline char32_t next_character(std::string_view text, size_t& index) {
  const auto byte = [&] { return static_cast<uint8_t>(text[index++]); };
  const uint8_t first = byte();
  if (first < 0x80) return first;
  char32_t c = first & (first < 0xE0 ? 0x1F : first < 0xF0 ? 0x0F : 0x07);
  c = c << 6 | (byte() & 0x3F);
  if (first >= 0xE0) c = c << 6 | (byte() & 0x3F);
  if (first >= 0xF0) c = c << 6 | (byte() & 0x3F);
  return c;
}
// The character that ends before `index` > 0; `index` moves to its first byte. Valid UTF-8 only.
char32_t previous_character(std::string_view text, size_t& index);
void append_utf8(std::string& text, char32_t character);

bool is_white_space(char32_t c);  // property White_Space
bool is_numeric(char32_t c);      // general category N
bool is_word(char32_t c);         // \w of UTS 18: alphabetic, mark, decimal digit, connector, joiner

// Normalization form C. Valid UTF-8 only.
std::string nfc(std::string_view text);

}  // namespace grpo

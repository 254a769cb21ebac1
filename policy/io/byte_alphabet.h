#pragma once
// The byte-level alphabet of GPT-2: every byte is written as one printable character, so that any bytes are
// text to a tokenizer. Printable Latin-1 bytes stand for themselves; the 68 others, in order, are U+0100
// onwards (space is U+0120, 'Ġ').

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace grpo {

// The bytes of `text` in the alphabet, one character (UTF-8, one or two bytes) each.
std::string to_byte_alphabet(std::string_view text);

// The bytes that `token` spells; nothing if it holds a character outside the alphabet. Valid UTF-8 only.
std::optional<std::string> from_byte_alphabet(std::string_view token);

}  // namespace grpo

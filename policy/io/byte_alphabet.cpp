#include "policy/io/byte_alphabet.h"

#include <array>

#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr char32_t kFirstStandIn = 0x100;
constexpr size_t kStandIns = 68;

constexpr bool is_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<uint8_t, kStandIns> stand_in{};  // the byte that U+0100 + index stands for
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  size_t next = 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (is_itself(byte)) {
      alphabet.character[byte] = static_cast<char32_t>(byte);
    } else {
      alphabet.stand_in[next] = static_cast<uint8_t>(byte);
      alphabet.character[byte] = kFirstStandIn + static_cast<char32_t>(next++);
    }
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string to_byte_alphabet(std::string_view text) {
  std::string mapped;
  mapped.reserve(text.size() + text.size() / 2);
  for (const char c : text) append_utf8(mapped, kAlphabet.character[static_cast<uint8_t>(c)]);
  return mapped;
}

std::optional<std::string> from_byte_alphabet(std::string_view token) {
  std::string bytes;
  for (size_t i = 0; i < token.size();) {
    const char32_t c = next_character(token, i);
    if (c < kFirstStandIn && is_itself(static_cast<int>(c))) {
      bytes += static_cast<char>(c);
    } else if (c >= kFirstStandIn && c < kFirstStandIn + kStandIns) {
      bytes += static_cast<char>(kAlphabet.stand_in[c - kFirstStandIn]);
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

}  // namespace grpo

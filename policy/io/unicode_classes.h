#pragma once
// Which of the classes that split patterns name a character belongs to. General categories are those of
// utf8proc's Unicode version (15 as of 2.8); characters assigned later belong to no class.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace grpo {

// Bits, for a character may be in several: CR and LF are white space as well.
enum CharacterClass : uint8_t {
  kLetter = 1,       // \p{L}
  kMark = 2,         // \p{M}
  kNumber = 4,       // \p{N}
  kPunctuation = 8,  // \p{P}
  kSymbol = 16,      // \p{S}
  kSpace = 32,       // \s, the property White_Space
  kLineEnd = 64,     // CR and LF
};

// A table in two stages, 40 KB, so that a class costs two loads. Immutable.
class CharacterClasses {
 public:
  // The one table, made at its first use (some milliseconds).
  static const CharacterClasses& table();

  // The classes of `c`, which is at most U+10FFFF.
  uint8_t of(char32_t c) const { return classes_[index_[c >> kBits] << kBits | (c & (kBlock - 1))]; }

 private:
  static constexpr int kBits = 7;
  static constexpr size_t kBlock = size_t{1} << kBits;
  static constexpr size_t kBlocks = 0x110000 / kBlock;
  CharacterClasses();

  std::array<uint16_t, kBlocks> index_{};  // of a block of characters: its block of classes
  std::vector<uint8_t> classes_;           // blocks, none twice
};

}  // namespace grpo

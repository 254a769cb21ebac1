#pragma once
// Damaged copies of a valid file, for tests that no input crashes a reader. What a case did is a function of its
// number, so a failing one can be run again alone. GRPO_MUTATIONS sets the number of cases, which the sanitized
// build wants larger than a quick run.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/seed.h"

namespace grpo {

inline int64_t mutation_cases(int64_t otherwise) {
  const char* number = std::getenv("GRPO_MUTATIONS");
  return number != nullptr ? std::atoll(number) : otherwise;
}

// `text` after one to four random edits: bytes flipped, removed, repeated, moved or replaced by one of `words`, the
// tokens that mean something to the reader (brackets, keys, large numbers). May be `text` itself, seldom.
inline std::string mutated(std::string text, const std::vector<std::string>& words, uint64_t seed) {
  Stream random(seed);
  auto position = [&] { return static_cast<size_t>(random.below(static_cast<int64_t>(text.size()) + 1)); };
  for (int64_t edits = 1 + random.below(4); edits > 0; --edits) {
    const size_t at = position(), length = static_cast<size_t>(random.below(1 + std::min<int64_t>(32, text.size())));
    switch (random.below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
        break;
      case 1: text.erase(at, length); break;
      case 2: text.insert(at, text.substr(position(), length)); break;
      case 3: text.insert(at, 1, static_cast<char>(random.below(256))); break;
      case 4: text.resize(at); break;
      default:
        if (!words.empty()) {
          const std::string& word = words[static_cast<size_t>(random.below(static_cast<int64_t>(words.size())))];
          text.replace(at, std::min(length, text.size() - at), word);
        }
    }
  }
  return text;
}

}  // namespace grpo

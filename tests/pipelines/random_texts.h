#pragma once
// Texts that have much in common: drawn from few words, copied and changed.

#include <string>
#include <vector>

#include "core/seed.h"

namespace grpo {

inline std::string random_text(Stream& stream, int64_t words_max, int64_t vocabulary) {
  static const std::vector<std::string> kBetween = {" ", "  ", "\n", ", ", ". ", "'", "-", " + ", "\t\n "};
  std::string text;
  for (int64_t i = stream.below(words_max + 1); i > 0; --i) {
    std::string word = "w" + std::to_string(stream.below(vocabulary));
    if (stream.below(4) == 0) word[0] = 'W';
    if (stream.below(6) == 0) word = std::to_string(stream.below(9));
    text += word + (stream.below(3) == 0 ? kBetween[static_cast<size_t>(stream.below(9))] : " ");
  }
  return text;
}

// New texts, copies with other white space, and copies in which some characters were exchanged.
inline std::vector<std::string> random_texts(Stream& stream, int64_t count, int64_t words_max, int64_t vocabulary) {
  std::vector<std::string> texts;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t kind = texts.empty() ? 0 : stream.below(3);
    if (kind == 0) {
      texts.push_back(random_text(stream, words_max, vocabulary));
      continue;
    }
    std::string text = texts[static_cast<size_t>(stream.below(static_cast<int64_t>(texts.size())))];
    if (kind == 1) {
      text = "\n " + text + "  ";
    } else {
      for (int64_t k = stream.below(4); k >= 0 && !text.empty(); --k)
        text[static_cast<size_t>(stream.below(static_cast<int64_t>(text.size())))] = "ab 1,"[stream.below(5)];
    }
    texts.push_back(text);
  }
  return texts;
}

}  // namespace grpo

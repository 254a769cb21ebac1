#pragma once
// What texts have in common, found by comparing everything with everything: of ASCII texts, by the definitions in
// pipelines/near_duplicates.h and pipelines/decontamination.h.

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace grpo::naive {

using Words = std::vector<std::string>;

inline bool is(int (*kind)(int), char c) { return kind(static_cast<unsigned char>(c)) != 0; }

inline std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// What stands between white space.
inline Words spaced_words(const std::string& text) {
  std::istringstream in(lower(text));
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// Letters and digits; apostrophes within a word vanish.
inline Words plain_words(const std::string& text) {
  Words words;
  std::string word;
  bool has_letter = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (is(std::isalnum, c) || c == '_') {
      word += lower(std::string(1, c));
      has_letter = has_letter || is(std::isalpha, c);
      continue;
    }
    if (c == '\'' && has_letter && i + 1 < text.size() && is(std::isalpha, text[i + 1])) continue;
    if (!word.empty()) words.push_back(word);
    word.clear();
    has_letter = false;
  }
  return words;
}

inline std::set<Words> ngrams(const Words& words, size_t n) {
  std::set<Words> set;
  if (words.empty()) return set;
  n = std::min(n, words.size());
  for (size_t i = 0; i + n <= words.size(); ++i) {
    set.insert(Words(words.begin() + static_cast<std::ptrdiff_t>(i), words.begin() + static_cast<std::ptrdiff_t>(i + n)));
  }
  return set;
}

inline double jaccard(const std::set<Words>& a, const std::set<Words>& b) {
  size_t common = 0;
  for (const Words& gram : a) common += b.count(gram);
  const size_t either = a.size() + b.size() - common;
  return either == 0 ? 0.0 : static_cast<double>(common) / static_cast<double>(either);
}

struct Repeat {
  size_t row;
  size_t of;
  bool exact;
  double similarity;
};

inline std::string single_spaced(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string word; in >> word;) out += (out.empty() ? "" : " ") + word;
  return out;
}

inline std::vector<Repeat> duplicates(const std::vector<std::string>& texts, size_t n, std::optional<double> threshold) {
  std::vector<size_t> kept;
  std::vector<Repeat> repeats;
  for (size_t row = 0; row < texts.size(); ++row) {
    std::optional<Repeat> found;
    for (const size_t other : kept) {
      if (single_spaced(texts[row]) == single_spaced(texts[other])) found = Repeat{row, other, true, 1.0};
    }
    for (const size_t other : kept) {
      if (found || !threshold) break;
      const double similarity = jaccard(ngrams(spaced_words(texts[row]), n), ngrams(spaced_words(texts[other]), n));
      if (similarity >= *threshold) found = Repeat{row, other, false, similarity};
    }
    if (found) {
      repeats.push_back(*found);
    } else {
      kept.push_back(row);
    }
  }
  return repeats;
}

struct Overlap {
  size_t row;
  std::string ngram;
};

// The first n-gram of the text that an evaluation text has, and the first of those that have it.
inline std::optional<Overlap> overlap(const std::string& text, const std::vector<std::string>& evaluation, size_t n) {
  const auto join = [](const Words& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
  };
  const Words words = plain_words(text);
  if (words.size() < n) {
    for (size_t row = 0; row < evaluation.size(); ++row) {
      if (!words.empty() && plain_words(evaluation[row]) == words) return Overlap{row, join(words)};
    }
    return std::nullopt;
  }
  for (size_t first = 0; first + n <= words.size(); ++first) {
    const auto begin = words.begin() + static_cast<std::ptrdiff_t>(first);
    const Words gram(begin, begin + static_cast<std::ptrdiff_t>(n));
    for (size_t row = 0; row < evaluation.size(); ++row) {
      const Words other = plain_words(evaluation[row]);
      if (std::search(other.begin(), other.end(), gram.begin(), gram.end()) != other.end()) return Overlap{row, join(gram)};
    }
  }
  return std::nullopt;
}

}  // namespace grpo::naive

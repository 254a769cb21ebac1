#pragma once
// Texts that say again what an earlier text said, for data that is collected by sampling.
//
// Exact: the same characters once every run of white space is one space and the ends are trimmed. Near: the Jaccard
// similarity of the texts' sets of word n-grams, |common| / |either|, is `threshold` or more. 1 means the same set of
// n-grams; with n-grams of 5 words, 0.8 means that about every 50th word of a long text was exchanged, 0.5 every 16th; two
// texts on one subject in words of their own stay below 0.1. Words stand between white space and keep their punctuation
// ("2+3=" is not "2-3="), in lower case; letters of scripts without spaces (Chinese, Japanese, Thai) are words each. A text
// of fewer words than an n-gram has one n-gram, all of it.
//
// The similarity is exact, not estimated: the texts that are compared are found by prefix filtering (Chaudhuri, Ganti,
// Kaushik 2006), which misses none. N-grams are compared by 64-bit hashes.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace grpo {

struct NearDuplicateOptions {
  int64_t ngram_size = 5;                  // words; 1 or more
  std::optional<double> threshold = 0.8;  // above 0, at most 1; none: exact ones only
};

struct Duplicate {
  int64_t row = 0;          // the text that repeats
  int64_t of = 0;           // an earlier one, no duplicate itself
  bool exact = false;
  double similarity = 1.0;  // of the n-gram sets; 1 where exact
};

// The duplicates in ascending order of rows; all other texts are to be kept. Texts are taken in their order and compared
// with those kept so far: `of` is the one that is exactly the same, else the first that is near. A text without a word is
// only ever an exact duplicate. Memory: 8 bytes per n-gram and as much again per kept one that is looked up. Throws Error
// on options out of range.
std::vector<Duplicate> find_duplicates(std::span<const std::string> texts, const NearDuplicateOptions& options = {});

}  // namespace grpo

#pragma once
// How well the length of an answer alone tells the better one: what a reward model has to beat, and how lopsided its
// data are.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

// Lengths of a sample's answers, in tokens or whatever is to be compared.
struct AnswerLengths {
  int64_t chosen = 0;    // of a single answer, its length
  int64_t rejected = -1;  // -1: a single answer
  bool good = true;      // of a single answer, its label

  bool pair() const { return rejected >= 0; }
};

// The best rule over lengths: of pairs "the longer" or "the shorter answer is better" (equal lengths are half right); of
// single answers "longer than T is good", or bad.
struct LengthRule {
  bool pairs = true;
  bool longer_is_better = true;
  int64_t threshold = 0;  // single answers

  std::string text() const;
};

// The rule with the most right answers on these samples, which are all pairs or all single answers.
LengthRule best_length_rule(std::span<const AnswerLengths> samples);
// The share it gets right; NaN of none.
double length_accuracy(const LengthRule& rule, std::span<const AnswerLengths> samples);

// Which pairs to keep so that the chosen answer is the longer one as often as the shorter: of the more frequent kind
// those with the largest difference go. Ascending indices; single answers all stay.
std::vector<size_t> length_balanced(std::span<const AnswerLengths> samples);

}  // namespace grpo

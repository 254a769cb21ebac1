// What the length of answers tells, against counting by hand and by trying every rule.

#include "pipelines/length_baseline.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/seed.h"

namespace grpo {
namespace {

AnswerLengths answer(int64_t length, bool good) { return {.chosen = length, .rejected = -1, .good = good}; }

TEST(LengthRule, OfPairsIsTheDirectionThatIsRightMoreOften) {
  const std::vector<AnswerLengths> samples = {{9, 4}, {3, 4}, {2, 8}, {5, 5}, {1, 7}};
  const LengthRule rule = best_length_rule(samples);
  EXPECT_FALSE(rule.longer_is_better);
  EXPECT_DOUBLE_EQ(length_accuracy(rule, samples), 3.5 / 5) << "equal lengths are half right";
  EXPECT_EQ(rule.text(), "the shorter answer is better");
  const std::vector<AnswerLengths> others = {{9, 4}, {8, 3}};
  EXPECT_DOUBLE_EQ(length_accuracy(rule, others), 0.0) << "the rule is of the samples it was found on";
}

TEST(LengthRule, OfSingleAnswersIsTheBestOfAllThresholds) {
  Stream stream(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<AnswerLengths> samples;
    for (int64_t i = 0; i < 1 + stream.below(12); ++i) samples.push_back(answer(stream.below(8), stream.below(2) == 0));
    double best = 0;
    for (int64_t threshold = -1; threshold < 9; ++threshold) {
      for (const bool longer : {true, false}) {
        double right = 0;
        for (const AnswerLengths& s : samples) right += ((s.chosen > threshold) == longer) == s.good;
        best = std::max(best, right / static_cast<double>(samples.size()));
      }
    }
    EXPECT_DOUBLE_EQ(length_accuracy(best_length_rule(samples), samples), best);
  }
}

TEST(LengthRule, OfNothingHasNoAccuracy) { EXPECT_TRUE(std::isnan(length_accuracy(best_length_rule({}), {}))); }

TEST(LengthBalance, DropsTheLargestDifferencesOfTheMoreFrequentKind) {
  const std::vector<AnswerLengths> samples = {{9, 1}, {5, 4}, {3, 7}, {6, 6}, {8, 5}, {2, 3}};
  EXPECT_EQ(length_balanced(samples), (std::vector<size_t>{1, 2, 3, 4, 5})) << "the first differs most";
  std::vector<AnswerLengths> kept;
  for (const size_t i : length_balanced(samples)) kept.push_back(samples[i]);
  EXPECT_DOUBLE_EQ(length_accuracy(best_length_rule(kept), kept), 0.5);
}

}  // namespace
}  // namespace grpo

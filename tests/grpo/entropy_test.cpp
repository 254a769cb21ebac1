// Entropy: which tokens keep their policy term, and the bonus with its controller.

#include <gtest/gtest.h>

#include <cmath>

#include "core/seed.h"
#include "grpo/entropy_bonus.h"
#include "grpo/entropy_mask.h"

namespace grpo {
namespace {

using Masks = std::vector<std::vector<uint8_t>>;

// Owns what the sequences look at.
struct Batch {
  std::vector<std::vector<double>> entropy;
  std::vector<std::vector<uint8_t>> loss_masks;
  std::vector<std::vector<int64_t>> ids;
  const std::vector<int64_t> prompt = {1};

  std::vector<TrainSequence> sequences() {
    ids.clear();
    std::vector<TrainSequence> out;
    for (const auto& own : entropy) ids.emplace_back(own.size(), 3);
    for (size_t i = 0; i < entropy.size(); ++i) {
      out.push_back({.prompt_ids = prompt, .completion_ids = ids[i], .loss_mask = loss_masks[i], .entropy = entropy[i]});
    }
    return out;
  }
};

TEST(EntropyMask, KeepsTheTopShareOfAllTrainedTokensOfTheBatch) {
  // Ten trained tokens of 0.1 .. 1.0; what is not trained is higher and must not count.
  Batch batch{.entropy = {{0.1, 9.0, 0.2, 0.3}, {1.0, 0.9, 0.8, 0.7, 0.6}, {0.5, 0.4, 8.0}},
              .loss_masks = {{1, 0, 1, 1}, {1, 1, 1, 1, 1}, {1, 1, 0}}, .ids = {}};
  auto sequences = batch.sequences();
  const EntropyMasks top = mask_low_entropy(sequences, 0.2);
  EXPECT_NEAR(top.threshold, 0.82, 1e-12);  // 0.8 of the way from the first to the last of ten: between 0.8 and 0.9
  EXPECT_EQ(top.masks, (Masks{{0, 0, 0, 0}, {1, 1, 0, 0, 0}, {0, 0, 0}}));
  for (size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i].policy_mask.data(), top.masks[i].data());
  EXPECT_EQ(mask_low_entropy(sequences, 1.0).masks, (Masks{{1, 0, 1, 1}, {1, 1, 1, 1, 1}, {1, 1, 0}}));
}

TEST(EntropyMask, DoesNotDependOnTheOrderOfSequences) {
  Stream random(4);
  Batch batch;
  for (int i = 0; i < 9; ++i) {
    batch.entropy.emplace_back();
    for (int64_t n = 1 + random.below(8); n > 0; --n) batch.entropy.back().push_back(random.uniform());
    batch.loss_masks.emplace_back(batch.entropy.back().size(), 1);
  }
  auto sequences = batch.sequences();
  const EntropyMasks straight = mask_low_entropy(sequences, 0.37);
  std::vector<TrainSequence> turned(sequences.rbegin(), sequences.rend());
  const EntropyMasks reversed = mask_low_entropy(turned, 0.37);
  EXPECT_EQ(straight.threshold, reversed.threshold);
  EXPECT_EQ(straight.masks, Masks(reversed.masks.rbegin(), reversed.masks.rend()));
}

TEST(EntropyMask, OfNothingTrainedMasksNothing) {
  Batch batch{.entropy = {{0.1, 0.2}}, .loss_masks = {{0, 0}}, .ids = {}};
  auto sequences = batch.sequences();
  const EntropyMasks none = mask_low_entropy(sequences, 0.5);
  EXPECT_TRUE(std::isnan(none.threshold));
  EXPECT_EQ(none.masks, (Masks{{0, 0}}));
}

TEST(EntropyBonus, WithoutAControllerIsAConstant) {
  const EntropyBonusOptions options{.coef = 0.01};
  EntropyBonusState state = first_entropy_bonus(options);
  for (const double entropy : {0.01, 5.0}) {
    EXPECT_EQ(applied_entropy_coef(options, state), 0.01);
    state = next_entropy_bonus(options, state, entropy);
  }
}

TEST(EntropyBonus, GrowsBelowTheTargetShrinksAboveItAndIsOffThere) {
  const EntropyBonusOptions options{
      .coef = 0.01, .adaptive = true, .coef_min = 0.0, .coef_max = 0.03, .coef_delta = 0.015, .target = 0.5};
  EntropyBonusState state = first_entropy_bonus(options);
  EXPECT_EQ(applied_entropy_coef(options, state), 0.01);  // nothing is known yet
  state = next_entropy_bonus(options, state, 0.5);        // at the target counts as below
  EXPECT_DOUBLE_EQ(applied_entropy_coef(options, state), 0.025);
  state = next_entropy_bonus(options, state, 0.1);
  EXPECT_EQ(applied_entropy_coef(options, state), 0.03);  // the most
  state = next_entropy_bonus(options, state, 0.7);
  EXPECT_DOUBLE_EQ(state.coef, 0.015);
  EXPECT_EQ(applied_entropy_coef(options, state), 0.0);
  state = next_entropy_bonus(options, state, 0.7);
  state = next_entropy_bonus(options, state, 0.7);
  EXPECT_EQ(state.coef, 0.0);  // the least
  state = next_entropy_bonus(options, state, 0.4);
  EXPECT_EQ(applied_entropy_coef(options, state), 0.015);
}

}  // namespace
}  // namespace grpo

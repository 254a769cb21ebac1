// From rewards to the gradient of a whole optimizer batch: what packing, micro-batches and order must not
// change.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/seed.h"
#include "grpo/advantage.h"
#include "grpo/optimizer.h"
#include "grpo/packing.h"
#include "grpo/policy_loss.h"
#include "tests/grpo/random_groups.h"
#include "tests/grpo/toy_model.h"
#include "tests/reference/naive_grpo.h"

namespace grpo {
namespace {

using testing::random_groups;
using testing::sequences_of;

using testing::kDoubles;
using testing::ToyModel;

constexpr LossAggMode kModes[] = {LossAggMode::kSeqMeanTokenMean, LossAggMode::kTokenMean,
                                  LossAggMode::kSeqMeanTokenSumNorm};

struct Update {
  double loss = 0.0;
  PolicyLossSums sums;
  size_t num_micro_batches = 0;
  std::vector<at::Tensor> gradients;
};

// Forward and backward over all micro-batches of one optimizer batch. The old policy is the behaviour policy.
Update update(const ToyModel& model, const std::vector<TrainSequence>& sequences,
              const PackingOptions& packing, const PolicyLossOptions& options, bool first_update = false) {
  const ToyModel reference_model(77);
  AdamW optimizer(model.parameters(), {});
  Update out;
  for (const MicroBatch& batch : pack(sequences, count_trained(sequences), packing, kDoubles)) {
    PolicyLossInputs inputs{.logprobs = model.logprobs(batch),
                            .advantages = batch.advantages,
                            .weights = batch.weights,
                            .lengths = batch.lengths};
    if (!first_update) inputs.old_logprobs = batch.behaviour_logprobs;
    if (options.beta > 0.0) inputs.ref_logprobs = reference_model.logprobs(batch);
    const auto result = policy_loss(inputs, options);
    result.loss.backward();
    optimizer.accumulate_gradients();
    out.sums.add(result.sums);
    ++out.num_micro_batches;
  }
  out.loss = out.sums.loss;
  for (const NamedTensor& g : optimizer.gradients()) out.gradients.push_back(g.tensor.clone());
  return out;
}

double distance(const Update& a, const Update& b) {
  double worst = 0.0;
  for (size_t i = 0; i < a.gradients.size(); ++i) {
    worst = std::max(worst, (a.gradients[i] - b.gradients[i]).abs().max().item<double>());
  }
  return worst;
}

double size(const Update& a) {
  double largest = 0.0;
  for (const auto& g : a.gradients) largest = std::max(largest, g.abs().max().item<double>());
  return largest;
}

TEST(Gradient, DoesNotDependOnMicroBatchesPackingOrOrder) {
  auto groups = random_groups(1);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  const ToyModel model(2);
  const PolicyLossOptions options{.surrogate = {.epsilon_high = 0.28, .delta = 4.0}, .beta = 0.04};
  Stream random(3);
  for (LossAggMode mode : kModes) {
    PackingOptions packing{.tokens_per_micro_batch = 1 << 20, .loss_agg_mode = mode, .max_completion_length = 20};
    const Update whole = update(model, sequences, packing, options);
    EXPECT_EQ(whole.num_micro_batches, 1u);
    EXPECT_GT(size(whole), 1e-3);
    for (int64_t budget : {1, 21, 33, 64, 100}) {
      packing.tokens_per_micro_batch = budget;
      std::vector<int64_t> order(sequences.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
      random.shuffle(order);
      std::vector<TrainSequence> shuffled;
      for (int64_t i : order) shuffled.push_back(sequences[i]);
      const Update parts = update(model, shuffled, packing, options);
      EXPECT_GT(parts.num_micro_batches, 1u);
      EXPECT_LT(distance(parts, whole), 1e-12) << "budget " << budget;
      EXPECT_NEAR(parts.loss, whole.loss, 1e-12);
      EXPECT_NEAR(parts.sums.kl, whole.sums.kl, 1e-9);
      EXPECT_EQ(parts.sums.tokens, whole.sums.tokens);
      EXPECT_EQ(parts.sums.clipped_low, whole.sums.clipped_low);
      EXPECT_EQ(parts.sums.clipped_high, whole.sums.clipped_high);
    }
  }
}

TEST(Gradient, OfSharesWithCommonCountsAddsUpToThatOfTheBatch) {
  auto groups = random_groups(4);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  const auto counts = count_trained(sequences);
  const ToyModel model(5);
  for (LossAggMode mode : kModes) {
    const PackingOptions packing{
        .tokens_per_micro_batch = 40, .loss_agg_mode = mode, .max_completion_length = 20};
    const Update whole = update(model, sequences, packing, {});
    AdamW optimizer(model.parameters(), {});
    for (int64_t rank = 0; rank < 2; ++rank) {  // a group's samples end up on both sides
      std::vector<TrainSequence> share;
      for (size_t i = rank; i < sequences.size(); i += 2) share.push_back(sequences[i]);
      for (const MicroBatch& batch : pack(share, counts, packing, kDoubles)) {
        policy_loss({.logprobs = model.logprobs(batch),
                     .old_logprobs = batch.behaviour_logprobs,
                     .advantages = batch.advantages,
                     .weights = batch.weights},
                    {})
            .loss.backward();
        optimizer.accumulate_gradients();
      }
    }
    Update added;
    for (const NamedTensor& g : optimizer.gradients()) added.gradients.push_back(g.tensor.clone());
    EXPECT_LT(distance(added, whole), 1e-12);
  }
}

// The batch loss as the papers write it, from the model's own log-probabilities of one sequence at a time.
double naive_batch_loss(const ToyModel& model, const std::vector<TrainSequence>& sequences, LossAggMode mode,
                        const reference::LossKnobs& knobs, double max_completion_length) {
  const ToyModel reference_model(77);
  std::vector<std::vector<double>> losses;
  for (const TrainSequence& s : sequences) {
    auto& own = losses.emplace_back();
    const auto batches = pack({s}, {1, 1}, {}, kDoubles);
    if (batches.empty()) continue;
    const auto logp = model.logprobs(batches[0]), ref = reference_model.logprobs(batches[0]);
    int64_t i = 0;
    for (size_t t = 0; t < s.completion_ids.size(); ++t) {
      if (!s.loss_mask[t]) continue;
      own.push_back(reference::token_loss(logp[i].item<double>(), s.behaviour_logprobs[t],
                                          ref[i].item<double>(), s.advantage, knobs));
      ++i;
    }
  }
  if (mode == LossAggMode::kSeqMeanTokenMean) return reference::mean_of_sequence_means(losses);
  if (mode == LossAggMode::kTokenMean) return reference::mean_of_tokens(losses);
  return reference::constant_length_mean(losses, max_completion_length);
}

TEST(Gradient, LossOfEveryTypeEqualsItsPublishedAverage) {
  auto groups = random_groups(6);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  const ToyModel model(7);
  for (LossAggMode mode : kModes) {
    const PackingOptions packing{
        .tokens_per_micro_batch = 50, .loss_agg_mode = mode, .max_completion_length = 32};
    const double expected = naive_batch_loss(model, sequences, mode, {.beta = 0.04}, 32.0);
    EXPECT_NEAR(update(model, sequences, packing, {.beta = 0.04}).loss, expected, 1e-12);
  }
}

TEST(Gradient, EqualsFiniteDifferencesOfThePublishedLoss) {
  auto groups = random_groups(8, 3, 3);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  const ToyModel model(9);
  constexpr double h = 1e-6;
  for (LossAggMode mode : kModes) {
    const PackingOptions packing{
        .tokens_per_micro_batch = 30, .loss_agg_mode = mode, .max_completion_length = 16};
    const Update analytic = update(model, sequences, packing, {.beta = 0.04});
    at::NoGradGuard no_grad;
    const auto parameters = model.parameters();
    for (size_t p = 0; p < parameters.size(); ++p) {
      double* numbers = parameters[p].tensor.mutable_data_ptr<double>();
      const auto gradient = analytic.gradients[p].contiguous();
      for (int64_t i = 0; i < gradient.numel(); i += 5) {
        const double kept = numbers[i];
        numbers[i] = kept + h;
        const double above = naive_batch_loss(model, sequences, mode, {.beta = 0.04}, 16.0);
        numbers[i] = kept - h;
        const double below = naive_batch_loss(model, sequences, mode, {.beta = 0.04}, 16.0);
        numbers[i] = kept;
        EXPECT_NEAR(gradient.const_data_ptr<double>()[i], (above - below) / (2 * h), 1e-7)
            << parameters[p].name;
      }
    }
  }
}

TEST(Gradient, FirstUpdateHasLossZeroForGrpoAndTheWeightedAdvantageForDapo) {
  auto groups = random_groups(10);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  const ToyModel model(11);
  double lengths = 0.0, weighted = 0.0;
  for (const TrainSequence& s : sequences) {
    const double length = static_cast<double>(std::count(s.loss_mask.begin(), s.loss_mask.end(), 1));
    lengths += length;
    weighted += length * s.advantage;
  }
  const Update grpo = update(model, sequences, {.loss_agg_mode = LossAggMode::kSeqMeanTokenMean}, {}, /*first_update=*/true);
  const Update dapo = update(model, sequences, {.loss_agg_mode = LossAggMode::kTokenMean}, {}, /*first_update=*/true);
  EXPECT_NEAR(grpo.loss, 0.0, 1e-12);
  EXPECT_GT(size(grpo), 1e-4);
  EXPECT_NEAR(dapo.loss, -weighted / lengths, 1e-12);
  EXPECT_GT(std::abs(dapo.loss), 1e-3);
  EXPECT_EQ(dapo.sums.ratio_min, 1.0);
  EXPECT_EQ(dapo.sums.ratio_max, 1.0);
}

TEST(Gradient, OfAGroupWhoseRewardsAreEqualIsBitZero) {
  auto groups = random_groups(12, 1);  // group 0 rewards everything 0.1
  assign_advantages(groups, {.epsilon = 0.0});
  const Update none = update(ToyModel(13), sequences_of(groups), {.tokens_per_micro_batch = 30}, {});
  EXPECT_GT(none.num_micro_batches, 0u);
  for (const auto& g : none.gradients) EXPECT_EQ(g.count_nonzero().item<int64_t>(), 0);
}

TEST(Gradient, IsThatOfTheBatchWithoutItsMaskedSequences) {
  auto groups = random_groups(14);
  for (Group& group : groups) group.episodes[1].finish_reason = FinishReason::kLength;
  assign_advantages(groups, {});
  ASSERT_GT(mask_truncated_completions(groups), 0);
  std::vector<TrainSequence> all = sequences_of(groups), unmasked;
  for (const TrainSequence& s : all) {
    if (std::count(s.loss_mask.begin(), s.loss_mask.end(), 1) > 0) unmasked.push_back(s);
  }
  ASSERT_LT(unmasked.size(), all.size());
  const ToyModel model(15);
  for (LossAggMode mode : kModes) {
    const PackingOptions packing{
        .tokens_per_micro_batch = 60, .loss_agg_mode = mode, .max_completion_length = 20};
    EXPECT_LT(
        distance(update(model, all, packing, {.beta = 0.1}), update(model, unmasked, packing, {.beta = 0.1})),
        1e-15);
  }
}

TEST(Gradient, OfAnAllMaskedBatchIsZeroWithoutNotANumber) {
  auto groups = random_groups(16);
  for (Group& group : groups) {
    for (Episode& episode : group.episodes) episode.reward = std::nullopt;
  }
  assign_advantages(groups, {});
  for (LossAggMode mode : kModes) {
    const Update none = update(ToyModel(17), sequences_of(groups),
                               {.loss_agg_mode = mode, .max_completion_length = 20}, {.beta = 0.1});
    EXPECT_EQ(none.num_micro_batches, 0u);
    EXPECT_EQ(none.loss, 0.0);
    EXPECT_EQ(none.sums.tokens, 0.0);
    EXPECT_EQ(size(none), 0.0);
  }
}

TEST(Gradient, OfTheSftLossIsTheMeanNegativeLogLikelihood) {
  auto groups = random_groups(18);
  auto sequences = sequences_of(groups);
  for (TrainSequence& s : sequences) s.behaviour_logprobs = {};
  const ToyModel model(19);
  const auto counts = count_trained(sequences);
  double loss = 0.0, tokens = 0.0, total = 0.0;
  for (const MicroBatch& batch : pack(sequences, counts, {.tokens_per_micro_batch = 25}, kDoubles)) {
    loss -= (model.logprobs(batch) * batch.weights).sum().item<double>();
  }
  for (const TrainSequence& s : sequences) {
    const auto alone = pack({s}, {1, 1}, {}, kDoubles);
    if (alone.empty()) continue;
    total -= model.logprobs(alone[0]).sum().item<double>();
    tokens += static_cast<double>(alone[0].num_targets());
  }
  EXPECT_NEAR(loss, total / tokens, 1e-12);
}

}  // namespace
}  // namespace grpo

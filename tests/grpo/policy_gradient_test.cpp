// The same promises as gradient_test.cpp, kept by the real model: every architecture, float64 and bfloat16.

#include <gtest/gtest.h>

#include <cmath>

#include "grpo/advantage.h"
#include "grpo/optimizer.h"
#include "grpo/packing.h"
#include "grpo/policy_loss.h"
#include "tests/grpo/random_groups.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

using testing::random_groups;
using testing::sequences_of;

constexpr double kTemperature = 0.8;

struct Update {
  PolicyLossSums sums;
  std::vector<at::Tensor> gradients;
  size_t num_micro_batches = 0;
};

TokenScores scores_of(const Policy& policy, const MicroBatch& batch) {
  const auto rows = policy.hidden(batch.tokens).index_select(0, batch.rows);
  return policy.token_scores(rows, batch.targets, {.temperature = kTemperature});
}

at::TensorOptions score_options(const Policy& policy) {
  return at::TensorOptions().dtype(policy.dtype() == at::kDouble ? at::kDouble : at::kFloat);
}

// Accumulates the gradients of an optimizer batch; the caller may step.
PolicyLossSums accumulate(const Policy& policy, const Policy* reference, AdamW& optimizer,
                          const std::vector<MicroBatch>& batches, bool first_update) {
  PolicyLossSums sums;
  for (const MicroBatch& batch : batches) {
    const TokenScores scores = scores_of(policy, batch);
    PolicyLossInputs inputs{.logprobs = scores.logprobs,
                            .entropy = scores.entropy,
                            .advantages = batch.advantages,
                            .weights = batch.weights};
    if (!first_update) inputs.old_logprobs = batch.behaviour_logprobs;
    if (reference != nullptr) {
      at::NoGradGuard no_grad;
      inputs.ref_logprobs = scores_of(*reference, batch).logprobs;
    }
    const PolicyLoss result = policy_loss(inputs, {.beta = reference == nullptr ? 0.0 : 0.04});
    result.loss.backward();
    optimizer.accumulate_gradients();
    sums.add(result.sums);
  }
  return sums;
}

Update update(Policy& policy, const Policy* reference, const std::vector<TrainSequence>& sequences,
              const PackingOptions& packing, bool first_update = false) {
  policy.set_requires_grad(true);
  AdamW optimizer(policy.parameters(), {});
  const auto batches = pack(sequences, count_trained(sequences), packing, score_options(policy));
  Update out;
  out.num_micro_batches = batches.size();
  out.sums = accumulate(policy, reference, optimizer, batches, first_update);
  for (const NamedTensor& g : optimizer.gradients()) out.gradients.push_back(g.tensor.clone());
  return out;
}

// |a - b| / |b| over all parameters.
double relative_distance(const Update& a, const Update& b) {
  double difference = 0.0, norm = 0.0;
  for (size_t i = 0; i < b.gradients.size(); ++i) {
    difference += (a.gradients[i] - b.gradients[i]).to(at::kDouble).square().sum().item<double>();
    norm += b.gradients[i].to(at::kDouble).square().sum().item<double>();
  }
  EXPECT_GT(norm, 0.0);
  return std::sqrt(difference / norm);
}

std::vector<TrainSequence> reversed(std::vector<TrainSequence> sequences) {
  std::reverse(sequences.begin(), sequences.end());
  return sequences;
}

TEST(PolicyGradient, DoesNotDependOnMicroBatchesPackingOrOrder) {
  auto groups = random_groups(1, 3);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  for (const Json& config : testing::all_architectures()) {
    Policy policy = testing::random_policy(config, at::kDouble, 1);
    const Policy reference = testing::random_policy(config, at::kDouble, 2);
    for (LossAggMode type : {LossAggMode::kSeqMeanTokenMean, LossAggMode::kTokenMean, LossAggMode::kSeqMeanTokenSumNorm}) {
      PackingOptions packing{
          .tokens_per_micro_batch = 1 << 20, .loss_agg_mode = type, .max_completion_length = 20};
      const Update whole = update(policy, &reference, sequences, packing);
      EXPECT_EQ(whole.num_micro_batches, 1u);
      for (int64_t budget : {1, 50}) {
        packing.tokens_per_micro_batch = budget;
        const Update parts = update(policy, &reference, reversed(sequences), packing);
        EXPECT_GT(parts.num_micro_batches, 1u);
        EXPECT_LT(relative_distance(parts, whole), 1e-10) << config["model_type"] << " budget " << budget;
        EXPECT_NEAR(parts.sums.loss, whole.sums.loss, 1e-10);
        EXPECT_NEAR(parts.sums.entropy, whole.sums.entropy, 1e-8);
      }
    }
  }
}

TEST(PolicyGradient, OfBfloat16HardlyDependsOnMicroBatches) {
  auto groups = random_groups(2, 3);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  Policy policy = testing::random_policy(testing::qwen2_json(), at::kBFloat16, 1);
  const Update whole = update(policy, nullptr, sequences, {.tokens_per_micro_batch = 1 << 20});
  const Update parts = update(policy, nullptr, reversed(sequences), {.tokens_per_micro_batch = 1});
  EXPECT_GT(parts.num_micro_batches, 5u);
  EXPECT_LT(relative_distance(parts, whole), 0.02);
}

TEST(PolicyGradient, FirstUpdateAgainstItsOwnCloneHasRatioOneAndKlZero) {
  auto groups = random_groups(3);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  for (const Json& config : testing::all_architectures()) {
    Policy policy = testing::random_policy(config, at::kFloat, 3);
    const Policy reference = policy.clone();
    const Update first = update(policy, &reference, sequences,
                                {.tokens_per_micro_batch = 64, .loss_agg_mode = LossAggMode::kSeqMeanTokenMean}, true);
    EXPECT_EQ(first.sums.kl, 0.0);
    EXPECT_EQ(first.sums.ratio_min, 1.0);
    EXPECT_EQ(first.sums.ratio_max, 1.0);
    EXPECT_NEAR(first.sums.loss, 0.0, 1e-6);
    double norm = 0.0;
    for (const auto& g : first.gradients) norm += g.square().sum().item<double>();
    EXPECT_GT(norm, 1e-8);
  }
}

TEST(PolicyGradient, StepsMakeWhatWasRewardedLikelier) {
  auto groups = random_groups(4);
  assign_advantages(groups, {});
  const auto sequences = sequences_of(groups);
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    Policy policy = testing::random_policy(testing::llama_json(), dtype, 4);
    policy.set_requires_grad(true);
    AdamW optimizer(policy.parameters(), {});
    const auto batches =
        pack(sequences, count_trained(sequences), {.tokens_per_micro_batch = 64}, score_options(policy));
    // sum_t w_t A_t log p_t: what the policy gradient climbs.
    const auto objective = [&] {
      at::NoGradGuard no_grad;
      double total = 0.0;
      for (const MicroBatch& b : batches) {
        total += (scores_of(policy, b).logprobs * b.advantages * b.weights).sum().item<double>();
      }
      return total;
    };
    const double before = objective();
    for (int step = 0; step < 10; ++step) {
      accumulate(policy, nullptr, optimizer, batches, true);
      const double norm = optimizer.clip_grad_norm(1.0);
      ASSERT_TRUE(std::isfinite(norm));
      optimizer.step(1e-3);
      optimizer.zero_grad();
    }
    EXPECT_GT(objective(), before + 0.01);
  }
}

}  // namespace
}  // namespace grpo

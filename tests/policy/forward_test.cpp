// The packed forward pass against the naive oracle, and what must not depend on the batch.
#include <torch/csrc/autograd/autograd.h>

#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_policy.h"

namespace grpo {
namespace {

using testing::all_architectures;
using testing::max_difference;
using testing::random_ids;
using testing::random_policy;

std::vector<std::vector<int64_t>> some_sequences(const Policy& policy) {
  std::vector<std::vector<int64_t>> sequences;
  uint64_t seed = 100;
  for (const int64_t length : {1, 17, 5, 40, 16, 3}) sequences.push_back(random_ids(policy, length, seed++));
  return sequences;
}

TEST(Forward, EqualsTheNaiveOracleInDoublePrecision) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json, at::kDouble);
    const reference::NaivePolicy naive(policy);
    const auto sequences = some_sequences(policy);
    const at::Tensor logits = policy.logits(policy.hidden(pack_sequences(sequences, at::kCPU)));
    int64_t first = 0;
    for (const auto& ids : sequences) {
      const int64_t length = static_cast<int64_t>(ids.size());
      // Angles are float32 in the policy, as in Hugging Face, and double in the oracle.
      EXPECT_LT(max_difference(logits.narrow(0, first, length), naive.logits(ids)), 3e-5) << json.dump();
      first += length;
    }
  }
}

TEST(Forward, EqualsTheNaiveOracleInSinglePrecision) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json);
    const reference::NaivePolicy naive(policy);
    const auto ids = random_ids(policy, 60, 5);
    const at::Tensor hidden = policy.hidden(pack_sequences({ids}, at::kCPU));
    const at::Tensor targets = at::tensor(std::vector<int64_t>(ids.begin() + 1, ids.end()), at::kLong);
    const TokenScores scores = policy.token_scores(hidden.narrow(0, 0, 59), targets);
    EXPECT_LT(max_difference(scores.logprobs, naive.logprobs(ids)), 5e-5) << json.dump();
  }
}

TEST(Forward, BfloatStaysCloseToTheOracle) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json, at::kBFloat16);
    const reference::NaivePolicy naive(policy);
    const auto ids = random_ids(policy, 30, 6);
    const at::Tensor logits = policy.logits(policy.hidden(pack_sequences({ids}, at::kCPU)));
    const double error = (logits.to(at::kDouble) - naive.logits(ids)).abs().mean().item<double>();
    EXPECT_LT(error, 0.15) << json.dump();
    EXPECT_EQ(logits.scalar_type(), at::kFloat);
  }
}

TEST(Forward, PackedSequencesGiveTheBitsOfTheSameSequencesAlone) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json);
    const auto sequences = some_sequences(policy);
    const at::Tensor packed = policy.hidden(pack_sequences(sequences, at::kCPU));
    int64_t first = 0;
    for (const auto& ids : sequences) {
      const int64_t length = static_cast<int64_t>(ids.size());
      const at::Tensor alone = policy.hidden(pack_sequences({ids}, at::kCPU));
      EXPECT_TRUE(at::equal(packed.narrow(0, first, length), alone)) << json["model_type"] << " length " << length;
      first += length;
    }
  }
}

TEST(Forward, ATokenChangedInOneSequenceNeverChangesAnother) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json);
    auto sequences = some_sequences(policy);
    const at::Tensor before = policy.hidden(pack_sequences(sequences, at::kCPU));
    sequences[1][8] = (sequences[1][8] + 1) % policy.config().vocab_size;
    const at::Tensor after = policy.hidden(pack_sequences(sequences, at::kCPU));
    const at::Tensor changed = (before != after).any(1);
    for (int64_t row = 0; row < changed.size(0); ++row) {
      const bool may_change = row >= 1 + 8 && row < 1 + 17;  // from the token on, in sequence 1 alone
      EXPECT_TRUE(may_change || !changed[row].item<bool>()) << "row " << row;
    }
    EXPECT_TRUE(changed[1 + 8].item<bool>());
  }
}

TEST(Forward, TokenScoresInChunksEqualOneSoftmaxAtTheTemperature) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json, at::kDouble);
    const auto ids = random_ids(policy, 50, 9);
    const at::Tensor hidden = policy.hidden(pack_sequences({ids}, at::kCPU));
    const at::Tensor targets = at::tensor(random_ids(policy, 50, 10), at::kLong);
    const double temperature = 0.7;
    const TokenScores scores = policy.token_scores(hidden, targets, {.temperature = temperature});
    const at::Tensor all = (policy.logits(hidden) / temperature).log_softmax(-1);
    EXPECT_LT(max_difference(scores.logprobs, all.gather(1, targets.unsqueeze(1)).squeeze(1)), 1e-12);
    EXPECT_LT(max_difference(scores.entropy, -(all.exp() * all).sum(-1)), 1e-12);
  }
}

// d(sum of weighted log-probs)/d(parameter), one number at a time.
TEST(Forward, GradientsEqualFiniteDifferences) {
  for (const Json& json : all_architectures()) {
    Policy policy = random_policy(json, at::kDouble);
    policy.set_requires_grad(true);
    const std::vector<std::vector<int64_t>> sequences = {random_ids(policy, 7, 1), random_ids(policy, 19, 2)};
    const PackedTokens batch = pack_sequences(sequences, at::kCPU);
    const at::Tensor targets = at::tensor(random_ids(policy, 26, 3), at::kLong);
    at::manual_seed(4);
    const at::Tensor weights = at::randn({26}, at::kDouble);
    auto loss = [&] { return (policy.token_scores(policy.hidden(batch), targets, {.temperature = 0.9}).logprobs * weights).sum(); };
    loss().backward();
    Stream stream(5);
    for (const Parameter& p : policy.parameters()) {
      const at::Tensor grad = p.tensor.grad();
      ASSERT_TRUE(grad.defined()) << p.name;
      at::NoGradGuard no_grad;
      at::Tensor flat = p.tensor.view(-1);
      for (int probe = 0; probe < 4; ++probe) {
        const int64_t i = stream.below(flat.size(0));
        const double original = flat[i].item<double>(), step = 1e-6;
        flat[i] = original + step;
        const double up = loss().item<double>();
        flat[i] = original - step;
        const double down = loss().item<double>();
        flat[i] = original;
        const double expected = (up - down) / (2 * step), got = grad.reshape(-1)[i].item<double>();
        EXPECT_NEAR(got, expected, 2e-6 * std::max(1.0, std::abs(expected))) << p.name << "[" << i << "]";
      }
    }
  }
}

TEST(Forward, RouterBiasMovesAgainstTheLoad) {
  Policy policy = random_policy(testing::deepseek_json());
  policy.record_expert_load(true);
  policy.hidden(pack_sequences({random_ids(policy, 64, 1)}, at::kCPU));
  const auto load = policy.expert_load();
  ASSERT_EQ(load.size(), 2u);
  EXPECT_EQ(load[0].sum().item<int64_t>(), 64 * 3);
  const at::Tensor counts = load[0].to(at::kDouble), before = policy.buffers()[0].tensor.clone();
  policy.update_router_bias(0.001);
  const at::Tensor moved = policy.buffers()[0].tensor - before;
  for (int64_t e = 0; e < 12; ++e) {
    const double gap = 16.0 - counts[e].item<double>();
    EXPECT_NEAR(moved[e].item<double>(), 0.001 * (gap > 0 ? 1 : gap < 0 ? -1 : 0), 1e-7);
  }
  EXPECT_EQ(policy.expert_load()[0].sum().item<int64_t>(), 0);
}

TEST(Forward, CopiesShareNothing) {
  const Policy policy = random_policy(testing::deepseek_json());
  const Policy copy = policy.clone();
  const auto ids = random_ids(policy, 12, 1);
  const at::Tensor before = copy.hidden(pack_sequences({ids}, at::kCPU));
  EXPECT_TRUE(at::equal(before, policy.hidden(pack_sequences({ids}, at::kCPU))));
  for (const Parameter& p : policy.parameters()) p.tensor.mul_(2);
  EXPECT_TRUE(at::equal(before, copy.hidden(pack_sequences({ids}, at::kCPU))));
}

}  // namespace
}  // namespace grpo

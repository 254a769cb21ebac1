// What saves memory, on the GPU: layers that run again, scores over kept tokens with a gradient of entropy, parked
// policies.
#include <torch/csrc/autograd/autograd.h>

#include "policy/parking.h"
#include "tests/policy/cuda_test.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

using testing::all_architectures;
using testing::on_cuda;
using testing::random_ids;
using testing::random_policy;
using testing::relative_error;

class CudaMemory : public testing::CudaTest {};

PackedTokens some_tokens(const Policy& policy) {
  return pack_sequences({random_ids(policy, 33, 1), random_ids(policy, 1, 2), random_ids(policy, 60, 3)}, policy.device());
}

at::Tensor loss_of(const Policy& policy, const PackedTokens& batch, const ForwardOptions& options,
                   const KeptTokens* kept = nullptr) {
  const ForwardOutput output = policy.forward(batch, options);
  const TokenScores scores = policy.token_scores(output.hidden, at::roll(batch.tokens, -1),
                                                 {.temperature = 0.7, .train_entropy = true, .kept = kept});
  const at::Tensor weights = at::linspace(-1.0, 1.0, batch.tokens.size(0), scores.logprobs.options());
  const at::Tensor loss = ((scores.logprobs.clamp_min(-50.0) - 0.3 * scores.entropy) * weights).sum();
  return options.balance_loss ? loss + 0.1 * output.balance_loss : loss;
}

std::vector<at::Tensor> gradients(Policy& policy, const at::Tensor& loss) {
  std::vector<at::Tensor> parameters;
  for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
  return torch::autograd::grad({loss}, parameters);
}

TEST_F(CudaMemory, RecomputedLayersGiveTheSameGradients) {
  for (const Json& json : all_architectures()) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      Policy policy = on_cuda(random_policy(json, dtype), dtype);
      policy.set_requires_grad(true);
      const PackedTokens batch = some_tokens(policy);
      const auto stored = gradients(policy, loss_of(policy, batch, {.balance_loss = true}));
      const auto again = gradients(policy, loss_of(policy, batch, {.balance_loss = true, .recompute = true}));
      for (size_t i = 0; i < stored.size(); ++i) {
        EXPECT_LT(relative_error(again[i], stored[i]), 1e-6) << json["model_type"] << dtype << policy.parameters()[i].name;
      }
    }
  }
}

TEST_F(CudaMemory, RecomputationWaitsForNothing) {
  Policy policy = on_cuda(random_policy(testing::qwen2_json(), at::kBFloat16), at::kBFloat16);
  policy.set_requires_grad(true);
  const PackedTokens batch = some_tokens(policy);
  const auto run = [&] { loss_of(policy, batch, {.recompute = true}).backward(); };
  run();
  const testing::NoWaits guard;
  EXPECT_NO_THROW(run());
}

TEST_F(CudaMemory, ScoresOverKeptTokensAndTheirGradientsEqualTheCpus) {
  Policy here = random_policy(testing::llama_json(), at::kDouble), there = on_cuda(here, at::kDouble);
  const PackedTokens batch = some_tokens(here);
  const int64_t rows = batch.tokens.size(0);
  const at::Tensor targets = at::roll(batch.tokens, -1);
  std::vector<int64_t> begin = {0};
  std::vector<int32_t> ids;
  for (int64_t row = 0; row < rows; ++row) {
    const auto target = static_cast<int32_t>(targets[row].item<int64_t>());
    for (int32_t id = 0; row % 4 != 0 && id < 37; ++id) {
      if (id == target || (id + row) % 3 == 0) ids.push_back(id);
    }
    begin.push_back(static_cast<int64_t>(ids.size()));
  }
  const KeptTokens kept{at::tensor(begin, at::kLong), at::tensor(ids, at::kInt)};
  here.set_requires_grad(true);
  there.set_requires_grad(true);
  const at::Tensor want = loss_of(here, batch, {}, &kept), got = loss_of(there, some_tokens(there), {}, &kept);
  EXPECT_LT(relative_error(got, want), 1e-6);
  const auto wants = gradients(here, want), gots = gradients(there, got);
  for (size_t i = 0; i < wants.size(); ++i) EXPECT_LT(relative_error(gots[i], wants[i]), 1e-6);
}

TEST_F(CudaMemory, AParkedPolicyLeavesTheGpuAndComesBackAsItWas) {
  Policy policy = on_cuda(random_policy(testing::deepseek_json()), at::kFloat);
  const Policy reference = policy.reference_copy();
  const PackedTokens batch = some_tokens(policy);
  const at::Tensor before = reference.hidden(batch);
  for (const Parameter& p : policy.parameters()) p.tensor.zero_();
  park(reference);
  for (const Parameter& p : reference.trainable()) EXPECT_TRUE(p.tensor.is_cpu()) << p.name;
  for (const Parameter& p : policy.trainable()) EXPECT_TRUE(p.tensor.is_cuda()) << p.name;
  {
    const Unparked guard(reference, true);
    EXPECT_TRUE(at::equal(reference.hidden(batch), before));
  }
  EXPECT_TRUE(reference.trainable().front().tensor.is_cpu());
  unpark(reference);
  EXPECT_TRUE(at::equal(reference.hidden(batch), before));
}

}  // namespace
}  // namespace grpo

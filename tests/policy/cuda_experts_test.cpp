// Multi-token prediction, balance and recorded routes on CUDA: the CPU's numbers, the same bits at every
// call, and no waiting for the device.
#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"
#include "tests/policy/cuda_test.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

using testing::deepseek_mtp_json;
using testing::moe_architectures;
using testing::NoWaits;
using testing::on_cuda;
using testing::random_ids;
using testing::random_policy;
using testing::relative_error;
using Ids = std::vector<std::vector<int64_t>>;

Ids some_sequences(const Policy& policy) {
  Ids sequences;
  uint64_t seed = 100;
  for (const int64_t length : {1, 17, 2, 90, 64, 3}) sequences.push_back(random_ids(policy, length, seed++));
  return sequences;
}

struct Step {
  at::Tensor loss;
  std::vector<at::Tensor> gradients;
};

// All that multi-token prediction and the balance loss compute, for one loss.
Step step(Policy& policy, const PackedTokens& batch) {
  policy.set_requires_grad(true);
  const ForwardOutput output = policy.forward(batch, {.balance_loss = true});
  at::Tensor loss =
      output.balance_loss + policy.token_scores(output.hidden, batch.tokens).logprobs.sum();
  for (const MtpOutput& module : policy.mtp_forward(batch, output, {.balance_loss = true})) {
    const at::Tensor logprobs = policy.token_scores(module.hidden, batch.tokens).logprobs;
    loss = loss + module.balance_loss + logprobs.masked_fill(module.valid.logical_not(), 0.0).sum();
  }
  std::vector<at::Tensor> parameters;
  for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
  const auto gradients = torch::autograd::grad({loss}, parameters);
  return {loss.detach(), gradients};
}

class CudaExperts : public testing::CudaTest {};

TEST_F(CudaExperts, LossesAndGradientsEqualTheCpus) {
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    Policy here = random_policy(deepseek_mtp_json(), dtype), there = on_cuda(here, dtype);
    const Ids sequences = some_sequences(here);
    const Step want = step(here, pack_sequences(sequences, at::kCPU)),
               got = step(there, pack_sequences(sequences, cuda_));
    const double tolerance = dtype == at::kFloat ? 1e-4 : 1e-6;
    EXPECT_LT(relative_error(got.loss, want.loss), tolerance);
    for (size_t i = 0; i < want.gradients.size(); ++i) {
      EXPECT_LT(relative_error(got.gradients[i], want.gradients[i]), tolerance) << here.parameters()[i].name;
    }
  }
}

TEST_F(CudaExperts, GradientsHaveTheSameBitsAtEveryCall) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    Policy policy = on_cuda(random_policy(deepseek_mtp_json()), dtype);
    Ids sequences = some_sequences(policy);
    for (uint64_t seed = 0; seed < 100; ++seed) sequences.push_back(random_ids(policy, 100, seed));
    const PackedTokens batch = pack_sequences(sequences, cuda_);
    const Step first = step(policy, batch);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Step again = step(policy, batch);
      EXPECT_TRUE(at::equal(first.loss, again.loss)) << dtype;
      for (size_t i = 0; i < first.gradients.size(); ++i) {
        EXPECT_TRUE(at::equal(first.gradients[i], again.gradients[i]))
            << dtype << policy.parameters()[i].name;
      }
    }
  }
}

// In bfloat16, the type for GPUs; sizes that the grouped GEMM takes.
TEST_F(CudaExperts, TrainingAndCountingWaitForNothing) {
  Policy policy = on_cuda(random_policy(deepseek_mtp_json()), at::kBFloat16);
  const PackedTokens batch = pack_sequences(some_sequences(policy), cuda_);
  policy.record_expert_load(true);
  const auto run = [&] {
    step(policy, batch);
    policy.likeliest_tokens(policy.forward(batch, {.record_routes = true}).hidden);
  };
  run();  // libraries load their kernels at first use
  const NoWaits guard;
  EXPECT_NO_THROW(run());
}

TEST_F(CudaExperts, ReplayingOnesOwnRecordGivesTheSameBits) {
  for (const Json& json : moe_architectures()) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      const Policy policy = on_cuda(random_policy(json), dtype);
      const PackedTokens batch = pack_sequences(some_sequences(policy), cuda_);
      const ForwardOutput own = policy.forward(batch, {.record_routes = true});
      std::vector<at::Tensor> kept;  // on the host, as a rollout's record would lie
      for (const at::Tensor& layer : own.routes) kept.push_back(layer.to(at::kCPU));
      EXPECT_TRUE(at::equal(policy.forward(batch, {.replay_routes = &kept}).hidden, own.hidden))
          << json["model_type"];
      kept[0][3].fill_(1);
      EXPECT_THROW(policy.forward(batch, {.replay_routes = &kept}), Error);
    }
  }
}

}  // namespace
}  // namespace grpo

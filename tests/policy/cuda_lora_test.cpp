// Adapters on CUDA against the CPU: forward, gradients, decoding, and no wait for the device.

#include "tests/policy/adapted_policy.h"
#include "tests/policy/cuda_test.h"
#include "tests/policy/scrambled_cache.h"

namespace grpo {
namespace {

using testing::adapted_policy;
using testing::all_architectures;
using testing::all_linear;
using testing::random_ids;
using testing::relative_error;
using testing::ScrambledCache;

// A copy of an adapted policy on the GPU.
Policy adapted_on_cuda(const Policy& policy, at::ScalarType dtype) {
  Policy copy = Policy::empty(policy.config(), dtype, at::Device(at::kCUDA, 0));
  std::vector<Adapter> adapters;
  for (const Adapter& adapter : policy.adapters()) {
    adapters.push_back({adapter.module, adapter.a.detach().to(copy.device()).to(dtype),
                        adapter.b.detach().to(copy.device()).to(dtype), adapter.scale});
  }
  copy.set_adapters(std::move(adapters));
  copy.copy_from(policy);
  return copy;
}

class CudaLora : public testing::CudaTest {};

TEST_F(CudaLora, LogitsAndGradientsEqualTheCpus) {
  const auto step = [](Policy& policy) {
    policy.set_requires_grad(true);
    const PackedTokens batch =
        pack_sequences({random_ids(policy, 9, 1), random_ids(policy, 70, 2)}, policy.device());
    const at::Tensor hidden = policy.hidden(batch);
    const at::Tensor logprobs = policy.token_scores(hidden, at::roll(batch.tokens, -1), {.temperature = 0.7}).logprobs;
    (logprobs * at::linspace(-1.0, 1.0, logprobs.size(0), logprobs.options())).sum().backward();
    return policy.logits(hidden).detach();
  };
  for (const Json& json : all_architectures()) {
    for (const auto dtype : {at::kFloat, at::kDouble}) {
      Policy here = adapted_policy(json, all_linear(8), dtype), there = adapted_on_cuda(here, dtype);
      const double tolerance = dtype == at::kFloat ? 1e-4 : 1e-6;
      const at::Tensor want = step(here);
      EXPECT_LT(relative_error(step(there), want), tolerance) << json["model_type"] << dtype;
      for (size_t i = 0; i < here.trainable().size(); ++i) {
        EXPECT_LT(relative_error(there.trainable()[i].tensor.grad(), here.trainable()[i].tensor.grad()),
                  tolerance)
            << json["model_type"] << dtype << " " << here.trainable()[i].name;
      }
      for (const Parameter& p : there.parameters()) EXPECT_FALSE(p.tensor.grad().defined()) << p.name;
    }
  }
}

TEST_F(CudaLora, DecodingEqualsTheForwardWithinRounding) {
  for (const Json& json : all_architectures()) {
    const Policy policy = adapted_on_cuda(adapted_policy(json, all_linear(8)), at::kFloat);
    const std::vector<std::vector<int64_t>> ids = {random_ids(policy, 20, 1), random_ids(policy, 20, 2)};
    const at::Tensor full = policy.hidden(pack_sequences(ids, cuda_)).view({2, 20, -1});
    ScrambledCache cache(policy, 2, 20, 16);
    for (const auto& [first, count] :
         std::vector<std::pair<int64_t, int64_t>>{{0, 6}, {6, 1}, {7, 9}, {16, 1}, {17, 3}}) {
      const at::Tensor part = cache.feed(policy, ids, first, count, first == 0);
      EXPECT_LT(relative_error(part, full.narrow(1, first, count)), 1e-4) << json["model_type"];
    }
  }
}

TEST_F(CudaLora, TrainingAndDecodingNeverWaitForTheDevice) {
  Policy policy = adapted_on_cuda(adapted_policy(testing::qwen2_json(), all_linear(8)), at::kBFloat16);
  const std::vector<std::vector<int64_t>> ids = {random_ids(policy, 20, 1), random_ids(policy, 20, 2)};
  const PackedTokens batch = pack_sequences(ids, cuda_);
  const KvShape shape = policy.kv_shapes().front();
  KvView view;
  for (size_t i = 0; i < policy.config().layers.size(); ++i) {
    const at::Tensor pages =
        at::zeros({4, 16, shape.heads, shape.k_dim}, at::TensorOptions(cuda_).dtype(at::kBFloat16));
    view.layers.push_back({pages, pages.clone()});
  }
  view.block_tables = at::tensor({0, 1, 2, 3}, at::kLong).to(at::kInt).view({2, 2}).to(cuda_);
  view.rows = at::tensor({0, 1}, at::kLong).to(at::kInt).to(cuda_);
  view.slots = at::tensor({5, 37}, at::kLong).to(cuda_);
  const PackedTokens next{at::tensor({3, 4}, at::kLong).to(cuda_), at::tensor({5, 5}, at::kLong).to(cuda_),
                          at::tensor({0, 1, 2}, at::kLong).to(at::kInt).to(cuda_), 1};
  policy.set_requires_grad(true);
  const auto work = [&] {
    policy.token_scores(policy.hidden(batch), batch.tokens).logprobs.sum().backward();
    const at::NoGradGuard no_grad;
    policy.hidden(next, &view);
  };
  work();  // libraries set themselves up
  const testing::NoWaits guard;
  EXPECT_NO_THROW(work());
}

}  // namespace
}  // namespace grpo

// The optimizer on the GPU: moments in fewer bits, and what is offloaded to host memory.
#include "grpo/optimizer.h"
#include "tests/policy/cuda_test.h"

namespace grpo {
namespace {

class CudaOptimizer : public testing::CudaTest {};

constexpr MomentDtype kDtypes[] = {MomentDtype::kFloat32, MomentDtype::kBfloat16, MomentDtype::kInt8};

std::vector<Parameter> model(at::ScalarType dtype, const at::Device& device) {
  at::manual_seed(1);
  std::vector<Parameter> out;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{173, 89}, {31}}) {
    const at::Tensor values = at::randn(shape);
    out.push_back({"p" + std::to_string(out.size()), values.to(device).to(dtype).requires_grad_(true)});
  }
  return out;
}

void train(AdamW& optimizer, std::vector<Parameter>& parameters, uint64_t first, uint64_t steps) {
  for (uint64_t step = first; step < first + steps; ++step) {
    at::manual_seed(step);
    for (Parameter& p : parameters) {
      const at::Tensor gradient = at::randn(p.tensor.sizes());
      p.tensor.mutable_grad() = gradient.to(p.tensor.options().requires_grad(false));
    }
    optimizer.accumulate_gradients();
    optimizer.clip_grad_norm(1.0);
    optimizer.step(1e-2);
    optimizer.zero_grad();
  }
}

void expect_same_bits(const AdamW& a, const AdamW& b) {
  const auto left = a.state(), right = b.state();
  ASSERT_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    EXPECT_TRUE(at::equal(left[i].tensor.cpu(), right[i].tensor.cpu())) << left[i].name;
  }
}

TEST_F(CudaOptimizer, MomentsHaveTheBitsThatTheyHaveOnTheCpu) {
  at::manual_seed(2);
  const at::Tensor x = at::randn({3000}) * at::logspace(-6.0, 0.0, 3000, 10.0);
  for (const MomentDtype dtype : kDtypes) {
    for (const MomentKind kind : {MomentKind::kFirst, MomentKind::kSecond}) {
      const at::Tensor values = kind == MomentKind::kSecond ? x.square() : x;
      Moment here(kind, dtype, values, at::kCPU), there(kind, dtype, values.to(cuda_), cuda_),
          away(kind, dtype, values.to(cuda_), at::kCPU);
      for (const int64_t step : {1, 500}) {
        here.write(0, values, step);
        there.write(0, values.to(cuda_), step);
        away.write(0, values.to(cuda_), step);
        EXPECT_TRUE(at::equal(there.read(0, 3000).cpu(), here.read(0, 3000)));
        EXPECT_TRUE(at::equal(away.read(0, 3000).cpu(), here.read(0, 3000)));
      }
    }
  }
}

TEST_F(CudaOptimizer, OffloadedStateIsPinnedHostMemoryAndGivesTheSameBits) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    for (const MomentDtype state : kDtypes) {
      auto here = model(dtype, cuda_), away = model(dtype, cuda_);
      AdamW resident(here, {.weight_decay = 0.1, .state_dtype = state}),
          offloaded(away, {.weight_decay = 0.1, .state_dtype = state, .offload = true});
      for (const NamedTensor& t : offloaded.state()) {
        const bool own_parameter = !t.name.starts_with("exp_avg") && dtype == at::kFloat;
        EXPECT_TRUE(own_parameter || t.tensor.is_pinned()) << t.name;
      }
      train(resident, here, 0, 6);
      train(offloaded, away, 0, 6);
      expect_same_bits(offloaded, resident);
      for (size_t i = 0; i < here.size(); ++i) EXPECT_TRUE(at::equal(here[i].tensor, away[i].tensor));
    }
  }
}

TEST_F(CudaOptimizer, ResumedStepsEqualUninterruptedOnesBitForBit) {
  for (const MomentDtype state : kDtypes) {
    for (const bool offload : {false, true}) {
      const OptimizerOptions options{.state_dtype = state, .offload = offload};
      auto parameters = model(at::kBFloat16, cuda_), others = model(at::kBFloat16, cuda_);
      AdamW uninterrupted(parameters, options), resumed(others, options);
      train(uninterrupted, parameters, 0, 5);
      std::vector<NamedTensor> saved;
      for (const NamedTensor& t : uninterrupted.state()) saved.push_back({t.name, t.tensor.cpu().clone()});
      resumed.load_state(saved, 5, "optimizer.safetensors");
      train(uninterrupted, parameters, 5, 5);
      train(resumed, others, 5, 5);
      expect_same_bits(resumed, uninterrupted);
    }
  }
}

}  // namespace
}  // namespace grpo

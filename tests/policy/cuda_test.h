#pragma once
// What the CUDA tests share. They are a program of their own, because LibTorch decides once per process
// whether there is CUDA; where it cannot be used every test skips with the reason.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "policy/kernels/plugin.h"

namespace grpo::testing {

class CudaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static std::string reason;
    static const bool usable = load_cuda_plugin(&reason);
    if (!usable) GTEST_SKIP() << "no CUDA: " << reason;
  }

  const at::Device cuda_{at::kCUDA, 0};
};

// |got - want| / |want| over all elements, on the CPU in float64; infinite where `got` holds a NaN that
// `want` does not expect.
inline double relative_error(const at::Tensor& got, const at::Tensor& want) {
  const at::Tensor a = got.detach().to(at::kCPU).to(at::kDouble),
                   b = want.detach().to(at::kCPU).to(at::kDouble);
  if (a.sizes() != b.sizes() || !a.isfinite().all().item<bool>()) return INFINITY;
  const double error = (a - b).norm().item<double>(), size = b.norm().item<double>();
  return size > 0 ? error / size : error;
}

}  // namespace grpo::testing

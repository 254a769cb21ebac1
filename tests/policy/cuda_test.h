#pragma once
// What the CUDA tests share. They are a program of their own, because LibTorch decides once per process
// whether there is CUDA; where it cannot be used every test skips with the reason.

#include <ATen/ATen.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "policy/kernels/plugin.h"
#include "policy/policy.h"

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

// A copy of a policy on the GPU.
inline Policy on_cuda(const Policy& policy, at::ScalarType dtype) {
  Policy copy = Policy::empty(policy.config(), dtype, at::Device(at::kCUDA, 0));
  copy.copy_from(policy);
  return copy;
}

// Makes whatever waits for the GPU throw, while it lives.
class NoWaits {
 public:
  NoWaits() : refuse_(reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "grpo_cuda_refuse_waits"))) {
    if (refuse_ == nullptr) throw std::runtime_error("the plug-in has no grpo_cuda_refuse_waits");
    refuse_(1);
  }
  ~NoWaits() { refuse_(0); }
  NoWaits(const NoWaits&) = delete;
  NoWaits& operator=(const NoWaits&) = delete;

 private:
  void (*refuse_)(int);
};

}  // namespace grpo::testing

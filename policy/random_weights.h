#pragma once
// Normal random numbers for many tensors at once, the same for a seed on every machine and device.

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace grpo {

// One tensor to fill, contiguous, on any device and of any floating dtype.
struct NormalDraw {
  at::Tensor to;
  uint64_t seed = 0;
};

// Fills every tensor with numbers of N(0, standard_deviation) from its own seed: those that
// at::empty(sizes, float32).normal_() of a CPU generator gives, rounded to the tensor's dtype. As many
// tensors at once as LibTorch computes with threads; on the host it needs 4 MiB per thread beside them.
void draw_normal(std::vector<NormalDraw> draws, double standard_deviation);

}  // namespace grpo

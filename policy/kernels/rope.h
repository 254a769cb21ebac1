#pragma once
// Rotary position embedding. Operator grpo::rope.

#include <ATen/ATen.h>

namespace grpo {

// theta^(-2i/dim) for i < dim/2: [dim/2] float32, the same bits on every device. Made once per model: filling a
// tensor on a GPU from the host waits for it.
at::Tensor rope_frequencies(double theta, int64_t dim, const at::Device& device);

// Angles of N positions: cosine and sine [N, dim/2], float32, of position * frequency.
struct RopeAngles {
  at::Tensor cos;
  at::Tensor sin;
};
RopeAngles rope_angles(const at::Tensor& positions, const at::Tensor& frequencies);

// Rotates x [N, H, dim] by the angles; interleaved pairs (2i, 2i+1) or half-split pairs (i, i + dim/2). The
// result is contiguous. Differentiable in x.
at::Tensor rope(const at::Tensor& x, const RopeAngles& angles, bool interleaved);

}  // namespace grpo

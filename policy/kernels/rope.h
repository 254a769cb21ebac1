#pragma once
// Rotary position embedding. Operator grpo::rope.

#include <ATen/ATen.h>

namespace grpo {

// Angles of N positions: cosine and sine [N, dim/2], float32, of position * frequency; frequencies [dim/2]
// float32 (policy/rope_scaling.h), on the positions' device.
struct RopeAngles {
  at::Tensor cos;
  at::Tensor sin;
};
RopeAngles rope_angles(const at::Tensor& positions, const at::Tensor& frequencies);

// Rotates x [N, H, dim] by the angles; interleaved pairs (2i, 2i+1) or half-split pairs (i, i + dim/2). The
// result is contiguous. Differentiable in x.
at::Tensor rope(const at::Tensor& x, const RopeAngles& angles, bool interleaved);

}  // namespace grpo

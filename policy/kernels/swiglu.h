#pragma once
// The gate of a SwiGLU MLP. Operators grpo::swiglu_forward and grpo::swiglu_backward.

#include <ATen/ATen.h>

namespace grpo {

// x [N, 2I] = gate | up -> silu(gate) * up, [N, I]. Differentiable.
at::Tensor swiglu(const at::Tensor& x);

}  // namespace grpo

#pragma once
// Root-mean-square normalisation. Operators grpo::rms_norm_forward and grpo::rms_norm_backward.

#include <ATen/ATen.h>

namespace grpo {

// x [..., D], weight [D] -> same shape: weight * dtype(x / sqrt(mean(x^2) + eps)), statistics in float32
// (float64 for float64). The last dimension of x must be contiguous; leading ones may have any stride that
// flattens to rows. Differentiable in x and weight.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace grpo

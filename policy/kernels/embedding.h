#pragma once
// From tokens to their rows of the embedding. Operator grpo::embedding_backward.

#include <ATen/ATen.h>

namespace grpo {

// weight [V, D], tokens [N] int64 -> weight[tokens], [N, D]. Differentiable in weight, with the same bits at
// every call: a row's gradient is the sum over its tokens in an order of their own, in float32 (float64 for
// float64) on CUDA.
at::Tensor embed(const at::Tensor& weight, const at::Tensor& tokens);

}  // namespace grpo

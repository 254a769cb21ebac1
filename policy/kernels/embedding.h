#pragma once
// From tokens to their rows of the embedding.

#include <ATen/ATen.h>

namespace grpo {

// weight [V, D], tokens [N] int64 -> weight[tokens], [N, D]. Differentiable in weight, the same bits at every
// call: on CUDA LibTorch's own gradient in float32 adds many tokens in any order.
at::Tensor embed(const at::Tensor& weight, const at::Tensor& tokens);

}  // namespace grpo

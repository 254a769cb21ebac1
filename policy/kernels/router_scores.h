#pragma once
// The sigmoid of a router, bit for bit independent of the batch on the CPU. Operator grpo::sigmoid.

#include <ATen/ATen.h>

namespace grpo {

// x any shape, float32 or float64 -> sigmoid(x). Differentiable.
at::Tensor router_sigmoid(const at::Tensor& x);

}  // namespace grpo

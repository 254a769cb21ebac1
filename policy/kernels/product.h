#pragma once
// Matrix products without autograd: what policy/kernels/linear.h and hand-written backward passes are made of.

#include <ATen/ATen.h>

namespace grpo {

// a [M, K] times b [N, K] transposed, plus bias [N] where defined -> [M, N], of a's dtype. Factors may have any strides;
// transposed views are not copied first.
//
// On AMD processors with AVX512-BF16, in float32 and bfloat16, these are kernels of our own
// (policy/kernels/cpu/product.h): a row of the result has the same bits in any batch, and all of it on any number of
// threads. LibTorch's MKL uses half the width of such a processor's vectors. Beside the factors they hold a copy of 32
// rows of one of them per thread, pieces of K at most 4096 long; where `a` is a transposed view, of 1024 of its columns;
// and where K is cut into pieces and the result bfloat16, the result in float32. Elsewhere this is at::linear, which
// promises neither.
at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

// The same into `out` [M, N], whose rows may lie apart but hold neighbours side by side.
void product_into(at::Tensor out, const at::Tensor& a, const at::Tensor& b);

// Whether product() takes these to the kernels of our own.
bool product_is_ours(const at::Tensor& a, const at::Tensor& b);

}  // namespace grpo

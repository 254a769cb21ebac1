#pragma once
// Matrix products of packed rows with weights. On the CPU in float32 a row's result does not depend on how many
// other rows are in the call. Where policy/kernels/product.h has kernels of its own, it sees to that, in bfloat16 as
// well. Elsewhere the BLAS is asked for one code path (MKL_CBWR, set before main unless the user set it), and the small
// batches for which it would switch kernels all the same are filled up with zero rows, a single output with a second.

#include <ATen/ATen.h>

namespace grpo {

// x [N, K] times weight [O, K] transposed, plus bias [O] where defined -> [N, O]. Differentiable, once.
at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

// One product per head: x [H, N, K] times weight [H, K, O] -> [H, N, O]. Differentiable.
at::Tensor headwise_linear(const at::Tensor& x, const at::Tensor& weight);

// One linear per group of consecutive rows: rows offsets[g-1]..offsets[g] of x [T, K] times weight[g] of
// [G, O, K] transposed -> [T, O]. offsets [G] int32: cumulative ends, on x's device. Differentiable in x and
// weight; a weight that needs no gradient costs none, and x is then not kept for backward. On CUDA in bfloat16 with K
// and O multiples of 8 this is LibTorch's grouped GEMM, which does not wait for the device; elsewhere a loop over
// groups, for which the offsets are read back.
at::Tensor grouped_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& offsets);

}  // namespace grpo

#pragma once
// Sums over the trained tokens of each sequence of a micro-batch, and numbers of sequences handed back to their tokens.
// Both are differentiable, and add in one order on every device, without atomics: the same input gives the same bits.
//
// Legend: M trained tokens of a micro-batch, S its sequences. `lengths` [S] int64 are trained tokens of each, at least
// one, which add up to M (MicroBatch::lengths).

#include <ATen/ATen.h>

namespace grpo {

at::Tensor segment_sum(const at::Tensor& values, const at::Tensor& lengths);   // [M] -> [S]
at::Tensor segment_mean(const at::Tensor& values, const at::Tensor& lengths);  // [M] -> [S]
// Each sequence's number at every one of its tokens.
at::Tensor spread(const at::Tensor& values, const at::Tensor& lengths, int64_t num_tokens);  // [S] -> [M]

}  // namespace grpo

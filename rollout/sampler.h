#pragma once
// Chooses the next token of every row from its logits, by inverting the cumulative distribution at a uniform
// number the caller gives. A row's result is a function of that row alone: its logits, its number, the options.
// Where the uniforms come from and what the token does to a sequence is the engine's business.
//
// Legend: R rows, V vocabulary.

#include <ATen/ATen.h>

#include "rollout/sampling.h"

namespace grpo {

// On the device of the logits; nothing has been read back.
struct SampledTokens {
  at::Tensor tokens;    // [R] int64; 0 in rows that are not finite
  at::Tensor logprobs;  // [R] float32, of the token under the distribution sampled from (or as
                        // SamplingOptions::untruncated_logprobs says; greedy: softmax(logits)); 0 where not finite.
                        // Where nothing is cut, from the trainer's operator (policy/kernels/logprobs.h)
  at::Tensor finite;    // [R] bool; false: a logit of the row is NaN or infinite, and there is no token
  // [R, ceil(V / 8)] uint8, where asked for and truncates(options): what top_k, top_p and min_p left of the vocabulary.
  // Token i is there if bit i % 8, counted from the lowest, of byte i / 8 is 1. No bit is set where not finite.
  at::Tensor kept = {};
};

// logits [R, V] float32 or float64, uniforms [R] float32 in [0, 1) on the same device; options validated.
// CPU: one pass per row, rows in parallel, sums in double in the order of the ids. Other devices:
// sample_with_tensor_ops. Neither waits for the device.
SampledTokens sample(const at::Tensor& logits, const at::Tensor& uniforms, const SamplingOptions& options,
                     bool record_kept = false);

// The same distribution out of ATen operators, for any device. Equal to sample() except where a uniform number
// falls within rounding of a boundary between two tokens.
SampledTokens sample_with_tensor_ops(const at::Tensor& logits, const at::Tensor& uniforms,
                                     const SamplingOptions& options, bool record_kept = false);

}  // namespace grpo

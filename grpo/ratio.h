#pragma once
// The ratio pi / pi_old that a surrogate objective (grpo/surrogate.h) bounds: of the token, or of its whole sequence.
//
// Legend: M trained tokens of a micro-batch, S its sequences.

#include <ATen/ATen.h>

namespace grpo {

// Of which distribution the ratio is, with d_t = log pi(t) - log pi_old(t) of the n trained tokens of a sequence.
enum class ImportanceSamplingLevel {
  kToken,          // exp(d_t)
  kSequence,       // GSPO: s = exp(sum d / n), at every token
  kSequenceToken,  // GSPO-token: the value s, the gradient s d log pi(t) of the token itself
  kSequenceSum,    // RLOO: exp(sum d), the ratio of the whole sequences' probabilities
};

// exp of a log-ratio clamped to [-20, 20]: finite, and no gradient beyond.
at::Tensor exp_clamped(const at::Tensor& log_ratio);

// [M], differentiable in `logprobs`; `lengths` [S] as in grpo/segments.h, read by the levels of sequences only. The
// clamp is of what the exponential is taken of: the token's d, or the sequence's mean or sum.
at::Tensor policy_ratio(const at::Tensor& logprobs, const at::Tensor& old_logprobs, const at::Tensor& lengths,
                        ImportanceSamplingLevel level);

}  // namespace grpo

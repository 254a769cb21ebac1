#pragma once
// How far the policy is from its reference, estimated from the tokens that were sampled: the term of the loss
// (grpo/policy_loss.h).

#include <ATen/ATen.h>

#include "grpo/kl_estimator.h"

namespace grpo {

// d is clamped to at most 20 where k3 takes its exponential: finite and never negative for any finite d, and no
// gradient beyond.

// Per token, [M], differentiable in `logprobs`.
at::Tensor kl_per_token(const at::Tensor& logprobs, const at::Tensor& ref_logprobs, KlEstimator estimator);

}  // namespace grpo

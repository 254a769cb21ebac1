#pragma once
// How far the policy is from its reference, estimated from the tokens that were sampled: a term of the loss
// (grpo/policy_loss.h) or of the reward (grpo/advantage.h).

#include <ATen/ATen.h>

namespace grpo {

// The estimator of KL(pi || pi_ref) per token, with d = log pi_ref - log pi.
enum class KlEstimator {
  // -d, of which the mean is KL. For the reward only: as a term of the loss its expected gradient is zero.
  kK1,
  // d^2 / 2. Its on-policy gradient is that of KL(pi || pi_ref).
  kK2,
  // exp(d) - d - 1, DeepSeekMath eq. 4, TRL and verl. Its mean is KL and it is never negative; its on-policy gradient is
  // that of KL(pi_ref || pi).
  kK3,
};

// d is clamped to at most 20 where k3 takes its exponential: finite and never negative for any finite d, and no
// gradient beyond.

// Per token, [M], differentiable in `logprobs`.
at::Tensor kl_per_token(const at::Tensor& logprobs, const at::Tensor& ref_logprobs, KlEstimator estimator);
double kl_of_token(double logprob, double ref_logprob, KlEstimator estimator);

}  // namespace grpo

#pragma once
// The estimators of KL to a reference, of one token in plain numbers: what KL in the reward is made of
// (grpo/reward_kl.h). grpo/kl.h has them for tensors.

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

// For a token with these log-probabilities. In k3, d is clamped to at most 20: finite and never negative for any finite d.
double kl_of_token(double logprob, double ref_logprob, KlEstimator estimator);

}  // namespace grpo

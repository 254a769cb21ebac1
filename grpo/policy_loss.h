#pragma once
// The loss of GRPO and its relatives, one implementation. Over the trained tokens t, with the ratio r = pi / pi_old of
// the token or of its sequence, the advantage A and the surrogate of them (DeepSeekMath, arXiv 2402.03300, eq. 3 and 4,
// for the clipped one):
//
//   loss = sum_t w_t ( m_t surrogate(r_t, A_t) + beta KL_t - entropy_coef H_t )
//
// The weights w_t hold the denominator (grpo/packing.h). m_t is what may weaken or remove the policy term of a token:
// the importance weight of an off-policy sample, off-policy and entropy masks. Where it is 0 the denominator stays.
// Needs tensors only: no model, no device.
//
// Legend: M trained tokens of a micro-batch, S its sequences.

#include <ATen/ATen.h>

#include "grpo/policy_loss_options.h"
#include "grpo/policy_loss_sums.h"

namespace grpo {

// All [M], one dtype and device, unless said otherwise. Only `logprobs` and, with an entropy_coef, `entropy` carry a
// gradient, whatever the others require.
struct PolicyLossInputs {
  at::Tensor logprobs = {};      // log pi(token)
  at::Tensor old_logprobs = {};  // log pi_old; undefined: the first update of a batch, pi_old = pi, r = 1
  at::Tensor ref_logprobs = {};  // log pi_ref; undefined only where KL is not in the loss, which then measures it
  at::Tensor behaviour_logprobs = {};  // as the sampler reported them; undefined only without importance sampling
  at::Tensor entropy = {};             // of the policy's distribution; undefined: not summed
  at::Tensor advantages = {};
  at::Tensor weights = {};
  at::Tensor lengths = {};      // [S] int64, MicroBatch::lengths. Undefined only where nothing asks for sequences
  at::Tensor policy_mask = {};  // 0: the token has no policy term; undefined: all 1
  double entropy_coef = 0.0;    // applied_entropy_coef() of this step
};

struct PolicyLoss {
  at::Tensor loss;      // scalar with a gradient; call backward() on it
  PolicyLossSums sums;  // one copy from the device per call
};

// Log-ratios are clamped to [-20, 20] before the exponential, so r is finite; beyond there is no policy gradient. M = 0
// gives loss 0.
PolicyLoss policy_loss(const PolicyLossInputs& inputs, const PolicyLossOptions& options);

}  // namespace grpo

#pragma once
// The loss of GRPO and its relatives, one implementation. Of every trained token, with the ratio
// r = pi(token) / pi_old(token) and the advantage A (DeepSeekMath, arXiv 2402.03300, eq. 3 and 4):
//
//   l = -min( min(r, delta) A, clip(r, 1 - epsilon, 1 + epsilon_high) A ) + beta * KL
//   loss = sum_t w_t l_t
//
// The weights w_t (grpo/packing.h) tell GRPO, DAPO and Dr. GRPO apart. Needs tensors only: no model, no
// device.
//
// Legend: M trained tokens of a micro-batch.

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "core/json.h"

namespace grpo {

// The estimator of KL per token, with d = log pi_ref - log pi.
enum class KlEstimator {
  // exp(d) - d - 1, DeepSeekMath eq. 4, TRL and verl. Its on-policy gradient is that of KL(pi_ref || pi).
  kK3,
  // d^2 / 2. Its on-policy gradient is that of KL(pi || pi_ref).
  kK2,
};

struct PolicyLossOptions {
  double epsilon = 0.2;  // lower clip: r below 1 - epsilon with A < 0 gets no gradient
  std::optional<double> epsilon_high = std::nullopt;  // upper clip, default epsilon; DAPO's clip-higher: 0.28
  // Upper bound of r in the unclipped branch (INTELLECT-2): bounds the loss of a token that became much
  // likelier though A < 0, which the clip leaves alone. None: unbounded. More than 1 + epsilon_high.
  std::optional<double> delta = std::nullopt;
  double beta = 0.0;  // weight of KL to the reference; 0: no reference is needed
  KlEstimator kl_estimator = KlEstimator::kK3;

  double upper() const { return 1.0 + epsilon_high.value_or(epsilon); }
};

// Reads epsilon (> 0; above 1 the lower clip never acts: R1 used 10), epsilon_high (>= epsilon), delta, beta
// and kl_estimator ("k3", "k2"). "k1" is refused: as a term of the loss its expected gradient is zero. Throws
// Error naming the key.
PolicyLossOptions read_policy_loss_options(ObjectReader& reader);

// All [M], one dtype and device; only `logprobs` carries a gradient, whatever the others require.
struct PolicyLossInputs {
  at::Tensor logprobs = {};      // log pi(token)
  at::Tensor old_logprobs = {};  // log pi_old; undefined: the first update of a batch, pi_old = pi, r = 1
  at::Tensor ref_logprobs = {};  // log pi_ref; undefined only where beta is 0. With beta 0, KL is measured
  at::Tensor behaviour_logprobs = {};  // as the sampler reported them; undefined: not compared
  at::Tensor entropy = {};             // of the policy's distribution; undefined: not summed
  at::Tensor advantages = {};
  at::Tensor weights = {};
};

// Sums over trained tokens, not means: those of micro-batches, and of ranks, add up.
struct PolicyLossSums {
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  double loss = 0.0;    // weighted, as it is differentiated
  double tokens = 0.0;  // M; the divisor of every other sum
  double kl = 0.0;      // of the chosen estimator, without beta
  double entropy = 0.0;
  double clipped_low = 0.0;   // tokens with r < 1 - epsilon and A < 0: no policy gradient
  double clipped_high = 0.0;  // tokens with r > 1 + epsilon_high and A > 0: no policy gradient
  double ratio = 0.0;         // r
  double ratio_min = kInfinity;
  double ratio_max = -kInfinity;
  double sampling_logp_difference = 0.0;  // |log pi_old - behaviour|
  double sampling_logp_difference_max = 0.0;
  double sampling_ratio = 0.0;  // exp(log pi_old - behaviour)
  double sampling_ratio_min = kInfinity;
  double sampling_ratio_max = -kInfinity;

  void add(const PolicyLossSums& other);
  // False if the loss is NaN or infinite: drop the gradients and skip the optimizer step.
  bool finite() const;
};

struct PolicyLoss {
  at::Tensor loss;      // scalar with a gradient; call backward() on it
  PolicyLossSums sums;  // one copy from the device per call
};

// Log-ratios are clamped to [-20, 20] before the exponential, so r is finite; a token beyond has no policy
// gradient. k3 clamps d to at most 20: finite and never negative for any finite d, no gradient above.
// M = 0 gives loss 0.
PolicyLoss policy_loss(const PolicyLossInputs& inputs, const PolicyLossOptions& options);

// The estimator per token, [M], differentiable in `logprobs`.
at::Tensor kl_per_token(const at::Tensor& logprobs, const at::Tensor& ref_logprobs, KlEstimator estimator);

}  // namespace grpo

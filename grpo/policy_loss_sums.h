#pragma once
// What the loss of a micro-batch is made of, in numbers that add up to those of the whole optimizer batch, and the
// metrics they become.

#include <limits>

#include "core/json.h"
#include "grpo/policy_loss_options.h"

namespace grpo {

// Sums over trained tokens, not means: those of micro-batches, and of ranks, add up. "Units" are what a ratio is of:
// tokens, or sequences where there is one ratio for all tokens of a sequence; a share of such a sequence is the share of
// its tokens.
struct PolicyLossSums {
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  double loss = 0.0;         // weighted, as it is differentiated
  double policy_loss = 0.0;  // the same without the entropy bonus
  double tokens = 0.0;       // M; the divisor of kl, entropy and of everything without a unit of its own
  double sequences = 0.0;    // S; 0 where no lengths were given
  double kl = 0.0;           // of the chosen estimator, without beta
  double entropy = 0.0;
  double entropy_coef = 0.0;  // as applied; no sum
  // Ratios of the surrogate.
  double ratios = 0.0;        // units
  double clipped_low = 0.0;   // units with r below the lower bound and A < 0: no policy gradient, or a cut weight
  double clipped_high = 0.0;  // units with r above the upper bound and A > 0
  double clipped_dual = 0.0;  // units with r above delta or dual_clip and A < 0
  double clipped_low_min = kInfinity;    // smallest share of a sequence
  double clipped_high_max = -kInfinity;  // largest share of a sequence
  double ratio = 0.0;                    // r
  double ratio_min = kInfinity;
  double ratio_max = -kInfinity;
  // The sampler's log-probabilities against the trainer's, before any bound.
  double sampling_logp_difference = 0.0;  // |log pi_old - behaviour|, per token
  double sampling_logp_difference_max = 0.0;
  double sampling_ratios = 0.0;   // units of importance_sampling_mode
  double sampling_ratio = 0.0;    // pi_old / pi_behaviour
  double sampling_ratio_min = kInfinity;
  double sampling_ratio_max = -kInfinity;
  double sampling_clipped = 0.0;  // units outside the bounds
  double off_policy_masked = 0.0;  // tokens without a policy term by off_policy_mask_threshold
  double entropy_masked = 0.0;     // tokens without a policy term by PolicyLossInputs::policy_mask

  void add(const PolicyLossSums& other);
  // False if the loss is NaN or infinite: drop the gradients and skip the optimizer step.
  bool finite() const;
  double mean_entropy() const;  // NaN without tokens
};

// Adds TRL's metrics: loss, entropy, kl (has_reference), clip_ratio/{low_mean, low_min, high_mean, high_max, region_mean}
// of "clip", cispo_clip_ratio of "cispo", sampling/sampling_logp_difference/{mean, max},
// sampling/importance_sampling_ratio/{min, mean, max} before the bounds, and with an entropy bonus policy_loss and
// entropy_coef. Beside them policy_ratio/{min, mean, max} and, each where its knob is on, clip_ratio/dual_mean,
// sampling/importance_sampling_clip_ratio, off_policy_mask_ratio and entropy_mask_ratio (shares of units, then of
// tokens). NaN where there was nothing to average.
void add_loss_metrics(const PolicyLossSums& sums, const PolicyLossOptions& options, bool has_reference, Json& metrics);

}  // namespace grpo

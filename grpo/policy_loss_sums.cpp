#include "grpo/policy_loss_sums.h"

#include <algorithm>
#include <cmath>

namespace grpo {
namespace {

double per(double sum, double count) { return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN(); }

// The ends of what nothing was seen of.
double seen(double extreme) { return std::isinf(extreme) ? std::numeric_limits<double>::quiet_NaN() : extreme; }

}  // namespace

void PolicyLossSums::add(const PolicyLossSums& other) {
  loss += other.loss;
  policy_loss += other.policy_loss;
  tokens += other.tokens;
  sequences += other.sequences;
  kl += other.kl;
  entropy += other.entropy;
  if (other.tokens > 0) entropy_coef = other.entropy_coef;
  ratios += other.ratios;
  clipped_low += other.clipped_low;
  clipped_high += other.clipped_high;
  clipped_dual += other.clipped_dual;
  clipped_low_min = std::min(clipped_low_min, other.clipped_low_min);
  clipped_high_max = std::max(clipped_high_max, other.clipped_high_max);
  ratio += other.ratio;
  ratio_min = std::min(ratio_min, other.ratio_min);
  ratio_max = std::max(ratio_max, other.ratio_max);
  sampling_logp_difference += other.sampling_logp_difference;
  sampling_logp_difference_max = std::max(sampling_logp_difference_max, other.sampling_logp_difference_max);
  sampling_ratios += other.sampling_ratios;
  sampling_ratio += other.sampling_ratio;
  sampling_ratio_min = std::min(sampling_ratio_min, other.sampling_ratio_min);
  sampling_ratio_max = std::max(sampling_ratio_max, other.sampling_ratio_max);
  sampling_clipped += other.sampling_clipped;
  off_policy_masked += other.off_policy_masked;
  entropy_masked += other.entropy_masked;
}

bool PolicyLossSums::finite() const { return std::isfinite(loss); }

double PolicyLossSums::mean_entropy() const { return per(entropy, tokens); }

void add_loss_metrics(const PolicyLossSums& sums, const PolicyLossOptions& options, bool has_reference, Json& metrics) {
  metrics["loss"] = sums.loss;
  if (options.entropy_bonus.enabled()) {
    metrics["policy_loss"] = sums.policy_loss;
    metrics["entropy_coef"] = sums.entropy_coef;
  }
  metrics["entropy"] = sums.mean_entropy();
  if (has_reference) metrics["kl"] = per(sums.kl, sums.tokens);
  const SurrogateOptions& surrogate = options.surrogate;
  if (surrogate.kind == Surrogate::kClip) {
    metrics["clip_ratio/low_mean"] = per(sums.clipped_low, sums.ratios);
    metrics["clip_ratio/low_min"] = seen(sums.clipped_low_min);
    metrics["clip_ratio/high_mean"] = per(sums.clipped_high, sums.ratios);
    metrics["clip_ratio/high_max"] = seen(sums.clipped_high_max);
    metrics["clip_ratio/region_mean"] = per(sums.clipped_low + sums.clipped_high, sums.ratios);
    if (surrogate.delta || surrogate.dual_clip) metrics["clip_ratio/dual_mean"] = per(sums.clipped_dual, sums.ratios);
  }
  if (surrogate.kind == Surrogate::kCispo) {
    metrics["cispo_clip_ratio"] = per(sums.clipped_high + sums.clipped_low, sums.ratios);
  }
  metrics["policy_ratio/min"] = seen(sums.ratio_min);
  metrics["policy_ratio/mean"] = per(sums.ratio, sums.ratios);
  metrics["policy_ratio/max"] = seen(sums.ratio_max);
  metrics["sampling/sampling_logp_difference/mean"] = per(sums.sampling_logp_difference, sums.tokens);
  metrics["sampling/sampling_logp_difference/max"] = sums.sampling_logp_difference_max;
  metrics["sampling/importance_sampling_ratio/min"] = seen(sums.sampling_ratio_min);
  metrics["sampling/importance_sampling_ratio/mean"] = per(sums.sampling_ratio, sums.sampling_ratios);
  metrics["sampling/importance_sampling_ratio/max"] = seen(sums.sampling_ratio_max);
  if (options.importance_sampling.mode != ImportanceSamplingMode::kNone) {
    metrics["sampling/importance_sampling_clip_ratio"] = per(sums.sampling_clipped, sums.sampling_ratios);
  }
  if (options.off_policy_mask_threshold) metrics["off_policy_mask_ratio"] = per(sums.off_policy_masked, sums.tokens);
  if (options.top_entropy_quantile < 1.0) metrics["entropy_mask_ratio"] = per(sums.entropy_masked, sums.tokens);
}

}  // namespace grpo

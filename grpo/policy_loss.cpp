#include "grpo/policy_loss.h"

#include <array>

#include "core/error.h"
#include "grpo/segments.h"

namespace grpo {
namespace {

at::Tensor detached(const at::Tensor& t) { return t.defined() ? t.detach() : t; }

bool of_sequences(ImportanceSamplingLevel level) { return level != ImportanceSamplingLevel::kToken; }

bool of_sequences(ImportanceSamplingMode mode) {
  return mode == ImportanceSamplingMode::kSequenceTruncate || mode == ImportanceSamplingMode::kSequenceMask ||
         mode == ImportanceSamplingMode::kGeometricMask;
}

// Everything but what is differentiated, checked.
PolicyLossInputs prepare(const PolicyLossInputs& inputs, const PolicyLossOptions& options) {
  PolicyLossInputs in = inputs;
  for (at::Tensor PolicyLossInputs::*field :
       {&PolicyLossInputs::old_logprobs, &PolicyLossInputs::ref_logprobs, &PolicyLossInputs::behaviour_logprobs,
        &PolicyLossInputs::advantages, &PolicyLossInputs::weights, &PolicyLossInputs::policy_mask}) {
    in.*field = detached(in.*field);
    GRPO_CHECK(!(in.*field).defined() || (in.*field).numel() == in.logprobs.numel());
  }
  if (in.entropy_coef == 0.0) in.entropy = detached(in.entropy);
  GRPO_CHECK(in.advantages.defined() && in.weights.defined());
  GRPO_CHECK(in.ref_logprobs.defined() || !options.kl_in_loss());
  GRPO_CHECK(in.entropy.defined() ? in.entropy.numel() == in.logprobs.numel() : in.entropy_coef == 0.0);
  GRPO_CHECK(in.behaviour_logprobs.defined() || options.importance_sampling.mode == ImportanceSamplingMode::kNone);
  GRPO_CHECK(in.lengths.defined() || (!of_sequences(options.importance_sampling_level) &&
                                      !of_sequences(options.importance_sampling.mode) &&
                                      !options.off_policy_mask_threshold));
  return in;
}

// The terms of a micro-batch, [M] each, for the loss and for what is measured of it.
struct Terms {
  at::Tensor ratio;
  at::Tensor policy;  // m_t surrogate
  at::Tensor kl;      // undefined: no reference
  ImportanceWeights sampling;
  at::Tensor on_policy;  // of off_policy_mask_threshold; undefined: off
};

Terms terms_of(const PolicyLossInputs& in, const PolicyLossOptions& options) {
  const at::Tensor old = in.old_logprobs.defined() ? in.old_logprobs : in.logprobs.detach();
  Terms terms;
  terms.ratio = policy_ratio(in.logprobs, old, in.lengths, options.importance_sampling_level);
  terms.policy = surrogate_loss(terms.ratio, in.logprobs, in.advantages, options.surrogate);
  if (in.behaviour_logprobs.defined()) {
    terms.sampling = importance_weights(old, in.behaviour_logprobs, in.lengths, options.importance_sampling);
    if (terms.sampling.weights.defined()) terms.policy = terms.policy * terms.sampling.weights;
  }
  if (options.off_policy_mask_threshold) {
    const at::Tensor& drawn = in.behaviour_logprobs.defined() ? in.behaviour_logprobs : old;
    terms.on_policy = off_policy_mask(in.logprobs.detach(), drawn, in.advantages, in.lengths,
                                      *options.off_policy_mask_threshold);
    terms.policy = terms.policy * terms.on_policy;
  }
  if (in.policy_mask.defined()) terms.policy = terms.policy * in.policy_mask;
  if (in.ref_logprobs.defined()) {
    const auto logprobs = options.kl_in_loss() ? in.logprobs : in.logprobs.detach();
    terms.kl = kl_per_token(logprobs, in.ref_logprobs, options.kl_estimator);
    if (options.use_bias_correction_kl) terms.kl = terms.kl * exp_clamped(in.logprobs - old);
  }
  return terms;
}

// Numbers on their way to the host, in one copy.
class Readings {
 public:
  explicit Readings(const at::Tensor& like) : options_(like.options().dtype(at::kDouble)) {}

  void sum(double& to, const at::Tensor& values) { add(to, values.sum(at::kDouble)); }
  void min(double& to, const at::Tensor& values) { add(to, values.min()); }
  void max(double& to, const at::Tensor& values) { add(to, values.max()); }
  void add(double& to, const at::Tensor& scalar) {
    to_.push_back(&to);
    scalars_.push_back(scalar.detach().to(options_));
  }
  void read() {
    const at::Tensor host = at::stack(scalars_).cpu();
    for (size_t i = 0; i < to_.size(); ++i) *to_[i] = host.const_data_ptr<double>()[i];
  }

 private:
  at::TensorOptions options_;
  std::vector<double*> to_;
  std::vector<at::Tensor> scalars_;
};

// A flag of tokens in units: as it is, or as the share of each sequence.
at::Tensor in_units(const at::Tensor& flags, const PolicyLossInputs& in, bool sequences) {
  const at::Tensor numbers = flags.to(in.logprobs.scalar_type());
  return sequences ? segment_mean(numbers, in.lengths) : numbers;
}

void read_surrogate(const PolicyLossInputs& in, const PolicyLossOptions& options, const at::Tensor& ratio,
                    Readings& readings, PolicyLossSums& sums) {
  const bool sequences = of_sequences(options.importance_sampling_level);
  sums.ratios = static_cast<double>(sequences ? in.lengths.numel() : in.logprobs.numel());
  readings.sum(sums.ratio, in_units(ratio, in, sequences));
  readings.min(sums.ratio_min, ratio);
  readings.max(sums.ratio_max, ratio);
  if (options.surrogate.kind == Surrogate::kSapo) return;
  const ClippedTokens clipped = clipped_tokens(ratio, in.advantages, options.surrogate);
  readings.sum(sums.clipped_low, in_units(clipped.low, in, sequences));
  readings.sum(sums.clipped_high, in_units(clipped.high, in, sequences));
  if (options.surrogate.delta || options.surrogate.dual_clip) {
    readings.sum(sums.clipped_dual, in_units(clipped.dual, in, sequences));
  }
  if (!in.lengths.defined()) return;
  readings.min(sums.clipped_low_min, in_units(clipped.low, in, true));
  readings.max(sums.clipped_high_max, in_units(clipped.high, in, true));
}

void read_sampling(const PolicyLossInputs& in, const ImportanceWeights& sampling, Readings& readings,
                   PolicyLossSums& sums) {
  const at::Tensor& old = in.old_logprobs.defined() ? in.old_logprobs : in.logprobs;
  const at::Tensor difference = (old.detach() - in.behaviour_logprobs).abs();
  readings.sum(sums.sampling_logp_difference, difference);
  readings.max(sums.sampling_logp_difference_max, difference);
  sums.sampling_ratios = static_cast<double>(sampling.ratio.numel());
  readings.sum(sums.sampling_ratio, sampling.ratio);
  readings.min(sums.sampling_ratio_min, sampling.ratio);
  readings.max(sums.sampling_ratio_max, sampling.ratio);
  if (sampling.weights.defined()) readings.sum(sums.sampling_clipped, sampling.clipped);
}

}  // namespace

PolicyLoss policy_loss(const PolicyLossInputs& inputs, const PolicyLossOptions& options) {
  const PolicyLossInputs in = prepare(inputs, options);
  if (in.logprobs.numel() == 0) return {in.logprobs.sum(), {}};
  const Terms terms = terms_of(in, options);
  const at::Tensor per_token = options.kl_in_loss() ? terms.policy + options.beta * terms.kl : terms.policy;
  const at::Tensor without_bonus = (per_token * in.weights).sum();
  PolicyLoss out{.loss = without_bonus, .sums = {}};
  if (in.entropy_coef != 0.0) out.loss = without_bonus - in.entropy_coef * (in.entropy * in.weights).sum();

  const at::NoGradGuard no_grad;
  PolicyLossSums& sums = out.sums;
  sums.tokens = static_cast<double>(in.logprobs.numel());
  sums.sequences = in.lengths.defined() ? static_cast<double>(in.lengths.numel()) : 0.0;
  sums.entropy_coef = in.entropy_coef;
  Readings readings(in.logprobs);
  readings.add(sums.loss, out.loss);
  readings.add(sums.policy_loss, without_bonus);
  if (terms.kl.defined()) readings.sum(sums.kl, terms.kl);
  if (in.entropy.defined()) readings.sum(sums.entropy, in.entropy);
  if (in.policy_mask.defined()) readings.sum(sums.entropy_masked, in.policy_mask == 0);
  if (terms.on_policy.defined()) readings.sum(sums.off_policy_masked, terms.on_policy == 0);
  read_surrogate(in, options, terms.ratio, readings, sums);
  if (in.behaviour_logprobs.defined()) read_sampling(in, terms.sampling, readings, sums);
  readings.read();
  return out;
}

}  // namespace grpo

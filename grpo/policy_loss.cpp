#include "grpo/policy_loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace grpo {
namespace {

constexpr double kLogRatioLimit = 20.0;  // e^20 = 4.9e8, far from the end of float32

at::Tensor ratio_of(const at::Tensor& logprobs, const at::Tensor& other) {
  return (logprobs - other).clamp(-kLogRatioLimit, kLogRatioLimit).exp();
}

// What is summed, in the order of one stacked tensor that is copied to the host.
enum Slot {
  kLoss,
  kKl,
  kEntropy,
  kLow,
  kHigh,
  kRatio,
  kRatioMin,
  kRatioMax,
  kDiff,
  kDiffMax,
  kSampling,
  kSamplingMin,
  kSamplingMax,
  kNumSlots
};

at::Tensor total(const at::Tensor& values) {
  return values.sum(at::kDouble);
}

// Everything here is detached.
PolicyLossSums read_sums(const PolicyLossInputs& in, const at::Tensor& loss, const at::Tensor& ratio,
                         const at::Tensor& kl, const PolicyLossOptions& options) {
  const auto zero = at::zeros({}, loss.options().dtype(at::kDouble).requires_grad(false));
  std::array<at::Tensor, kNumSlots> slots;
  slots.fill(zero);
  slots[kLoss] = loss.to(at::kDouble);
  if (kl.defined()) slots[kKl] = total(kl);
  if (in.entropy.defined()) slots[kEntropy] = total(in.entropy);
  slots[kLow] = total((ratio < 1.0 - options.epsilon).logical_and(in.advantages < 0));
  slots[kHigh] = total((ratio > options.upper()).logical_and(in.advantages > 0));
  slots[kRatio] = total(ratio);
  slots[kRatioMin] = ratio.min().to(at::kDouble);
  slots[kRatioMax] = ratio.max().to(at::kDouble);
  if (in.behaviour_logprobs.defined()) {
    const auto& old = in.old_logprobs.defined() ? in.old_logprobs : in.logprobs;
    const auto difference = (old - in.behaviour_logprobs).abs();
    const auto sampling = ratio_of(old, in.behaviour_logprobs);
    slots[kDiff] = total(difference);
    slots[kDiffMax] = difference.max().to(at::kDouble);
    slots[kSampling] = total(sampling);
    slots[kSamplingMin] = sampling.min().to(at::kDouble);
    slots[kSamplingMax] = sampling.max().to(at::kDouble);
  }
  const auto host = at::stack(at::TensorList(slots.data(), slots.size())).cpu();
  const double* v = host.const_data_ptr<double>();
  PolicyLossSums sums{.loss = v[kLoss],
                      .tokens = static_cast<double>(in.logprobs.numel()),
                      .kl = v[kKl],
                      .entropy = v[kEntropy],
                      .clipped_low = v[kLow],
                      .clipped_high = v[kHigh],
                      .ratio = v[kRatio],
                      .ratio_min = v[kRatioMin],
                      .ratio_max = v[kRatioMax]};
  if (in.behaviour_logprobs.defined()) {
    sums.sampling_logp_difference = v[kDiff];
    sums.sampling_logp_difference_max = v[kDiffMax];
    sums.sampling_ratio = v[kSampling];
    sums.sampling_ratio_min = v[kSamplingMin];
    sums.sampling_ratio_max = v[kSamplingMax];
  }
  return sums;
}

at::Tensor detached(const at::Tensor& t) {
  return t.defined() ? t.detach() : t;
}

}  // namespace

PolicyLossOptions read_policy_loss_options(ObjectReader& reader) {
  PolicyLossOptions options;
  constexpr double kMost = 1e6;
  options.epsilon =
      reader.number("epsilon", options.epsilon, {.min = 0.0, .max = kMost, .min_exclusive = true});
  if (reader.has("epsilon_high")) {
    options.epsilon_high = reader.number("epsilon_high", {.min = options.epsilon, .max = kMost});
  } else {
    reader.raw("epsilon_high");
  }
  if (reader.has("delta")) {
    options.delta = reader.number("delta", {.min = options.upper(), .max = 1e8, .min_exclusive = true});
  } else {
    reader.raw("delta");
  }
  options.beta = reader.number("beta", options.beta, {.min = 0.0, .max = 100.0});
  const std::string estimator = reader.choice("kl_estimator", {"k3", "k2", "k1"}, "k3");
  if (estimator == "k1") {
    reader.fail("kl_estimator",
                "\"k1\" does nothing in the loss: its expected gradient does not depend on the reference",
                "use \"k3\", or \"k2\" for the gradient of KL(policy || reference)");
  }
  options.kl_estimator = estimator == "k2" ? KlEstimator::kK2 : KlEstimator::kK3;
  return options;
}

void PolicyLossSums::add(const PolicyLossSums& other) {
  loss += other.loss;
  tokens += other.tokens;
  kl += other.kl;
  entropy += other.entropy;
  clipped_low += other.clipped_low;
  clipped_high += other.clipped_high;
  ratio += other.ratio;
  ratio_min = std::min(ratio_min, other.ratio_min);
  ratio_max = std::max(ratio_max, other.ratio_max);
  sampling_logp_difference += other.sampling_logp_difference;
  sampling_logp_difference_max = std::max(sampling_logp_difference_max, other.sampling_logp_difference_max);
  sampling_ratio += other.sampling_ratio;
  sampling_ratio_min = std::min(sampling_ratio_min, other.sampling_ratio_min);
  sampling_ratio_max = std::max(sampling_ratio_max, other.sampling_ratio_max);
}

bool PolicyLossSums::finite() const {
  return std::isfinite(loss);
}

at::Tensor kl_per_token(const at::Tensor& logprobs, const at::Tensor& ref_logprobs, KlEstimator estimator) {
  const auto d = ref_logprobs - logprobs;
  if (estimator == KlEstimator::kK2) return 0.5 * d.square();
  const auto capped = d.clamp_max(kLogRatioLimit);
  // expm1 keeps the digits that exp(d) - 1 would lose near 0; the floor removes its last rounding.
  return (capped.expm1() - capped).clamp_min(0.0);
}

PolicyLoss policy_loss(const PolicyLossInputs& inputs, const PolicyLossOptions& options) {
  PolicyLossInputs in = inputs;
  in.old_logprobs = detached(inputs.old_logprobs);
  in.ref_logprobs = detached(inputs.ref_logprobs);
  in.behaviour_logprobs = detached(inputs.behaviour_logprobs);
  in.entropy = detached(inputs.entropy);
  in.advantages = detached(inputs.advantages);
  in.weights = detached(inputs.weights);
  const int64_t m = in.logprobs.numel();
  GRPO_CHECK(in.advantages.numel() == m && in.weights.numel() == m);
  GRPO_CHECK(!in.old_logprobs.defined() || in.old_logprobs.numel() == m);
  GRPO_CHECK(in.ref_logprobs.defined() ? in.ref_logprobs.numel() == m : options.beta == 0.0);
  GRPO_CHECK(!in.behaviour_logprobs.defined() || in.behaviour_logprobs.numel() == m);
  if (m == 0) return {in.logprobs.sum(), {}};

  const auto& old = in.old_logprobs.defined() ? in.old_logprobs : in.logprobs.detach();
  const auto ratio = ratio_of(in.logprobs, old);
  const auto bounded = options.delta ? ratio.clamp_max(*options.delta) : ratio;
  const auto clipped = ratio.clamp(1.0 - options.epsilon, options.upper());
  auto per_token = -at::minimum(bounded * in.advantages, clipped * in.advantages);
  at::Tensor kl;
  if (in.ref_logprobs.defined()) {
    const bool differentiate = options.beta != 0.0;
    kl = kl_per_token(differentiate ? in.logprobs : in.logprobs.detach(), in.ref_logprobs,
                      options.kl_estimator);
    if (differentiate) per_token = per_token + options.beta * kl;
  }
  const auto loss = (per_token * in.weights).sum();

  in.logprobs = in.logprobs.detach();
  return {loss, read_sums(in, loss.detach(), ratio.detach(), detached(kl), options)};
}

}  // namespace grpo

#include "grpo/surrogate.h"

#include <algorithm>

namespace grpo {
namespace {

at::Tensor clip_loss(const at::Tensor& ratio, const at::Tensor& advantages, const SurrogateOptions& options) {
  const auto bounded = options.delta ? ratio.clamp_max(*options.delta) : ratio;
  const auto clipped = ratio.clamp(1.0 - options.epsilon, options.upper());
  const auto loss = -at::minimum(bounded * advantages, clipped * advantages);
  if (!options.dual_clip) return loss;
  return at::where(advantages < 0, at::minimum(loss, -*options.dual_clip * advantages), loss);
}

at::Tensor cispo_loss(const at::Tensor& ratio, const at::Tensor& logprobs, const at::Tensor& advantages,
                      const SurrogateOptions& options) {
  auto weight = ratio.detach().clamp_max(options.cispo_cap());
  if (options.cispo_epsilon_low) weight = weight.clamp_min(1.0 - *options.cispo_epsilon_low);
  return -weight * advantages * logprobs;
}

at::Tensor sapo_loss(const at::Tensor& ratio, const at::Tensor& advantages, const SurrogateOptions& options) {
  const auto tau = at::full_like(advantages, options.sapo_temperature_neg)
                       .masked_fill(advantages > 0, options.sapo_temperature_pos);
  return -(tau * (ratio - 1.0)).sigmoid() * (4.0 / tau) * advantages;
}

}  // namespace

at::Tensor surrogate_loss(const at::Tensor& ratio, const at::Tensor& logprobs, const at::Tensor& advantages,
                          const SurrogateOptions& options) {
  switch (options.kind) {
    case Surrogate::kClip:
      return clip_loss(ratio, advantages, options);
    case Surrogate::kCispo:
      return cispo_loss(ratio, logprobs, advantages, options);
    case Surrogate::kSapo:
      break;
  }
  return sapo_loss(ratio, advantages, options);
}

ClippedTokens clipped_tokens(const at::Tensor& ratio, const at::Tensor& advantages, const SurrogateOptions& options) {
  const auto positive = advantages > 0, negative = advantages < 0;
  ClippedTokens out{.low = at::zeros_like(positive), .high = at::zeros_like(positive), .dual = at::zeros_like(positive)};
  if (options.kind == Surrogate::kClip) {
    out.low = (ratio < 1.0 - options.epsilon).logical_and(negative);
    out.high = (ratio > options.upper()).logical_and(positive);
    if (options.delta) out.dual = (ratio > *options.delta).logical_and(negative);
    if (options.dual_clip) out.dual = (ratio > *options.dual_clip).logical_and(negative);
  }
  if (options.kind == Surrogate::kCispo) {
    out.high = (ratio > options.cispo_cap()).logical_and(positive);
    if (options.cispo_epsilon_low) out.low = (ratio < 1.0 - *options.cispo_epsilon_low).logical_and(negative);
  }
  return out;
}

}  // namespace grpo

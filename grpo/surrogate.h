#pragma once
// What each token of a sample adds to the loss for its advantage A and its ratio r (grpo/ratio.h): the objectives that
// the published variants of GRPO differ in. Negated, so that it is to be minimised.

#include <ATen/ATen.h>

#include <optional>

namespace grpo {

enum class Surrogate {
  // -min( min(r, delta) A, clip(r, 1 - epsilon, 1 + epsilon_high) A ), and at most dual_clip |A| where A < 0
  kClip,
  // -sg(weight) A log pi, with weight = r cut at one of two caps (CISPO, MiniMax-M1): every token keeps a gradient
  kCispo,
  // -(4 / tau) sigmoid(tau (r - 1)) A, with a temperature tau of its own for each sign of A (SAPO)
  kSapo,
};

struct SurrogateOptions {
  Surrogate kind = Surrogate::kClip;
  // kClip
  double epsilon = 0.2;                               // r below 1 - epsilon with A < 0 gets no gradient
  std::optional<double> epsilon_high = std::nullopt;  // default epsilon: r above 1 + epsilon_high with A > 0 neither
  std::optional<double> delta = std::nullopt;         // bounds r where A < 0 (INTELLECT-2); more than 1 + epsilon_high
  std::optional<double> dual_clip = std::nullopt;     // the same by its other name, more than 1 (dual-clip PPO)
  // kCispo: exactly one of the first two.
  std::optional<double> cispo_ratio_max = std::nullopt;     // weight min(r, max): TRL's convention, absolute
  std::optional<double> cispo_epsilon_high = std::nullopt;  // weight clip(r, 1 - low, 1 + high): MiniMax's and verl's
  std::optional<double> cispo_epsilon_low = std::nullopt;   // none: no lower bound
  // kSapo: tau where A > 0, and elsewhere.
  double sapo_temperature_pos = 1.0;
  double sapo_temperature_neg = 1.05;

  double upper() const { return 1.0 + epsilon_high.value_or(epsilon); }
  // The largest weight that cispo gives.
  double cispo_cap() const { return cispo_ratio_max ? *cispo_ratio_max : 1.0 + cispo_epsilon_high.value(); }
};

// All [M]. Differentiable in `ratio`, or for kCispo in `logprobs`; `advantages` are constants.
at::Tensor surrogate_loss(const at::Tensor& ratio, const at::Tensor& logprobs, const at::Tensor& advantages,
                          const SurrogateOptions& options);

// Where the bounds act, bool [M] each. kSapo has none.
struct ClippedTokens {
  at::Tensor low;   // r is below the lower bound and A < 0
  at::Tensor high;  // r is above the upper bound and A > 0
  at::Tensor dual;  // r is above delta or dual_clip and A < 0
};
ClippedTokens clipped_tokens(const at::Tensor& ratio, const at::Tensor& advantages, const SurrogateOptions& options);

}  // namespace grpo

#pragma once
// What grpo/policy_loss.h can be told. Every published variant of GRPO is a combination of these knobs
// (grpo/loss_preset.h names them); the denominator is grpo/packing.h's, the advantage grpo/advantage.h's.

#include <optional>

#include "core/json.h"
#include "grpo/entropy_bonus.h"
#include "grpo/importance_weights.h"
#include "grpo/kl.h"
#include "grpo/ratio.h"
#include "grpo/surrogate.h"

namespace grpo {

struct PolicyLossOptions {
  SurrogateOptions surrogate = {};
  ImportanceSamplingLevel importance_sampling_level = ImportanceSamplingLevel::kToken;

  double beta = 0.0;  // weight of KL to the reference; 0: no reference is needed
  KlEstimator kl_estimator = KlEstimator::kK3;
  bool use_kl_in_reward = false;  // grpo/advantage.h subtracts it from the reward; the loss only measures it
  // Multiplies the loss's k3 by the token's ratio pi / pi_old, with a gradient through both: unbiased for samples of
  // pi_old, and on policy its gradient is that of KL(pi || pi_ref) (DeepSeek-V3.2).
  bool use_bias_correction_kl = false;

  EntropyBonusOptions entropy_bonus = {};
  double top_entropy_quantile = 1.0;  // share of tokens, the most uncertain, that keep a policy term (entropy_mask.h)

  ImportanceSamplingOptions importance_sampling = {};
  std::optional<double> off_policy_mask_threshold = std::nullopt;  // nats per token (importance_weights.h); none: off

  bool kl_in_loss() const { return beta > 0.0 && !use_kl_in_reward; }
};

// Reads, under TRL's names where it has one:
//   surrogate ("clip", "cispo", "sapo"); epsilon (> 0; above 1 the lower clip never acts: R1 used 10), epsilon_high
//   (>= epsilon), and one of delta (> 1 + epsilon_high) and dual_clip (> 1), all of "clip" alone; exactly one of
//   cispo_ratio_max and cispo_epsilon_high, the latter with cispo_epsilon_low if wanted, of "cispo" alone;
//   sapo_temperature_pos and sapo_temperature_neg of "sapo" alone;
//   importance_sampling_level ("token", "sequence", "sequence_token", "sequence_sum");
//   beta, and with it use_kl_in_reward, use_bias_correction_kl (of k3 in the loss), kl_estimator ("k1", "k2", "k3"; k3 by
//   default, in the reward k1);
//   the keys of read_entropy_bonus_options and read_importance_sampling_options, top_entropy_quantile (0 to 1] and
//   off_policy_mask_threshold (> 0).
// Absent keys take their value from `presets` (grpo/loss_preset.h) before that default. Throws Error naming the key: for
// what is out of range, for k1 in the loss, where its expected gradient is zero, and for a key without effect.
PolicyLossOptions read_policy_loss_options(ObjectReader& reader, const Json& presets = Json::object());

}  // namespace grpo

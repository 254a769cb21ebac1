#pragma once
// Published recipes as defaults of the knobs: `loss_type` names a loss, `preset` the settings of a whole rl stage. What a
// stage says for itself overrides both, and preset overrides loss_type.
//
//   loss_type              sets
//   dapo (default)         loss_agg_mode token-mean
//   grpo                   loss_agg_mode seq-mean-token-mean (DeepSeekMath)
//   dr_grpo                loss_agg_mode seq-mean-token-sum-norm, scale_rewards none (TRL's dr_grpo leaves the latter to you)
//   bnpo                   loss_agg_mode local-token-mean
//   gspo                   importance_sampling_level sequence, seq-mean-token-mean, epsilon 3e-4, epsilon_high 4e-4
//   gspo_token             the same with importance_sampling_level sequence_token
//   cispo                  surrogate cispo with cispo_ratio_max 5, token-mean
//   sapo                   surrogate sapo, seq-mean-token-mean
//   rloo                   advantage_estimator leave_one_out, importance_sampling_level sequence_sum, seq-mean-token-mean,
//                          KL in the reward: beta 0.05, kl_estimator k1
//   reinforce_pp           advantage_estimator batch, token-mean, KL in the reward: beta 0.01, kl_estimator k1
//   reinforce_pp_baseline  advantage_estimator group_then_batch, token-mean
//
//   preset                 sets
//   deepseek_r1            DeepSeek-R1's reinforcement learning: loss_type grpo, epsilon 10, 32 prompts of 16 samples a
//                          step, 16 steps on one rollout of 8,192 samples in one pass, beta 0.001 of k3, learning rate
//                          3e-6, temperature 1, and the reference replaced by the policy every 400 steps

#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

std::vector<std::string> loss_preset_names();   // values of loss_type, the default first
std::vector<std::string> stage_preset_names();  // values of preset

// The table above, as an object of stage options. Throws Error for a name that is not in it.
Json loss_preset(const std::string& name);
Json stage_preset(const std::string& name);

// What the presets that a stage names say about keys it leaves open, without what its own keys have made pointless (an
// epsilon under another surrogate, a KL estimator with beta 0): every key left has an effect. Names that are no presets
// say nothing here; whoever reads the stage refuses them.
Json preset_defaults(const Json& stage_options);
// The stage's options and then those defaults. Reads the same as the stage itself.
Json with_presets(const Json& stage_options);

}  // namespace grpo

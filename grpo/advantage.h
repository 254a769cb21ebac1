#pragma once
// From rewards to advantages: how much better an answer is than the other answers to the same problem
// (DeepSeekMath, arXiv 2402.03300, section 4.1.2, outcome supervision). Stands between scoring and packing.
// One Group object is one group: two groups never share a baseline, whatever their prompts or ids say.

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/types.h"
#include "grpo/kl_estimator.h"

namespace grpo {

// What a reward is compared with.
enum class AdvantageEstimator {
  kGroup,           // (r - mean) / std of its group: GRPO
  kLeaveOneOut,     // r - mean of the other samples of its group: RLOO
  kBatch,           // returns of tokens, whitened over all trained tokens of the call: REINFORCE++
  kGroupThenBatch,  // r - mean of its group, whitened likewise: REINFORCE++ with a baseline
};

// What the centred reward is divided by.
enum class ScaleRewards {
  kGroup,  // the standard deviation of the group
  kBatch,  // the standard deviation of all scored samples of the call; the mean stays the group's
  kNone,   // nothing: A = r - mean (Dr. GRPO)
};

// How several rewards become one advantage.
enum class RewardAggregation {
  kSumThenNormalize,  // of the weighted sum, Episode::reward
  kNormalizeThenSum,  // GDPO: every reward is normalised in its group by itself, so that none drowns the others
};

struct AdvantageOptions {
  AdvantageEstimator estimator = AdvantageEstimator::kGroup;
  RewardAggregation aggregation = RewardAggregation::kSumThenNormalize;
  ScaleRewards scale_rewards = ScaleRewards::kGroup;
  int64_t ddof = 1;       // the deviation's divisor is n - ddof: 1 as in TRL and verl, 0 for the population
  double epsilon = 1e-4;  // added to the deviation; a group with a tiny spread is not blown up
  // KL in the reward, from PolicyLossOptions' beta where that has use_kl_in_reward: 0 leaves rewards as they are.
  double kl_coef = 0.0;
  KlEstimator kl_estimator = KlEstimator::kK1;
};

// Reads advantage_estimator ("group", "leave_one_out", "batch", "group_then_batch"), multi_objective_aggregation
// ("sum_then_normalize", "normalize_then_sum"), scale_rewards ("group", "batch", "none"; both of "group" only),
// advantage_ddof (0 or 1) and advantage_epsilon (>= 0; neither where nothing is divided by a deviation). Leaves out KL.
// Absent keys take their value from `presets` (grpo/loss_preset.h) before their default. Throws Error naming the key.
AdvantageOptions read_advantage_options(ObjectReader& reader, const Json& presets = Json::object());

// Throws Error unless num_generations >= 2, which every estimator but kBatch needs: one sample has no group to be
// compared with. `where` is the JSON path for the message.
void check_num_generations(int64_t num_generations, const std::string& where);

// What a call of assign_advantages saw. Fractions and means are NaN where nothing was there to average
// (JSON writes null).
struct AdvantageStats {
  int64_t num_groups = 0;
  int64_t num_episodes = 0;
  int64_t num_masked = 0;             // episodes without a usable reward
  int64_t num_lone_groups = 0;        // groups with fewer than two usable rewards
  int64_t num_zero_std = 0;           // other groups whose rewards are all equal
  double frac_reward_zero_std = 0.0;  // num_zero_std / groups with at least two usable rewards
  double reward = 0.0;                // mean over all usable rewards, as the rubric gave them
  double reward_std = 0.0;            // mean over groups with two or more of their own deviation
  double kl = 0.0;                    // of the reward term, mean per trained token of usable samples; NaN: there is none
};

// Sets Episode::advantage of every episode, and token_advantages where the tokens of a completion differ (empty
// otherwise). Of the samples of the group that have a usable reward, kGroup:
//   A = (r - mean) / (std + epsilon)
// An episode without one (no reward, a reward that is not finite, or finish reason error) is left out of mean and
// deviation, gets advantage 0 and a loss_mask of zeros. Where all usable rewards of a group are equal, or fewer than two,
// advantages are exactly 0 and masks stay. Results do not depend, to the last bit, on the order of groups or of samples
// within them.
//
// normalize_then_sum (GDPO, as TRL computes it) does this for every score k of weight w_k that counts, over the
// usable samples of the group to which it applies (counted_value), and divides by the spread of the whole batch:
//   x = sum_k w_k (v_k - mean_k) / (std_k + epsilon)        A = x / (std(x) + epsilon)
// A score that is equal in all samples of the group, or applies to fewer than two, adds exactly 0. The mean of x
// over the batch, which TRL subtracts, is 0 in every group, so that rounding is all it could add.
//
// kLeaveOneOut, of n usable samples: A = r - mean of the n - 1 others = n / (n - 1) (r - mean).
// kBatch: the return of a token is the sample's reward, less what KL the tokens from it on cost (gamma = 1). Over the
// trained tokens of all usable samples:  A_t = (R_t - mean) / (std + epsilon); exactly 0 where all returns are equal.
// kGroupThenBatch: the same of R_t = r - mean of its group, KL included in r. Groups with fewer than two usable rewards
// stay out and have advantage 0. Groups of equal rewards have R = 0, which the batch's mean over tokens may move.
//
// With kl_coef the reward is r - kl_coef * sum over trained tokens of kl_t, from Episode::old_logprobs and ref_logprobs;
// Episode::reward stays what the rubric said. An episode whose KL is not finite has no usable reward.
AdvantageStats assign_advantages(std::vector<Group>& groups, const AdvantageOptions& options);

// Whether the group's rewards have anything to teach, before any KL: some sample of it would get an advantage that is
// not 0; with kBatch, some sample has a usable reward.
bool informative(const Group& group, const AdvantageOptions& options);

// Zeroes the loss_mask of every truncated episode (TRL's mask_truncated_completions). Their rewards still
// count in their group. Call it before assign_advantages, so that what is whitened over trained tokens, and KL in the
// reward, are of the tokens that stay. Returns how many had tokens to mask.
int64_t mask_truncated_completions(std::vector<Group>& groups);

}  // namespace grpo

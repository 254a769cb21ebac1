#pragma once
// KL to the reference as a part of the reward: what a completion has strayed is taken off what it earned
// (use_kl_in_reward; PPO's way, RLOO's and REINFORCE++'s).

#include <vector>

#include "core/types.h"
#include "grpo/kl_estimator.h"

namespace grpo {

// KL of each completion id from Episode::old_logprobs and ref_logprobs, 0 where it is not trained on. Both must be there
// if any token is.
std::vector<double> reward_kl(const Episode& episode, KlEstimator estimator);

}  // namespace grpo

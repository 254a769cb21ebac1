#pragma once
// Rollouts: problems of the training stream sampled into groups, scored, and given advantages (before KL in the reward,
// for which their tokens have to be scored first). With dynamic sampling
// (DAPO, arXiv 2503.14476, section 3.2) groups that teach nothing are replaced by groups of the next problems.

#include <cstdint>
#include <functional>
#include <vector>

#include "core/types.h"
#include "grpo/scored_rollout.h"
#include "grpo/step_times.h"
#include "grpo/trainer_options.h"
#include "policy/io/tokenizer.h"
#include "policy/policy.h"
#include "rewards/rubric.h"
#include "rewards/scoring_pool.h"
#include "rollout/engine.h"

namespace grpo {

// The n-th problem of the endless training stream, with prompt_ids.
using DrawProblem = std::function<Problem(int64_t n)>;

// Whether the policy gave no sample of the group: its logits are not finite.
bool all_failed(const Group& group);

// The groups of a rollout that optimizer step `step` (counted from 0, over the whole run) learns from: an equal share of
// them for each of the steps_per_generation steps of a pass. They stay the rollout's.
std::vector<Group*> step_share(std::vector<Group>& rollout, int64_t step, int64_t steps_per_generation);

class Collector {
 public:
  // Policy, tokenizer and rubric must outlive it.
  Collector(const Policy& policy, const Tokenizer* tokenizer, const Rubric& rubric, const TrainerOptions& options,
            uint64_t seed);

  struct Rollout {
    std::vector<Group> groups;  // prompts_per_step * steps_per_generation, or fewer where dynamic sampling found fewer
    bool failed = false;        // every sample of its last round had logits that are not finite
    Json metrics;               // of rewards and lengths: of everything that was sampled, dropped groups included
  };
  // The rollout that begins with optimizer step `step`, whose number tells its random streams apart. `times` gets
  // generate, and score: what was waited for scores after generation. Throws Error where a reward fails too often
  // (grpo/reward_errors.h), and what Engine::generate throws.
  Rollout collect(const DrawProblem& draw, int64_t step, StepTimes& times);

  int64_t problems_drawn() const { return problems_drawn_; }
  void set_problems_drawn(int64_t n) { problems_drawn_ = n; }

 private:
  ScoredRollout sample_round(const DrawProblem& draw, int64_t num_groups, int64_t step, int64_t round);

  const Rubric& rubric_;
  const TrainerOptions options_;
  const uint64_t seed_;
  Engine engine_;
  ScoringPool pool_;
  int64_t problems_drawn_ = 0;
};

}  // namespace grpo

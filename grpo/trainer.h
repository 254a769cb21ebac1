#pragma once
// One GRPO training step after another: problems are sampled into groups, scored, turned into advantages, packed, and
// learnt from (DeepSeekMath, arXiv 2402.03300, algorithm 1). The policy is its caller's and is updated in place.
//
// A rollout serves steps_per_generation * num_iterations optimizer steps. Random streams are functions of the seed and
// of the counters that save() writes, and a rollout in use is saved with them, so a restored trainer goes on bit for
// bit from any step. A step that is given up by TrainerOptions::stop_request (Cancelled, out of step(), collect() or
// learn()) leaves the trainer as it was before it, or after its rollout: it can be saved, and the step taken again.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "grpo/collector.h"
#include "grpo/learner.h"
#include "grpo/step_times.h"
#include "grpo/trainer_options.h"
#include "policy/io/tokenizer.h"
#include "policy/policy.h"
#include "rewards/rubric.h"

namespace grpo {

class Trainer {
 public:
  // Policy and tokenizer must outlive the trainer. Reference and Errors: as of Learner.
  Trainer(Policy& policy, const Tokenizer* tokenizer, Rubric rubric, TrainerOptions options, uint64_t seed,
          std::optional<Policy> reference = {});

  // One optimizer step: collect(), learn() and stop_if_stuck(). Returns the metrics of all, times included.
  Json step(const DrawProblem& draw);

  // Makes sure that there is a rollout for the next step: samples and scores one if the last is used up, and scores its
  // tokens (Learner::score_tokens). Returns the rollout's metrics, or an empty object after its first step. With
  // dynamic_sampling a rollout may end with fewer groups than it should have (even none): its steps share what there
  // is, and denominators are those of the samples used. Metrics of rewards and lengths are of all samples;
  // rollout/groups, rollout/filtered_groups and rollout/rounds say how many groups are used, how many were dropped and
  // how often was sampled.
  Json collect(const DrawProblem& draw);
  // The same with groups that were sampled and scored elsewhere: where the next step needs a rollout, it is what `make`
  // returns. What depends on the options or on the weights is found anew: truncated completions are masked, and
  // advantages and log-probabilities that the groups may have are replaced. Counts no problems as drawn.
  Json collect_from(const std::function<Collector::Rollout()>& make);

  // Learns from the rollout's share of the next step and counts it. A step whose loss or gradients are not finite, or
  // whose samples all failed for logits that are not, leaves the weights as they are and is counted as skipped. A step
  // without any token to train on leaves the weights as they are too. Not before collect().
  Json learn();
  // Whether the last learn() was skipped.
  bool skipped() const { return skipped_in_a_row_ > 0; }
  // Throws Error if nonfinite_steps_max steps in a row were skipped. `dump`: where the last one was saved, or "".
  void stop_if_stuck(const std::string& dump) const;

  // Learner::probe with completions as long as they may be, and prompts of `prompt_tokens`.
  int64_t probe(int64_t prompt_tokens) { return learner_.probe(prompt_tokens, options_.sampling.max_tokens); }

  // Seconds since construction or the last call, by parts: step_time, time/generate, time/score (what was waited for
  // scores after generation), time/logprobs, time/train and time/other, which together are step_time. The caller may
  // add parts of its own (saving, evaluation) before.
  StepTimes& times() { return times_; }

  int64_t steps_done() const { return steps_done_; }
  // True where the next step begins with a rollout.
  bool at_rollout_boundary() const;
  // The groups of the rollout in use, scored and with advantages; without those that dynamic sampling dropped.
  const std::vector<Group>& groups() const { return groups_; }
  // Those of them that the next learn() will learn from.
  std::vector<Group*> groups_of_step();

  // Writes everything needed to go on into an existing directory: also the rollout, where it is not used up. restore
  // reads it into a trainer of the same options.
  void save(const std::string& directory) const;
  // What save() would have written before the last learn(), which was skipped: the batch that went wrong, with the
  // weights it went wrong with.
  void save_skipped(const std::string& directory) const;
  void restore(const std::string& directory);

 private:
  void use(Collector::Rollout rollout);
  void write_state(const std::string& directory, int64_t steps_done, bool with_rollout) const;

  const Rubric rubric_;
  const TrainerOptions options_;
  Learner learner_;
  Collector collector_;
  StepTimes times_;
  // The rollout in use.
  std::vector<Group> groups_;
  bool rollout_ready_ = false;   // groups_ are for the next step
  Json rollout_metrics_ = Json::object();  // until its first step is done
  bool rollout_failed_ = false;  // every sample of its last round had logits that are not finite
  int64_t steps_done_ = 0;
  int64_t skipped_steps_ = 0;
  int64_t skipped_in_a_row_ = 0;
};

}  // namespace grpo

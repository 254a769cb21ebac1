#pragma once
// Tells when a policy learns to please a model that rewards it and forgets what a rule can check: the model's reward rises
// while accuracy falls (arXiv 2501.12948, B.5). A stage of type rl has it wherever a reward `model` or `judge` with a
// positive weight stands behind a first reward that is neither.
//
// At every evaluation the accuracy is compared with the best one of the stage so far, and each model's reward with what it
// was then. The alarm holds while
//   - accuracy is below the best by 0.03 or more, and by more than two standard errors of the difference, and
//   - the reward of one of the models is above its value at the best by more than two standard errors of the difference.
// A model's reward at an evaluation is its mean over the groups sampled since the evaluation before (at least 8, and of more
// than one evaluation where that takes more), a group counting as one value, for its samples answer one question. What the
// first evaluation is compared by are the first groups behind it, for none stand before.
//
// Without evaluations during the stage accuracy is that of the rollouts themselves, the share of samples that the first
// reward scores 1, taken every 10 rollouts or more (64 groups at least). It says less: a curriculum or a mixture changes it
// as well.
//
// The best of many evaluations stands above its own mean by chance, so over a long stage a policy that stands still comes
// near the limit now and then; hold it against the two curves.
//
//   "on_reward_hacking": "warn" (default): the metric alarm/reward_hacking, 0 or 1, with every evaluation, one line on
//                        stderr when it first holds, and "alarms" in what the stage leaves
//                        "stop": the stage ends there with an Error that names the best evaluation, and ends so again
//                        when it is resumed

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/types.h"
#include "rewards/rubric.h"

namespace grpo {

struct RewardHackingOptions {
  bool watched = false;         // whether there is a model's reward, and a rule to hold it against
  bool by_evaluations = false;  // else by rollouts
  bool stop = false;
};

// Reads on_reward_hacking of a stage of type rl, and looks at its rewards, eval and dynamic_sampling (rollouts of which only
// groups with different rewards are kept say nothing of accuracy). Throws Error for on_reward_hacking where nothing is watched.
RewardHackingOptions read_reward_hacking_options(ObjectReader& reader);

// Mean and spread of values that come one by one.
struct RunningMean {
  int64_t count = 0;
  double mean = 0.0;
  double squares = 0.0;  // sum of squared distances from the mean (Welford)

  void add(double value);
  double standard_error() const;  // of the mean; 0 for less than two values
};

class RewardHackingAlarm {
 public:
  // `rewards`: labels of the models' rewards.
  RewardHackingAlarm(std::vector<std::string> rewards, const RewardHackingOptions& options);
  // Of the rubric's; none where the options watch nothing.
  static std::optional<RewardHackingAlarm> of(const Rubric& rubric, const RewardHackingOptions& options);

  const RewardHackingOptions& options() const { return options_; }

  // The scored groups of a rollout, whose samples have a score per item of the rubric.
  void add(const Rubric& rubric, const std::vector<Group>& groups);
  // The same, as numbers: what each model's reward (by its place in `rewards`) was in a group, NaN where it did not apply;
  // `accuracy` is the share of the group's samples that the rule says are right, NaN where it judged none.
  void add_group(const std::vector<double>& rewards, double accuracy);

  // By evaluations: after `step` steps, an accuracy with its standard error. Returns whether the alarm holds. An accuracy
  // that is NaN says nothing.
  bool evaluated(int64_t step, double accuracy, double accuracy_stderr);
  // By rollouts: one has been added, and `step` steps are done. Whether the alarm holds, where there was enough to judge by.
  std::optional<bool> rollout_done(int64_t step);

  // Each time that it began to hold: {"alarm": "reward_hacking", "step", "reward" (label), "reward_mean", "reward_at_best",
  // "accuracy", "accuracy_stderr", "best_step", "best_accuracy", "best_accuracy_stderr", "by": "evaluations" | "rollouts"}.
  const Json& alarms() const { return alarms_; }
  // One of them in words.
  static std::string text(const Json& alarm);

  // All that later answers depend on; the same answers follow from it.
  Json state() const;
  void restore(const Json& state);

 private:
  struct Point {
    int64_t step = 0;
    double accuracy = 0.0, accuracy_stderr = 0.0;
    std::vector<RunningMean> rewards;
  };
  std::optional<size_t> risen(double accuracy, double accuracy_stderr) const;

  std::vector<std::string> rewards_;
  RewardHackingOptions options_;
  std::vector<RunningMean> since_;  // per reward: groups since the last evaluation that had enough
  RunningMean accuracy_;            // by rollouts: of the groups since then
  int64_t rollouts_ = 0;            // likewise
  std::optional<Point> best_;
  bool holds_ = false;
  Json alarms_ = Json::array();
};

}  // namespace grpo

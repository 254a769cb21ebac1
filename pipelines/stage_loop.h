#pragma once
// The loop that every training stage runs: resume, evaluate, step, log, checkpoint, stop when told to. What differs
// between stages are the functions.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/metrics_writer.h"
#include "core/progress.h"
#include "grpo/step_times.h"
#include "pipelines/reward_hacking_alarm.h"
#include "pipelines/stage.h"
#include "rewards/rubric.h"

namespace grpo {

struct StageLoop {
  std::function<Json()> step;  // one optimizer step; its metrics, without times
  StepTimes* times = nullptr;  // of the parts of a step; the loop adds "save" and "evaluate" and reports
  std::function<void(const std::string& directory)> save;
  std::function<void(const std::string& directory)> restore;
  std::function<void(MetricsWriter&, int64_t line)> write_episodes = {};
  std::function<ProgressMetrics(const Json& metrics)> shown;
  std::function<std::string(const Json& metrics)> warning = {};  // about the step; empty: none
  bool eval_at_start = false;
  // Is told every evaluation, is kept in checkpoints, and speaks once; where it says stop, the stage ends in an Error. Its
  // rollouts are told by `step`. Null: nothing is watched.
  RewardHackingAlarm* alarm = nullptr;
};

// A number of metrics as written to files, where NaN is null: for the screen.
double number_of(const Json& metrics, const char* key);

// Runs the stage to its end, from its newest checkpoint if there is one, and returns its history of evaluations. A
// line's times are those since the line before, so that a save counts in the line after it. Throws Interrupted, with
// a checkpoint saved, where the process was told to stop (pipelines/interruption.h); an evaluation is given up for that,
// and made anew by the run that goes on. Throws Error, with a checkpoint saved, where the alarm stops the stage.
Json run_loop(const StageContext& context, const Policy& policy, const StageLoop& loop,
              const std::vector<Problem>& problems, const std::optional<Rubric>& rubric);

}  // namespace grpo

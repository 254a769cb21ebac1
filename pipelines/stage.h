#pragma once
// What the stages of a run share: where they write, how they evaluate, how they keep checkpoints.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/metric_names.h"
#include "core/metrics_writer.h"
#include "grpo/evaluate.h"
#include "pipelines/checkpoints.h"
#include "pipelines/curriculum.h"
#include "pipelines/data.h"
#include "pipelines/policy_source.h"
#include "pipelines/recipe.h"

namespace grpo {

// The recipe's "eval" object:
//   {"num_problems": 256, "steps": 20, "num_samples": 1, "temperature": 1.0, "top_p": 1.0, "top_k": 0,
//    "max_completion_length": 256}
// Problems come from data.eval; correct is what the stage's first reward scores 1.
struct StageEval {
  int64_t steps = 0;         // optimizer steps between evaluations; 0: only at the start (rl) and the end
  int64_t num_problems = 0;  // 0: all of the file
  EvalOptions options;
};

// What a stage's options say beside what its trainer reads for itself.
struct StagePlan {
  StageSpec spec;
  std::optional<StageEval> eval;
  Json rewards;  // the rubric's list, for rl and for evaluation
  CheckpointPolicy checkpoints;
  MetricNames metric_names = MetricNames::kTrl;  // "metric_names": under which metrics.jsonl and TensorBoard have them
  int64_t log_episodes = 16;  // episodes per rollout written to episodes.jsonl
  int64_t max_steps = 0;  // 0: as many as num_train_epochs make of the data
  double num_train_epochs = 0.0;  // sft; 0: max_steps says
  int64_t steps_per_rollout = 1;  // optimizer steps that share a rollout
  int64_t max_completion_length = 0;
  int64_t rollout_draws = 0;      // problems that a rollout takes; of a supervised stage, samples of a step
  std::optional<DifficultyOptions> difficulty = std::nullopt;  // rl: "difficulty" (pipelines/curriculum.h)
};

struct StageLengths;  // pipelines/stage_memory.h

// Where a running stage stands and writes.
struct StageContext {
  const Recipe& recipe;
  const StagePlan& plan;
  const PolicySource& source;
  std::string directory;    // OUT/stages/NN-NAME
  int64_t step_offset = 0;  // of this stage's step 0 in metrics.jsonl
  std::string metrics_path;
  std::string tensorboard;  // folder of event files beside it
  std::string episodes_path;
  std::string rewards_log;  // where rewards say what is none of their verdicts' business (OUT/rewards.log)
  std::shared_ptr<Judge> judge = nullptr;  // of rewards that run code; null: there is none
  std::optional<at::Device> device = std::nullopt;  // of the run, for what a stage loads beside its policy
  int64_t planned_memory = 0;  // bytes; each line of metrics sets it beside what was taken so far
  // rl, --debug train-only: learns from these (pipelines/saved_rollouts.h), one after the other. Empty: it samples.
  std::vector<std::string> rollouts = {};

  // The same stage with another plan, which must outlive it.
  StageContext with(const StagePlan& other) const;
};

// Runs the stage on `policy` (already loaded), from where it stopped if it was begun before, and returns what its manifest
// says of it: "steps" (lines of metrics beside its first), "eval" (its history of evaluations), and what is its own.
// Progress to stderr. Throws Interrupted where the process was told to stop.
Json run_sft_stage(const StageContext& context, Policy& policy);
Json run_rl_stage(const StageContext& context, Policy& policy);
Json run_reject_stage(const StageContext& context, Policy& policy);  // pipelines/reject_stage.h
// Those of reward models, distillation and evaluation are in pipelines/reward_model_stage.h, distill_stage.h and eval_stage.h.
// --debug rollout-only: samples and scores the rollouts of all steps with the policy as it is, and learns nothing. They
// go to the stage's rollouts/ (pipelines/saved_rollouts.h), their metrics and samples where the stage itself writes
// them; those that are there already are not sampled again. Returns their paths. Throws Cancelled where the process was
// told to stop.
std::vector<std::string> run_rollouts(const StageContext& context, const Policy& policy);

// What a stage leaves open and the model decides: max_completion_length is a quarter of the context, at most
// 1024.
void set_context_defaults(StageSpec& spec, const ModelConfig& config);
// The stage with max_steps said in numbers, where it said num_train_epochs.
StageSpec with_max_steps(StageSpec spec, int64_t max_steps);
// The context's plan with its num_train_epochs over a set of this many samples as optimizer steps, the last one full.
// Throws Error for an endless set (0).
StagePlan with_steps(const StageContext& context, int64_t num_samples);
// Reads every key of a stage but those inside data and rewards. Throws Error.
StagePlan plan_stage(const Recipe& recipe, const StageSpec& spec);
// The same, and builds its data sources and rubric (with `judge`, which may be null); describes the stage, a stage of
// type rl with its "loss" (grpo/loss_knobs.h), and sets how long its samples are. Throws Error, also where the host lacks
// what judging the problems takes (Reward::check_host).
Json check_stage(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                 const std::shared_ptr<Judge>& judge, StageLengths& lengths);

}  // namespace grpo

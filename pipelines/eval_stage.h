#pragma once
// The stage "eval": models against sets of problems.
//
//   {"name": "final", "stage": "eval", "models": ["base", "reasoning", "all", "student"], "num_samples": 16,
//    "sets": [...], "max_completion_length": 32768}
//
//   models   "base" (of "policy"), earlier stages that leave a policy, names of "policies" (their base), checkpoint
//            directories. Default: what the last stage before it has left, else the base
//   sets     pipelines/eval_sets.h
//   log_completions   true (default): samples.jsonl is written
//   metric_names      as of "rl"
//
// Every model gets the same problems with the same random streams, one model after the other. A stopped stage goes on with
// the next step's problems. It leaves OUT/stages/NN-NAME/data/:
//
//   results.json   {"stage", "results": [{"model", "set", "accuracy" (pass@1), "accuracy_stderr", "pass@2", "pass@4", ...,
//                  "cons@N" (majority of all N samples), "reward", "completions/mean_length", "completions/clipped_ratio",
//                  "num_problems", "num_samples", "num_unjudged", and the set's "temperature", "top_p",
//                  "max_completion_length"}]}
//   samples.jsonl  {"model", "set", "problem", "answer", "samples": [{"completion", "correct", "vote", "reward", "length",
//                  "truncated", "seed"}]}, correct null where the first reward could not judge

#include <string>

#include "pipelines/stage.h"
#include "pipelines/stage_memory.h"
#include "pipelines/stage_policy.h"

namespace grpo {

// What the stage's keys say for the plan; the rest is checked too. Throws Error naming the key.
void read_eval_plan(const Recipe& recipe, ObjectReader& reader, StagePlan& plan);

// Reads the sets as the first model sees them, with their rewards; returns {"models": [...], "sets": [{"name", "problems",
// "num_samples"}]}, and sets how long prompts are. Throws Error.
Json check_eval(const Recipe& recipe, const StagePlan& plan, const PolicySource& source, const std::shared_ptr<Judge>& judge,
                StageLengths& lengths);

// What sampling the most demanding set takes.
void add_eval_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, StageSize& size);

// Loads and samples model after model. dtype: overrides the recipe's and the checkpoints'. Returns {"steps"}. Throws Error,
// Cancelled where the process was told to stop.
Json run_eval_stage(const StageContext& context, std::optional<at::ScalarType> dtype);

// Writes results.json and samples.jsonl of a stage whose steps are all sampled into an existing directory. Returns {"eval": results}.
Json write_eval_results(const StageContext& context, const std::string& directory);

}  // namespace grpo

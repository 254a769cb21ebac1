#pragma once
// Running a recipe from start to finish, or from where it stopped.
//
//   OUT/ recipe.json  metrics.jsonl  episodes.jsonl  summary.json
//        tensorboard/ (the numbers of metrics.jsonl as event files)
//        rewards.log (what plug-in rewards wrote to stderr)
//        stages/01-NAME/{checkpoint-000200/, model/ (a Hugging Face directory), adapter/ (PEFT, where the
//                        recipe trains adapters: model/ then has them merged in)}

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

struct RunOptions {
  std::string device = "auto";  // auto, cpu, cuda
  std::string dtype = "";       // overrides the recipe's and the checkpoint's; empty: do not
  bool ignore_memory_plan = false;  // run even where the plan says that the device is too small
};

// Validates a recipe without weights in memory: every key of every stage, data files and columns, checkpoint names and
// shapes, tokenizer against model, every reward with the files of its plug-ins; where rewards run code, that the sandbox
// starts and that the languages of the problems are installed. Returns a description of what would run (parameters,
// steps, data sizes, "sandbox" where there is one), one object per stage, each with its "memory"
// (grpo/trainer_memory.h) on options.device, which need not be here; "free_bytes" in it says what is free where it is.
// Throws Error at the first thing wrong, not for a plan that does not fit.
Json check_recipe(const std::string& path, const std::vector<std::string>& overrides,
                  const RunOptions& options);

// Runs the recipe into `out`, resuming if the directory holds an unfinished run of the same recipe: finished
// stages are skipped, the running one goes on from its last checkpoint, bit for bit on the same machine.
// Throws Error before anything is written if check_recipe would, if a stage needs more than the GPU has free, or if
// `out` holds a different recipe.
// Throws Interrupted (pipelines/interruption.h) where SIGINT or SIGTERM told it to stop; the unfinished run is saved.
// Progress goes to stderr. Returns the run's summary (also OUT/summary.json).
Json run_recipe(const std::string& path, const std::vector<std::string>& overrides, const std::string& out,
                const RunOptions& options);

}  // namespace grpo

#pragma once
// Running a recipe from start to finish, or from where it stopped.
//
//   OUT/ recipe.json  metrics.jsonl  episodes.jsonl  summary.json
//        tensorboard/ (the numbers of metrics.jsonl as event files)
//        rewards.log (what plug-in rewards wrote to stderr)
//        stages/01-NAME/{checkpoint-000200/, model/ (a Hugging Face directory), adapter/ (PEFT, where the
//                        recipe trains adapters: model/ then has them merged in), rollouts/ (--debug)}

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

// One half of a stage of reinforcement learning, to look at it without the other. Both halves together do, bit for bit,
// what a step of the stage does where the rollout is of the weights that learn from it. A recipe's supervised stages
// before are run as ever; the run ends with its first stage of type "rl" that is not finished.
enum class DebugMode {
  kNone,
  // Samples and scores a rollout for every step that would begin with one, all of them with the policy that the stage
  // starts from, and keeps them below OUT/stages/NN-NAME/rollouts (pipelines/saved_rollouts.h). Takes no optimizer step,
  // evaluates nothing, and makes no optimizer and no reference.
  kRolloutOnly,
  // Learns from saved rollouts, one after the other, until there are no more or max_steps are done. Samples nothing,
  // which evaluation would, and leaves checkpoints and a model as the stage does.
  kTrainOnly,
};

struct RunOptions {
  std::string device = "auto";  // auto, cpu, cuda
  std::string dtype = "";       // overrides the recipe's and the checkpoint's; empty: do not
  bool ignore_memory_plan = false;  // run even where the plan says that the device is too small
  DebugMode debug = DebugMode::kNone;
  // kTrainOnly: folder of rollouts, or one rollout; empty: those that kRolloutOnly has left in the same OUT.
  std::string rollouts = "";
};

// Validates a recipe without weights in memory: every key of every stage, data files and columns, checkpoint names and
// shapes, tokenizer against model, every reward with the files of its plug-ins; where rewards run code, that the sandbox
// starts and that the languages of the problems are installed. Returns a description of what would run (parameters,
// steps, data sizes, "sandbox" where there is one), one object per stage, those of type rl with their "loss": every knob
// with the value that presets and defaults give it (grpo/loss_knobs.h), and each with its "memory"
// (grpo/trainer_memory.h) on options.device, which need not be here; "free_bytes" in it says what is free where it is.
// Throws Error at the first thing wrong, not for a plan that does not fit.
Json check_recipe(const std::string& path, const std::vector<std::string>& overrides,
                  const RunOptions& options);

// Runs the recipe into `out`, resuming if the directory holds an unfinished run of the same recipe: finished
// stages are skipped, the running one goes on from its last checkpoint, bit for bit on the same machine.
// Throws Error before anything is written if check_recipe would, if a stage needs more than the GPU has free, or if
// `out` holds a different recipe. A debugging run has an OUT that no other run goes on in: it holds a debug.json.
// Throws Interrupted (pipelines/interruption.h) where SIGINT or SIGTERM told it to stop; the unfinished run is saved.
// Progress goes to stderr. Returns the run's summary (also OUT/summary.json).
Json run_recipe(const std::string& path, const std::vector<std::string>& overrides, const std::string& out,
                const RunOptions& options);

}  // namespace grpo

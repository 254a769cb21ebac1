#pragma once
// One optimizer step again, from what a run has saved of it, without taking it: loss, metrics and gradients to look at.

#include <string>
#include <vector>

#include "core/json.h"
#include "policy/io/safetensors.h"

namespace grpo {

struct ReplayOptions {
  // A checkpoint folder of a run (stages/NN-NAME/checkpoint-000123, or below skipped/) that was saved in the middle of
  // a rollout; or, with `model`, a rollout alone: a folder (grpo/rollout_file.h) or a file (pipelines/batch_file.h).
  std::string batch;
  std::string model = "";  // checkpoint directory of the weights; empty: those of the run that `batch` lies in
  // "key=value" in place of the stage's own options ("epsilon=0.1"); with `model`, all there is beside the defaults.
  std::vector<std::string> overrides = {};
  std::string device = "auto";
  std::string dtype = "";  // of the weights; empty: the recipe's, else the checkpoint's
  bool gradients = false;  // keep all of them, not only what is said of them
};

struct Replay {
  // {"step", "groups", "sequences", "tokens", "finite", "metrics": as in metrics.jsonl,
  //  "gradients": [{"name", "norm", "max", "nonfinite"}, ...] of the clipped gradients, in the policy's order}
  Json report;
  std::vector<NamedTensor> gradients;  // clipped, in the master's dtype; empty unless asked for
};

// Advantages are computed anew from the rewards that the batch holds, so that options about them may be changed too; log-probabilities
// that the batch holds (behaviour, old, reference) are taken as they are. Writes nothing. Throws Error for a batch that
// is damaged, was saved where no rollout was in use, or does not fit the model, and for options that are none.
Replay replay_step(const ReplayOptions& options);

}  // namespace grpo

#pragma once
// The checkpoints of a stage: folders checkpoint-000123 (optimizer steps done), each whole or not there at all
// (core/atomic_directory.h).

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace grpo {

// How a stage checkpoints. Beside these a stage that is told to stop saves one.
struct CheckpointPolicy {
  int64_t save_steps = 0;        // optimizer steps between two; 0: only the finished model
  int64_t save_total_limit = 2;  // newest kept
  bool save_model = true;        // false: the stage leaves metrics and no model (benchmarks)
};

std::string checkpoint_path(const std::string& directory, int64_t step);

// Step and folder of a stage's checkpoints, newest first: from the newest that verifies on.
std::vector<std::pair<int64_t, std::string>> usable_checkpoints(const std::string& directory);

// Writes `fill`'s files as the checkpoint of `step`, `info` in its manifest, and then removes all but the newest
// `keep`. Throws Error (a full disk, a folder that cannot be written), with every earlier checkpoint as it was.
void save_checkpoint(const std::string& directory, int64_t step, int64_t keep, const Json& info,
                     const std::function<void(const std::string& path)>& fill);

// Removes them all, damaged ones and those that somebody was killed over while removing them included.
void remove_checkpoints(const std::string& directory);

}  // namespace grpo

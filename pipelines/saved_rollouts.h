#pragma once
// The rollouts that `grpo run --debug rollout-only` leaves and `--debug train-only` learns from: folders rollout-000000,
// numbered by the optimizer step that would begin with them, each in the format of grpo/rollout_file.h. What a rollout
// is before its tokens are scored: `grpo replay FOLDER --model DIR` reads one too.

#include <cstdint>
#include <string>
#include <vector>

#include "grpo/collector.h"

namespace grpo {

std::string rollout_path(const std::string& directory, int64_t step);

// Its path within the run's folder, whole or not there at all. `problems_drawn`: from the stream, this rollout included.
void save_rollout(const std::string& path, const Collector::Rollout& rollout, const std::string& stage, int64_t step,
                  int64_t problems_drawn);

// Reads it, or any other folder of grpo/rollout_file.h, which then has no metrics. Throws Error as read_rollout does.
Collector::Rollout load_rollout(const std::string& path);
// The problems that were drawn up to the end of it. Throws Error as read_rollout does.
int64_t problems_drawn_with(const std::string& path);

// The rollouts in a folder, in order; the folder itself where it is one. Throws Error where there is none.
std::vector<std::string> list_rollouts(const std::string& directory);

}  // namespace grpo

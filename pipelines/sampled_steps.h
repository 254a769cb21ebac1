#pragma once
// The steps of a stage that samples and trains nothing (reject, eval): what a step has sampled is a file below the stage's
// sampled/, whole or not there, so a stopped stage goes on with the first step that has none.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/progress.h"
#include "pipelines/stage.h"

namespace grpo {

struct SampledStep {
  std::string lines;       // what its file is to hold
  Json metrics;            // of the step, for metrics.jsonl
  ProgressMetrics shown;  // beside the bar
};

// How many steps of the stage in `directory` are on the disk; also makes the folder, and clears what was cut off.
int64_t begin_sampled_steps(const std::string& directory);

// Takes steps done .. steps - 1, in order: each writes its file, then its line of metrics. The line of step done - 1 is written
// anew, since a run may have been killed before it. Progress to stderr.
void run_sampled_steps(const StageContext& context, int64_t done, int64_t steps,
                       const std::function<SampledStep(int64_t step)>& take);

// The files of all steps on the disk, in order.
std::vector<std::string> sampled_files(const std::string& directory);

// Removes what a finished stage has left in the middle.
void remove_sampled(const std::string& directory);

}  // namespace grpo

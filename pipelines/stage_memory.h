#pragma once
// The memory plan of a recipe's stage (grpo/trainer_memory.h), set beside what the device has and,
// afterwards, beside what was taken.

#include <string>

#include "grpo/trainer_memory.h"
#include "pipelines/policy_source.h"
#include "pipelines/recipe.h"

namespace grpo {

// Token counts of the longest samples a stage will meet, as far as check_stage looked (256 of an endless
// set).
struct StageLengths {
  int64_t prompt = 1;
  int64_t completion = 1;  // supervised stages; others have max_completion_length
  int64_t eval_prompt = 1;
  int64_t eval_problems = 0;
};

// dtype: of the policy. Throws Error where the stage's options are wrong.
MemoryPlan plan_stage_memory(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                             const StageLengths& lengths, at::ScalarType dtype, at::DeviceType device);

// "61.9 GiB", or MiB below one.
std::string size_text(int64_t bytes);

// One line and the table, for people. `free`: bytes free on the device, 0 where unknown.
std::string memory_text(const std::string& stage, const MemoryPlan& plan, int64_t free);

// Throws Error, with what would make it smaller, if the plan needs more than `free` bytes (0: unknown).
void check_memory(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                  const MemoryPlan& plan, int64_t free);

}  // namespace grpo

#pragma once
// The problems and rewards of a stage, for training it and for checking it.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/types.h"
#include "pipelines/data.h"
#include "pipelines/stage.h"
#include "pipelines/stage_memory.h"
#include "rewards/rubric.h"

namespace grpo {

// Of a stage's random streams: two stages of a run never see the same random numbers.
uint64_t stage_seed(const Recipe& recipe, const StageSpec& spec);
// Of evaluation: of the run, not of the stage, so that every stage is judged on the same problems with the same draws.
uint64_t eval_seed(const Recipe& recipe);

struct StageData {
  std::optional<ProblemSource> train;  // always there
  std::optional<ProblemSource> eval;   // where the stage evaluates
};

// Reads and tokenises both. Throws Error.
StageData load_data(const Recipe& recipe, const StagePlan& plan, const PolicySource& source);
// None where the stage does not evaluate.
std::vector<Problem> eval_problems(const StagePlan& plan, const StageData& data);

// How long samples are: of the first ones that the stage draws, all of a small set, 256 of a large or endless one.
StageLengths longest_samples(const StagePlan& plan, const StageData& data, const Tokenizer& tokenizer);

Rubric stage_rubric(const Recipe& recipe, const StagePlan& plan, const RewardContext& context);
Rubric stage_rubric(const StageContext& context);

}  // namespace grpo

#pragma once
// The problems and rewards of a stage, for training it and for checking it.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/types.h"
#include "pipelines/data.h"
#include "pipelines/mixture.h"
#include "pipelines/model_reward.h"
#include "pipelines/stage.h"
#include "pipelines/stage_memory.h"
#include "rewards/rubric.h"

namespace grpo {

// Of a stage's random streams: two stages of a run never see the same random numbers.
uint64_t stage_seed(const Recipe& recipe, const StageSpec& spec);
// Of evaluation: of the run, not of the stage, so that every stage is judged on the same problems with the same draws.
uint64_t eval_seed(const Recipe& recipe);

struct StageData {
  std::optional<Mixture> train;        // always there
  std::optional<ProblemSource> eval;   // where the stage evaluates
};

// Reads and tokenises both. Throws Error.
StageData load_data(const Recipe& recipe, const StagePlan& plan, const PolicySource& source);
// Tells of "decontaminate", where the data has it: "contaminated": {"rows": how many were left out, "sets": {PATH: of them}}.
void add_contaminated(const StageData& data, Json& told);
// None where the stage does not evaluate. They count as problems of the first part of data.train, which is the one that a
// rubric's "sources" then has to judge.
std::vector<Problem> eval_problems(const StagePlan& plan, const StageData& data);

// How long samples are: of the first ones that the stage draws, all of a small set, 256 of a large or endless one.
StageLengths longest_samples(const Recipe& recipe, const StagePlan& plan, const StageData& data, const Tokenizer& tokenizer);

// What a stage reads its training data for.
DataUse data_use(const Recipe& recipe, const StageSpec& spec);

// With the reward `model` (pipelines/model_reward.h), as `models` say but for their directories, which are those of the
// run's stages where they have such names.
Rubric stage_rubric(const Recipe& recipe, const StagePlan& plan, RewardContext context, ModelRewardSettings models);
Rubric stage_rubric(const StageContext& context);

}  // namespace grpo

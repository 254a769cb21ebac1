#pragma once
// The problems that a stage of reinforcement learning draws from: its data, or what "difficulty"
// (pipelines/curriculum.h) makes of it.

#include <optional>

#include "grpo/trainer_options.h"
#include "pipelines/curriculum.h"
#include "pipelines/stage.h"
#include "pipelines/stage_data.h"
#include "policy/policy.h"
#include "rewards/rubric.h"

namespace grpo {

// None where the stage asks for no difficulty. Where that is measured, `policy` is sampled, and the result is kept as
// difficulty.json in the stage's folder, so that a resumed run trains on the same problems:
// {"pass_rates": [one per problem, null where no sample could be judged]}. Throws Error where nothing is left to train
// on, Cancelled where TrainerOptions::stop_request asks while problems are measured; what was measured is then lost.
std::optional<Curriculum> make_curriculum(const StageContext& context, const TrainerOptions& options,
                                          const Policy& policy, const Rubric& rubric, const StageData& data);

}  // namespace grpo

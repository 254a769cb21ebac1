#pragma once
// The policy a stage starts from: the base of the recipe, or what an earlier stage of the run has left.

#include <optional>
#include <string>

#include "grpo/trainer_options.h"
#include "pipelines/policy_source.h"
#include "pipelines/recipe.h"
#include "policy/policy.h"

namespace grpo {

// OUT/stages/NN-NAME of the index-th stage.
std::string stage_directory(const std::string& out, size_t index, const std::string& name);

// Its checkpoint directory; none: weights from scratch. Throws Error where spec.from names no stage.
std::optional<std::string> starting_model(const Recipe& recipe, const StageSpec& spec, const PolicySource& base,
                                          const std::string& out);

// Its weights, with what the recipe trains chosen and its adapters on. `index`: the stage's. dtype: overrides the
// recipe's and the checkpoint's. Throws Error.
Policy starting_policy(const Recipe& recipe, size_t index, const PolicySource& base, const std::string& out,
                       std::optional<at::ScalarType> dtype, const at::Device& device);

// The reference that a stage of these options names by "ref_model", computing in the policy's dtype on its device; none:
// the reference is the policy itself. Throws Error as load_checkpoint does.
std::optional<Policy> reference_policy(const TrainerOptions& options, const Policy& policy);

}  // namespace grpo

#pragma once
// The policy a stage starts from: the base of the recipe, or what an earlier stage of the run has left.

#include <map>
#include <optional>
#include <string>

#include "grpo/trainer_options.h"
#include "pipelines/policy_source.h"
#include "pipelines/recipe.h"
#include "policy/policy.h"

namespace grpo {

// What Recipe::policies has under this name. Throws Error as read_policy_source does.
PolicySource read_policy(const Recipe& recipe, const std::string& policy);

// Of every policy that the recipe's stages use, by the names of Recipe::policies.
using PolicySources = std::map<std::string, PolicySource>;
PolicySources read_policy_sources(const Recipe& recipe);

// The checkpoint directory of what "from" says, StageSpec::from or EvaluatedModel::from; none: weights from scratch.
std::optional<std::string> starting_model(const Recipe& recipe, const std::string& from, const PolicySource& base);

// What `value` (of `key` in a stage's options: "teacher", "ref_model") names: the checkpoint directory that an earlier
// stage leaves, or that it is itself. Throws Error where it names a later stage or one that leaves no model.
std::string model_directory(const Recipe& recipe, const StageSpec& spec, const std::string& key, const std::string& value);

// The weights of the `index`-th stage, with what the recipe trains chosen and its adapters on. dtype: overrides the
// recipe's and the checkpoint's. Throws Error.
Policy starting_policy(const Recipe& recipe, size_t index, const PolicySource& base,
                       std::optional<at::ScalarType> dtype, const at::Device& device);

// The weights of a model that is to be looked at, not trained, with the adapter of its policy where it is the base. dtype as
// above. Throws Error.
Policy evaluated_policy(const Recipe& recipe, const EvaluatedModel& model, const PolicySource& base,
                        std::optional<at::ScalarType> dtype, const at::Device& device);

// The reference that a stage of these options names by "ref_model", computing in the policy's dtype on its device; none:
// the reference is the policy itself. Throws Error as load_checkpoint does.
std::optional<Policy> reference_policy(const TrainerOptions& options, const Policy& policy);

}  // namespace grpo

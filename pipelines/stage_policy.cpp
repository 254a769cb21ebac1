#include "pipelines/stage_policy.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/seed.h"
#include "policy/io/adapter.h"
#include "policy/io/checkpoint.h"

namespace grpo {

PolicySource read_policy(const Recipe& recipe, const std::string& policy) {
  return read_policy_source(recipe.policies.at(policy), recipe.file, policy.empty() ? "policy" : "policies." + policy);
}

PolicySources read_policy_sources(const Recipe& recipe) {
  PolicySources sources;
  const auto add = [&](const std::string& policy) {
    if (!sources.contains(policy)) sources.emplace(policy, read_policy(recipe, policy));
  };
  for (const StageSpec& spec : recipe.stages) {
    add(spec.policy);
    for (const EvaluatedModel& model : spec.models) add(model.policy);
  }
  return sources;
}

std::optional<std::string> starting_model(const Recipe& recipe, const std::string& from, const PolicySource& base) {
  if (from == "base") return base.model;
  return stage_directory(recipe.out, recipe.index_of(from).value(), from) + "/model";
}

std::string model_directory(const Recipe& recipe, const StageSpec& spec, const std::string& key,
                            const std::string& value) {
  const auto index = recipe.index_of(value);
  if (!index) return value;
  const std::string where = recipe.file + ": " + (spec.path.empty() ? key : spec.path + "." + key);
  if (*index >= recipe.index_of(spec.name).value()) {
    throw Error(fmt::format("stage \"{}\" comes later", value), where, "name an earlier stage, or a checkpoint directory");
  }
  if (!leaves_policy(recipe.stages[*index].type) && recipe.stages[*index].type != "reward_model") {
    throw Error(fmt::format("stage \"{}\" leaves no model", value), where, "name a stage that trains one");
  }
  return stage_directory(recipe.out, *index, value) + "/model";
}

Policy starting_policy(const Recipe& recipe, size_t index, const PolicySource& base,
                       std::optional<at::ScalarType> dtype, const at::Device& device) {
  constexpr uint64_t adapter_stream = 0x6c6f7261;
  const StageSpec& spec = recipe.stages[index];
  const bool from_base = spec.from == "base";
  Policy policy = from_base ? make_policy(base, dtype, device, recipe.seed)
                            : load_checkpoint(*starting_model(recipe, spec.from, base), dtype, device).policy;
  choose_trained(policy, base, from_base, derive_seed({recipe.seed, adapter_stream, index}));
  return policy;
}

Policy evaluated_policy(const Recipe& recipe, const EvaluatedModel& model, const PolicySource& base,
                        std::optional<at::ScalarType> dtype, const at::Device& device) {
  if (model.from != "base") return load_checkpoint(*starting_model(recipe, model.from, base), dtype, device).policy;
  Policy policy = make_policy(base, dtype, device, recipe.seed);
  if (base.adapter) load_adapter(*base.adapter, policy);
  return policy;
}

std::optional<Policy> reference_policy(const TrainerOptions& options, const Policy& policy) {
  if (options.ref_model.empty()) return std::nullopt;
  return load_checkpoint(options.ref_model, policy.dtype(), policy.device()).policy;
}

}  // namespace grpo

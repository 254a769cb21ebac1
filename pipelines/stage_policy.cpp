#include "pipelines/stage_policy.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/seed.h"
#include "policy/io/checkpoint.h"

namespace grpo {

std::string stage_directory(const std::string& out, size_t index, const std::string& name) {
  return fmt::format("{}/stages/{:02}-{}", out, index + 1, name);
}

std::optional<std::string> starting_model(const Recipe& recipe, const StageSpec& spec, const PolicySource& base,
                                          const std::string& out) {
  if (spec.from == "base") return base.model;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    if (recipe.stages[i].name == spec.from) return stage_directory(out, i, spec.from) + "/model";
  }
  throw Error("unknown stage " + spec.from, recipe.file + ": " + spec.path, "");
}

Policy starting_policy(const Recipe& recipe, size_t index, const PolicySource& base, const std::string& out,
                       std::optional<at::ScalarType> dtype, const at::Device& device) {
  constexpr uint64_t adapter_stream = 0x6c6f7261;
  const StageSpec& spec = recipe.stages[index];
  const bool from_base = spec.from == "base";
  Policy policy = from_base ? make_policy(base, dtype, device, recipe.seed)
                            : load_checkpoint(*starting_model(recipe, spec, base, out), dtype, device).policy;
  choose_trained(policy, base, from_base, derive_seed({recipe.seed, adapter_stream, index}));
  return policy;
}

std::optional<Policy> reference_policy(const TrainerOptions& options, const Policy& policy) {
  if (options.ref_model.empty()) return std::nullopt;
  return load_checkpoint(options.ref_model, policy.dtype(), policy.device()).policy;
}

}  // namespace grpo

#include "pipelines/run.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/file.h"
#include "core/version.h"
#include "pipelines/policy_source.h"
#include "pipelines/recipe.h"
#include "pipelines/stage.h"
#include "policy/kernels/plugin.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

std::optional<at::ScalarType> chosen_dtype(const RunOptions& options) {
  if (options.dtype.empty()) return std::nullopt;
  return parse_dtype(options.dtype, "--dtype");
}

std::string stage_directory(const std::string& out, size_t index, const std::string& name) {
  return fmt::format("{}/stages/{:02}-{}", out, index + 1, name);
}

// Makes `out` the folder of a run of this recipe, or finds that it is.
void claim_directory(const std::string& out, const Recipe& recipe) {
  const std::string path = out + "/recipe.json";
  const std::string text = recipe.resolved.dump(2) + "\n";
  const bool started = fs::exists(path);
  if (started && read_file(path) != text) {
    throw Error("the directory holds a run of another recipe (or with other --set values)", out,
                "resume with the recipe as it was, or give another --out");
  }
  fs::create_directories(out);
  for (const auto& entry : fs::directory_iterator(out)) {
    // recipe.json comes first, so a run killed before it was whole has left its beginning and nothing else.
    if (started || entry.path().filename().string().starts_with("recipe.json.tmp-")) continue;
    throw Error("the output directory exists and holds something that is not a run", out, "give a new --out");
  }
  remove_unfinished(out);
  if (!started) write_file_atomically(path, text);
}

// The policy a stage starts from: the base, or what an earlier stage has left.
Policy starting_policy(const Recipe& recipe, const StageSpec& spec, const PolicySource& base,
                       const std::string& out, std::optional<at::ScalarType> dtype,
                       const at::Device& device) {
  if (spec.from == "base") return make_policy(base, dtype, device, recipe.seed);
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    if (recipe.stages[i].name == spec.from) {
      return load_checkpoint(stage_directory(out, i, spec.from) + "/model", dtype, device).policy;
    }
  }
  throw Error("unknown stage " + spec.from, recipe.file + ": " + spec.path, "");
}

std::optional<Json> finished_stage(const std::string& directory) {
  if (!fs::exists(directory + "/model/manifest.json")) return std::nullopt;
  verify_directory(directory + "/model");
  return read_manifest(directory + "/model");
}

}  // namespace

Json check_recipe(const std::string& path, const std::vector<std::string>& overrides,
                  const RunOptions& options) {
  Recipe recipe = read_recipe(path, overrides);
  chosen_dtype(options);
  // Keys first, so that a misspelt one is reported before a missing file.
  for (const StageSpec& spec : recipe.stages) plan_stage(recipe, spec);
  const PolicySource source = read_policy_source(recipe.policy, path);
  const ParameterCount count = count_parameters(source.files.config);
  Json out = {{"recipe", path}, {"name", recipe.name}, {"seed", recipe.seed}};
  out["policy"] = {{"model_type", source.files.config.model_type},
                   {"from", source.model.value_or("scratch")},
                   {"parameters_total", count.total},
                   {"parameters_active", count.active}};
  out["stages"] = Json::array();
  for (StageSpec& spec : recipe.stages) {
    set_context_defaults(spec, source.files.config);
    out["stages"].push_back(check_stage(recipe, spec, source));
  }
  return out;
}

Json run_recipe(const std::string& path, const std::vector<std::string>& overrides, const std::string& out,
                const RunOptions& options) {
  std::string why_not_cuda;
  const at::Device device = choose_device(options.device, &why_not_cuda);
  if (!why_not_cuda.empty()) fmt::print(stderr, "running on the CPU: {}\n", why_not_cuda);
  check_recipe(path, overrides, options);
  Recipe recipe = read_recipe(path, overrides);
  const PolicySource source = read_policy_source(recipe.policy, path);
  for (StageSpec& spec : recipe.stages) set_context_defaults(spec, source.files.config);
  const auto dtype = chosen_dtype(options);
  claim_directory(out, recipe);

  Json summary = {{"recipe", path}, {"out", out}, {"device", device.str()}, {"stages", Json::array()}};
  int64_t step_offset = 0;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const StageSpec& spec = recipe.stages[i];
    const StagePlan plan = plan_stage(recipe, spec);
    const std::string directory = stage_directory(out, i, spec.name);
    std::optional<Json> finished = finished_stage(directory);
    if (!finished) {
      const auto start = std::chrono::steady_clock::now();
      Policy policy = starting_policy(recipe, spec, source, out, dtype, device);
      const StageContext context{
          recipe, plan, source, directory, step_offset, out + "/metrics.jsonl", out + "/episodes.jsonl"};
      const Json history =
          spec.type == "sft" ? run_sft_stage(context, policy) : run_rl_stage(context, policy);
      finished =
          Json{{"name", spec.name},
               {"stage", spec.type},
               {"from", spec.from},
               {"steps", plan.max_steps},
               {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()},
               {"model", directory + "/model"},
               {"version", kVersion},
               {"eval", history}};
      AtomicDirectory model(directory + "/model");
      save_checkpoint(policy, source.files, model.path());
      model.commit(*finished);
    }
    // The finished model stands for them. Also where a run was killed before it could clean up.
    remove_checkpoints(directory);
    summary["stages"].push_back(*finished);
    step_offset += plan.max_steps + 1;
  }
  write_file_atomically(out + "/summary.json", summary.dump(2) + "\n");
  return summary;
}

}  // namespace grpo

#include "pipelines/run.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/file.h"
#include "core/version.h"
#include "pipelines/code_judge.h"
#include "pipelines/interruption.h"
#include "pipelines/policy_source.h"
#include "pipelines/recipe.h"
#include "pipelines/stage.h"
#include "pipelines/stage_memory.h"
#include "pipelines/stage_policy.h"
#include "policy/device_memory.h"
#include "policy/io/adapter.h"
#include "policy/kernels/plugin.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

std::optional<at::ScalarType> chosen_dtype(const RunOptions& options) {
  if (options.dtype.empty()) return std::nullopt;
  return parse_dtype(options.dtype, "--dtype");
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

// Trained adapters alone, as adapter/. Before what says that the stage is finished.
void write_adapter(const Policy& policy, const PolicySource& source, const std::string& base,
                   const std::string& directory) {
  AtomicDirectory adapter(directory);
  save_adapter(policy, source.lora.value(), base, adapter.path());
  adapter.commit();
}

// A checkpoint that needs nothing beside it: adapters are merged into the policy first.
void write_model(Policy& policy, const PolicySource& source, const std::string& directory, const Json& info) {
  if (!policy.adapters().empty()) policy.merge_adapters();
  AtomicDirectory model(directory);
  save_checkpoint(policy, source.files, model.path());
  model.commit(info);
}

// What a stage of "save_model": false leaves in place of a model.
constexpr const char* kFinished = "/finished";

std::optional<Json> finished_stage(const std::string& directory) {
  for (const std::string& left : {directory + "/model", directory + kFinished}) {
    if (!fs::exists(left + "/manifest.json")) continue;
    verify_directory(left);
    return read_manifest(left);
  }
  return std::nullopt;
}

at::ScalarType policy_dtype(const PolicySource& source, const RunOptions& options) {
  if (const auto chosen = chosen_dtype(options)) return *chosen;
  if (source.dtype) return parse_dtype(*source.dtype, "policy.dtype");
  return source.model && source.files.config.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

// A stage cannot start from one that leaves no model.
void check_start(const Recipe& recipe, const StageSpec& spec) {
  for (const StageSpec& earlier : recipe.stages) {
    if (earlier.name != spec.from || plan_stage(recipe, earlier).checkpoints.save_model) continue;
    throw Error(fmt::format("stage \"{}\" starts from \"{}\", whose save_model is false", spec.name, spec.from),
                recipe.file + ": " + spec.path, "let that stage save its model");
  }
}

// The recipe and its judge. Keys come first, so that a misspelt one is reported before a missing file or sandbox.
std::pair<Recipe, std::shared_ptr<Judge>> open_recipe(const std::string& path,
                                                      const std::vector<std::string>& overrides) {
  Recipe recipe = read_recipe(path, overrides);
  for (const StageSpec& spec : recipe.stages) {
    plan_stage(recipe, spec);
    check_start(recipe, spec);
  }
  auto judge = start_judge(recipe);
  return {std::move(recipe), std::move(judge)};
}

// What check_recipe returns.
Json describe(Recipe recipe, const std::shared_ptr<Judge>& judge, const RunOptions& options) {
  chosen_dtype(options);
  // A plan for CUDA can be made anywhere.
  const at::DeviceType device = options.device == "cuda" ? at::kCUDA : choose_device(options.device).type();
  std::string reason;
  const bool usable = device == at::kCPU || load_cuda_plugin(&reason);
  const PolicySource source = read_policy_source(recipe.policy, recipe.file);
  const ParameterCount count = count_parameters(source.files.config);
  Json out = {{"recipe", recipe.file}, {"name", recipe.name}, {"seed", recipe.seed}};
  out["policy"] = {{"model_type", source.files.config.model_type},
                   {"from", source.model.value_or("scratch")},
                   {"parameters_total", count.total},
                   {"parameters_active", count.active},
                   {"parameters_trainable", source.parameters_trainable}};
  if (judge) {
    const Sandbox& sandbox = judge->sandbox();
    out["sandbox"] = {{"tier", tier_name(sandbox.tier())}, {"slots", sandbox.slots()}};
    if (!sandbox.why().empty()) out["sandbox"]["why"] = sandbox.why();
  }
  out["stages"] = Json::array();
  for (StageSpec& spec : recipe.stages) {
    set_context_defaults(spec, source.files.config);
    StageLengths lengths;
    out["stages"].push_back(check_stage(recipe, spec, source, judge, lengths));
    const MemoryPlan plan =
        plan_stage_memory(recipe, spec, source, lengths, policy_dtype(source, options), device);
    Json& memory = out["stages"].back()["memory"] = memory_json(plan);
    if (usable) memory["free_bytes"] = device_memory(at::Device(device, device == at::kCUDA ? 0 : -1)).free;
  }
  return out;
}

}  // namespace

Json check_recipe(const std::string& path, const std::vector<std::string>& overrides,
                  const RunOptions& options) {
  const auto [recipe, judge] = open_recipe(path, overrides);
  return describe(recipe, judge, options);
}

Json run_recipe(const std::string& path, const std::vector<std::string>& overrides, const std::string& out,
                const RunOptions& options) {
  auto [recipe, judge] = open_recipe(path, overrides);
  std::string why_not_cuda;
  const at::Device device = choose_device(options.device, &why_not_cuda);
  if (!why_not_cuda.empty()) fmt::print(stderr, "running on the CPU: {}\n", why_not_cuda);
  const Json checked = describe(recipe, judge, options);
  const PolicySource source = read_policy_source(recipe.policy, path);
  for (StageSpec& spec : recipe.stages) set_context_defaults(spec, source.files.config);
  const auto dtype = chosen_dtype(options);
  std::vector<MemoryPlan> memory;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const Json& planned = checked["stages"][i]["memory"];
    const auto free = planned["free_bytes"].get<int64_t>();
    memory.push_back(memory_plan(planned));
    fmt::print(stderr, "{}", memory_text(recipe.stages[i].name, memory.back(), free));
    if (device.is_cuda() && !options.ignore_memory_plan) {
      check_memory(recipe, recipe.stages[i], source, memory.back(), free);
    }
  }
  claim_directory(out, recipe);
  const Interruption interruption;

  Json summary = {{"recipe", path}, {"out", out}, {"device", device.str()}, {"stages", Json::array()}};
  int64_t step_offset = 0;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const StageSpec& spec = recipe.stages[i];
    const StagePlan plan = plan_stage(recipe, spec);
    const std::string directory = stage_directory(out, i, spec.name);
    std::optional<Json> finished = finished_stage(directory);
    if (!finished) {
      const auto start = std::chrono::steady_clock::now();
      reset_peak_memory(device);
      // On the CPU the process itself counts as well.
      const int64_t planned = memory[i].peak_bytes() + (device.is_cpu() ? taken_memory(device) : 0);
      Policy policy = starting_policy(recipe, i, source, out, dtype, device);
      const StageContext context{.recipe = recipe,
                                 .plan = plan,
                                 .source = source,
                                 .directory = directory,
                                 .step_offset = step_offset,
                                 .metrics_path = out + "/metrics.jsonl",
                                 .tensorboard = out + "/tensorboard",
                                 .episodes_path = out + "/episodes.jsonl",
                                 .rewards_log = out + "/rewards.log",
                                 .judge = judge,
                                 .planned_memory = planned};
      const Json history =
          spec.type == "sft" ? run_sft_stage(context, policy) : run_rl_stage(context, policy);
      finished =
          Json{{"name", spec.name},
               {"stage", spec.type},
               {"from", spec.from},
               {"steps", plan.max_steps},
               {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()},
               {"version", kVersion},
               {"memory", {{"planned_bytes", planned}, {"peak_bytes", peak_memory(device)}}},
               {"eval", history}};
      // Weights from scratch are not kept, and an adapter without its base is of no use.
      const auto base = starting_model(recipe, spec, source, out);
      if (!policy.adapters().empty() && base) {
        (*finished)["adapter"] = directory + "/adapter";
        write_adapter(policy, source, *base, directory + "/adapter");
      }
      if (plan.checkpoints.save_model) {
        (*finished)["model"] = directory + "/model";
        write_model(policy, source, directory + "/model", *finished);
      } else {
        AtomicDirectory nothing(directory + kFinished);
        nothing.commit(*finished);
      }
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

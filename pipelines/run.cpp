#include "pipelines/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>

#include "core/atomic_directory.h"
#include "core/cancelled.h"
#include "core/error.h"
#include "core/file.h"
#include "core/make_folders.h"
#include "core/version.h"
#include "pipelines/code_judge.h"
#include "pipelines/distill_stage.h"
#include "pipelines/eval_stage.h"
#include "pipelines/interruption.h"
#include "pipelines/policy_source.h"
#include "pipelines/provenance.h"
#include "pipelines/recipe.h"
#include "pipelines/reject_stage.h"
#include "pipelines/reward_model_stage.h"
#include "pipelines/sampled_steps.h"
#include "pipelines/saved_rollouts.h"
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

constexpr const char* kDebug = "debug.json";  // in the folder of a debugging run

// A debugging run must not be taken for one that has trained, nor the other way round.
void check_debugging(const std::string& out, bool started, bool debugging) {
  const bool debugged = fs::exists(out + "/" + kDebug);
  if (debugged && !debugging) {
    throw Error("the directory holds a debugging run (--debug)", out, "give another --out");
  }
  if (started && !debugged && debugging) {
    throw Error("the directory holds a run that --debug would leave half a stage in", out,
                "give --debug an --out of its own, and policy.model to start from what a run has trained");
  }
}

// Makes `out` the folder of a run of this recipe, or finds that it is.
void claim_directory(const std::string& out, const Recipe& recipe, bool debugging) {
  const std::string path = out + "/recipe.json";
  const std::string text = recipe.resolved.dump(2) + "\n";
  const bool started = fs::exists(path);
  check_debugging(out, started, debugging);
  if (started && read_file(path) != text) {
    throw Error("the directory holds a run of another recipe (or with other --set values)", out,
                "resume with the recipe as it was, or give another --out");
  }
  make_folders(out);
  for (const auto& entry : fs::directory_iterator(out)) {
    // recipe.json comes first, so a run killed before it was whole has left its beginning and nothing else.
    if (started || entry.path().filename().string().starts_with("recipe.json.tmp-")) continue;
    throw Error("the output directory exists and holds something that is not a run", out, "give a new --out");
  }
  remove_unfinished(out);
  if (debugging) write_file_atomically(out + "/" + kDebug, "{}\n");
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
  for (const std::string& left : {directory + "/model", directory + "/data", directory + kFinished}) {
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

// What a stage starts from or looks at must have left a model.
void check_start(const Recipe& recipe, const StageSpec& spec) {
  std::vector<std::string> needed = {spec.from};
  for (const EvaluatedModel& model : spec.models) needed.push_back(model.from);
  for (const StageSpec& earlier : recipe.stages) {
    const bool asked = std::find(needed.begin(), needed.end(), earlier.name) != needed.end();
    if (!asked || plan_stage(recipe, earlier).checkpoints.save_model) continue;
    throw Error(fmt::format("stage \"{}\" needs \"{}\", whose save_model is false", spec.name, earlier.name),
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

Json describe_policy(const PolicySource& source) {
  const ParameterCount count = count_parameters(source.files.config);
  return {{"model_type", source.files.config.model_type},
          {"from", source.model.value_or("scratch")},
          {"parameters_total", count.total},
          {"parameters_active", count.active},
          {"parameters_trainable", source.parameters_trainable}};
}

// The stage, checked as far as what it needs is there, with its memory plan: of the model that takes most, where it looks at
// several.
Json describe_stage(const Recipe& recipe, const StageSpec& spec, const PolicySources& sources,
                    const std::shared_ptr<Judge>& judge, const RunOptions& options, at::DeviceType device) {
  StageLengths lengths;
  Json out = check_stage(recipe, spec, sources.at(spec.policy), judge, lengths);
  std::set<std::string> policies = {spec.policy};
  for (const EvaluatedModel& model : spec.models) policies.insert(model.policy);
  std::optional<MemoryPlan> largest;
  for (const std::string& policy : policies) {
    const PolicySource& source = sources.at(policy);
    MemoryPlan plan = plan_stage_memory(recipe, spec, source, lengths, policy_dtype(source, options), device);
    if (!largest || plan.needed_bytes() > largest->needed_bytes()) largest = std::move(plan);
  }
  out["memory"] = memory_json(*largest);
  return out;
}

// What check_recipe returns.
Json describe(Recipe recipe, const std::shared_ptr<Judge>& judge, const RunOptions& options) {
  chosen_dtype(options);
  // A plan for CUDA can be made anywhere.
  const at::DeviceType device = options.device == "cuda" ? at::kCUDA : choose_device(options.device).type();
  std::string reason;
  const bool usable = device == at::kCPU || load_cuda_plugin(&reason);
  const PolicySources sources = read_policy_sources(recipe);
  Json out = {{"recipe", recipe.file}, {"name", recipe.name}, {"seed", recipe.seed}};
  for (const auto& [name, source] : sources) {
    (name.empty() ? out["policy"] : out["policies"][name]) = describe_policy(source);
  }
  if (judge) {
    const Sandbox& sandbox = judge->sandbox();
    out["sandbox"] = {{"tier", tier_name(sandbox.tier())}, {"slots", sandbox.slots()}};
    if (!sandbox.why().empty()) out["sandbox"]["why"] = sandbox.why();
  }
  out["stages"] = Json::array();
  for (StageSpec& spec : recipe.stages) {
    set_context_defaults(spec, sources.at(spec.policy).files.config);
    out["stages"].push_back(describe_stage(recipe, spec, sources, judge, options, device));
    Json& memory = out["stages"].back()["memory"];
    if (usable) memory["free_bytes"] = device_memory(at::Device(device, device == at::kCUDA ? 0 : -1)).free;
  }
  return out;
}

// The plan of every stage, shown. Throws Error where one does not fit.
std::vector<MemoryPlan> memory_plans(const Recipe& recipe, const PolicySources& sources, const Json& checked,
                                     const at::Device& device, const RunOptions& options) {
  std::vector<MemoryPlan> plans;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const Json& planned = checked["stages"][i]["memory"];
    const auto free = planned["free_bytes"].get<int64_t>();
    plans.push_back(memory_plan(planned));
    fmt::print(stderr, "{}", memory_text(recipe.stages[i].name, plans.back(), free));
    if (device.is_cuda() && !options.ignore_memory_plan) {
      check_memory(recipe, recipe.stages[i], sources.at(recipe.stages[i].policy), plans.back(), free);
    }
  }
  return plans;
}

using StageFunction = Json (*)(const StageContext& context, Policy& policy);

StageFunction stage_function(const std::string& type) {
  if (type == "sft") return run_sft_stage;
  if (type == "rl") return run_rl_stage;
  if (type == "distill") return run_distill_stage;
  GRPO_CHECK(type == "reward_model");
  return run_reward_model_stage;
}

// A stage that makes data and trains nothing: what it samples, then what it leaves, whole.
Json run_data_stage(const StageContext& context, size_t index, const RunOptions& options, const at::Device& device) {
  if (context.plan.spec.type == "eval") return run_eval_stage(context, chosen_dtype(options));
  if (asks_endpoint(context.plan.spec)) return run_endpoint_stage(context);
  Policy policy = starting_policy(context.recipe, index, context.source, chosen_dtype(options), device);
  return run_reject_stage(context, policy);
}

Json write_data(const StageContext& context, const std::string& directory) {
  return context.plan.spec.type == "eval" ? write_eval_results(context, directory) : write_kept(context, directory);
}

bool makes_data(const StageSpec& spec) { return spec.type == "reject" || spec.type == "eval"; }

// Runs a stage that is not finished, and leaves what says that it is; returns that. Throws Interrupted.
Json run_stage(const StageContext& context, size_t index, const RunOptions& options, const at::Device& device) {
  const StageSpec& spec = context.plan.spec;
  const PolicySource& source = context.source;
  const auto start = std::chrono::steady_clock::now();
  Json finished = {{"name", spec.name}, {"stage", spec.type}, {"version", kVersion}};
  if (spec.models.empty() && !asks_endpoint(spec)) finished["from"] = spec.from;
  finished["provenance"] = provenance(context.recipe, spec);
  const auto add_costs = [&] {
    finished["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    finished["memory"] = {{"planned_bytes", context.planned_memory}, {"peak_bytes", peak_memory(device)}};
  };
  if (makes_data(spec)) {
    finished.update(run_data_stage(context, index, options, device));
    add_costs();
    AtomicDirectory data(context.directory + "/data");
    finished.update(write_data(context, data.path()));
    data.commit(finished);
    return finished;
  }
  Policy policy = starting_policy(context.recipe, index, source, chosen_dtype(options), device);
  if (options.debug == DebugMode::kRolloutOnly && spec.type == "rl") {
    const std::vector<std::string> rollouts = run_rollouts(context, policy);
    finished["steps"] = 0;
    finished["eval"] = Json::array();
    finished["rollouts"] = rollouts;
    add_costs();
    return finished;
  }
  finished.update(stage_function(spec.type)(context, policy));
  add_costs();
  // Weights from scratch are not kept, and an adapter without its base is of no use.
  const auto base = starting_model(context.recipe, spec.from, source);
  if (!policy.adapters().empty() && base) {
    finished["adapter"] = context.directory + "/adapter";
    write_adapter(policy, source, *base, context.directory + "/adapter");
  }
  if (context.plan.checkpoints.save_model) {
    finished["model"] = context.directory + "/model";
    write_model(policy, source, context.directory + "/model", finished);
  } else {
    AtomicDirectory nothing(context.directory + kFinished);
    nothing.commit(finished);
  }
  return finished;
}

// --debug train-only: what the stage in `directory` learns from. Throws Error where there is nothing.
std::vector<std::string> rollouts_to_learn(const RunOptions& options, const std::string& directory) {
  if (options.debug != DebugMode::kTrainOnly) return {};
  return list_rollouts(options.rollouts.empty() ? directory + "/rollouts" : options.rollouts);
}

// What is wrong with asking for --debug. Before anything is written.
void check_debug(const Recipe& recipe, const std::string& out, const RunOptions& options) {
  if (options.debug == DebugMode::kNone) return;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const std::string directory = stage_directory(out, i, recipe.stages[i].name);
    if (recipe.stages[i].type != "rl" || finished_stage(directory)) continue;
    rollouts_to_learn(options, directory);
    return;
  }
  throw Error("there is no stage of type \"rl\" to debug, or all of them are finished", recipe.file + " in " + out,
              "give another --out, or run it without --debug");
}

// Told to stop where nothing of the stage was done yet, or where all of it that counts is on the disk.
[[noreturn]] void stop_without_checkpoint(const StageSpec& spec) {
  const int signal = Interruption::signal();
  throw Interrupted(signal, fmt::format("stopped by {} in stage \"{}\", between two checkpoints; the same command goes on "
                                        "from what is saved",
                                        signal == SIGINT ? "SIGINT" : "SIGTERM", spec.name));
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
  recipe.out = out;
  std::string why_not_cuda;
  const at::Device device = choose_device(options.device, &why_not_cuda);
  if (!why_not_cuda.empty()) fmt::print(stderr, "running on the CPU: {}\n", why_not_cuda);
  check_debug(recipe, out, options);
  const Json checked = describe(recipe, judge, options);
  const PolicySources sources = read_policy_sources(recipe);
  for (StageSpec& spec : recipe.stages) set_context_defaults(spec, sources.at(spec.policy).files.config);
  const std::vector<MemoryPlan> memory = memory_plans(recipe, sources, checked, device, options);
  const bool debugging = options.debug != DebugMode::kNone;
  claim_directory(out, recipe, debugging);
  const Interruption interruption;

  Json summary = {{"recipe", path}, {"out", out}, {"device", device.str()}, {"stages", Json::array()}};
  int64_t step_offset = 0;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const StageSpec& spec = recipe.stages[i];
    const PolicySource& source = sources.at(spec.policy);
    StagePlan plan = plan_stage(recipe, spec);
    const std::string directory = stage_directory(out, i, spec.name);
    std::optional<Json> finished = finished_stage(directory);
    const bool debugged = debugging && !finished && spec.type == "rl";
    if (!finished) {
      std::vector<std::string> rollouts;
      if (debugged) rollouts = rollouts_to_learn(options, directory);
      if (!rollouts.empty()) {
        plan.eval.reset();
        plan.max_steps = std::min(plan.max_steps, static_cast<int64_t>(rollouts.size()) * plan.steps_per_rollout);
      }
      // What could not be looked at before the stages that it needs had run.
      if (checked["stages"][i].contains("awaits")) describe_stage(recipe, spec, sources, judge, options, device.type());
      reset_peak_memory(device);
      // On the CPU the process itself counts as well.
      const int64_t planned = device.is_cpu() ? memory[i].needed_bytes() + taken_memory(device) : memory[i].peak_bytes();
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
                                 .device = device,
                                 .planned_memory = planned,
                                 .rollouts = rollouts};
      try {
        finished = run_stage(context, i, options, device);
      } catch (const Cancelled&) {
        stop_without_checkpoint(spec);
      }
    }
    // The finished model stands for them. Also where a run was killed before it could clean up.
    remove_checkpoints(directory);
    remove_sampled(directory);
    summary["stages"].push_back(*finished);
    step_offset += (*finished)["steps"].get<int64_t>() + 1;
    if (debugged) break;
  }
  write_file_atomically(out + "/summary.json", summary.dump(2) + "\n");
  return summary;
}

}  // namespace grpo

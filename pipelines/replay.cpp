#include "pipelines/replay.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "core/atomic_directory.h"
#include "core/error.h"
#include "grpo/learner.h"
#include "grpo/rollout_file.h"
#include "grpo/schedule.h"
#include "grpo/trainer.h"
#include "pipelines/batch_check.h"
#include "pipelines/batch_file.h"
#include "pipelines/stage.h"
#include "pipelines/stage_policy.h"
#include "policy/kernels/plugin.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// The batch, and the policy and options with which it is learnt from.
struct Batch {
  Policy policy;
  TrainerOptions options;
  std::vector<Group> groups;
  int64_t step = 0;
};

std::optional<at::ScalarType> chosen_dtype(const ReplayOptions& options) {
  if (options.dtype.empty()) return std::nullopt;
  return parse_dtype(options.dtype, "--dtype");
}

TrainerOptions trainer_options(Json keys, const std::vector<std::string>& overrides, const std::string& where) {
  for (const std::string& text : overrides) apply_override(keys, text);
  ObjectReader reader(keys, where);
  TrainerOptions options = read_trainer_options(reader);
  reader.finish();
  return options;
}

Batch rollout_with_model(const ReplayOptions& options, const at::Device& device) {
  Checkpoint model = load_checkpoint(options.model, chosen_dtype(options), device);
  return {std::move(model.policy), trainer_options({{"max_steps", 1}}, options.overrides, "--set"),
          fs::is_directory(options.batch) ? read_rollout(options.batch).groups : read_batch_file(options.batch)};
}

// The folder of the run that a checkpoint lies in, and the stage it belongs to.
struct Place {
  std::string out;
  size_t stage = 0;
};

Place place_of(const std::string& checkpoint, const std::string& stage_name) {
  fs::path folder = fs::weakly_canonical(checkpoint);
  while (folder.has_relative_path() && !fs::exists(folder / "recipe.json")) folder = folder.parent_path();
  if (!fs::exists(folder / "recipe.json")) {
    throw Error("no recipe.json in any folder above", checkpoint,
                "give a checkpoint where the run has left it, or a rollout and --model");
  }
  const Recipe recipe = read_recipe((folder / "recipe.json").string(), {});
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    if (recipe.stages[i].name == stage_name) return {folder.string(), i};
  }
  throw Error("the run's recipe has no stage \"" + stage_name + "\"", checkpoint, "");
}

// Options of a stage that its trainer does not read.
Json trainer_keys(const StageSpec& spec) {
  Json keys = spec.options;
  for (const char* key : {"data", "rewards", "eval", "difficulty", "save_steps", "save_total_limit", "save_model", "log_episodes",
                          "metric_names"}) {
    keys.erase(key);
  }
  return keys;
}

Batch checkpoint_of_run(const ReplayOptions& options, const at::Device& device) {
  verify_directory(options.batch);
  const Json info = read_manifest(options.batch);
  const Place place = place_of(options.batch, info.value("stage", ""));
  Recipe recipe = read_recipe(place.out + "/recipe.json", {});
  recipe.out = place.out;
  StageSpec& spec = recipe.stages[place.stage];
  const PolicySources sources = read_policy_sources(recipe);
  const PolicySource& source = sources.at(spec.policy);
  set_context_defaults(spec, source.files.config);
  Batch batch{starting_policy(recipe, place.stage, source, chosen_dtype(options), device),
              trainer_options(trainer_keys(spec), options.overrides, recipe.file + ": " + spec.path), {}};
  Learner learner(batch.policy, batch.options, reference_policy(batch.options, batch.policy));
  const Json state = learner.restore(options.batch);
  if (!state.value("rollout_ready", false)) {
    throw Error("no rollout was in use when this checkpoint was saved", options.batch,
                "replay a folder below skipped/, or a checkpoint between the steps that share a rollout");
  }
  batch.step = state["steps_done"].get<int64_t>();
  batch.groups = read_rollout(options.batch + "/rollout", Checksums::kSkip).groups;
  return batch;
}

// What the options need of a batch that was sampled elsewhere.
void check_fits(const Batch& batch, const std::string& where) {
  const BatchColumns columns = check_batch(batch.groups, batch.policy.config().vocab_size, where);
  const PolicyLossOptions& loss = batch.options.loss;
  struct Column {
    const char* name;
    bool there;
    const char* needed_by;  // a key of the options; null: by nothing
  };
  for (const Column& c : {Column{"old_logprobs", columns.old_logprobs, loss.use_kl_in_reward ? "use_kl_in_reward" : nullptr},
                          Column{"ref_logprobs", columns.ref_logprobs, loss.beta > 0.0 ? "beta" : nullptr},
                          Column{"behaviour_logprobs", columns.behaviour_logprobs,
                                 loss.importance_sampling.mode != ImportanceSamplingMode::kNone ? "importance_sampling_mode"
                                                                                                : nullptr},
                          Column{"entropy", columns.entropy, loss.top_entropy_quantile < 1.0 ? "top_entropy_quantile" : nullptr}}) {
    if (c.needed_by == nullptr || c.there || columns.samples == 0) continue;
    throw Error(fmt::format("the batch holds no {}, and {} needs them", c.name, c.needed_by), where,
                fmt::format("leave {} out with --set", c.needed_by));
  }
}

Json describe(const std::vector<NamedTensor>& gradients) {
  Json out = Json::array();
  for (const NamedTensor& g : gradients) {
    const at::Tensor values = g.tensor.to(at::kDouble);
    out.push_back({{"name", g.name},
                   {"norm", values.norm().item<double>()},
                   {"max", values.numel() > 0 ? values.abs().max().item<double>() : 0.0},
                   {"nonfinite", values.isfinite().logical_not().sum().item<int64_t>()}});
  }
  return out;
}

}  // namespace

Replay replay_step(const ReplayOptions& options) {
  const at::Device device = choose_device(options.device);
  Batch batch = options.model.empty() ? checkpoint_of_run(options, device) : rollout_with_model(options, device);
  check_fits(batch, options.batch);
  if (batch.options.mask_truncated_completions) mask_truncated_completions(batch.groups);
  assign_advantages(batch.groups, batch.options.advantage);

  std::vector<Group*> groups = step_share(batch.groups, batch.step, batch.options.steps_per_generation);
  Learner learner(batch.policy, batch.options, reference_policy(batch.options, batch.policy));
  const Learner::Gradients result = learner.accumulate(groups);
  int64_t sequences = 0;
  for (const Group* group : groups) sequences += static_cast<int64_t>(group->episodes.size());
  Replay out;
  out.report = {{"step", batch.step + 1},
                {"groups", groups.size()},
                {"sequences", sequences},
                {"tokens", result.tokens},
                {"finite", result.finite},
                {"metrics", result.metrics}};
  std::vector<NamedTensor> gradients = learner.gradients();
  out.report["gradients"] = describe(gradients);
  if (options.gradients) {
    for (NamedTensor& g : gradients) out.gradients.push_back({g.name, g.tensor.detach().cpu().clone()});
  }
  return out;
}

}  // namespace grpo

#include "pipelines/reward_model_stage.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/seed.h"
#include "grpo/reward_trainer.h"
#include "pipelines/reward_model_data.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"
#include "policy/score_head.h"

namespace grpo {
namespace {

constexpr uint64_t kHeadStream = 0x73636f72, kDataStream = 0x70726566;
constexpr const char* kEvaluations = "/evaluations.json";  // in a checkpoint: the history so far

struct StageOptions {
  RewardOptions training;
  int64_t eval_steps = 0;
};

StageOptions read_options(ObjectReader& r) {
  StageOptions o;
  o.training = read_reward_options(r);
  o.eval_steps = r.integer("eval_steps", 0, {.min = 0});
  return o;
}

StageOptions options_of(const Recipe& recipe, const StageSpec& spec, const ModelConfig& config) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  StageOptions o = read_options(r);
  const int64_t context = config.max_position_embeddings;
  if (r.has("max_length") && o.training.max_length > context) {
    r.fail("max_length", fmt::format("{} tokens, and the model's context is {}", o.training.max_length, context), "lower it");
  }
  o.training.max_length = std::min(o.training.max_length, context);
  return o;
}

RewardModelData load_preferences(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                                 const StageOptions& options) {
  const std::string path = spec.path.empty() ? "data" : spec.path + ".data";
  const auto data = spec.options.find("data");
  if (data == spec.options.end()) {
    throw Error("the stage has no data", recipe.file + ": " + path, "add \"data\": {\"train\": \"pairs.jsonl\"}");
  }
  RewardModelData loaded(read_reward_data_options(*data, recipe.file, path), source.files, options.training.max_length,
                         derive_seed({stage_seed(recipe, spec), kDataStream}));
  if (!loaded.pairs() && options.training.center_rewards_coefficient > 0.0) {
    throw Error("without effect: only the scores of pairs can be moved together",
                recipe.file + ": " + (spec.path.empty() ? "" : spec.path + ".") + "center_rewards_coefficient",
                "remove it, or train on pairs");
  }
  return loaded;
}

// The part of a stage that looks at what is held out.
class HeldOut {
 public:
  HeldOut(const Policy& model, const RewardModelData& data, const StageOptions& options)
      : model_(model), data_(data), options_(options) {}

  // Adds to the metrics of a step that an evaluation follows.
  void after(int64_t step, Json& metrics) {
    const bool last = step == options_.training.max_steps;
    if (data_.held_out().empty() || !(last || (options_.eval_steps > 0 && step % options_.eval_steps == 0))) return;
    Json found = evaluate_rewards(model_, data_.held_out(), options_.training.center_rewards_coefficient,
                                  options_.training.tokens_per_micro_batch, "eval_");
    found["eval_length_accuracy"] = data_.report()["length_baseline"]["held_out_accuracy"];
    metrics.update(found);
    Json entry = {{"step", step}};
    for (const auto& [key, value] : found.items()) entry[key.substr(std::string_view("eval_").size())] = value;
    history_.push_back(std::move(entry));
  }

  const Json& history() const { return history_; }
  void save(const std::string& directory) const {
    write_file_atomically(directory + kEvaluations, history_.dump(2) + "\n");
  }
  void restore(const std::string& directory) { history_ = read_json_file(directory + kEvaluations); }

 private:
  const Policy& model_;
  const RewardModelData& data_;
  const StageOptions& options_;
  Json history_ = Json::array();
};

}  // namespace

void read_reward_model_plan(ObjectReader& r, StagePlan& plan) {
  const StageOptions options = read_options(r);
  plan.max_steps = options.training.max_steps;
  plan.num_train_epochs = options.training.num_train_epochs;
  plan.rollout_draws = options.training.samples_per_step;
  plan.checkpoints.save_steps = r.integer("save_steps", 0, {.min = 0});
  plan.checkpoints.save_total_limit = r.integer("save_total_limit", 2, {.min = 1});
  r.raw("max_completion_length");  // every stage has it, and this one samples nothing
  for (const char* key : {"rewards", "eval"}) {
    if (r.has(key)) r.fail(key, "without effect: a reward model is judged on the preferences that data holds out", "remove it");
  }
}

Json check_reward_model(const Recipe& recipe, const StageSpec& spec, const PolicySource& source, StageLengths& lengths) {
  const RewardModelData data = load_preferences(recipe, spec, source, options_of(recipe, spec, source.files.config));
  if (padding_token(source.files) < 0) {
    throw Error("the model has no padding token and no end token, so nobody finds the token that is scored",
                recipe.file + ": policy", "set pad_token_id in config.json");
  }
  lengths = {};
  lengths.prompt = data.largest(1).front();
  return data.report();
}

void add_reward_model_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, StageSize& size) {
  const StageSpec settled = with_max_steps(spec, 1);
  ObjectReader r(settled.options, recipe.file, settled.path);
  const RewardOptions options = read_reward_options(r);
  size.training = {.sequences = options.samples_per_step,
                   .prompt_tokens = lengths.prompt,
                   .completion_tokens = 1,
                   .tokens_per_micro_batch = options.tokens_per_micro_batch,
                   .reference = false,
                   .optimizer = options.optimizer,
                   .auxiliary = options.auxiliary};
}

Json run_reward_model_stage(const StageContext& opened, Policy& policy) {
  const StageSpec& spec = opened.plan.spec;
  const uint64_t seed = stage_seed(opened.recipe, spec);
  StageOptions options = options_of(opened.recipe, spec, policy.config());
  RewardModelData data = load_preferences(opened.recipe, spec, opened.source, options);
  StagePlan plan = opened.plan;
  plan.max_steps = options.training.max_steps = reward_steps(options.training, data.size());
  const StageContext context = opened.with(plan);
  if (policy.config().head != HeadKind::kScore) {
    policy = policy.with_score_head(derive_seed({seed, kHeadStream}), padding_token(opened.source.files));
  }
  RewardTrainer trainer(policy, options.training);
  HeldOut held_out(policy, data, options);
  StageLoop loop;
  StepTimes times;
  Json last;
  loop.times = &times;
  loop.step = [&] {
    last = times.measure("train", [&] { return trainer.step([&](int64_t n) { return data.draw(n); }); });
    times.measure("evaluate", [&] { held_out.after(trainer.steps_done(), last); });
    return last;
  };
  loop.save = [&](const std::string& to) {
    trainer.save(to);
    held_out.save(to);
  };
  loop.restore = [&](const std::string& from) {
    trainer.restore(from);
    held_out.restore(from);
  };
  loop.shown = [](const Json& m) {
    return ProgressMetrics{{"loss", number_of(m, "loss")}, {"accuracy", number_of(m, "accuracy")}};
  };
  run_loop(context, policy, loop, {}, std::nullopt);
  policy.set_requires_grad(false);
  if (!policy.adapters().empty()) policy.merge_adapters();
  const Json& history = held_out.history();
  return {{"steps", plan.max_steps},
          {"eval", history},
          {"counts", data.report()},
          {"metrics", history.empty() ? last : history.back()}};
}

}  // namespace grpo

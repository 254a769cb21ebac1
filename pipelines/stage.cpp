#include "pipelines/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "grpo/loss_knobs.h"
#include "grpo/sft_trainer.h"
#include "grpo/trainer.h"
#include "pipelines/stage_data.h"
#include "pipelines/distill_stage.h"
#include "pipelines/eval_stage.h"
#include "pipelines/reject_stage.h"
#include "pipelines/reward_hacking_alarm.h"
#include "pipelines/reward_model_stage.h"
#include "pipelines/stage_memory.h"
#include "pipelines/training_parts.h"
#include "policy/io/checkpoint.h"
#include "rewards/check_host.h"

namespace grpo {
namespace {

StageEval read_eval(ObjectReader r, const Recipe& recipe, int64_t default_length) {
  StageEval eval;
  eval.steps = r.integer("steps", 0, {.min = 0});
  eval.num_problems = r.integer("num_problems", 0, {.min = 0});
  eval.options.num_samples = r.integer("num_samples", 1, {.min = 1});
  SamplingOptions& sampling = eval.options.sampling;
  sampling.temperature = r.number("temperature", 1.0, {.min = 0.0});
  sampling.top_p = r.number("top_p", 1.0, {.min = 0.0, .max = 1.0, .min_exclusive = true});
  sampling.top_k = r.integer("top_k", 0, {.min = 0});
  sampling.max_tokens = r.integer("max_completion_length", default_length, {.min = 1});
  r.finish();
  // Of the run, not of the stage: every stage is judged on the same problems with the same draws.
  eval.options.seed = eval_seed(recipe);
  return eval;
}

DifficultyOptions read_difficulty(ObjectReader& r, const StageSpec& spec) {
  ObjectReader object = r.object("difficulty");
  DifficultyOptions difficulty = read_difficulty_options(object);
  const Json& train = spec.options.value("data", Json::object()).value("train", Json());
  if (!train.is_object()) return difficulty;
  if (!difficulty.column.empty()) r.fail("difficulty.column", "a generator has no columns to order by", "measure it");
  if (difficulty.num_problems == 0) {
    r.fail("difficulty.num_problems", "a generator never ends", "say how many of its problems: 512");
  }
  return difficulty;
}

}  // namespace

void set_context_defaults(StageSpec& spec, const ModelConfig& config) {
  constexpr int64_t longest = 1024;
  if (spec.options.contains("max_completion_length")) return;
  spec.options["max_completion_length"] = std::clamp<int64_t>(config.max_position_embeddings / 4, 1, longest);
}

StageContext StageContext::with(const StagePlan& other) const {
  return {.recipe = recipe,
          .plan = other,
          .source = source,
          .directory = directory,
          .step_offset = step_offset,
          .metrics_path = metrics_path,
          .tensorboard = tensorboard,
          .episodes_path = episodes_path,
          .rewards_log = rewards_log,
          .judge = judge,
          .device = device,
          .planned_memory = planned_memory,
          .rollouts = rollouts};
}

StageSpec with_max_steps(StageSpec spec, int64_t max_steps) {
  if (spec.options.erase("num_train_epochs") > 0) spec.options["max_steps"] = max_steps;
  return spec;
}

StagePlan with_steps(const StageContext& context, int64_t num_samples) {
  const StagePlan& plan = context.plan;
  if (plan.num_train_epochs == 0.0) return plan;
  if (num_samples == 0) {
    throw Error("a generator has no epochs", context.recipe.file + ": " + plan.spec.path + ".num_train_epochs",
                "give max_steps");
  }
  const double steps =
      std::ceil(plan.num_train_epochs * static_cast<double>(num_samples) / static_cast<double>(plan.rollout_draws));
  return plan_stage(context.recipe, with_max_steps(plan.spec, static_cast<int64_t>(steps)));
}

namespace {

// num_train_epochs of a supervised stage, 0 if it says max_steps.
double read_epochs(const Recipe& recipe, const StageSpec& spec) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  r.allow_unknown();
  if (!r.has("num_train_epochs") || spec.type == "reward_model") return 0.0;
  if (spec.type == "rl" || spec.type == "reject" || spec.type == "eval") {
    r.fail("num_train_epochs", "only supervised stages count epochs", "give max_steps");
  }
  if (r.has("max_steps")) r.fail("num_train_epochs", "max_steps says how long the stage is already", "leave out one of them");
  return r.number("num_train_epochs", 1.0, {.min = 0.0, .min_exclusive = true});
}

}  // namespace

StagePlan plan_stage(const Recipe& recipe, const StageSpec& whole) {
  const double epochs = read_epochs(recipe, whole);
  const StageSpec spec = epochs > 0.0 ? with_max_steps(whole, 1) : whole;
  ObjectReader r(spec.options, recipe.file, spec.path);
  StagePlan plan;
  plan.spec = whole;
  plan.num_train_epochs = epochs;
  r.raw("data");  // read by the data sources
  if (spec.type == "eval") {
    plan.metric_names = read_metric_names(r);
    read_eval_plan(recipe, r, plan);
    return plan;
  }
  r.raw("eval");  // null: none, where the recipe has one for all stages
  plan.rewards = r.raw("rewards");
  if (leaves_policy(spec.type)) {
    plan.checkpoints.save_steps = r.integer("save_steps", 0, {.min = 0});
    plan.checkpoints.save_total_limit = r.integer("save_total_limit", 2, {.min = 1});
    plan.checkpoints.save_model = r.boolean("save_model", true);
  }
  plan.metric_names = read_metric_names(r);
  int64_t reward_workers = 0;
  if (spec.type == "rl") {
    if (r.has("difficulty")) plan.difficulty = read_difficulty(r, spec);
    else r.raw("difficulty");
    const TrainerOptions options = read_trainer_options(r);
    plan.max_steps = options.max_steps;
    plan.steps_per_rollout = options.steps_per_generation * options.num_iterations;
    plan.max_completion_length = options.sampling.max_tokens;
    plan.rollout_draws = options.prompts_per_step * options.steps_per_generation;
    reward_workers = options.reward_workers;
    plan.log_episodes = r.integer("log_episodes", plan.log_episodes, {.min = -1});
    read_reward_hacking_options(r);  // for the stage itself
    if (!r.has("rewards"))
      r.fail("rewards", "the stage has no rewards", "add \"rewards\": [{\"name\": ...}]");
  } else if (spec.type == "reject") {
    read_reject_plan(r, recipe.file, plan);
  } else if (spec.type == "distill") {
    read_distill_plan(r, plan);
    if (r.has("eval")) reward_workers = r.integer("reward_workers", 0, {.min = 0, .max = 1024});
  } else if (spec.type == "reward_model") {
    read_reward_model_plan(r, plan);
  } else {
    const SftOptions options = read_sft_options(r);
    plan.max_steps = epochs > 0.0 ? 0 : options.max_steps;
    plan.rollout_draws = options.samples_per_step;
    plan.max_completion_length = r.integer("max_completion_length", 256, {.min = 1});
    if (r.has("eval")) reward_workers = r.integer("reward_workers", 0, {.min = 0, .max = 1024});
    if (r.has("rewards") && !r.has("eval")) {
      r.fail("rewards", "without effect: a supervised stage uses rewards for evaluation only",
             "add \"eval\" or remove it");
    }
  }
  if (r.has("eval")) {
    plan.eval = read_eval(r.object("eval"), recipe, plan.max_completion_length);
    plan.eval->options.reward_workers = reward_workers;
    if (!r.has("rewards"))
      r.fail("eval", "evaluation needs a reward to judge by", "add \"rewards\": [{\"name\": ...}]");
  }
  r.finish();
  return plan;
}

namespace {

// What the trainer would refuse as well, after the weights are loaded.
void check_reference(const Recipe& recipe, const StageSpec& spec, const PolicySource& source) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  const TrainerOptions options = read_trainer_options(r);
  if (source.lora && options.sync_ref_model && options.ref_model_mixup_alpha != 1.0) {
    r.fail("ref_model_mixup_alpha", "a reference with adapters is copied, never mixed", "set it to 1");
  }
  if (options.ref_model.empty()) return;
  if (source.lora) r.fail("ref_model", "a policy with adapters has its own base as the reference", "remove it");
  check_checkpoint_tensors(options.ref_model, source.files.config);
}

// Every problem of a file, the first ones of a generator.
void check_problems(const Rubric& rubric, const ProblemSource& source, const std::string& where) {
  constexpr int64_t of_generator = 16;
  for (int64_t n = 0; n < (source.size() > 0 ? source.size() : of_generator); ++n) {
    check_host(rubric, source.draw(n), where);
  }
}

void check_rubric(const Recipe& recipe, const StagePlan& plan, const StageData& data, const std::shared_ptr<Judge>& judge) {
  if (plan.rewards.is_null()) return;
  const Rubric rubric = stage_rubric(recipe, plan, {.log_file = "", .judge = judge}, {.check_only = true});
  if (plan.spec.type == "reject") check_reject(recipe, plan.spec, data, rubric);
  const std::string where = recipe.file + ": " + (plan.spec.path.empty() ? "" : plan.spec.path + ".") + "data";
  if (plan.spec.type == "rl" || plan.spec.type == "reject") {
    for (const Mixture::Part& part : data.train->parts()) check_problems(rubric, part.source, where + ".train");
  }
  if (plan.eval) check_problems(rubric, *data.eval, where + ".eval");
}

// As long as they may be, where the samples are not there to be looked at.
StageLengths longest_possible(const StagePlan& plan, const PolicySource& source) {
  const int64_t context = source.files.config.max_position_embeddings;
  const int64_t completion = std::min(plan.max_completion_length, context - 1);
  return {.prompt = std::min(completion, context - completion),
          .completion = completion,
          .eval_prompt = context - completion,
          .eval_problems = plan.eval ? plan.eval->num_problems : 0};
}

}  // namespace

Json check_stage(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                 const std::shared_ptr<Judge>& judge, StageLengths& lengths) {
  const StagePlan plan = plan_stage(recipe, spec);
  if (spec.type == "rl") check_reference(recipe, spec, source);
  Json out = {{"name", spec.name}, {"stage", spec.type}};
  if (spec.type == "eval") {
    out.update(check_eval(recipe, plan, source, judge, lengths));
    return out;
  }
  if (asks_endpoint(spec)) {
    out["endpoint"] = spec.options["endpoint"]["model"];
  } else {
    out["from"] = spec.from;
  }
  if (!spec.policy.empty()) out["policy"] = spec.policy;
  if (plan.max_steps > 0) out["max_steps"] = plan.max_steps;
  if (plan.num_train_epochs > 0.0) out["num_train_epochs"] = plan.num_train_epochs;
  if (spec.type == "rl") {
    ObjectReader r(spec.options, recipe.file, spec.path);
    out["loss"] = loss_knobs(read_trainer_options(r), spec.options);
  }
  if (spec.type == "distill") out["teacher"] = check_teacher(recipe, spec, source);
  if (spec.type == "reward_model") {
    out["data"] = check_reward_model(recipe, spec, source, lengths);
    return out;
  }
  if (const std::vector<std::string> awaited = awaited_stages(recipe, spec); !awaited.empty()) {
    read_training_parts(recipe, spec, data_use(recipe, spec));
    out["awaits"] = awaited;
    lengths = longest_possible(plan, source);
    return out;
  }
  const StageData data = load_data(recipe, plan, source);
  check_rubric(recipe, plan, data, judge);
  out["problems"] = data.train->size() > 0 ? Json(data.train->size()) : Json("generated");
  if (data.train->dropped() > 0) out["prompts_dropped"] = data.train->dropped();
  add_contaminated(data, out);
  lengths = longest_samples(recipe, plan, data, *source.files.tokenizer);
  if (plan.eval) out["eval_problems"] = lengths.eval_problems;
  return out;
}

}  // namespace grpo

#include "pipelines/stage.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "grpo/sft_trainer.h"
#include "grpo/trainer.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_memory.h"
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

StagePlan plan_stage(const Recipe& recipe, const StageSpec& spec) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  StagePlan plan;
  plan.spec = spec;
  r.raw("data");  // read by the data sources
  plan.rewards = r.raw("rewards");
  plan.checkpoints.save_steps = r.integer("save_steps", 0, {.min = 0});
  plan.checkpoints.save_total_limit = r.integer("save_total_limit", 2, {.min = 1});
  plan.checkpoints.save_model = r.boolean("save_model", true);
  plan.metric_names = read_metric_names(r);
  int64_t reward_workers = 0;
  if (spec.type == "rl") {
    if (r.has("difficulty")) plan.difficulty = read_difficulty(r, spec);
    else r.raw("difficulty");
    const TrainerOptions options = read_trainer_options(r);
    plan.max_steps = options.max_steps;
    plan.steps_per_rollout = options.steps_per_generation * options.num_iterations;
    plan.max_completion_length = options.sampling.max_tokens;
    plan.rollout_groups = options.prompts_per_step * options.steps_per_generation;
    reward_workers = options.reward_workers;
    plan.log_episodes = r.integer("log_episodes", plan.log_episodes, {.min = -1});
    if (!r.has("rewards"))
      r.fail("rewards", "the stage has no rewards", "add \"rewards\": [{\"name\": ...}]");
  } else {
    const SftOptions options = read_sft_options(r);
    plan.max_steps = options.max_steps;
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

}  // namespace

namespace {

// Every problem of a file, the first ones of a generator.
void check_problems(const Rubric& rubric, const ProblemSource& source, const std::string& where) {
  constexpr int64_t of_generator = 16;
  for (int64_t n = 0; n < (source.size() > 0 ? source.size() : of_generator); ++n) {
    check_host(rubric, source.draw(n), where);
  }
}

}  // namespace

Json check_stage(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                 const std::shared_ptr<Judge>& judge, StageLengths& lengths) {
  const StagePlan plan = plan_stage(recipe, spec);
  if (spec.type == "rl") check_reference(recipe, spec, source);
  const StageData data = load_data(recipe, plan, source);
  if (!plan.rewards.is_null()) {
    const Rubric rubric = stage_rubric(recipe, plan, {.log_file = "", .judge = judge});
    const std::string where = recipe.file + ": " + (spec.path.empty() ? "" : spec.path + ".") + "data";
    if (spec.type == "rl") check_problems(rubric, *data.train, where + ".train");
    if (plan.eval) check_problems(rubric, *data.eval, where + ".eval");
  }
  Json out = {{"name", spec.name}, {"stage", spec.type}, {"from", spec.from}, {"max_steps", plan.max_steps}};
  out["problems"] = data.train->size() > 0 ? Json(data.train->size()) : Json("generated");
  if (data.train->dropped() > 0) out["prompts_dropped"] = data.train->dropped();
  lengths = longest_samples(plan, data, *source.files.tokenizer);
  if (plan.eval) out["eval_problems"] = lengths.eval_problems;
  return out;
}

}  // namespace grpo

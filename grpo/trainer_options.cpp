#include "grpo/trainer_options.h"

#include "grpo/loss_preset.h"

namespace grpo {
namespace {

// What the stage's presets say of keys it leaves open.
Json read_presets(ObjectReader& r) {
  Json own = Json::object();
  std::vector<Json> presets;
  for (const std::string& name : loss_preset_names()) presets.push_back(loss_preset(name));
  for (const std::string& name : stage_preset_names()) presets.push_back(stage_preset(name));
  for (const Json& preset : presets) {
    for (const auto& [key, value] : preset.items()) own[key] = r.raw(key);
  }
  for (const char* key : {"cispo_epsilon_high", "multi_objective_aggregation"}) own[key] = r.raw(key);
  if (r.has("preset")) own["preset"] = r.choice("preset", stage_preset_names());
  if (r.has("loss_type")) own["loss_type"] = r.choice("loss_type", loss_preset_names());
  r.raw("preset");
  return preset_defaults(own);
}

void read_sampled(ObjectReader& r, double temperature, TrainerOptions& o) {
  SamplingOptions& sampling = o.sampling;
  sampling.max_tokens = r.integer("max_completion_length", 256, {.min = 1});
  sampling.temperature = r.number("temperature", temperature, {.min = 0.0});
  sampling.top_k = r.integer("top_k", 0, {.min = 0});
  sampling.top_p = r.number("top_p", 1.0, {.min = 0.0, .max = 1.0, .min_exclusive = true});
  sampling.min_p = r.number("min_p", 0.0, {.min = 0.0, .max = 1.0});
  sampling.stop_strings = r.strings("stop", {});
  sampling.ignore_eos = r.boolean("ignore_eos", false);  // to measure speed
  o.reward_workers = r.integer("reward_workers", 0, {.min = 0, .max = 1024});
  o.reward_error_rate_max = r.number("reward_error_rate_max", o.reward_error_rate_max, {.min = 0.0, .max = 1.0});
  o.engine.max_running = r.integer("max_running", o.engine.max_running, {.min = 1});
  o.engine.cache_tokens = r.integer("cache_tokens", o.engine.cache_tokens, {.min = 0});
}

// KL in the reward is the advantage's business, its weight and estimator the loss's.
void check_advantages(ObjectReader& r, TrainerOptions& o) {
  if (o.advantage.estimator != AdvantageEstimator::kBatch) {
    check_num_generations(o.num_generations, r.where("num_generations"));
  } else if (o.dynamic_sampling) {
    r.fail("dynamic_sampling", "advantage_estimator \"batch\" learns from groups of equal rewards too: there is nothing to drop",
           "remove it, or use the estimator \"group_then_batch\"");
  }
  if (!o.loss.use_kl_in_reward) return;
  if (o.advantage.aggregation == RewardAggregation::kNormalizeThenSum) {
    r.fail("multi_objective_aggregation", "\"normalize_then_sum\" leaves no single reward for KL to be taken off",
           "use \"sum_then_normalize\", or KL in the loss");
  }
  o.advantage.kl_coef = o.loss.beta;
  o.advantage.kl_estimator = o.loss.kl_estimator;
}

}  // namespace

TrainerOptions read_trainer_options(ObjectReader& r) {
  TrainerOptions o;
  const Json presets = read_presets(r);
  const auto count = [&](const char* key, int64_t fallback) {
    return r.integer(key, presets.value(key, fallback), {.min = 1});
  };
  o.max_steps = r.integer("max_steps", {.min = 1});
  o.prompts_per_step = count("prompts_per_step", o.prompts_per_step);
  o.num_generations = count("num_generations", o.num_generations);
  o.steps_per_generation = count("steps_per_generation", 1);
  o.num_iterations = count("num_iterations", 1);
  read_sampled(r, presets.value("temperature", 1.0), o);
  if (o.sampling.temperature == 0.0) {
    r.fail("temperature", "greedy sampling gives a group of equal answers, and nothing to learn from",
           "use a temperature above 0, usually 1");
  }
  o.keep_sampling_mask = r.boolean("keep_sampling_mask", false);
  if (o.keep_sampling_mask && !truncates(o.sampling)) {
    r.fail("keep_sampling_mask", "without effect: neither top_k nor top_p nor min_p removes tokens", "remove it");
  }
  // Sampler and trainer have to speak of the same distribution.
  o.sampling.untruncated_logprobs = !o.keep_sampling_mask;
  o.router_replay = r.boolean("router_replay", false);
  o.mask_truncated_completions = r.boolean("mask_truncated_completions", false);
  o.dynamic_sampling = r.boolean("dynamic_sampling", false);
  if (r.has("dynamic_sampling_rounds") && !o.dynamic_sampling) {
    r.fail("dynamic_sampling_rounds", "without effect while dynamic_sampling is false", "remove it");
  }
  o.dynamic_sampling_rounds = r.integer("dynamic_sampling_rounds", o.dynamic_sampling_rounds, {.min = 2});
  o.advantage = read_advantage_options(r, presets);
  o.packing = read_packing_options(r, o.sampling.max_tokens, presets);
  o.loss = read_policy_loss_options(r, presets);
  check_advantages(r, o);
  o.optimizer = read_optimizer_options(r);
  o.schedule = read_schedule_options(r, presets.value("learning_rate", ScheduleOptions{}.learning_rate));
  o.ref_model = r.string("ref_model", "");
  if (!o.ref_model.empty() && o.loss.beta == 0.0) {
    r.fail("ref_model", "without effect: there is no reference while beta is 0", "remove it or set beta");
  }
  o.sync_ref_model = r.boolean("sync_ref_model", presets.value("sync_ref_model", false));
  if (o.sync_ref_model && o.loss.beta == 0.0) {
    r.fail("sync_ref_model", "without effect: there is no reference while beta is 0",
           "remove it or set beta");
  }
  o.offload_ref_model = r.boolean("offload_ref_model", false);
  if (o.offload_ref_model && o.loss.beta == 0.0) {
    r.fail("offload_ref_model", "without effect: there is no reference while beta is 0", "remove it or set beta");
  }
  for (const char* key : {"ref_model_sync_steps", "ref_model_mixup_alpha"}) {
    if (r.has(key) && !o.sync_ref_model)
      r.fail(key, "without effect while sync_ref_model is false", "remove it");
  }
  o.ref_model_sync_steps = count("ref_model_sync_steps", o.ref_model_sync_steps);
  o.ref_model_mixup_alpha =
      r.number("ref_model_mixup_alpha", presets.value("ref_model_mixup_alpha", o.ref_model_mixup_alpha),
               {.min = 0.0, .max = 1.0, .min_exclusive = true});
  o.router_bias_update_rate = r.number("router_bias_update_rate", 0.0, {.min = 0.0});
  o.auxiliary = read_auxiliary_loss_options(r, o.auxiliary);
  o.nonfinite_steps_max = r.integer("nonfinite_steps_max", o.nonfinite_steps_max, {.min = 1});
  return o;
}

void read_sampling_options(ObjectReader& r, TrainerOptions& o) {
  read_sampled(r, 1.0, o);
  if (o.sampling.temperature == 0.0 && o.num_generations > 1) {
    r.fail("temperature", "greedy sampling gives equal answers", "use a temperature above 0, or num_generations 1");
  }
}

}  // namespace grpo

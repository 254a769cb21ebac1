#include "grpo/distill_options.h"

#include <fmt/format.h>

namespace grpo {
namespace {

void read_objective(ObjectReader& r, DistillOptions& o) {
  const std::string loss = r.choice("loss", {"jsd", "forward_kl", "reverse_kl", "policy_gradient"}, "jsd");
  const bool gradient = loss == "policy_gradient";
  if (gradient) o.objective = DistillObjective::kPolicyGradient;
  if (loss != "jsd" && r.has("beta")) r.fail("beta", fmt::format("without effect: loss is \"{}\"", loss), "remove it, or use \"jsd\"");
  o.beta = loss == "forward_kl" ? 0.0 : loss == "reverse_kl" ? 1.0 : r.number("beta", o.beta, {.min = 0.0, .max = 1.0});
  for (const char* key : {"top_k", "sft_weight"}) {
    if (gradient && r.has(key)) r.fail(key, "without effect: loss is \"policy_gradient\"", "remove it");
  }
  if (!gradient && r.has("kl_penalty_coef")) {
    r.fail("kl_penalty_coef", fmt::format("without effect: loss is \"{}\"", loss), "remove it, or use \"policy_gradient\"");
  }
  o.lmbda = r.number("lmbda", gradient ? 1.0 : o.lmbda, {.min = 0.0, .max = 1.0});
  if (gradient && o.learns_from_data()) {
    r.fail("lmbda", "\"policy_gradient\" learns from tokens that the student has sampled", "set it to 1, or use another loss");
  }
  o.top_k = r.integer("top_k", o.top_k, {.min = 0});
  o.sft_weight = r.number("sft_weight", o.sft_weight, {.min = 0.0});
  if (o.sft_weight > 0.0 && !o.learns_from_data()) {
    r.fail("sft_weight", "without effect: lmbda is 1, and no step learns from data", "remove it, or lower lmbda");
  }
  o.kl_penalty_coef = r.number("kl_penalty_coef", o.kl_penalty_coef, {.min = 0.0, .min_exclusive = true});
}

void read_sampling(ObjectReader& r, DistillOptions& o) {
  o.temperature = r.number("temperature", o.temperature, {.min = 0.0, .min_exclusive = true});
  o.max_completion_length = r.integer("max_completion_length", o.max_completion_length, {.min = 1});
  for (const char* key : {"num_generations", "max_running", "cache_tokens"}) {
    if (!o.samples() && r.has(key)) r.fail(key, "without effect: lmbda is 0, and the student samples nothing", "remove it");
  }
  o.num_generations = r.integer("num_generations", o.num_generations, {.min = 1});
  if (o.samples() && o.samples_per_step % o.num_generations != 0) {
    r.fail("num_generations", fmt::format("{} samples a step are not groups of {}", o.samples_per_step, o.num_generations),
           "let it divide samples_per_step");
  }
  o.engine.max_running = r.integer("max_running", o.engine.max_running, {.min = 1});
  o.engine.cache_tokens = r.integer("cache_tokens", o.engine.cache_tokens, {.min = 0});
}

}  // namespace

SamplingOptions DistillOptions::sampling() const {
  SamplingOptions sampling;
  sampling.max_tokens = max_completion_length;
  sampling.temperature = temperature;
  sampling.untruncated_logprobs = true;
  sampling.eos_ids = eos_ids;
  return sampling;
}

DistillOptions read_distill_options(ObjectReader& r) {
  DistillOptions o;
  o.max_steps = r.integer("max_steps", {.min = 1});
  o.samples_per_step = r.integer("samples_per_step", o.samples_per_step, {.min = 1});
  read_objective(r, o);
  read_sampling(r, o);
  o.packing = read_sft_packing_options(r);
  o.optimizer = read_optimizer_options(r);
  o.schedule = read_schedule_options(r, 2e-5);
  o.router_bias_update_rate = r.number("router_bias_update_rate", 0.0, {.min = 0.0});
  o.auxiliary = read_auxiliary_loss_options(r, o.auxiliary);
  return o;
}

}  // namespace grpo

#include "pipelines/stage_memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "grpo/sft_trainer.h"
#include "grpo/trainer.h"
#include "pipelines/distill_stage.h"
#include "pipelines/eval_sets.h"
#include "pipelines/eval_stage.h"
#include "pipelines/model_reward.h"
#include "pipelines/reject_stage.h"
#include "pipelines/reward_model_stage.h"
#include "pipelines/stage.h"
#include "pipelines/stage_policy.h"
#include "policy/io/checkpoint.h"

namespace grpo {
namespace {

// Tokens that a record of keep_sampling_mask holds at each place. Nothing bounds what top_p and min_p leave; a policy that
// has learnt anything leaves fewer than this.
int64_t kept_tokens(const TrainerOptions& options, int64_t vocab_size) {
  constexpr int64_t without_top_k = 256;
  if (!options.keep_sampling_mask) return 0;
  return std::min(options.sampling.top_k > 0 ? options.sampling.top_k : without_top_k, vocab_size);
}

void add_training(const Recipe& recipe, const StageSpec& whole, const StageLengths& lengths, int64_t vocab_size,
                  at::ScalarType dtype, StageSize& size) {
  const StageSpec spec = with_max_steps(whole, 1);
  if (spec.type == "distill") return add_distill_size(recipe, spec, lengths, dtype, size);
  if (spec.type == "reward_model") return add_reward_model_size(recipe, spec, lengths, size);
  if (spec.type == "reject") return add_reject_size(recipe, spec, lengths, size);
  if (spec.type == "eval") return add_eval_size(recipe, spec, lengths, size);
  ObjectReader r(spec.options, recipe.file, spec.path);
  if (spec.type == "sft") {
    const SftOptions options = read_sft_options(r);
    size.training = {.sequences = options.samples_per_step,
                     .prompt_tokens = lengths.prompt,
                     .completion_tokens = lengths.completion,
                     .tokens_per_micro_batch = options.packing.tokens_per_micro_batch,
                     .reference = false,
                     .optimizer = options.optimizer,
                     .auxiliary = options.auxiliary};
    return;
  }
  const TrainerOptions options = read_trainer_options(r);
  size.training = {.sequences = options.prompts_per_step * options.num_generations,
                   .prompt_tokens = lengths.prompt,
                   .completion_tokens = options.sampling.max_tokens,
                   .tokens_per_micro_batch = options.packing.tokens_per_micro_batch,
                   .reference = options.loss.beta > 0.0,
                   .offload_reference = options.offload_ref_model,
                   .old_logprobs = options.steps_per_generation * options.num_iterations > 1 ||
                                   options.loss.use_kl_in_reward || options.loss.top_entropy_quantile < 1.0,
                   .routes = options.router_replay,
                   .kept_tokens = kept_tokens(options, vocab_size),
                   .optimizer = options.optimizer,
                   .auxiliary = options.auxiliary};
  size.rollout = {.prompts = options.prompts_per_step * options.steps_per_generation,
                  .num_generations = options.num_generations,
                  .prompt_tokens = lengths.prompt,
                  .sampling = options.sampling,
                  .engine = options.engine};
}

// The models that "rewards" score by.
void add_reward_models(const Recipe& recipe, const StageSpec& spec, const Json& rewards, at::ScalarType dtype, StageSize& size) {
  size.reward_tokens_per_pass = kRewardTokensPerPass;
  for (const Json& reward : rewards) {
    if (!reward.is_object() || reward.value("name", Json()) != "model" || !reward.value("model", Json()).is_string()) continue;
    const auto name = reward["model"].get<std::string>();
    const auto stage = recipe.index_of(name);
    ModelConfig config;
    at::ScalarType own = dtype;  // a stage leaves its policy's
    if (stage) {
      config = read_policy(recipe, recipe.stages[*stage].policy).files.config;
      config.head = HeadKind::kScore;
    } else {
      config = read_checkpoint_files(model_directory(recipe, spec, "rewards", name)).config;
      own = config.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
    }
    if (reward.value("dtype", Json()).is_string()) own = parse_dtype(reward["dtype"].get<std::string>(), recipe.file + ": rewards");
    size.reward_models.emplace_back([config, own](const at::Device& meta) { return Policy::empty(config, own, meta); });
  }
}

// What would make the largest phase smaller, most effective first.
std::vector<std::string> remedies(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                                  const MemoryPhase& phase) {
  std::vector<std::string> found;
  const int64_t total = phase.total();
  const auto counts = [total](int64_t bytes) { return bytes > total / 20; };
  if (counts(phase.activations + phase.passing) && phase.kv_cache == 0) {
    ObjectReader r(spec.options, recipe.file, spec.path);
    const int64_t now = r.integer("tokens_per_micro_batch", PackingOptions{}.tokens_per_micro_batch);
    found.push_back(fmt::format("lower tokens_per_micro_batch ({} now)", now));
    if (counts(phase.activations) && !r.boolean("gradient_checkpointing", false)) {
      found.push_back("set gradient_checkpointing");
    }
  }
  if (counts(phase.kv_cache)) {
    found.push_back("bound the cache by cache_tokens, or lower max_running or max_completion_length");
  }
  const bool all_trained = source.trainable.empty() && !source.lora;
  if (counts(phase.optimizer + phase.gradients) && all_trained) {
    found.push_back("train less of the model: policy.lora, or policy.trainable such as [\"self_attn\"]");
  }
  if (counts(phase.optimizer)) {
    found.push_back("set offload_optimizer, or optimizer_state_dtype to int8");
  }
  if (counts(phase.reference)) found.push_back("set offload_ref_model, or beta to 0, which needs no reference");
  found.push_back("use --dtype bfloat16 where it is float32, a larger GPU, or a smaller model");
  return found;
}

}  // namespace

std::string size_text(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1024.0 * 1024.0);
  return mib < 1024.0 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024.0);
}

MemoryPlan plan_stage_memory(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                             const StageLengths& lengths, at::ScalarType dtype, at::DeviceType device) {
  if (asks_endpoint(spec)) return {.device = device, .phases = {{.name = "load"}}};
  StageSize size;
  size.device = device;
  size.policy = [&](const at::Device& meta) {
    Policy policy = Policy::empty(source.files.config, dtype, meta);
    choose_trained(policy, source, /*base=*/false, /*seed=*/0);
    return policy;
  };
  add_training(recipe, spec, lengths, source.files.config.vocab_size, dtype, size);
  const StagePlan plan = plan_stage(recipe, spec);
  add_reward_models(recipe, spec, plan.rewards, dtype, size);
  if (spec.type == "eval") {
    for (const EvaluationSet& set : read_evaluation_sets(recipe, spec)) add_reward_models(recipe, spec, set.rewards, dtype, size);
  }
  if (plan.eval && lengths.eval_problems > 0) {
    size.evaluation = {.prompts = lengths.eval_problems,
                       .num_generations = plan.eval->options.num_samples,
                       .prompt_tokens = lengths.eval_prompt,
                       .sampling = plan.eval->options.sampling,
                       .engine = plan.eval->options.engine};
  }
  return plan_memory(size);
}

std::string memory_text(const std::string& stage, const MemoryPlan& plan, int64_t free) {
  std::string text =
      fmt::format("memory of {}: {} of tensors at most ({}), {} with all else", stage,
                  size_text(plan.peak_bytes()), plan.largest().name, size_text(plan.needed_bytes()));
  if (free > 0) text += fmt::format("; {} are free", size_text(free));
  return text + "\n" + memory_table(plan);
}

void check_memory(const Recipe& recipe, const StageSpec& spec, const PolicySource& source,
                  const MemoryPlan& plan, int64_t free) {
  if (free == 0 || plan.needed_bytes() <= free) return;
  throw Error(
      fmt::format("{} needs {} in its phase \"{}\", and the device has {} free\n{}", spec.name,
                  size_text(plan.needed_bytes()), plan.largest().name, size_text(free), memory_table(plan)),
      recipe.file + (spec.path.empty() ? "" : ": " + spec.path),
      fmt::format("{}; or pass --ignore-memory-plan to try all the same",
                  fmt::join(remedies(recipe, spec, source, plan.largest()), "; or ")));
}

}  // namespace grpo

#include "grpo/reward_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "grpo/packing.h"
#include "grpo/router_balance.h"
#include "grpo/training_state.h"

namespace grpo {

RewardOptions read_reward_options(ObjectReader& r) {
  RewardOptions o;
  if (r.has("max_steps") == r.has("num_train_epochs")) {
    r.fail("max_steps", "give either max_steps or num_train_epochs", "DeepSeek-R1 trained for \"num_train_epochs\": 1");
  }
  if (r.has("max_steps")) o.max_steps = r.integer("max_steps", {.min = 1});
  o.num_train_epochs = r.number("num_train_epochs", 0.0, {.min = 0.0, .max = 1e6, .min_exclusive = r.has("num_train_epochs")});
  o.samples_per_step = r.integer("samples_per_step", o.samples_per_step, {.min = 1});
  o.max_length = r.integer("max_length", o.max_length, {.min = 1});
  o.center_rewards_coefficient = r.number("center_rewards_coefficient", 0.0, {.min = 0.0, .max = 100.0});
  o.tokens_per_micro_batch = read_sft_packing_options(r).tokens_per_micro_batch;
  o.optimizer = read_optimizer_options(r);
  o.schedule = read_schedule_options(r, 1e-4);
  o.router_bias_update_rate = r.number("router_bias_update_rate", 0.0, {.min = 0.0});
  o.auxiliary = read_auxiliary_loss_options(r, o.auxiliary);
  return o;
}

int64_t reward_steps(const RewardOptions& options, int64_t num_samples) {
  if (options.max_steps > 0) return options.max_steps;
  const double samples = options.num_train_epochs * static_cast<double>(num_samples);
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(samples / static_cast<double>(options.samples_per_step))));
}

RewardTrainer::RewardTrainer(Policy& model, RewardOptions options)
    : model_(model),
      options_(std::move(options)),
      optimizer_(choose_trainable(model, options_.auxiliary), options_.optimizer),
      auxiliary_(model, options_.auxiliary) {
  GRPO_CHECK(model.config().head == HeadKind::kScore && options_.max_steps > 0);
  model_.set_requires_grad(true);
}

Json RewardTrainer::step(const DrawSample& draw) {
  std::vector<RewardSample> samples;
  TrainedCounts counts;
  for (int64_t i = 0; i < options_.samples_per_step; ++i) {
    samples.push_back(draw(samples_drawn_++));
    counts.sequences += std::holds_alternative<RewardPair>(samples.back()) ? 2 : 1;
  }
  const auto tensors =
      at::TensorOptions(model_.device()).dtype(model_.dtype() == at::kDouble ? at::kDouble : at::kFloat);
  // Expert loads are counted in this step's passes only: not in evaluations between steps.
  model_.record_expert_load(true);
  auxiliary_.begin_step(counts);
  RewardStatistics statistics;
  double loss_sum = 0;
  for (const RewardMicroBatch& batch :
       pack_rewards(samples, model_.config(), options_.tokens_per_micro_batch, tensors)) {
    ForwardOutput output = model_.forward(batch.tokens, auxiliary_.forward_options());
    const at::Tensor scores = model_.scores(output.hidden.index_select(0, batch.rows));
    const at::Tensor loss = reward_loss(scores, batch, options_.center_rewards_coefficient);
    // Of multi-token prediction, which alone would look at a MicroBatch, a reward model has none.
    const at::Tensor objective = auxiliary_.add_to(loss, MicroBatch(), output);
    output = {};  // its memory serves the backward pass
    objective.backward();
    optimizer_.accumulate_gradients();
    loss_sum += loss.item<double>();
    statistics.add(scores, batch);
    num_tokens_ += batch.num_tokens();
  }
  const double norm = optimizer_.clip_grad_norm(options_.optimizer.max_grad_norm);
  if (!std::isfinite(loss_sum) || !std::isfinite(norm)) {
    throw Error(fmt::format("loss {} with gradient norm {}: not finite", loss_sum, norm),
                fmt::format("step {}", steps_done_ + 1), "lower learning_rate, or warm up longer");
  }
  const double rate = learning_rate(options_.schedule, steps_done_, options_.max_steps);
  optimizer_.step(rate);
  Json metrics = {{"loss", loss_sum}};
  statistics.write(metrics);
  auxiliary_.add_metrics(metrics);
  add_expert_load_metrics(model_.expert_load(), metrics);
  if (options_.router_bias_update_rate > 0.0) model_.update_router_bias(options_.router_bias_update_rate);
  model_.record_expert_load(false);
  optimizer_.zero_grad();
  ++steps_done_;
  metrics["grad_norm"] = norm;
  metrics["learning_rate"] = rate;
  metrics["num_tokens"] = num_tokens_;
  return metrics;
}

void RewardTrainer::save(const std::string& directory) const {
  save_training_state(
      directory, model_, optimizer_, nullptr,
      {{"steps_done", steps_done_}, {"samples_drawn", samples_drawn_}, {"num_tokens", num_tokens_}});
}

void RewardTrainer::restore(const std::string& directory) {
  const Json state = load_training_state(directory, model_, optimizer_, nullptr);
  ObjectReader r(state, directory + "/state.json");
  r.allow_unknown();
  steps_done_ = r.integer("steps_done", {.min = 0});
  samples_drawn_ = r.integer("samples_drawn", {.min = 0});
  num_tokens_ = r.integer("num_tokens", {.min = 0});
}

}  // namespace grpo

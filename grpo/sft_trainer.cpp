#include "grpo/sft_trainer.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "core/error.h"
#include "grpo/router_balance.h"
#include "grpo/training_state.h"

namespace grpo {

SftOptions read_sft_options(ObjectReader& r) {
  SftOptions o;
  o.max_steps = r.integer("max_steps", {.min = 1});
  o.samples_per_step = r.integer("samples_per_step", o.samples_per_step, {.min = 1});
  o.packing = read_sft_packing_options(r);
  o.optimizer = read_optimizer_options(r);
  o.schedule = read_schedule_options(r, 2e-5);
  o.router_bias_update_rate = r.number("router_bias_update_rate", 0.0, {.min = 0.0});
  o.auxiliary = read_auxiliary_loss_options(r, o.auxiliary);
  return o;
}

std::vector<uint8_t> SftSequence::whole_mask() const {
  if (loss_mask.empty()) return std::vector<uint8_t>(completion_ids.size(), uint8_t{1});
  GRPO_CHECK(loss_mask.size() == completion_ids.size());
  return loss_mask;
}

SftTrainer::SftTrainer(Policy& policy, SftOptions options)
    : policy_(policy),
      options_(std::move(options)),
      optimizer_(choose_trainable(policy, options_.auxiliary), options_.optimizer),
      auxiliary_(policy, options_.auxiliary) {
  policy_.set_requires_grad(true);
}

Json SftTrainer::step(const DrawSequence& draw) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<SftSequence> samples;
  for (int64_t i = 0; i < options_.samples_per_step; ++i) samples.push_back(draw(samples_drawn_++));
  std::vector<std::vector<uint8_t>> masks;
  std::vector<TrainSequence> sequences;
  for (const SftSequence& sample : samples) masks.push_back(sample.whole_mask());
  for (size_t i = 0; i < samples.size(); ++i) {
    sequences.push_back({.prompt_ids = samples[i].prompt_ids,
                         .completion_ids = samples[i].completion_ids,
                         .loss_mask = masks[i]});
  }

  const auto options = at::TensorOptions()
                           .device(policy_.device())
                           .dtype(policy_.dtype() == at::kDouble ? at::kDouble : at::kFloat);
  // Expert loads are counted in this step's passes only: not in evaluations between steps.
  policy_.record_expert_load(true);
  const TrainedCounts counts = count_trained(sequences);
  auxiliary_.begin_step(counts);
  double loss_sum = 0, entropy_sum = 0, tokens = 0;
  for (const MicroBatch& batch : pack(sequences, counts, options_.packing, options)) {
    ForwardOutput output = policy_.forward(batch.tokens, auxiliary_.forward_options());
    const TokenScores scores = policy_.token_scores(output.hidden.index_select(0, batch.rows), batch.targets);
    const at::Tensor loss = -(scores.logprobs * batch.weights).sum();
    const at::Tensor objective = auxiliary_.add_to(loss, batch, output);
    output = {};  // its memory serves the backward pass
    objective.backward();
    optimizer_.accumulate_gradients();
    const at::Tensor host = at::stack({loss.detach(), scores.entropy.sum()}).to(at::kDouble).cpu();
    loss_sum += host[0].item<double>();
    entropy_sum += host[1].item<double>();
    tokens += static_cast<double>(batch.num_targets());
    num_tokens_ += batch.num_tokens();
  }
  const double norm = optimizer_.clip_grad_norm(options_.optimizer.max_grad_norm);
  if (!std::isfinite(loss_sum) || !std::isfinite(norm)) {
    throw Error(fmt::format("loss {} with gradient norm {}: not finite", loss_sum, norm),
                fmt::format("step {}", steps_done_ + 1), "lower learning_rate, or warm up longer");
  }
  const double rate = learning_rate(options_.schedule, steps_done_, options_.max_steps);
  optimizer_.step(rate);
  Json metrics = Json::object();
  auxiliary_.add_metrics(metrics);
  add_expert_load_metrics(policy_.expert_load(), metrics);
  if (options_.router_bias_update_rate > 0.0) policy_.update_router_bias(options_.router_bias_update_rate);
  policy_.record_expert_load(false);
  optimizer_.zero_grad();
  ++steps_done_;
  metrics["loss"] = loss_sum;
  metrics["entropy"] = tokens > 0 ? entropy_sum / tokens : 0.0;
  metrics["grad_norm"] = norm;
  metrics["learning_rate"] = rate;
  metrics["num_tokens"] = num_tokens_;
  metrics["step_time"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return metrics;
}

void SftTrainer::save(const std::string& directory) const {
  save_training_state(
      directory, policy_, optimizer_, nullptr,
      {{"steps_done", steps_done_}, {"samples_drawn", samples_drawn_}, {"num_tokens", num_tokens_}});
}

void SftTrainer::restore(const std::string& directory) {
  const Json state = load_training_state(directory, policy_, optimizer_, nullptr);
  ObjectReader r(state, directory + "/state.json");
  r.allow_unknown();
  steps_done_ = r.integer("steps_done", {.min = 0});
  samples_drawn_ = r.integer("samples_drawn", {.min = 0});
  num_tokens_ = r.integer("num_tokens", {.min = 0});
}

}  // namespace grpo

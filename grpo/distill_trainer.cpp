#include "grpo/distill_trainer.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/seed.h"
#include "grpo/distill_loss.h"
#include "grpo/router_balance.h"
#include "grpo/training_state.h"

namespace grpo {
namespace {

constexpr uint64_t kChoiceStream = 0x6c6d62646100;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// So that a time is that of the work and not of asking for it.
void wait_for(const at::Device& device) {
  if (device.is_cpu() || device.is_meta()) return;
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeStream(guard.getStream(device));
}

}  // namespace

struct DistillTrainer::Batch {
  bool on_policy = false;
  int64_t drawn = 0;  // sequences or problems of the stream
  std::vector<SftSequence> samples;  // of the data, with their masks; groups_ has those of the student
  std::vector<std::vector<uint8_t>> masks;
  std::vector<TrainSequence> list;
};

// Over the trained tokens of a step; tensors are scalars on the device, float64.
struct DistillTrainer::Sums {
  at::Tensor divergence, sft, kl, entropy;  // the first two weighted as in the loss
  double tokens = 0;
  double teacher_tokens = 0, teacher_seconds = 0;
};

DistillTrainer::DistillTrainer(Policy& student, const Policy& teacher, const Tokenizer* tokenizer, DistillOptions options,
                               uint64_t seed)
    : student_(student),
      teacher_(teacher),
      options_(std::move(options)),
      seed_(seed),
      optimizer_(choose_trainable(student, options_.auxiliary), options_.optimizer),
      auxiliary_(student, options_.auxiliary),
      engine_(student, tokenizer, options_.engine) {
  student_.set_requires_grad(true);
}

bool DistillTrainer::on_policy(int64_t step) const {
  return Stream(derive_seed({seed_, kChoiceStream, static_cast<uint64_t>(step)})).uniform() < options_.lmbda;
}

// Fills groups_.
void DistillTrainer::sample(const DrawProblem& problems, int64_t count, Json& metrics) {
  std::vector<Problem> drawn;
  for (int64_t i = 0; i < count; ++i) drawn.push_back(problems(samples_drawn_ + i));
  GenerateOptions generate;
  generate.num_generations = options_.num_generations;
  generate.sampling = options_.sampling();
  generate.seed = seed_;
  generate.step = static_cast<uint64_t>(steps_done_);
  generate.policy_version = steps_done_;
  generate.stop_request = options_.stop_request;
  groups_ = engine_.generate(drawn, generate);
  double length = 0, truncations = 0, episodes = 0;
  for (const Group& group : groups_) {
    for (const Episode& episode : group.episodes) {
      if (episode.finish_reason == FinishReason::kError) continue;
      ++episodes;
      length += static_cast<double>(episode.completion_ids.size());
      truncations += truncated(episode);
    }
  }
  if (episodes == 0) {
    throw Error("the student's logits are not finite", fmt::format("step {}", steps_done_ + 1),
                "lower learning_rate, or go back to an earlier checkpoint");
  }
  const EngineStats& stats = engine_.stats();
  metrics["completions/mean_length"] = length / episodes;
  metrics["completions/clipped_ratio"] = truncations / episodes;
  metrics["rollout/errors"] = stats.errors;
  metrics["rollout/tokens_per_second"] = static_cast<double>(stats.tokens_generated) / stats.seconds;
}

// The sequences of the next step, taken from `sequences`, or sampled into groups_.
DistillTrainer::Batch DistillTrainer::gather(const SftTrainer::DrawSequence& sequences, const DrawProblem& problems,
                                             Json& metrics) {
  Batch batch;
  batch.on_policy = on_policy(steps_done_);
  batch.drawn = options_.samples_per_step / (batch.on_policy ? options_.num_generations : 1);
  groups_.clear();
  if (batch.on_policy) {
    times_.measure("generate", [&] { sample(problems, batch.drawn, metrics); });
    for (const Group& group : groups_) {
      for (const Episode& episode : group.episodes) {
        if (episode.finish_reason != FinishReason::kError) batch.list.push_back(train_sequence(episode));
      }
    }
    return batch;
  }
  for (int64_t i = 0; i < batch.drawn; ++i) batch.samples.push_back(sequences(samples_drawn_ + i));
  for (const SftSequence& sample : batch.samples) batch.masks.push_back(sample.whole_mask());
  for (size_t i = 0; i < batch.samples.size(); ++i) {
    batch.list.push_back({.prompt_ids = batch.samples[i].prompt_ids,
                          .completion_ids = batch.samples[i].completion_ids,
                          .loss_mask = batch.masks[i]});
  }
  return batch;
}

Json DistillTrainer::step(const SftTrainer::DrawSequence& sequences, const DrawProblem& problems) {
  Json metrics = Json::object();
  const Batch batch = gather(sequences, problems, metrics);
  const int64_t tokens_before = num_tokens_;
  Sums sums;
  try {
    sums = accumulate(batch);
  } catch (const Cancelled&) {
    discard();
    num_tokens_ = tokens_before;
    throw;
  }
  times_.measure("train", [&] { update(batch, sums, metrics); });
  return metrics;
}

void DistillTrainer::update(const Batch& batch, const Sums& sums, Json& metrics) {
  const at::Tensor host = at::stack({sums.divergence, sums.sft, sums.kl, sums.entropy}).cpu();
  const double divergence = host[0].item<double>(), sft = host[1].item<double>();
  const double loss = divergence + options_.sft_weight * sft;
  const double norm = optimizer_.clip_grad_norm(options_.optimizer.max_grad_norm);
  if (!std::isfinite(loss) || !std::isfinite(norm)) {
    discard();
    throw Error(fmt::format("loss {} with gradient norm {}: not finite", loss, norm),
                fmt::format("step {}", steps_done_ + 1), "lower learning_rate, or warm up longer");
  }
  const double rate = learning_rate(options_.schedule, steps_done_, options_.max_steps);
  optimizer_.step(rate);
  auxiliary_.add_metrics(metrics);
  add_expert_load_metrics(student_.expert_load(), metrics);
  if (options_.router_bias_update_rate > 0.0) student_.update_router_bias(options_.router_bias_update_rate);
  discard();

  ++steps_done_;
  on_policy_steps_ += batch.on_policy;
  samples_drawn_ += batch.drawn;
  metrics["loss"] = loss;
  if (options_.sft_weight > 0.0 && !batch.on_policy) {
    metrics["divergence"] = divergence;
    metrics["sft/loss"] = sft;
  }
  metrics["kl"] = host[2].item<double>() / sums.tokens;
  metrics["entropy"] = host[3].item<double>() / sums.tokens;
  metrics["grad_norm"] = norm;
  metrics["learning_rate"] = rate;
  metrics["num_tokens"] = num_tokens_;
  metrics["on_policy"] = batch.on_policy ? 1 : 0;
  metrics["on_policy_share"] = static_cast<double>(on_policy_steps_) / static_cast<double>(steps_done_);
  metrics["teacher/tokens_per_second"] = sums.teacher_tokens / sums.teacher_seconds;
}

DistillTrainer::Sums DistillTrainer::accumulate(const Batch& whole) {
  const at::ScalarType wide = student_.dtype() == at::kDouble ? at::kDouble : at::kFloat;
  const auto options = at::TensorOptions().device(student_.device()).dtype(wide);
  Sums sums;
  for (at::Tensor* sum : {&sums.divergence, &sums.sft, &sums.kl, &sums.entropy}) {
    *sum = at::zeros({}, options.dtype(at::kDouble));
  }
  // Expert loads are counted in this step's passes only: not in rollouts, not in evaluations.
  student_.record_expert_load(true);
  const TrainedCounts counts = count_trained(whole.list);
  auxiliary_.begin_step(counts);
  for (const MicroBatch& batch : pack(whole.list, counts, options_.packing, options)) {
    if (sums.tokens > 0) stop_if(options_.stop_request);  // between micro-batches: one alone is soon over
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor teacher_hidden = [&] {
      const at::NoGradGuard no_grad;
      return teacher_.hidden(batch.tokens).index_select(0, batch.rows);
    }();
    wait_for(teacher_.device());
    const double seconds = seconds_since(start);
    times_.add("teacher", seconds);
    sums.teacher_seconds += seconds;
    sums.teacher_tokens += static_cast<double>(batch.num_tokens());
    times_.measure("train", [&] {
      ForwardOutput output = student_.forward(batch.tokens, auxiliary_.forward_options());
      const at::Tensor loss = loss_of(batch, output.hidden.index_select(0, batch.rows), teacher_hidden, whole.on_policy, sums);
      const at::Tensor objective = auxiliary_.add_to(loss, batch, output);
      output = {};  // its memory serves the backward pass
      objective.backward();
      optimizer_.accumulate_gradients();
    });
    sums.tokens += static_cast<double>(batch.num_targets());
    num_tokens_ += batch.num_tokens();
  }
  return sums;
}

// `sums`: what the micro-batch adds to them, beside the counts.
at::Tensor DistillTrainer::loss_of(const MicroBatch& batch, const at::Tensor& hidden, const at::Tensor& teacher_hidden,
                                   bool on_policy, Sums& sums) const {
  if (options_.objective == DistillObjective::kPolicyGradient) {
    const TokenScores scores = student_.token_scores(hidden, batch.targets, {.temperature = options_.temperature});
    const at::Tensor now = scores.logprobs.detach();
    const at::NoGradGuard no_grad;
    const at::Tensor lead =
        teacher_.token_scores(teacher_hidden, batch.targets, {.temperature = options_.temperature}).logprobs.to(now.scalar_type()) - now;
    const at::Tensor weighted = lead * batch.weights * -options_.kl_penalty_coef;
    sums.divergence.add_(weighted.sum());
    sums.kl.sub_(lead.sum());
    sums.entropy.add_(scores.entropy.sum());
    const at::AutoGradMode with_grad(true);
    // The ratio to what was sampled from is 1, and its gradient that of the log-probability.
    return ((scores.logprobs - now).exp() * weighted).sum();
  }
  const DistillLoss of = distill_loss({hidden, student_.head()}, {teacher_hidden, teacher_.head()},
                                      {.beta = options_.beta, .temperature = options_.temperature, .top_k = options_.top_k});
  at::Tensor loss = (of.divergence * batch.weights).sum();
  sums.divergence.add_(loss.detach());
  sums.kl.add_(of.kl.sum());
  sums.entropy.add_(of.entropy.sum());
  if (options_.sft_weight > 0.0 && !on_policy) {
    const at::Tensor sft = -(student_.token_scores(hidden, batch.targets).logprobs * batch.weights).sum();
    sums.sft.add_(sft.detach());
    loss = loss + options_.sft_weight * sft;
  }
  return loss;
}

void DistillTrainer::discard() {
  student_.record_expert_load(false);
  optimizer_.zero_grad();
}

void DistillTrainer::save(const std::string& directory) const {
  save_training_state(directory, student_, optimizer_, nullptr,
                      {{"steps_done", steps_done_},
                       {"on_policy_steps", on_policy_steps_},
                       {"samples_drawn", samples_drawn_},
                       {"num_tokens", num_tokens_}});
}

void DistillTrainer::restore(const std::string& directory) {
  const Json state = load_training_state(directory, student_, optimizer_, nullptr);
  ObjectReader r(state, directory + "/state.json");
  r.allow_unknown();
  steps_done_ = r.integer("steps_done", {.min = 0});
  on_policy_steps_ = r.integer("on_policy_steps", {.min = 0});
  samples_drawn_ = r.integer("samples_drawn", {.min = 0});
  num_tokens_ = r.integer("num_tokens", {.min = 0});
}

}  // namespace grpo

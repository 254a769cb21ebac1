#include "grpo/learner.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "grpo/router_balance.h"
#include "grpo/training_state.h"

namespace grpo {
namespace {

double per(double sum, double count) { return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN(); }

void add_loss_metrics(const PolicyLossSums& sums, bool has_reference, Json& metrics) {
  metrics["loss"] = sums.loss;
  metrics["entropy"] = per(sums.entropy, sums.tokens);
  if (has_reference) metrics["kl"] = per(sums.kl, sums.tokens);
  metrics["clip_ratio/low_mean"] = per(sums.clipped_low, sums.tokens);
  metrics["clip_ratio/high_mean"] = per(sums.clipped_high, sums.tokens);
  metrics["clip_ratio/region_mean"] = per(sums.clipped_low + sums.clipped_high, sums.tokens);
  metrics["policy_ratio/min"] = sums.ratio_min;
  metrics["policy_ratio/mean"] = per(sums.ratio, sums.tokens);
  metrics["policy_ratio/max"] = sums.ratio_max;
  metrics["sampling/sampling_logp_difference/mean"] = per(sums.sampling_logp_difference, sums.tokens);
  metrics["sampling/sampling_logp_difference/max"] = sums.sampling_logp_difference_max;
  metrics["sampling/importance_sampling_ratio/min"] = sums.sampling_ratio_min;
  metrics["sampling/importance_sampling_ratio/mean"] = per(sums.sampling_ratio, sums.tokens);
  metrics["sampling/importance_sampling_ratio/max"] = sums.sampling_ratio_max;
}

// The policy as it is now; what is not trained is shared with it.
Policy make_reference(const Policy& policy, const TrainerOptions& options) {
  if (options.sync_ref_model && options.ref_model_mixup_alpha != 1.0 && !policy.adapters().empty()) {
    throw Error("a reference with adapters cannot be mixed: the mean of two low-rank products has a higher rank",
                "ref_model_mixup_alpha", "set it to 1, which copies the adapters");
  }
  return policy.reference_copy();
}

// The episodes of groups in one list, and what packing takes of them.
struct Sequences {
  std::vector<Episode*> episodes;
  std::vector<TrainSequence> list;
};

Sequences sequences_of(const std::vector<Group*>& groups) {
  Sequences out;
  for (Group* group : groups) {
    for (Episode& episode : group->episodes) {
      out.episodes.push_back(&episode);
      out.list.push_back(train_sequence(episode));
    }
  }
  return out;
}

at::TensorOptions tensor_options(const Policy& policy) {
  return at::TensorOptions()
      .device(policy.device())
      .dtype(policy.dtype() == at::kDouble ? at::kDouble : at::kFloat);
}

TokenScores score(const Policy& policy, const at::Tensor& hidden, const MicroBatch& batch, double temperature) {
  return policy.token_scores(hidden.index_select(0, batch.rows), batch.targets, {.temperature = temperature});
}

// Puts numbers of the trained tokens of a micro-batch where their episodes keep one per completion id; tokens that are
// not trained on keep 0.
void scatter(const at::Tensor& values, const MicroBatch& batch, const Sequences& sequences,
             std::vector<double> Episode::*field) {
  const at::Tensor host = values.to(at::kCPU, at::kDouble).contiguous();
  const double* next = host.const_data_ptr<double>();
  for (const int64_t s : batch.sequences) {
    Episode& episode = *sequences.episodes[static_cast<size_t>(s)];
    std::vector<double>& to = episode.*field;
    to.assign(episode.completion_ids.size(), 0.0);
    for (size_t t = 0; t < to.size(); ++t) {
      if (trained_at(sequences.list[static_cast<size_t>(s)], t)) to[t] = *next++;
    }
  }
  GRPO_CHECK(next == host.const_data_ptr<double>() + host.numel());
}

}  // namespace

Learner::Learner(Policy& policy, const TrainerOptions& options)
    : policy_(policy),
      options_(options),
      optimizer_(choose_trainable(policy, options_.auxiliary), options_.optimizer),
      auxiliary_(policy, options_.auxiliary) {
  if (options_.loss.beta > 0.0) reference_ = make_reference(policy, options_);
  policy_.set_requires_grad(true);
}

void Learner::score_tokens(const std::vector<Group*>& groups, int64_t updates) const {
  const bool wants_old = updates > 1;
  if (!wants_old && !reference_) return;
  const at::NoGradGuard no_grad;
  const Sequences sequences = sequences_of(groups);
  for (const MicroBatch& batch :
       pack(sequences.list, count_trained(sequences.list), options_.packing, tensor_options(policy_))) {
    const auto logprobs_of = [&](const Policy& policy) {
      return score(policy, policy.hidden(batch.tokens), batch, options_.sampling.temperature).logprobs;
    };
    if (wants_old) scatter(logprobs_of(policy_), batch, sequences, &Episode::old_logprobs);
    if (reference_) scatter(logprobs_of(*reference_), batch, sequences, &Episode::ref_logprobs);
  }
}

Learner::Gradients Learner::accumulate(const std::vector<Group*>& groups) {
  // Expert loads are counted in training passes only: not in rollouts, evaluations, scoring passes.
  policy_.record_expert_load(true);
  const PolicyLossSums sums = accumulate_losses(groups);
  Gradients out;
  out.metrics = Json::object();
  auxiliary_.add_metrics(out.metrics);
  add_expert_load_metrics(policy_.expert_load(), out.metrics);
  out.norm = optimizer_.clip_grad_norm(options_.optimizer.max_grad_norm);
  out.tokens = sums.tokens;
  out.finite = sums.finite() && std::isfinite(out.norm);
  add_loss_metrics(sums, reference_.has_value(), out.metrics);
  out.metrics["grad_norm"] = out.norm;
  return out;
}

PolicyLossSums Learner::accumulate_losses(const std::vector<Group*>& groups) {
  const Sequences sequences = sequences_of(groups);
  const TrainedCounts counts = count_trained(sequences.list);
  auxiliary_.begin_step(counts);
  PolicyLossSums sums;
  for (const MicroBatch& batch : pack(sequences.list, counts, options_.packing, tensor_options(policy_))) {
    ForwardOutput output = policy_.forward(batch.tokens, auxiliary_.forward_options());
    const TokenScores scores = score(policy_, output.hidden, batch, options_.sampling.temperature);
    PolicyLossInputs inputs;
    inputs.logprobs = scores.logprobs;
    inputs.entropy = scores.entropy;
    inputs.behaviour_logprobs = batch.behaviour_logprobs;
    inputs.old_logprobs = batch.old_logprobs;
    inputs.ref_logprobs = batch.ref_logprobs;
    inputs.advantages = batch.advantages;
    inputs.weights = batch.weights;
    const PolicyLoss loss = policy_loss(inputs, options_.loss);
    const at::Tensor objective = auxiliary_.add_to(loss.loss, batch, output);
    output = {};  // its memory serves the backward pass
    objective.backward();
    optimizer_.accumulate_gradients();
    sums.add(loss.sums);
    num_tokens_ += batch.num_tokens();
  }
  return sums;
}

void Learner::update(double learning_rate) {
  optimizer_.step(learning_rate);
  if (options_.router_bias_update_rate > 0.0) policy_.update_router_bias(options_.router_bias_update_rate);
  discard();
}

void Learner::discard() {
  policy_.record_expert_load(false);
  optimizer_.zero_grad();
}

int64_t Learner::probe(int64_t prompt_tokens, int64_t completion_tokens) {
  const int64_t length = prompt_tokens + completion_tokens;
  const int64_t samples = std::max<int64_t>(1, options_.packing.tokens_per_micro_batch / length);
  Episode longest;
  longest.prompt_ids.assign(static_cast<size_t>(prompt_tokens), 0);
  longest.completion_ids.assign(static_cast<size_t>(completion_tokens), 0);
  longest.loss_mask.assign(static_cast<size_t>(completion_tokens), 1);
  longest.behaviour_logprobs.assign(static_cast<size_t>(completion_tokens), 0.0F);
  longest.old_logprobs.assign(static_cast<size_t>(completion_tokens), 0.0);
  if (reference_) longest.ref_logprobs = longest.old_logprobs;
  longest.advantage = 1.0;
  Group group;
  group.episodes.assign(static_cast<size_t>(samples), longest);
  const int64_t counted = num_tokens_;
  accumulate({&group});
  discard();
  num_tokens_ = counted;
  return samples * length;
}

void Learner::sync_reference(int64_t steps_done) {
  if (!options_.sync_ref_model || steps_done % options_.ref_model_sync_steps != 0) return;
  const at::NoGradGuard no_grad;
  const double alpha = options_.ref_model_mixup_alpha;
  auto move = [alpha](const std::vector<Parameter>& from, const std::vector<Parameter>& to) {
    for (size_t i = 0; i < from.size(); ++i) {
      at::Tensor reference = to[i].tensor;
      alpha == 1.0 ? reference.copy_(from[i].tensor) : reference.lerp_(from[i].tensor, alpha);
    }
  };
  move(policy_.trainable(), reference_->trainable());
  move(policy_.buffers(), reference_->buffers());
}

void Learner::save(const std::string& directory, Json counters) const {
  counters["num_tokens"] = num_tokens_;
  save_training_state(directory, policy_, optimizer_, reference_ ? &*reference_ : nullptr, counters);
}

Json Learner::restore(const std::string& directory) {
  const Json state = load_training_state(directory, policy_, optimizer_, reference_ ? &*reference_ : nullptr);
  ObjectReader r(state, directory + "/state.json");
  r.allow_unknown();
  num_tokens_ = r.integer("num_tokens", {.min = 0});
  return state;
}

}  // namespace grpo

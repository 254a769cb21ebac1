#include "grpo/learner.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"
#include "grpo/entropy_mask.h"
#include "grpo/route_replay.h"
#include "grpo/router_balance.h"
#include "grpo/training_state.h"
#include "policy/parking.h"

namespace grpo {
namespace {

bool same_shapes(const std::vector<Parameter>& a, const std::vector<Parameter>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Parameter& x, const Parameter& y) {
    return x.name == y.name && x.tensor.sizes() == y.tensor.sizes();
  });
}

// `given`, with the same parts trainable as of the policy, so that it can follow it; or the policy as it is now, which
// shares with it what is not trained.
Policy make_reference(const Policy& policy, const TrainerOptions& options, std::optional<Policy> given) {
  if (given) {
    if (!policy.adapters().empty() || !same_shapes(policy.parameters(), given->parameters())) {
      throw Error("the reference is not of the policy's architecture, or the policy has adapters", "ref_model",
                  "give a checkpoint of the same shapes, or remove it: the reference is then where training starts");
    }
    std::set<std::string> names;
    for (const Parameter& p : policy.trainable()) names.insert(p.name);
    given->select_trainable([&](const Parameter& p) { return names.contains(p.name); });
    return std::move(*given);
  }
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

Learner::Learner(Policy& policy, const TrainerOptions& options, std::optional<Policy> reference)
    : policy_(policy),
      options_(options),
      optimizer_(choose_trainable(policy, options_.auxiliary), options_.optimizer),
      auxiliary_(policy, options_.auxiliary) {
  if (options_.loss.beta > 0.0) reference_ = make_reference(policy, options_, std::move(reference));
  if (reference_ && options_.offload_ref_model) park(*reference_);
  policy_.set_requires_grad(true);
  entropy_bonus_ = first_entropy_bonus(options_.loss.entropy_bonus);
}

// What the rollout recorded of a micro-batch: the same for every pass over it.
struct Learner::Records {
  std::vector<at::Tensor> routes;
  KeptTokens kept;
};

Learner::Records Learner::records_of(const std::vector<Episode*>& episodes, const std::vector<TrainSequence>& list,
                                     const MicroBatch& batch) const {
  Records records;
  const std::vector<const Episode*> pointers(episodes.begin(), episodes.end());
  if (options_.router_replay) records.routes = packed_routes(policy_.config(), pointers, batch);
  if (options_.keep_sampling_mask) records.kept = packed_kept(pointers, list, batch);
  return records;
}

TokenScores Learner::score(const Policy& policy, const at::Tensor& hidden, const MicroBatch& batch,
                           const Records& records, bool train_entropy) const {
  return policy.token_scores(hidden.index_select(0, batch.rows), batch.targets,
                             {.temperature = options_.sampling.temperature,
                              .train_entropy = train_entropy,
                              .kept = options_.keep_sampling_mask ? &records.kept : nullptr});
}

bool Learner::wants_old_logprobs(int64_t updates) const { return updates > 1 || options_.loss.use_kl_in_reward; }

void Learner::score_tokens(const std::vector<Group*>& groups, int64_t updates) const {
  const bool wants_old = wants_old_logprobs(updates), wants_entropy = options_.loss.top_entropy_quantile < 1.0;
  if (!wants_old && !wants_entropy && !reference_) return;
  const at::NoGradGuard no_grad;
  const Sequences sequences = sequences_of(groups);
  const std::vector<MicroBatch> batches =
      pack(sequences.list, count_trained(sequences.list), options_.packing, tensor_options(policy_));
  const auto scores_of = [&](const Policy& policy, const MicroBatch& batch) {
    const Records records = records_of(sequences.episodes, sequences.list, batch);
    ForwardOptions pass;
    if (options_.router_replay) pass.replay_routes = &records.routes;
    return score(policy, policy.forward(batch.tokens, pass).hidden, batch, records, /*train_entropy=*/false);
  };
  for (const MicroBatch& batch : batches) {
    if (!wants_old && !wants_entropy) break;
    stop_if(options_.stop_request);
    const TokenScores scores = scores_of(policy_, batch);
    if (wants_old) scatter(scores.logprobs, batch, sequences, &Episode::old_logprobs);
    if (wants_entropy) scatter(scores.entropy, batch, sequences, &Episode::entropy);
  }
  if (!reference_) return;
  const Unparked present(*reference_, options_.offload_ref_model);
  for (const MicroBatch& batch : batches) {
    stop_if(options_.stop_request);
    scatter(scores_of(*reference_, batch).logprobs, batch, sequences, &Episode::ref_logprobs);
  }
}

Learner::Gradients Learner::accumulate(const std::vector<Group*>& groups) {
  // Expert loads are counted in training passes only: not in rollouts, evaluations, scoring passes.
  policy_.record_expert_load(true);
  const int64_t tokens_before = num_tokens_;
  PolicyLossSums sums;
  try {
    sums = accumulate_losses(groups);
  } catch (const Cancelled&) {
    discard();
    num_tokens_ = tokens_before;
    throw;
  }
  mean_entropy_ = sums.mean_entropy();
  Gradients out;
  out.metrics = Json::object();
  auxiliary_.add_metrics(out.metrics);
  add_expert_load_metrics(policy_.expert_load(), out.metrics);
  out.norm = optimizer_.clip_grad_norm(options_.optimizer.max_grad_norm);
  out.tokens = sums.tokens;
  out.finite = sums.finite() && std::isfinite(out.norm);
  add_loss_metrics(sums, options_.loss, reference_.has_value(), out.metrics);
  out.metrics["grad_norm"] = out.norm;
  return out;
}

PolicyLossSums Learner::accumulate_losses(const std::vector<Group*>& groups) {
  Sequences sequences = sequences_of(groups);
  EntropyMasks masks;  // the sequences look at it
  if (options_.loss.top_entropy_quantile < 1.0) {
    masks = mask_low_entropy(sequences.list, options_.loss.top_entropy_quantile);
  }
  const TrainedCounts counts = count_trained(sequences.list);
  const double entropy_coef = applied_entropy_coef(options_.loss.entropy_bonus, entropy_bonus_);
  auxiliary_.begin_step(counts);
  PolicyLossSums sums;
  for (const MicroBatch& batch : pack(sequences.list, counts, options_.packing, tensor_options(policy_))) {
    if (sums.tokens > 0) stop_if(options_.stop_request);  // between micro-batches: one alone is soon over
    const Records records = records_of(sequences.episodes, sequences.list, batch);
    ForwardOptions pass = auxiliary_.forward_options();
    if (options_.router_replay) pass.replay_routes = &records.routes;
    ForwardOutput output = policy_.forward(batch.tokens, pass);
    const TokenScores scores = score(policy_, output.hidden, batch, records, entropy_coef != 0.0);
    const PolicyLoss loss = policy_loss({.logprobs = scores.logprobs,
                                         .old_logprobs = batch.old_logprobs,
                                         .ref_logprobs = batch.ref_logprobs,
                                         .behaviour_logprobs = batch.behaviour_logprobs,
                                         .entropy = scores.entropy,
                                         .advantages = batch.advantages,
                                         .weights = batch.weights,
                                         .lengths = batch.lengths,
                                         .policy_mask = batch.policy_mask,
                                         .entropy_coef = entropy_coef},
                                        options_.loss);
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
  entropy_bonus_ = next_entropy_bonus(options_.loss.entropy_bonus, entropy_bonus_, mean_entropy_);
  if (options_.router_bias_update_rate > 0.0) policy_.update_router_bias(options_.router_bias_update_rate);
  discard();
}

void Learner::discard() {
  policy_.record_expert_load(false);
  optimizer_.zero_grad();
}

int64_t Learner::probe(int64_t prompt_tokens, int64_t completion_tokens) {
  const int64_t length = prompt_tokens + completion_tokens;
  const int64_t samples = std::clamp<int64_t>(options_.packing.tokens_per_micro_batch / length, 1,
                                              options_.prompts_per_step * options_.num_generations);
  Episode longest;
  longest.prompt_ids.assign(static_cast<size_t>(prompt_tokens), 0);
  longest.completion_ids.assign(static_cast<size_t>(completion_tokens), 0);
  longest.loss_mask.assign(static_cast<size_t>(completion_tokens), 1);
  longest.behaviour_logprobs.assign(static_cast<size_t>(completion_tokens), 0.0F);
  longest.old_logprobs.assign(static_cast<size_t>(completion_tokens), 0.0);
  if (reference_) longest.ref_logprobs = longest.old_logprobs;
  if (options_.loss.top_entropy_quantile < 1.0) longest.entropy = longest.old_logprobs;
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
  const Unparked present(*reference_, options_.offload_ref_model);
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
  counters["entropy_coef"] = entropy_bonus_.coef;
  counters["last_entropy"] = entropy_bonus_.last_entropy;  // null: no step so far
  save_training_state(directory, policy_, optimizer_, reference_ ? &*reference_ : nullptr, counters);
}

Json Learner::restore(const std::string& directory) {
  const Json state = load_training_state(directory, policy_, optimizer_, reference_ ? &*reference_ : nullptr);
  ObjectReader r(state, directory + "/state.json");
  r.allow_unknown();
  num_tokens_ = r.integer("num_tokens", {.min = 0});
  entropy_bonus_ = first_entropy_bonus(options_.loss.entropy_bonus);
  entropy_bonus_.coef = r.number("entropy_coef", entropy_bonus_.coef);
  entropy_bonus_.last_entropy = r.number("last_entropy", entropy_bonus_.last_entropy);
  return state;
}

}  // namespace grpo

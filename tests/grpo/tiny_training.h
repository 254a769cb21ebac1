#pragma once
// A training run small enough for a test: policies over 19 characters, sums to complete, and rewards that
// tell samples apart before anything is learnt.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "grpo/trainer.h"
#include "rewards/score_of.h"
#include "tests/policy/tiny_models.h"

namespace grpo::testing {

inline constexpr int64_t kEos = 18;

// Digits 0..9 are ids 0..9, then + - * =, four tags, <eos>.
inline const Tokenizer& characters() {
  static const Tokenizer tokenizer = Tokenizer::from_json(
      character_tokenizer_json("0123456789+-*=", {"<think>", "</think>", "<answer>", "</answer>"}, {"<eos>"}),
      "test");
  return tokenizer;
}

// One of tiny_models.h with the vocabulary of characters().
inline Policy character_policy(Json config, at::ScalarType dtype = at::kFloat, uint64_t seed = 1) {
  config["vocab_size"] = kEos + 1;
  config["eos_token_id"] = kEos;
  return random_policy(config, dtype, seed);
}

// "7+4=", another sum for every n below 100.
inline Problem sum_problem(int64_t n) {
  const int64_t a = n / 10 % 10, b = n % 10;
  Problem problem;
  problem.id = n;
  problem.prompt = std::to_string(a) + "+" + std::to_string(b) + "=";
  problem.prompt_ids = characters().encode(problem.prompt);
  problem.answer = std::to_string(a + b);
  return problem;
}

// A rubric of one reward.
inline Rubric rubric_of(std::function<double(const Episode&)> value) {
  Reward reward = per_episode(
      "test", [value = std::move(value)](const Episode& episode, const Problem&) { return score_of(value(episode), ""); });
  return {{{.reward = std::move(reward), .weight = 1.0, .label = "test"}}};
}

// The share of even ids: differs between nearly any two samples.
inline Rubric evenness() {
  return rubric_of([](const Episode& episode) {
    double even = 0;
    for (const int64_t id : episode.completion_ids) even += id % 2 == 0;
    return even / static_cast<double>(episode.completion_ids.size());
  });
}

inline TrainerOptions tiny_options() {
  TrainerOptions options;
  options.max_steps = 20;
  options.prompts_per_step = 3;
  options.num_generations = 4;
  options.sampling.max_tokens = 10;
  options.sampling.untruncated_logprobs = true;
  options.packing = {.tokens_per_micro_batch = 60, .loss_agg_mode = LossAggMode::kTokenMean, .max_completion_length = 10};
  options.schedule.learning_rate = 1e-2;
  options.auxiliary.freeze_moe_router = false;  // all of the model learns
  return options;
}

inline std::vector<NamedTensor> weights_of(const Policy& policy) {
  std::vector<NamedTensor> weights = policy.checkpoint_tensors();
  for (NamedTensor& w : weights) w.tensor = w.tensor.clone();
  return weights;
}

// Names of the tensors whose bits differ; empty: all equal.
inline std::string changed(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  std::string names;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i].tensor, b[i].tensor)) names += a[i].name + " ";
  }
  return names;
}

// What a run says of itself, without what the clock says; NaN is null, as in metrics.jsonl.
inline Json without_times(Json metrics) {
  Json out = Json::object();
  for (const auto& [key, value] : metrics.items()) {
    const bool clock = key == "step_time" || key.starts_with("time/") || key == "rollout/tokens_per_second" ||
                       key == "rollout/score_busy_seconds";
    if (!clock) out[key] = value;
  }
  return Json::parse(out.dump());
}

inline double number(const Json& metrics, const std::string& key) {
  return metrics.at(key).get<double>();
}

}  // namespace grpo::testing

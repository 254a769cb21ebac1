#pragma once
// Small policies with adapters on them, or parts of them selected, and a loss to differentiate.

#include <string>
#include <utility>
#include <vector>

#include "policy/lora.h"
#include "tests/policy/tiny_models.h"

namespace grpo::testing {

inline LoraConfig all_linear(int64_t r = 3) {
  LoraConfig config;
  config.r = r;
  config.lora_alpha = 5.0;
  config.target_modules = "all-linear";
  return config;
}

// Modules by the endings of their names.
inline LoraConfig endings(std::vector<std::string> names) {
  LoraConfig config = all_linear();
  config.target_modules = std::move(names);
  return config;
}

// A policy whose adapters do something: B is not zero.
inline Policy adapted_policy(const Json& json, const LoraConfig& config, at::ScalarType dtype = at::kFloat) {
  Policy policy = random_policy(json, dtype);
  add_lora(policy, config, 3, "test");
  at::manual_seed(5);
  for (const Adapter& adapter : policy.adapters()) adapter.b.copy_(0.3 * at::randn(adapter.b.sizes()));
  return policy;
}

inline PackedTokens two_sequences(const Policy& policy) {
  return pack_sequences({random_ids(policy, 9, 1), random_ids(policy, 14, 2)}, at::kCPU);
}

inline at::Tensor logits_of(const Policy& policy) {
  return policy.logits(policy.hidden(two_sequences(policy)));
}

// Sum of weighted log-probs, as a loss would take it.
inline at::Tensor loss_of(const Policy& policy) {
  const PackedTokens batch = two_sequences(policy);
  const at::Tensor targets = at::roll(batch.tokens, -1);
  const at::Tensor logprobs = policy.token_scores(policy.hidden(batch), targets, {.temperature = 0.7}).logprobs;
  return (logprobs * at::linspace(-1.0, 1.0, logprobs.size(0), logprobs.options())).sum();
}

}  // namespace grpo::testing

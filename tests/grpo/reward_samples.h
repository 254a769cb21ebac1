#pragma once
// Small pairs and labelled answers over the characters of tiny_training.h, of many lengths.

#include "core/seed.h"
#include "grpo/reward_loss.h"
#include "tests/grpo/tiny_training.h"

namespace grpo::testing {

inline std::vector<int64_t> random_answer(uint64_t seed) {
  Stream stream(seed);
  std::vector<int64_t> ids(static_cast<size_t>(2 + stream.below(11)));
  for (int64_t& id : ids) id = stream.below(kEos);
  ids.push_back(kEos);
  return ids;
}

inline RewardPair random_pair(int64_t n, double margin = 0.0) {
  const auto seed = static_cast<uint64_t>(n);
  return {random_answer(derive_seed({seed, 1})), random_answer(derive_seed({seed, 2})), margin};
}

inline RewardPoint random_point(int64_t n) {
  return {random_answer(derive_seed({static_cast<uint64_t>(n), 3})), n % 3 == 0 ? 1.0 : 0.0};
}

// Pads with "0": answers end with <eos>, which is scored.
inline Policy character_reward_model(const Json& json, at::ScalarType dtype = at::kFloat, uint64_t seed = 1) {
  Policy model = character_policy(json, dtype, seed).with_score_head(seed, 0);
  const at::NoGradGuard no_grad;
  at::Tensor(model.parameters().back().tensor).mul_(10);  // so that scores tell answers apart
  return model;
}

}  // namespace grpo::testing

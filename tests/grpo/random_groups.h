#pragma once
// Groups as rollout and rewards leave them, made of random numbers.

#include <cmath>
#include <optional>
#include <vector>

#include "core/seed.h"
#include "core/types.h"
#include "grpo/packing.h"

namespace grpo::testing {

inline constexpr int64_t kRandomVocab = 11;  // every token id is below

// Groups of random completions; every third group agrees on its reward, some samples have none, some masks
// have holes, as tool outputs leave them.
inline std::vector<Group> random_groups(uint64_t seed, int64_t num_groups = 6, int64_t num_generations = 4) {
  Stream random(seed);
  std::vector<Group> groups(num_groups);
  for (int64_t g = 0; g < num_groups; ++g) {
    std::vector<int64_t> prompt;
    for (int64_t n = 1 + random.below(6); n > 0; --n) prompt.push_back(random.below(kRandomVocab));
    for (int64_t i = 0; i < num_generations; ++i) {
      Episode episode;
      episode.sample_index = i;
      episode.prompt_ids = prompt;
      for (int64_t n = 1 + random.below(15); n > 0; --n) {
        episode.completion_ids.push_back(random.below(kRandomVocab));
        episode.loss_mask.push_back(random.below(8) != 0);
        episode.behaviour_logprobs.push_back(static_cast<float>(-3.0 * random.uniform()));
      }
      episode.finish_reason = FinishReason::kEos;
      episode.reward = g % 3 == 0 ? 0.1 : std::floor(3.0 * random.uniform());
      if (random.below(7) == 0) episode.reward = std::nullopt;
      groups[g].episodes.push_back(std::move(episode));
    }
  }
  return groups;
}

inline std::vector<TrainSequence> sequences_of(const std::vector<Group>& groups) {
  std::vector<TrainSequence> out;
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) out.push_back(train_sequence(episode));
  }
  return out;
}

}  // namespace grpo::testing

#pragma once
// The language of the engine's tests: problems and options in one line, and what must hold of every result.

#include <gtest/gtest.h>

#include <vector>

#include "core/seed.h"
#include "rollout/engine.h"

namespace grpo {

// Problems whose prompts have the given lengths; ids from 100 on, tokens below 59 (60 ends, 59 is kept unused).
inline std::vector<Problem> problems_of(const std::vector<int64_t>& prompt_lengths, uint64_t seed = 1) {
  std::vector<Problem> problems;
  for (size_t i = 0; i < prompt_lengths.size(); ++i) {
    Problem problem;
    problem.id = 100 + static_cast<int64_t>(i);
    Stream random(derive_seed({seed, i}));
    for (int64_t t = 0; t < prompt_lengths[i]; ++t) problem.prompt_ids.push_back(random.below(59));
    problems.push_back(std::move(problem));
  }
  return problems;
}

inline GenerateOptions options_of(int64_t generations, int64_t max_tokens, double temperature = 1.0) {
  GenerateOptions options;
  options.num_generations = generations;
  options.sampling.max_tokens = max_tokens;
  options.sampling.temperature = temperature;
  options.seed = 42;
  options.step = 3;
  return options;
}

// What must hold of every episode whatever the options.
inline void expect_well_formed(const std::vector<Group>& groups, const std::vector<Problem>& problems,
                        const GenerateOptions& options) {
  ASSERT_EQ(groups.size(), problems.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    EXPECT_EQ(groups[g].problem.id, problems[g].id);
    ASSERT_EQ(groups[g].episodes.size(), static_cast<size_t>(options.num_generations));
    for (size_t i = 0; i < groups[g].episodes.size(); ++i) {
      const Episode& e = groups[g].episodes[i];
      EXPECT_EQ(e.problem_id, problems[g].id);
      EXPECT_EQ(e.sample_index, static_cast<int64_t>(i));
      EXPECT_EQ(e.prompt_ids, problems[g].prompt_ids);
      EXPECT_EQ(e.policy_version, options.policy_version);
      EXPECT_EQ(e.seed, derive_seed({options.seed, options.step, static_cast<uint64_t>(problems[g].id), i}));
      EXPECT_EQ(e.loss_mask, std::vector<uint8_t>(e.completion_ids.size(), 1));
      EXPECT_EQ(e.behaviour_logprobs.size(), e.completion_ids.size());
      EXPECT_LE(e.completion_ids.size(), static_cast<size_t>(options.sampling.max_tokens));
      if (e.finish_reason == FinishReason::kLength) {
        EXPECT_EQ(e.completion_ids.size(), static_cast<size_t>(options.sampling.max_tokens));
        EXPECT_NE(e.completion_ids.back(), 60);
      }
      if (e.finish_reason == FinishReason::kEos) {
        EXPECT_EQ(e.completion_ids.back(), 60);
      }
    }
  }
}

// Same completions, and log-probabilities within `tolerance`: 0 asks for the same bits.
inline void expect_same(const Group& a, const Group& b, double tolerance) {
  EXPECT_EQ(a.problem.id, b.problem.id);
  ASSERT_EQ(a.episodes.size(), b.episodes.size());
  for (size_t i = 0; i < a.episodes.size(); ++i) {
    const Episode& x = a.episodes[i];
    const Episode& y = b.episodes[i];
    EXPECT_EQ(x.completion_ids, y.completion_ids);
    EXPECT_EQ(x.finish_reason, y.finish_reason);
    ASSERT_EQ(x.behaviour_logprobs.size(), y.behaviour_logprobs.size());
    for (size_t t = 0; t < x.behaviour_logprobs.size(); ++t) {
      EXPECT_NEAR(x.behaviour_logprobs[t], y.behaviour_logprobs[t], tolerance);
    }
  }
}

inline void expect_same(const std::vector<Group>& a, const std::vector<Group>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t g = 0; g < a.size(); ++g) expect_same(a[g], b[g], tolerance);
}

// Another order of additions in float32.
inline constexpr double kRounding = 1e-5;

}  // namespace grpo

#include "rollout/engine.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>
#include <stdexcept>

#include "core/error.h"
#include "core/seed.h"
#include "policy/decode_parts.h"
#include "policy/kernels/product.h"
#include "tests/reference/naive_generate.h"
#include "tests/rollout/engine_language.h"
#include "tests/rollout/tiny_policy.h"

namespace grpo {
namespace {

using reference::naive_generate;
using reference::NaiveCompletion;

struct Family {
  std::string name;
  ModelConfig (*config)();
  at::ScalarType dtype;
};

class EngineOfEveryFamily : public testing::TestWithParam<Family> {
 protected:
  EngineOfEveryFamily() : policy(tiny_policy(GetParam().config(), GetParam().dtype)) {}

  std::vector<Group> generate(const std::vector<Problem>& problems, const GenerateOptions& options,
                              const EngineOptions& engine_options = {}) {
    Engine engine(policy, nullptr, engine_options);
    std::vector<Group> groups = engine.generate(problems, options);
    stats = engine.stats();
    expect_well_formed(groups, problems, options);
    return groups;
  }

  Policy policy;
  EngineStats stats;
};

INSTANTIATE_TEST_SUITE_P(Engine, EngineOfEveryFamily,
                         testing::Values(Family{"Gqa", tiny_gqa, at::kFloat},
                                         Family{"MlaMoe", tiny_mla_moe, at::kFloat},
                                         Family{"MlaMoeDouble", tiny_mla_moe, at::kDouble}),
                         [](const auto& info) { return info.param.name; });

TEST_P(EngineOfEveryFamily, GreedyEqualsTheNaiveLoopWithoutCache) {
  const std::vector<Problem> problems = problems_of({1, 5, 16, 17, 40});
  GenerateOptions options = options_of(1, 40, 0.0);
  const std::vector<Group> groups = generate(problems, options);
  for (size_t g = 0; g < groups.size(); ++g) {
    const Episode& e = groups[g].episodes[0];
    const NaiveCompletion naive = naive_generate(policy, problems[g].prompt_ids, 40, 0.0, 0, {60});
    EXPECT_EQ(e.completion_ids, naive.ids);
    for (size_t t = 0; t < naive.ids.size(); ++t) EXPECT_NEAR(e.behaviour_logprobs[t], naive.logprobs[t], kRounding);
  }
}

TEST_P(EngineOfEveryFamily, SamplingEqualsTheNaiveLoopWithoutCache) {
  const std::vector<Problem> problems = problems_of({3, 16, 21});
  const std::vector<Group> groups = generate(problems, options_of(4, 24, 0.8), {.page_tokens = 4});
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const Episode& e : groups[g].episodes) {
      const NaiveCompletion naive = naive_generate(policy, problems[g].prompt_ids, 24, 0.8, e.seed, {60});
      EXPECT_EQ(e.completion_ids, naive.ids);
      for (size_t t = 0; t < naive.ids.size(); ++t) EXPECT_NEAR(e.behaviour_logprobs[t], naive.logprobs[t], kRounding);
    }
  }
}

// Bit for bit where decoding is the training arithmetic on cached keys; MLA decodes in its absorbed form.
TEST_P(EngineOfEveryFamily, BehaviourLogprobsAreTheTrainersLogprobs) {
  const double tolerance = GetParam().config == tiny_gqa ? 0.0 : kRounding;
  for (const double temperature : {1.0, 0.7}) {
    const std::vector<Group> groups = generate(problems_of({7, 18}), options_of(6, 30, temperature));
    for (const Group& group : groups) {
      for (const Episode& e : group.episodes) {
        std::vector<int64_t> all = e.prompt_ids;
        all.insert(all.end(), e.completion_ids.begin(), e.completion_ids.end());
        const at::Tensor hidden = policy.hidden(pack_sequences({all}, at::kCPU));
        const int64_t rows = static_cast<int64_t>(e.completion_ids.size());
        const at::Tensor before = hidden.narrow(0, static_cast<int64_t>(e.prompt_ids.size()) - 1, rows);
        const at::Tensor scores = policy.token_scores(before, at::tensor(e.completion_ids), {.temperature = temperature}).logprobs;
        for (int64_t t = 0; t < rows; ++t) {
          EXPECT_NEAR(scores[t].item<float>(), e.behaviour_logprobs[static_cast<size_t>(t)], tolerance);
        }
      }
    }
  }
}

TEST_P(EngineOfEveryFamily, SamplesOfAGroupDifferAndAreDrawnFromTheirOwnSeeds) {
  const std::vector<Group> groups = generate(problems_of({9}), options_of(16, 20));
  std::set<std::vector<int64_t>> distinct;
  for (const Episode& e : groups[0].episodes) distinct.insert(e.completion_ids);
  EXPECT_GT(distinct.size(), 14u);
}

TEST_P(EngineOfEveryFamily, TheSameSeedReproducesTheRunBitForBit) {
  const std::vector<Problem> problems = problems_of({9, 4, 30});
  const std::vector<Group> a = generate(problems, options_of(5, 25));
  const std::vector<Group> b = generate(problems, options_of(5, 25));
  expect_same(a, b, 0.0);
  GenerateOptions other_step = options_of(5, 25);
  other_step.step = 4;
  EXPECT_NE(generate(problems, other_step)[0].episodes[0].completion_ids, a[0].episodes[0].completion_ids);
}

TEST_P(EngineOfEveryFamily, ResultsDoNotDependOnRowsPagesBurstsOrPrefillBudget) {
  const std::vector<Problem> problems = problems_of({9, 4, 30, 16, 1, 33});
  const GenerateOptions options = options_of(4, 21);
  const std::vector<Group> base = generate(problems, options);
  EXPECT_EQ(stats.max_running, 24);
  const std::vector<EngineOptions> variants = {
      {.max_running = 1},
      {.max_running = 3},
      {.max_running = 7, .decode_burst = 5},
      {.page_tokens = 1},
      {.page_tokens = 5},
      {.page_tokens = 64},
      {.decode_burst = 2},
      {.decode_burst = 8},
      {.decode_burst = 1000},
      {.prefill_tokens = 34},
      {.max_running = 6, .cache_tokens = 120, .page_tokens = 3, .decode_burst = 4},
  };
  for (const EngineOptions& variant : variants) {
    SCOPED_TRACE("max_running " + std::to_string(variant.max_running) + " page_tokens " +
                 std::to_string(variant.page_tokens) + " burst " + std::to_string(variant.decode_burst));
    expect_same(generate(problems, options, variant), base, 0.0);
  }
}

// Enough rows for each thread to decode its own (policy/decode_parts.h), which a single thread never does.
TEST_P(EngineOfEveryFamily, ResultsDoNotDependOnTheNumberOfThreads) {
  const std::vector<Problem> problems = problems_of({9, 4, 30, 16});
  GenerateOptions options = options_of(17, 21);
  options.sampling.top_k = 12;
  options.record_routes = options.record_kept = true;
  const int before = at::get_num_threads();
  std::vector<std::vector<Group>> runs;
  for (const int threads : {1, 3, 4}) {
    at::set_num_threads(threads);
    const bool ours = policy.dtype() != at::kDouble && product_is_ours(policy.head(), policy.head());
    EXPECT_EQ(decode_parts(policy, 68), ours ? threads : 1);
    EXPECT_EQ(decode_parts(policy, 16 * threads - 1), 1);
    runs.push_back(generate(problems, options));
  }
  at::set_num_threads(before);
  for (const std::vector<Group>& run : runs) {
    expect_same(run, runs[0], 0.0);
    for (size_t g = 0; g < run.size(); ++g) {
      for (size_t i = 0; i < run[g].episodes.size(); ++i) {
        const Episode &a = run[g].episodes[i], &b = runs[0][g].episodes[i];
        EXPECT_EQ(a.routes.empty(), GetParam().config == tiny_gqa);
        EXPECT_EQ(a.routes, b.routes);
        EXPECT_FALSE(a.kept_ids.empty());
        EXPECT_EQ(a.kept_begin, b.kept_begin);
        EXPECT_EQ(a.kept_ids, b.kept_ids);
      }
    }
  }
}

TEST_P(EngineOfEveryFamily, APromptInChunksGivesTheSameCompletionsAsAtOnce) {
  const std::vector<Problem> problems = problems_of({9, 4, 30, 16, 1, 33});
  const GenerateOptions options = options_of(2, 21);
  const std::vector<Group> base = generate(problems, options);
  for (const int64_t prefill_tokens : {1, 7, 16}) {
    expect_same(generate(problems, options, {.prefill_tokens = prefill_tokens, .page_tokens = 4}), base, kRounding);
    EXPECT_EQ(stats.prefill_tokens, 93);
  }
}

TEST_P(EngineOfEveryFamily, ResultsDoNotDependOnTheOtherProblemsNorTheirOrder) {
  std::vector<Problem> problems = problems_of({9, 4, 30, 16, 1});
  const GenerateOptions options = options_of(3, 21);
  const std::vector<Group> together = generate(problems, options);
  for (size_t g = 0; g < problems.size(); ++g) {
    expect_same(generate({problems[g]}, options)[0], together[g], 0.0);
  }
  std::reverse(problems.begin(), problems.end());
  std::vector<Group> reversed = generate(problems, options, {.max_running = 4});
  std::reverse(reversed.begin(), reversed.end());
  expect_same(reversed, together, 0.0);
}

TEST_P(EngineOfEveryFamily, ASampleDoesNotDependOnHowManyItsGroupHas) {
  const std::vector<Problem> problems = problems_of({11});
  const Group many = generate(problems, options_of(8, 20))[0];
  const Group two = generate(problems, options_of(2, 20))[0];
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(two.episodes[i].completion_ids, many.episodes[i].completion_ids);
}

TEST_P(EngineOfEveryFamily, APoisonedPromptEndsAsErrorsWithoutTokensAndHarmsNobody) {
  std::vector<Problem> problems = problems_of({9, 4, 30, 16});
  GenerateOptions options = options_of(3, 21);
  const std::vector<Group> clean = generate(problems, options);
  Policy poisoned = policy.clone();
  poisoned.parameters()[0].tensor[59].fill_(std::numeric_limits<double>::quiet_NaN());  // embedding of token 59
  ASSERT_EQ(poisoned.parameters()[0].tensor.size(0), kTinyVocab);
  problems.insert(problems.begin() + 1, problems[0]);
  problems[1].id = 7;
  problems[1].prompt_ids[4] = 59;
  // Few pages, so that those of the poisoned prompt are soon somebody else's.
  Engine engine(poisoned, nullptr, {.max_running = 3, .cache_tokens = 80, .page_tokens = 4});
  std::vector<Group> groups = engine.generate(problems, options);
  expect_well_formed(groups, problems, options);
  for (const Episode& e : groups[1].episodes) {
    EXPECT_EQ(e.finish_reason, FinishReason::kError);
    EXPECT_TRUE(e.completion_ids.empty());
    EXPECT_TRUE(e.loss_mask.empty());
    EXPECT_TRUE(e.completion.empty());
  }
  EXPECT_GE(engine.stats().errors, 3);
  groups.erase(groups.begin() + 1);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < 3; ++i) {
      // Whoever drew the poisoned token itself ended as an error; everybody else is as without poison.
      const std::vector<int64_t>& ids = clean[g].episodes[i].completion_ids;
      const auto drawn = std::find(ids.begin(), ids.end(), 59);
      if (drawn != ids.end() && drawn + 1 != ids.end()) {
        EXPECT_EQ(groups[g].episodes[i].finish_reason, FinishReason::kError);
        EXPECT_TRUE(groups[g].episodes[i].completion_ids.empty());
      } else {
        EXPECT_EQ(groups[g].episodes[i].completion_ids, ids);
      }
    }
  }
}

TEST_P(EngineOfEveryFamily, ASampleThatTurnsNonFiniteOnItsWayEndsAsAnError) {
  Policy poisoned = policy.clone();
  poisoned.parameters()[0].tensor[59].fill_(std::numeric_limits<double>::infinity());
  const std::vector<Problem> problems = problems_of({5, 8, 12, 3});
  const GenerateOptions options = options_of(16, 40);
  const std::vector<Group> clean = generate(problems, options);
  for (const int64_t burst : {1, 6}) {
    Engine engine(poisoned, nullptr, {.max_running = 9, .page_tokens = 4, .decode_burst = burst});
    const std::vector<Group> groups = engine.generate(problems, options);
    int64_t errors = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
      for (size_t i = 0; i < groups[g].episodes.size(); ++i) {
        const std::vector<int64_t>& ids = clean[g].episodes[i].completion_ids;
        const auto drawn = std::find(ids.begin(), ids.end(), 59);
        const bool fed = drawn != ids.end() && drawn + 1 != ids.end();
        errors += fed ? 1 : 0;
        EXPECT_EQ(groups[g].episodes[i].finish_reason == FinishReason::kError, fed);
        EXPECT_EQ(groups[g].episodes[i].completion_ids, fed ? std::vector<int64_t>{} : ids);
      }
    }
    EXPECT_GT(errors, 3);
    EXPECT_LT(errors, 60);
    EXPECT_EQ(engine.stats().errors, errors);
  }
}

TEST_P(EngineOfEveryFamily, TrainingForwardsStillRecordGradientsAfterwards) {
  policy.set_requires_grad(true);
  const std::vector<Group> groups = generate(problems_of({4}), options_of(2, 6));
  const at::Tensor hidden = policy.hidden(pack_sequences({groups[0].episodes[0].completion_ids}, at::kCPU));
  EXPECT_TRUE(hidden.requires_grad());
  hidden.sum().backward();
  policy.set_requires_grad(false);
}

}  // namespace
}  // namespace grpo

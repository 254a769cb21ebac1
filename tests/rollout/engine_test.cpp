#include "rollout/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>
#include <stdexcept>

#include "core/error.h"
#include "core/seed.h"
#include "tests/reference/naive_generate.h"
#include "tests/rollout/tiny_policy.h"

namespace grpo {
namespace {

using reference::naive_generate;
using reference::NaiveCompletion;

// Problems whose prompts have the given lengths; ids from 100 on, tokens below 59 (60 ends, 59 is kept unused).
std::vector<Problem> problems_of(const std::vector<int64_t>& prompt_lengths, uint64_t seed = 1) {
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

GenerateOptions options_of(int64_t generations, int64_t max_tokens, double temperature = 1.0) {
  GenerateOptions options;
  options.num_generations = generations;
  options.sampling.max_tokens = max_tokens;
  options.sampling.temperature = temperature;
  options.seed = 42;
  options.step = 3;
  return options;
}

// What must hold of every episode whatever the options.
void expect_well_formed(const std::vector<Group>& groups, const std::vector<Problem>& problems,
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
void expect_same(const Group& a, const Group& b, double tolerance) {
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

void expect_same(const std::vector<Group>& a, const std::vector<Group>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t g = 0; g < a.size(); ++g) expect_same(a[g], b[g], tolerance);
}

// Another order of additions in float32.
constexpr double kRounding = 1e-5;

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
        const at::Tensor scores = policy.token_scores(before, at::tensor(e.completion_ids), temperature).logprobs;
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

// What is about the engine and not the model: one family is enough.
class EngineTest : public testing::Test {
 protected:
  Policy policy = tiny_policy(tiny_gqa());
};

TEST_F(EngineTest, PagesInUseAreSharedPromptPagesOncePlusPrivateOnesPerSample) {
  GenerateOptions options = options_of(5, 20);
  options.sampling.ignore_eos = true;
  Engine engine(policy, nullptr, {.page_tokens = 4});
  engine.generate(problems_of({10}), options);
  // 10 + 20 - 1 cached tokens are 8 pages; 2 are full of prompt and shared.
  EXPECT_EQ(engine.stats().pages_peak, 2 + 5 * 6);
  EXPECT_EQ(engine.stats().prefill_tokens, 10);
}

TEST_F(EngineTest, CountsWhatItDid) {
  GenerateOptions options = options_of(3, 10);
  options.sampling.ignore_eos = true;
  Engine engine(policy, nullptr, {.decode_burst = 4});
  engine.generate(problems_of({10, 6}), options);
  const EngineStats& stats = engine.stats();
  EXPECT_EQ(stats.prompts, 2);
  EXPECT_EQ(stats.episodes, 6);
  EXPECT_EQ(stats.errors, 0);
  EXPECT_EQ(stats.tokens_generated, 60);
  EXPECT_EQ(stats.prefill_tokens, 16);
  EXPECT_EQ(stats.decode_steps, 9);  // the first token comes from the prefill; the last burst is cut to 1
  EXPECT_EQ(stats.decode_rows, 54);
  EXPECT_EQ(stats.max_running, 6);
  EXPECT_GT(stats.cache_bytes, 0);
  EXPECT_GT(stats.seconds, 0.0);
  EXPECT_GE(stats.seconds, stats.prefill_seconds + stats.decode_seconds);
}

TEST_F(EngineTest, EndTokensOfTheModelAndOfTheUserEndACompletionAndAreItsLastId) {
  GenerateOptions options = options_of(32, 60);
  options.sampling.eos_ids = {7};
  Engine engine(policy, nullptr);
  const auto groups = engine.generate(problems_of({6}), options);
  std::set<int64_t> last;
  for (const Episode& e : groups[0].episodes) {
    const auto first_end = std::find_if(e.completion_ids.begin(), e.completion_ids.end(),
                                        [](int64_t id) { return id == 7 || id == 60; });
    if (e.finish_reason == FinishReason::kEos) {
      EXPECT_EQ(first_end, e.completion_ids.end() - 1);
      last.insert(e.completion_ids.back());
    } else {
      EXPECT_EQ(e.finish_reason, FinishReason::kLength);
      EXPECT_EQ(first_end, e.completion_ids.end());
    }
  }
  EXPECT_EQ(last, (std::set<int64_t>{7, 60}));
}

TEST_F(EngineTest, OneTokenCompletionsNeedNoDecodeStep) {
  Engine engine(policy, nullptr, {.max_running = 2, .page_tokens = 4});
  const auto groups = engine.generate(problems_of({6, 8, 3}), options_of(5, 1));
  for (const Group& group : groups) {
    for (const Episode& e : group.episodes) EXPECT_EQ(e.completion_ids.size(), 1u);
  }
  EXPECT_EQ(engine.stats().decode_steps, 0);
}

TEST_F(EngineTest, GroupsAreReportedOnceWhenTheirLastSampleHasEnded) {
  Engine engine(policy, nullptr, {.max_running = 3, .decode_burst = 2});
  std::vector<int64_t> reported;
  const auto problems = problems_of({6, 8, 3, 12});
  const auto groups = engine.generate(problems, options_of(4, 15), [&](Group& group) {
    reported.push_back(group.problem.id);
    for (Episode& e : group.episodes) {
      EXPECT_FALSE(e.completion_ids.empty());
      e.reward = 1.0;  // what it writes is kept
    }
  });
  std::sort(reported.begin(), reported.end());
  EXPECT_EQ(reported, (std::vector<int64_t>{100, 101, 102, 103}));
  for (const Group& group : groups) {
    for (const Episode& e : group.episodes) EXPECT_EQ(e.reward, 1.0);
  }
}

TEST_F(EngineTest, AnExceptionOfTheCallbackPassesThroughAndTheEngineGoesOnWorking) {
  Engine engine(policy, nullptr, {.max_running = 3});
  const auto problems = problems_of({6, 8, 3});
  const auto before = engine.generate(problems, options_of(2, 9));
  EXPECT_THROW(engine.generate(problems, options_of(2, 9), [](Group&) { throw std::runtime_error("reward"); }),
               std::runtime_error);
  expect_same(engine.generate(problems, options_of(2, 9)), before, 0.0);
}

TEST_F(EngineTest, NewWeightsAreUsedByTheNextCall) {
  Engine engine(policy, nullptr);
  const auto problems = problems_of({6});
  const auto before = engine.generate(problems, options_of(1, 20, 0.0));
  policy.copy_from(Policy::random(policy.config(), at::kFloat, at::kCPU, 99, 0.25));
  const auto after = engine.generate(problems, options_of(1, 20, 0.0));
  EXPECT_NE(after[0].episodes[0].completion_ids, before[0].episodes[0].completion_ids);
  EXPECT_EQ(after[0].episodes[0].completion_ids,
            naive_generate(policy, problems[0].prompt_ids, 20, 0.0, 0, {60}).ids);
}

TEST_F(EngineTest, NoProblemsGiveNoGroups) {
  Engine engine(policy, nullptr);
  EXPECT_TRUE(engine.generate({}, options_of(2, 9)).empty());
}

TEST_F(EngineTest, BFloat16WeightsGenerate) {
  const Policy half = tiny_policy(tiny_gqa(), at::kBFloat16);
  Engine engine(half, nullptr);
  const auto problems = problems_of({6, 20});
  const auto options = options_of(3, 12);
  expect_well_formed(engine.generate(problems, options), problems, options);
  EXPECT_EQ(engine.stats().errors, 0);
}

// The message names the problem and the numbers.
void expect_error(const std::function<void()>& call, const std::vector<std::string>& parts) {
  try {
    call();
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST_F(EngineTest, PromptsThatCannotBeRunAreRefusedByName) {
  Engine engine(policy, nullptr);
  auto problems = problems_of({6, 200});
  expect_error([&] { engine.generate(problems, options_of(1, 57)); }, {"problem 101", "200", "57", "256"});
  EXPECT_NO_THROW(engine.generate({problems[0]}, options_of(1, 57)));
  problems = problems_of({6});
  problems[0].prompt_ids[2] = kTinyVocab;
  expect_error([&] { engine.generate(problems, options_of(1, 5)); }, {"problem 100", "61"});
  problems[0].prompt_ids.clear();
  expect_error([&] { engine.generate(problems, options_of(1, 5)); }, {"problem 100"});
}

TEST_F(EngineTest, ThePromptThatJustFitsTheContextIsRun) {
  Engine engine(policy, nullptr);
  GenerateOptions options = options_of(2, 56);
  options.sampling.ignore_eos = true;
  const auto groups = engine.generate(problems_of({200}), options);
  EXPECT_EQ(groups[0].episodes[1].completion_ids.size(), 56u);
}

TEST_F(EngineTest, ACacheTooSmallForOneSampleIsRefusedWithTheSizeItNeeds) {
  Engine engine(policy, nullptr, {.cache_tokens = 40, .page_tokens = 4});
  expect_error([&] { engine.generate(problems_of({6, 30}), options_of(1, 20)); }, {"problem 101", "52"});
  Engine larger(policy, nullptr, {.cache_tokens = 52, .page_tokens = 4});
  EXPECT_NO_THROW(larger.generate(problems_of({6, 30}), options_of(1, 20)));
  EXPECT_LE(larger.stats().pages_peak, 13);
}

TEST_F(EngineTest, OptionsOutOfRangeAreRefused) {
  EXPECT_THROW(Engine(policy, nullptr, {.max_running = 0}), Error);
  EXPECT_THROW(Engine(policy, nullptr, {.cache_tokens = -1}), Error);
  EXPECT_THROW(Engine(policy, nullptr, {.prefill_tokens = 0}), Error);
  EXPECT_THROW(Engine(policy, nullptr, {.page_tokens = 0}), Error);
  EXPECT_THROW(Engine(policy, nullptr, {.decode_burst = -1}), Error);
  Engine engine(policy, nullptr);
  EXPECT_THROW(engine.generate(problems_of({3}), options_of(0, 5)), Error);
  EXPECT_THROW(engine.generate(problems_of({3}), options_of(1, 0)), Error);
}

TEST_F(EngineTest, TheTextIsDecodedAndCutAtStopStringsWhileTheIdsStay) {
  // Ids 0..57 are characters, 58 is a tag, 59 and 60 are special.
  std::string characters;
  for (char c = 'A'; characters.size() < 58; ++c) characters += c;
  const Tokenizer tokenizer =
      Tokenizer::from_json(character_tokenizer_json(characters, {"<t>"}, {"<pad>", "<eos>"}), "letters");
  ASSERT_EQ(tokenizer.token_to_id("<eos>"), 60);
  Engine engine(policy, &tokenizer);
  GenerateOptions options = options_of(24, 30);
  const auto plain = engine.generate(problems_of({6}), options);
  options.sampling.stop_strings = {"B", "CD"};
  const auto stopped = engine.generate(problems_of({6}), options);
  int64_t stops = 0;
  for (size_t i = 0; i < 24; ++i) {
    const Episode& whole = plain[0].episodes[i];
    const Episode& e = stopped[0].episodes[i];
    const size_t at = std::min(whole.completion.find("B"), whole.completion.find("CD"));
    EXPECT_EQ(e.completion, whole.completion.substr(0, at));
    ASSERT_LE(e.completion_ids.size(), whole.completion_ids.size());
    EXPECT_TRUE(std::equal(e.completion_ids.begin(), e.completion_ids.end(), whole.completion_ids.begin()));
    EXPECT_EQ(e.finish_reason, at == std::string::npos ? whole.finish_reason : FinishReason::kStop);
    stops += e.finish_reason == FinishReason::kStop ? 1 : 0;
    EXPECT_EQ(whole.completion.find("<eos>"), std::string::npos);
  }
  EXPECT_GT(stops, 2);
}

}  // namespace
}  // namespace grpo

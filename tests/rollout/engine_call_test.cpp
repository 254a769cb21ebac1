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
#include "tests/rollout/engine_language.h"
#include "tests/rollout/tiny_policy.h"

namespace grpo {
namespace {

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

TEST_F(EngineTest, TextForGradersStartsWithWhatThePromptHoldsOfTheAnswerAndIdsDoNot) {
  std::vector<Problem> problems = problems_of({6, 6});
  problems[0].completion_prefix = "<think>\n";
  problems[1].prompt_ids = problems[0].prompt_ids;
  const std::vector<Group> groups = Engine(policy, nullptr).generate(problems, options_of(2, 5, 0.0));
  for (const Episode& episode : groups[0].episodes) {
    EXPECT_EQ(episode.completion, "<think>\n");  // the rest is empty without a tokenizer
    EXPECT_EQ(episode.completion_ids, groups[1].episodes[0].completion_ids);
  }
  EXPECT_EQ(groups[1].episodes[0].completion, "");
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

TEST_F(EngineTest, AReportedGroupStaysWhereItIsAndOutlivesAnException) {
  Engine engine(policy, nullptr, {.max_running = 3});
  const auto problems = problems_of({6, 8, 3, 12});
  std::vector<Group> groups;
  std::vector<const Group*> reported(problems.size());
  engine.generate(problems, options_of(2, 9), groups, [&](Group& group) { reported[group.problem.id - 100] = &group; });
  for (size_t g = 0; g < groups.size(); ++g) EXPECT_EQ(reported[g], &groups[g]);

  std::vector<Group> cut;
  const Group* first = nullptr;
  EXPECT_THROW(engine.generate(problems, options_of(2, 9), cut,
                               [&](Group& group) {
                                 if (first) throw std::runtime_error("reward");
                                 first = &group;
                               }),
               std::runtime_error);
  ASSERT_EQ(cut.size(), problems.size());
  ASSERT_TRUE(first >= cut.data() && first < cut.data() + cut.size());
  expect_same(*first, groups[first->problem.id - 100], 0.0);
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
            reference::naive_generate(policy, problems[0].prompt_ids, 20, 0.0, 0, {60}).ids);
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
  EXPECT_THROW(Engine(policy, nullptr, {.page_tokens = -1}), Error);
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

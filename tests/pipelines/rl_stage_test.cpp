// What a stage of reinforcement learning does beside training: choosing problems, naming metrics, trying its heaviest pass.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "core/file.h"
#include "tests/pipelines/two_stages.h"

namespace grpo {
namespace {

using RlStage = RecipeRun;

TEST_F(RlStage, TrainsOnTheProblemsThatTheStartingPolicySometimesSolves) {
  run("all", {R"(rl.difficulty={"num_problems": 6, "num_samples": 3})", "rl.log_episodes=-1"});
  const Json measured = read_json_file(path("all/stages/02-rl/difficulty.json"));
  ASSERT_EQ(measured["pass_rates"].size(), 6u);
  std::set<int64_t> solved, trained;
  for (size_t i = 0; i < 6; ++i) {
    const double rate = measured["pass_rates"][i].get<double>();
    EXPECT_DOUBLE_EQ(rate * 3, std::round(rate * 3));
    if (rate > 0.0) solved.insert(static_cast<int64_t>(i));
  }
  for (const Json& line : lines("all/episodes.jsonl")) trained.insert(line["problem_id"].get<int64_t>());
  EXPECT_LT(*trained.rbegin(), 6) << "a problem that was not measured";

  // Again, and only those that were solved at all: the measurement is the same, the choice is smaller.
  ASSERT_FALSE(solved.empty()) << "this policy solves none of the six: the choice shows nothing";
  run("some", {R"(rl.difficulty={"num_problems": 6, "num_samples": 3, "min_pass_rate": 0.01})", "rl.log_episodes=-1"});
  EXPECT_EQ(read_json_file(path("some/stages/02-rl/difficulty.json")), measured);
  for (const Json& line : lines("some/episodes.jsonl")) EXPECT_TRUE(solved.contains(line["problem_id"].get<int64_t>()));
}

TEST_F(RlStage, DifficultyThatLeavesNothingOrHasNoEndIsAnError) {
  EXPECT_TRUE(holds(refused({R"(rl.difficulty={"num_samples": 3})"}).where(), "difficulty.num_problems"));
  EXPECT_TRUE(holds(refused({R"(rl.difficulty={"column": "level", "order": "easy_first"})"}).where(), "difficulty.column"));
  // A reward of 1 for three different lengths at once cannot be.
  const std::string none = error_text([&] {
    run("none", {R"(rl.rewards=[{"name": "token_count", "min_tokens": 30, "max_tokens": 31}])",
                 R"(rl.difficulty={"num_problems": 3, "num_samples": 2, "min_pass_rate": 0.9})"});
  });
  EXPECT_TRUE(holds(none, "none of 3 problems")) << none;
}

// The longest prompt is of five characters ("1+2=" and what begins a text), an answer has at most 12 tokens; of samples as
// long as that, budgets of tokens hold so many, of the step's 8 at most.
TEST_F(RlStage, TriesItsHeaviestPassFirstAndSaysWhatItTook) {
  const auto tried = [&](const std::string& out, const std::vector<std::string>& overrides) {
    ::testing::internal::CaptureStderr();
    run(out, overrides);
    const std::string said = ::testing::internal::GetCapturedStderr();
    const std::string begin = "rl: a full training pass of ";
    const size_t at = said.find(begin);
    EXPECT_NE(at, std::string::npos) << said;
    EXPECT_LT(at, said.find("rl: step 1")) << "not before the first step";
    EXPECT_TRUE(holds(said.substr(at), " of memory so far, ")) << said;
    return at == std::string::npos ? 0 : std::stoll(said.substr(at + begin.size()));
  };
  const int64_t all = tried("all", {"rl.max_steps=2"});
  ASSERT_EQ(all % 8, 0) << "all samples of a step fit";
  const int64_t length = all / 8;
  int64_t longest = 0;
  for (const Json& line : lines("all/episodes.jsonl")) {
    longest = std::max(longest, static_cast<int64_t>(line["prompt"].get<std::string>().size()) + 12);
  }
  EXPECT_GE(length, longest);
  EXPECT_LE(length, longest + 4);
  EXPECT_EQ(tried("some", {"rl.max_steps=2", "rl.tokens_per_micro_batch=" + std::to_string(3 * length + 1)}), 3 * length);
  EXPECT_EQ(tried("one", {"rl.max_steps=2", "rl.tokens_per_micro_batch=1"}), length) << "no sample is split";
}

TEST_F(RlStage, MetricsGoByVerlsNamesWhereAsked) {
  run("verl", {"rl.metric_names=verl", "rl.max_steps=2"});
  const Json last = lines("verl/metrics.jsonl").back();
  EXPECT_TRUE(last.contains("actor/grad_norm"));
  EXPECT_FALSE(last.contains("grad_norm"));
  EXPECT_TRUE(last.contains("timing_s/update_actor")) << last.dump();
  EXPECT_EQ(names_in(path("verl/tensorboard")).size(), 2u);  // one of each stage
  EXPECT_TRUE(holds(refused({"rl.metric_names=wandb"}).where(), "metric_names"));
}

}  // namespace
}  // namespace grpo

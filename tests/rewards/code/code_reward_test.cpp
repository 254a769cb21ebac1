#include "rewards/code/code_reward.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "rewards/registry.h"
#include "rewards/reward_summary.h"
#include "rewards/scoring_pool.h"
#include "tests/rewards/code/live_code.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// Read two numbers, print their sum: five tests.
Json sums() {
  return parse_json(R"({"language": "python", "time_limit": 1.0, "memory_limit_mb": 256, "tests": [
    {"input": "1 2\n", "output": "3\n"}, {"input": "5 5\n", "output": "10\n"}, {"input": "-1 1\n", "output": "0\n"},
    {"input": "100 23\n", "output": "123\n"}, {"input": "7 0\n", "output": "7\n"}]})",
                    "row");
}

const std::string kRight = fenced("a, b = map(int, input().split())\nprint(a + b)");
const std::string kWrong = fenced("a, b = map(int, input().split())\nprint(a - b)");
const std::string kPartly =
    fenced("a, b = map(int, input().split())\nprint(a if b == 0 else a + b if a > 0 else 99)");

TEST(CodeReward, OneForAProgramThatPassesEveryTest) {
  GRPO_NEEDS_SANDBOX("python");
  const auto scores = scores_of(code_with("{}"), sums(), {kRight, kWrong, kPartly, "I do not know.", ""});
  EXPECT_EQ(value_of(scores[0]), 1.0) << story(scores[0]);
  EXPECT_TRUE(is_correct(scores[0]));
  EXPECT_EQ(scores[0].details["verdict"], "AC");
  EXPECT_EQ(scores[0].details["passed"], 5);
  EXPECT_EQ(scores[0].details["total"], 5);
  EXPECT_EQ(scores[0].details["language"], "python");
  EXPECT_EQ(scores[0].details["tier"], tier_name(shared_judge()->sandbox().tier()));
  EXPECT_EQ(value_of(scores[1]), 0.0) << story(scores[1]);
  EXPECT_EQ(scores[1].details["verdict"], "WA");
  EXPECT_EQ(value_of(scores[2]), 0.0) << "four of five are not all: " << story(scores[2]);
  for (const size_t i : {3, 4}) {
    EXPECT_EQ(value_of(scores[i]), 0.0);
    EXPECT_EQ(scores[i].status, ScoreStatus::kOk);
    EXPECT_EQ(scores[i].details["label"], "no_code");
  }
}

TEST(CodeReward, FractionsAndEpsilonCountTestsThatPass) {
  GRPO_NEEDS_SANDBOX("python");
  const auto fraction = scores_of(code_with(R"({"reward": "fraction"})"), sums(), {kRight, kPartly});
  EXPECT_EQ(value_of(fraction[0]), 1.0);
  EXPECT_NEAR(value_of(fraction[1]), 0.8, 1e-12) << story(fraction[1]);
  EXPECT_FALSE(is_correct(fraction[1]));
  const auto weighted = scores_of(code_with(R"({"reward": "all_or_epsilon"})"), sums(), {kRight, kPartly});
  EXPECT_NEAR(value_of(weighted[0]), 1.1, 1e-12);
  EXPECT_NEAR(value_of(weighted[1]), 0.08, 1e-12);
}

TEST(CodeReward, PenaltiesForWhatDoesNotCompileOrIsNotThere) {
  GRPO_NEEDS_SANDBOX("cpp");
  const Reward reward = code_with(R"({"language": "cpp", "compile_penalty": 0.25, "no_code_penalty": 0.5})");
  Json row = sums();
  row.erase("language");
  const auto scores = scores_of(reward, row, {fenced("int main( {", "cpp"), "no code"});
  EXPECT_EQ(value_of(scores[0]), -0.25) << story(scores[0]);
  EXPECT_EQ(scores[0].details["verdict"], "CE");
  EXPECT_EQ(value_of(scores[1]), -0.5);
}

TEST(CodeReward, TheTagDecidesAmongLanguages) {
  GRPO_NEEDS_SANDBOX("cpp");
  GRPO_NEEDS_SANDBOX("python");
  Json row = sums();
  row.erase("language");
  const std::string cpp = fenced(
      "#include <cstdio>\nint main() { int a, b; scanf(\"%d %d\", &a, &b); printf(\"%d\", a + b); }", "c++");
  for (const char* options : {"{}", R"({"language": "any"})", R"({"language": ["python", "cpp"]})"}) {
    const auto scores = scores_of(code_with(options), row, {cpp, kRight, fenced("print(1)", "")});
    EXPECT_EQ(value_of(scores[0]), 1.0) << options << story(scores[0]);
    EXPECT_EQ(scores[0].details["language"], "cpp");
    EXPECT_EQ(value_of(scores[1]), 1.0) << options << story(scores[1]);
    EXPECT_EQ(scores[2].details["label"], "no_code") << options;
  }
  EXPECT_EQ(scores_of(code_with(R"({"language": "python"})"), row, {cpp})[0].details["label"], "no_code");
  EXPECT_EQ(scores_of(code_with("{}"), sums(), {cpp})[0].details["label"], "no_code")
      << "the row says Python";
}

TEST(CodeReward, RowsThatCannotBeReadAreSkipped) {
  const Reward reward = code_with("{}", nullptr);  // no sandbox is needed for that
  for (const char* row : {R"({"question": "?"})", R"({"tests": []})", R"({"tests": "oops"})",
                          R"({"input_output": "{\"inputs\": [], \"outputs\": []}"})",
                          R"({"language": "klingon", "tests": [{"output": "1"}]})"}) {
    for (const Score& score : scores_of(reward, parse_json(row, "row"), {kRight, "x"})) {
      EXPECT_EQ(score.status, ScoreStatus::kSkip) << row;
      EXPECT_FALSE(score.value);
      EXPECT_NE(score.reason, "");
    }
  }
  Json hidden = sums();
  for (Json& test : hidden["tests"]) test["public"] = true;
  EXPECT_EQ(score_of_one(code_with(R"({"use_public_tests": false})", nullptr), hidden, kRight).status,
            ScoreStatus::kSkip);
  EXPECT_EQ(score_of_one(code_with(R"({"language": "cpp"})", nullptr),
                         parse_json(R"({"test_list": ["assert f() == 1"]})", "row"), "")
                .status,
            ScoreStatus::kSkip)
      << "its tests are in Python";
}

TEST(CodeReward, ColumnsAndLimitsComeFromTheOptions) {
  GRPO_NEEDS_SANDBOX("python");
  Json row = parse_json(
      R"({"lang": "python", "cases": [{"input": "", "output": "YES"}], "time_limit": 100.0})", "row");
  const Reward reward = code_with(
      R"({"columns": {"tests": "cases", "language": "lang"}, "time_limit_s": 0.1, "comparator": "tokens", "ignore_case": true})");
  const auto scores =
      scores_of(reward, row, {fenced("print('yes')"), fenced("print('no')"), fenced("while True: pass")});
  EXPECT_EQ(value_of(scores[0]), 1.0) << story(scores[0]);
  EXPECT_EQ(value_of(scores[1]), 0.0);
  // On a machine so busy that it hardly runs, its time on the wall ends first.
  EXPECT_TRUE(scores[2].details["verdict"] == "TLE" || scores[2].details["verdict"] == "ILE") << story(scores[2]);
  EXPECT_EQ(value_of(scores[2]), 0.0);
}

TEST(CodeReward, TheSameProgramIsJudgedOnceInAGroup) {
  GRPO_NEEDS_SANDBOX("c");
  Json row = parse_json(R"({"language": "c", "tests": [{"output": "42"}]})", "row");
  const std::string right =
      fenced("#include <stdio.h>\nint main(void) { puts(\"42\"); return 0; } // once in a group", "c");
  Compiler& compiler = shared_judge()->compiler();
  const auto asked = [&] { return compiler.counts().compiled + compiler.counts().found; };
  const int64_t before = asked();
  for (const Score& score : scores_of(code_with("{}"), row, std::vector<std::string>(8, right)))
    EXPECT_EQ(value_of(score), 1.0) << story(score);
  EXPECT_EQ(asked() - before, 1);
}

// Groups of one problem each, whose completions are right, wrong and none by turns.
std::vector<Group> mixed_groups() {
  std::vector<Group> groups;
  for (int64_t id = 0; id < 6; ++id) {
    Json row = parse_json(R"({"language": "python", "tests": []})", "row");
    for (int64_t i = 0; i < 30; ++i) {
      row["tests"].push_back({{"input", std::to_string(i)}, {"output", std::to_string(i % (10 + id))}});
    }
    // Right for small inputs alone: which tests were chosen shows in the fraction.
    Group group = group_of(
        row, {fenced("print(int(input()) % " + std::to_string(10 + id) + ")"), fenced("print(input())"),
              "nothing", fenced("print(input())"), fenced("print(1"), fenced("import os\nos._exit(0)")});
    group.problem.id = id;
    groups.push_back(group);
  }
  return groups;
}

std::vector<std::string> verdicts(const std::vector<Group>& groups) {
  std::vector<std::string> found;
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) {
      const Score& score = episode.scores.at(0);
      found.push_back(std::to_string(value_of(score)) + " " + score.reason + " " +
                      score.details["label"].dump());
    }
  }
  return found;
}

TEST(CodeReward, ScoresDoNotDependOnWorkersOrOrder) {
  GRPO_NEEDS_SANDBOX("python");
  const auto run = [](int64_t workers, bool backwards) {
    Rubric rubric;
    RubricItem item;
    item.reward = code_with(R"({"reward": "fraction", "max_tests": 7})");
    item.label = "code";
    rubric.items.push_back(item);
    std::vector<Group> groups = mixed_groups();
    ScoringPool pool(rubric, workers);
    for (size_t i = 0; i < groups.size(); ++i) pool.submit(groups[backwards ? groups.size() - 1 - i : i]);
    pool.wait();
    return verdicts(groups);
  };
  const auto one = run(1, false);
  EXPECT_EQ(one, run(6, true));
  EXPECT_NE(one[0], one[1]);
  EXPECT_EQ(one[1], one[3]) << "the same text in one group";
}

// Each is right for odd numbers alone: which tests were chosen shows in the fraction.
TEST(CodeReward, AGroupIsJudgedByTheSameTestsThoughItsProgramsDiffer) {
  GRPO_NEEDS_SANDBOX("python");
  Json row = parse_json(R"({"language": "python", "tests": []})", "row");
  for (int number = 10; number < 50; ++number)
    row["tests"].push_back({{"input", std::to_string(number)}, {"output", std::to_string(number)}});
  std::vector<std::string> samples;
  for (int i = 0; i < 6; ++i)
    samples.push_back(fenced("n = int(input())\nprint(n if n % 2 else " + std::to_string(-i) + ")"));
  const Reward reward = code_with(R"({"reward": "fraction", "max_tests": 7, "longest_tests": 0})");
  std::set<double> of_problems;
  for (int64_t id = 0; id < 4; ++id) {
    Group group = group_of(row, samples);
    group.problem.id = id;
    std::set<double> of_samples;
    for (const Score& score : reward.score_group(group, {})) of_samples.insert(value_of(score));
    EXPECT_EQ(of_samples.size(), 1u) << "problem " << id << ": " << testing::PrintToString(of_samples);
    of_problems.merge(of_samples);
  }
  EXPECT_GT(of_problems.size(), 1u) << "the choice is no choice";
}

TEST(CodeReward, SharesOfVerdictsAndTellTalesAreInTheMetrics) {
  GRPO_NEEDS_SANDBOX("python");
  Rubric rubric;
  RubricItem item;
  item.reward = code_with("{}");
  item.label = "code";
  rubric.items.push_back(item);
  Group group = group_of(sums(), {kRight, kWrong, "none", fenced("import os\nos._exit(0)")});
  score_group(rubric, group);
  RewardSummary summary(rubric);
  summary.add(group);
  const Json metrics = summary.metrics();
  EXPECT_EQ(metrics["rewards/code/share/AC"], 0.25);
  EXPECT_EQ(metrics["rewards/code/share/WA"], 0.5) << "an early exit with status 0 prints nothing";
  EXPECT_EQ(metrics["rewards/code/share/no_code"], 0.25);
  EXPECT_EQ(metrics["rewards/code/share/tell_tale/os._exit"], 0.25);
}

TEST(CodeReward, WhatTheJudgeCannotRunIsMaskedNotZero) {
  GRPO_NEEDS_SANDBOX("python");
  SandboxOptions options;
  options.slots = 1;
  options.memory_bytes = int64_t{256} << 20;
  const auto small = std::make_shared<Judge>(std::make_shared<Sandbox>(options));
  const Reward reward =
      code_with(R"({"memory_limit_mb": 4096})", small);  // more than all runs together may have
  Rubric rubric;
  RubricItem item;
  item.reward = reward;
  item.label = "code";
  rubric.items.push_back(item);
  Group group = group_of(sums(), {kRight, "no code at all"});
  score_group(rubric, group);
  EXPECT_EQ(group.episodes[0].scores[0].status, ScoreStatus::kError) << story(group.episodes[0].scores[0]);
  EXPECT_FALSE(group.episodes[0].reward) << "masked out of its group";
  EXPECT_EQ(group.episodes[1].reward, 0.0) << "the others count";
  RewardSummary summary(rubric);
  summary.add(group);
  EXPECT_EQ(summary.metrics()["rewards/code/share/IE"], 0.5);
  EXPECT_EQ(summary.metrics()["rewards/code/alarm"], 0.5);
}

// Opens no more descriptors than `more` while it lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(0);
    close(next);
    const rlimit few = {static_cast<rlim_t>(next) + more, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

TEST(CodeReward, WhereDescriptorsRunOutSamplesAreMaskedAndTheRunGoesOn) {
  GRPO_NEEDS_SANDBOX("python");
  const Reward reward = code_with(R"({"max_tests": 300})");
  Json row = sums();
  for (int i = 0; i < 200; ++i)
    row["tests"].push_back({{"input", std::to_string(i) + " 1\n"}, {"output", std::to_string(i + 1) + "\n"}});
  {
    const FewDescriptors few(100);
    const auto scores = scores_of(reward, row, {kRight, kWrong, "no code"});
    for (const size_t i : {0, 1}) {
      EXPECT_EQ(scores[i].status, ScoreStatus::kError) << story(scores[i]);
      EXPECT_EQ(scores[i].details["label"], "IE");
    }
    EXPECT_EQ(value_of(scores[2]), 0.0);
  }
  EXPECT_EQ(value_of(score_of_one(reward, sums(), kRight)), 1.0);
}

TEST(CodeReward, ARunnerThatIsKilledAgainAndAgainNeverMakesAZero) {
  GRPO_NEEDS_SANDBOX("python");
  SandboxOptions options;
  options.slots = 1;
  const auto sandbox = std::make_shared<Sandbox>(options);
  const Reward reward = code_with("{}", std::make_shared<Judge>(sandbox));
  Json row = sums();
  row["time_limit"] = 20.0;
  std::atomic<bool> done = false;
  std::thread killer([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      if (sandbox->runner_process() > 1) kill(sandbox->runner_process(), SIGKILL);
    }
  });
  const Score score = score_of_one(
      reward, row, fenced("import time\ntime.sleep(2)\na, b = map(int, input().split())\nprint(a + b)"));
  done = true;
  killer.join();
  EXPECT_EQ(score.status, ScoreStatus::kError) << story(score);
  EXPECT_FALSE(score.value);
  // Runs are turned away until there is a new runner, and that is no zero either.
  Score next;
  for (int i = 0; i < 300 && !next.value; ++i) {
    next = score_of_one(reward, sums(), kRight);
    if (!next.value) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(value_of(next), 1.0) << "judged by a new runner: " << story(next);
}

TEST(CodeReward, WithoutAJudgeItStartsOne) {
  GRPO_NEEDS_SANDBOX("python");
  const Reward reward = make_reward("code", parse_json("{}", "options"), "test");
  EXPECT_EQ(value_of(score_of_one(reward, sums(), kRight)), 1.0);
}

TEST(CodeReward, AHostWithoutTheToolsIsToldBeforehand) {
  const Reward reward = code_with("{}", nullptr);
  ASSERT_TRUE(reward.check_host);
  for (const ProgrammingLanguage& language : languages()) {
    Json row = sums();
    row["language"] = language.name;
    const Problem problem = problem_of("", row);
    if (find_toolchain(language)) {
      EXPECT_NO_THROW(reward.check_host(problem)) << language.name;
    } else {
      EXPECT_TRUE(holds(error_text([&] { reward.check_host(problem); }), language.name));
    }
  }
  EXPECT_NO_THROW(reward.check_host(problem_of("", parse_json(R"({"question": "?"})", "row"))))
      << "that is a skip";
}

}  // namespace
}  // namespace grpo

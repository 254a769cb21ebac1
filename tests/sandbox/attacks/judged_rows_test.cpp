// The rows of the catalogue whose attack is on the answer itself: it looks for what is expected (29), or for which of the
// tests this is (34). They end as wrong answers.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "sandbox/judge/judge.h"
#include "tests/sandbox/attacks/lane.h"
#include "tests/sandbox/host_allows.h"

namespace grpo {
namespace {

constexpr const char* kWord = "4f1c9a";
constexpr const char* kAnswer = "answer-4f1c9a-and-more";

class JudgedRows : public testing::Test {
 protected:
  void SetUp() override {
    if (!find_toolchain(*find_language("python"))) GTEST_SKIP() << "there is no python3";
    try {
      sandbox_ = std::make_shared<Sandbox>(test_options(1, cache_));
    } catch (const Error& error) {
      GRPO_NO_SANDBOX(Tier::kT4, error.what());
    }
  }

  Judgement judge(const std::string& program, const std::vector<TestCase>& tests) {
    Task task;
    OutputTests by_output;
    by_output.tests = tests;
    task.tests = std::move(by_output);
    task.limits.wall_ms = 20'000;
    task.limits.cpu_ms = 10'000;
    task.stop_early = false;
    return Judge(sandbox_).judge({.language = "python", .source = attack_program(program).read()}, task);
  }

  // What the attack finds when everything it hopes for is in its box.
  std::string with_everything(const std::string& program, const std::string& command,
                              const std::optional<File>& more = {}) {
    RunRequest request;
    Program run;
    run.command = {"/bin/sh", "-c", command};
    run.files = {{"attack.py", attack_program(program)}};
    if (more) run.files.push_back(*more);
    run.input = Blob::of(std::string(kWord) + "\n");
    run.limits.cpu_ms = 10'000;
    request.programs = {run};
    const RunResult result = sandbox_->run(request);
    return result.failure.empty() ? result.programs.at(0).out + result.programs[0].error : result.failure;
  }

  TemporaryFolder cache_;
  std::shared_ptr<Sandbox> sandbox_;
};

TestCase test_case(const std::string& input, const std::string& expected) {
  TestCase test;
  test.input = Blob::of(input + "\n");
  test.expected = Blob::of(expected + "\n");
  return test;
}

TEST_F(JudgedRows, Row29_expected_output_is_nowhere_to_be_found) {
  EXPECT_EQ(with_everything("row29_expected_output.py", "python3 -I -S attack.py",
                            File{"expected", Blob::of(kAnswer), false}),
            std::string(kAnswer) + "\n");
  const Judgement judgement =
      judge("row29_expected_output.py", {test_case(kWord, kAnswer), test_case(kWord, kAnswer)});
  EXPECT_EQ(judgement.verdict, Verdict::kWrongAnswer) << judgement.message;
  EXPECT_EQ(judgement.passed(), 0);
  // It looked everywhere, and said so.
  EXPECT_EQ(judge("row29_expected_output.py", {test_case(kWord, "found nothing")}).verdict,
            Verdict::kAccepted);
}

TEST_F(JudgedRows, Row34_calls_cannot_be_counted) {
  EXPECT_EQ(with_everything("row34_count_calls.py", "python3 -I -S attack.py; python3 -I -S attack.py"),
            "1\n2\n");
  const Judgement judgement =
      judge("row34_count_calls.py", {test_case("", "1"), test_case("", "2"), test_case("", "3")});
  EXPECT_EQ(judgement.verdict, Verdict::kWrongAnswer) << judgement.message;
  ASSERT_EQ(judgement.tests.size(), 3u);
  EXPECT_EQ(judgement.tests[0].verdict, Verdict::kAccepted);
  EXPECT_EQ(judgement.tests[1].verdict, Verdict::kWrongAnswer);
  EXPECT_EQ(judgement.tests[2].verdict, Verdict::kWrongAnswer);
}

}  // namespace
}  // namespace grpo

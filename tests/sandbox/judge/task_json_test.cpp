#include "sandbox/judge/task_json.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "tests/throws_error.h"

namespace grpo {
namespace {

JudgeJob job_of(const std::string& text) {
  return read_judge_job(parse_json(text, "job"), "job.jsonl: line 1", "");
}

std::string refusal(const std::string& text) {
  return error_text([&] { job_of(text); });
}

constexpr const char* kStart = R"({"language": "cpp", "source": "int main() {}", )";

TEST(TaskJson, ReadsTestsWithAllTheirOptions) {
  const JudgeJob job = job_of(std::string(kStart) + R"("tests": [{"input": "1\n", "output": "2\n"},
      {"input": "", "output": "x", "name": "b", "weight": 3}], "comparator": "float", "float_absolute": 0.5,
      "time_limit": 1.5, "wall_limit": 9, "memory_limit_mb": 64, "stop_early": false, "input_file": "a.in",
      "output_file": "a.out"})");
  EXPECT_EQ(job.submission.language, "cpp");
  EXPECT_EQ(job.submission.source, "int main() {}");
  const auto& tests = std::get<OutputTests>(job.task.tests);
  ASSERT_EQ(tests.tests.size(), 2u);
  EXPECT_EQ(tests.tests[0].name, "1");
  EXPECT_EQ(tests.tests[0].input.read(), "1\n");
  EXPECT_EQ(tests.tests[0].expected.read(), "2\n");
  EXPECT_EQ(tests.tests[1].name, "b");
  EXPECT_EQ(tests.tests[1].weight, 3.0);
  EXPECT_EQ(tests.rule.comparator, Comparator::kFloat);
  EXPECT_EQ(tests.rule.float_absolute, 0.5);
  EXPECT_EQ(tests.rule.float_relative, 1e-6);
  EXPECT_EQ(tests.input_file, "a.in");
  EXPECT_EQ(tests.output_file, "a.out");
  EXPECT_EQ(job.task.limits.cpu_ms, 1'500);
  EXPECT_EQ(job.task.limits.wall_ms, 9'000);
  EXPECT_EQ(job.task.limits.memory_bytes, int64_t{64} << 20);
  EXPECT_FALSE(job.task.stop_early);
}

TEST(TaskJson, LeavesLimitsAsTheyAreWhereNoneAreGiven) {
  const JudgeJob job = job_of(std::string(kStart) + R"("tests": [{"output": "2"}]})");
  EXPECT_EQ(job.task.limits, Limits{});
  EXPECT_TRUE(job.task.stop_early);
  EXPECT_EQ(std::get<OutputTests>(job.task.tests).rule.comparator, Comparator::kTokens);
}

TEST(TaskJson, ReadsCallsWithNullAmongTheValues) {
  const JudgeJob job = job_of(std::string(kStart) + R"("function": "Solution.f", "float_tolerance": 1e-6,
      "prelude": "import math", "calls": [{"arguments": [1, [2, null]], "expected": null, "weight": 2}]})");
  const auto& calls = std::get<CallTests>(job.task.tests);
  EXPECT_EQ(calls.function, "Solution.f");
  EXPECT_EQ(calls.prelude, "import math");
  EXPECT_EQ(calls.float_tolerance, 1e-6);
  ASSERT_EQ(calls.tests.size(), 1u);
  EXPECT_EQ(calls.tests[0].arguments, "[1,[2,null]]");
  EXPECT_EQ(calls.tests[0].expected, "null");
  EXPECT_EQ(calls.tests[0].weight, 2.0);
}

TEST(TaskJson, ReadsSuites) {
  const JudgeJob job = job_of(std::string(kStart) + R"("style": "leetcode", "test_code": "def check(f): ...",
      "entry_point": "Solution().f", "prompt": "p", "declaration": "d", "prelude": "q"})");
  const auto& suite = std::get<Suite>(job.task.tests);
  EXPECT_EQ(suite.style, Suite::Style::kLeetCode);
  EXPECT_EQ(suite.test_code, "def check(f): ...");
  EXPECT_EQ(suite.entry_point, "Solution().f");
  EXPECT_EQ(suite.prompt + suite.declaration + suite.prelude, "pdq");
}

TEST(TaskJson, ReadsCheckersAndInteractors) {
  const std::string checker = R"({"protocol": "python", "source": "pass", "arguments": ["x"]})";
  const JudgeJob job =
      job_of(std::string(kStart) + R"("tests": [{"output": "2"}], "checker": )" + checker + "}");
  const auto& tests = std::get<OutputTests>(job.task.tests);
  ASSERT_EQ(tests.checker.size(), 1u);
  EXPECT_EQ(tests.checker[0].language, "python");
  EXPECT_EQ(tests.checker[0].arguments, std::vector<std::string>{"x"});
  const JudgeJob interactive = job_of(std::string(kStart) + R"("tests": [{"input": "2"}], "interactor":
      {"protocol": "kattis", "source": "int main() {}", "include_folder": "/usr/include/testlib"}})");
  ASSERT_EQ(std::get<OutputTests>(interactive.task.tests).interactor.size(), 1u);
  EXPECT_EQ(std::get<OutputTests>(interactive.task.tests).interactor[0].language, "cpp");
}

TEST(TaskJson, NamesThePathOfWhatIsWrong) {
  const auto with = [](const std::string& rest) { return refusal(std::string(kStart) + rest + "}"); };
  EXPECT_TRUE(
      holds(with(R"("tests": [{"output": "2"}, {"outptu": "2"}])"), "job.jsonl: line 1: tests[1].outptu"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": 2}])"), "tests[0].output"));
  EXPECT_TRUE(holds(with(R"("tests": [])"), "is empty"));
  EXPECT_TRUE(holds(with(R"("tests": {})"), "tests"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": "2"}], "calls": [])"), "2 of"));
  EXPECT_TRUE(holds(with(R"("time_limit": 1)"), "0 of"));
  EXPECT_TRUE(
      holds(with(R"("tests": [{"output": "2"}], "comparator": "fuzzy")"), "\"fuzzy\" is no comparator"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": "2"}], "float_absolute": 1)"),
                    "no effect on the comparator tokens"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": "2"}], "time_limit": 0)"), "time_limit"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": "2"}], "memory_limit_mb": -1)"), "memory_limit_mb"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": "2"}], "input_file": "../a")"), "is no file name"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": "2"}], "checker": {"source": ""})"), "checker.protocol"));
  EXPECT_TRUE(holds(with(R"("tests": [{"output": "2"}], "comparator": "exact",
                          "checker": {"protocol": "testlib", "source": ""})"),
                    "beside a program that decides"));
  EXPECT_TRUE(
      holds(with(R"("calls": [{"arguments": 1, "expected": 1}], "function": "f")"), "calls[0].arguments"));
  EXPECT_TRUE(holds(with(R"("calls": [{"arguments": []}], "function": "f")"), "calls[0].expected"));
  EXPECT_TRUE(holds(with(R"("calls": [{"arguments": [], "expected": 1}])"), "function"));
  EXPECT_TRUE(holds(with(R"("test_code": "", "style": "humaneval")"), "entry_point"));
  EXPECT_TRUE(holds(refusal(R"({"source": "", "tests": [{"output": ""}]})"), "language"));
}

TEST(JudgementJson, IsValidUtf8WhateverWasWritten) {
  Judgement judgement;
  judgement.verdict = Verdict::kRuntimeError;
  judgement.score = 0.25;
  judgement.tests_total = 4;
  judgement.compile_log = "warning: \xff";
  judgement.message = "\xc3";
  judgement.tests.push_back(
      {.score = 1.0, .name = "a", .message = "", .cpu_us = 1'500, .memory_bytes = 3 << 20});
  judgement.tests.push_back({.verdict = Verdict::kRuntimeError,
                             .name = "b\xfe",
                             .message = std::string("\0\xed\xa0\x80", 4),
                             .limit = LimitFired::kCpu,
                             .exit_code = 3,
                             .signal = 11});
  const Json json = judgement_json(judgement);
  EXPECT_EQ(parse_json(json.dump(), "judgement"), json);
  EXPECT_EQ(json["verdict"], "RE");
  EXPECT_EQ(json["passed"], 1);
  EXPECT_EQ(json["tests_total"], 4);
  EXPECT_EQ(json["tier"], "T1");
  EXPECT_EQ(json["tests"][0],
            parse_json(R"({"name": "a", "verdict": "AC", "score": 1.0, "time_s": 0.0015, "wall_s": 0.0,
                           "memory_mb": 3.0})",
                       "expected"));
  EXPECT_EQ(json["tests"][1]["limit"], "cpu");
  EXPECT_EQ(json["tests"][1]["exit_code"], 3);
  EXPECT_EQ(json["tests"][1]["signal"], 11);
}

// The text is what snprintf makes of whole microseconds, without the zeros at its end.
TEST(JudgementJson, TimesAndSizesPrintAsTheDecimalsTheyAre) {
  const auto expected = [](long long whole, long long parts, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%lld.%0*lld", whole, digits, parts);
    std::string shown = text;
    while (shown.back() == '0' && shown[shown.size() - 2] != '.') shown.pop_back();
    return shown;
  };
  for (int64_t us = 0; us < 40'000'000; us = us * 9 / 8 + 10) {
    Judgement judgement;
    judgement.tests.push_back(
        {.name = "a", .message = "", .cpu_us = us, .wall_us = us + 10'000, .memory_bytes = us * 100});
    const Json test = parse_json(judgement_json(judgement).dump(), "judgement")["tests"][0];
    if (us >= 100) {  // below, JSON has exponents
      EXPECT_EQ(test["time_s"].dump(), expected(us / 1'000'000, us % 1'000'000, 6));
    }
    EXPECT_EQ(test["wall_s"].dump(), expected((us + 10'000) / 1'000'000, (us + 10'000) % 1'000'000, 6));
    const int64_t thousandths = (us * 100 * 1000 * 2 + (1 << 20)) / (2 << 20);
    EXPECT_EQ(test["memory_mb"].dump(), expected(thousandths / 1000, thousandths % 1000, 3));
  }
  Judgement judgement;
  judgement.tests.push_back({.name = "a", .message = "", .cpu_us = 460'000, .wall_us = 290'000});
  const std::string text = judgement_json(judgement).dump();
  EXPECT_NE(text.find("\"time_s\":0.46,\"wall_s\":0.29,"), std::string::npos) << text;
}

}  // namespace
}  // namespace grpo

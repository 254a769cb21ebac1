// Rows in the shape in which data sets publish them, written by hand, and what we read in them.

#include "rewards/code/formats/formats.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "rewards/code/formats/contest_imports.h"
#include "sandbox/languages/language.h"
#include "tests/rewards/code/pickled_rows.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

CodeProblem read(const Json& row, const std::string& format = "auto",
                 const std::map<std::string, std::string>& names = {}) {
  return read_code_problem(Columns(row, names), format);
}

CodeProblem read(const char* row, const std::string& format = "auto") {
  return read(parse_json(row, "row"), format);
}

std::string refusal(const char* row, const std::string& format = "auto") {
  return error_text([&] { read(row, format); });
}

const ByOutput& output_of(const CodeProblem& problem) {
  return std::get<ByOutput>(problem.how);
}

const Suite& suite_of(const CodeProblem& problem) {
  return std::get<BySuite>(problem.how).suite;
}

double python_seconds(const CodeProblem& problem) {
  return static_cast<double>(problem.limits.cpu_ms) * 1e-3 * find_language("python")->time_factor;
}

// "input -> expected" of every test, in order; * before public ones.
std::vector<std::string> tests_of(const CodeProblem& problem) {
  std::vector<std::string> found;
  for (const CodeTest& test : problem.tests)
    found.push_back((test.is_public ? "*" : "") + test.input + " -> " + test.expected);
  return found;
}
using Tests = std::vector<std::string>;

TEST(Apps, ReadsTextsAndListsOfLines) {
  const CodeProblem problem = read(
      R"({"problem_id": 1, "question": "q", "input_output": "{\"inputs\": [\"1\\n2\\n\", [\"3\", \"4\"]], \"outputs\": [\"3\\n\", [\"7\"]]}",
          "difficulty": "interview", "starter_code": ""})");
  EXPECT_EQ(tests_of(problem), (Tests{"1\n2\n -> 3\n", "3\n4\n -> 7\n"}));
  EXPECT_EQ(output_of(problem).rule.comparator, Comparator::kTokens)
      << "the lenient cascade only where it is asked for";
  EXPECT_NEAR(python_seconds(problem), 4.0, 0.01);
  EXPECT_EQ(problem.python_prelude, contest_imports());
  EXPECT_EQ(problem.language, "") << "a program may be in any language";
}

TEST(Apps, CallsKeepTheirNumbersAsWritten) {
  const CodeProblem problem = read(
      R"({"input_output": "{\"fn_name\": \"f\", \"inputs\": [[123456789012345678901234567890, \"a\"], [0.10]], \"outputs\": [[1e2], [\"5\"]]}"})");
  EXPECT_EQ(std::get<ByCalls>(problem.how).function, "f");
  EXPECT_EQ(tests_of(problem), (Tests{R"([123456789012345678901234567890, "a"] -> 1e2)", R"([0.10] -> "5")"}))
      << "outputs are wrapped in lists of one";
  EXPECT_EQ(problem.language, "python");
}

TEST(Apps, OutputsAreUnwrappedOnlyWhereAllAreWrapped) {
  const CodeProblem problem =
      read(R"({"input_output": {"fn_name": "f", "inputs": [[1], [2]], "outputs": [[1], [1, 2]]}})");
  EXPECT_EQ(tests_of(problem), (Tests{"[1] -> [1]", "[2] -> [1,2]"}));
}

TEST(Apps, LimitsOfTacoAreTexts) {
  const CodeProblem problem = read(
      R"({"input_output": "{\"inputs\": [\"1\"], \"outputs\": [\"1\"]}", "time_limit": "2.5 seconds", "memory_limit": "256.0 megabytes"})");
  EXPECT_EQ(problem.limits.cpu_ms, 2500);
  EXPECT_EQ(problem.limits.memory_bytes, int64_t{256} << 20);
}

TEST(Formats, LimitsBeyondReasonAreTheLargestThatThereAre) {
  const CodeProblem apps = read(
      R"({"input_output": "{\"inputs\": [\"1\"], \"outputs\": [\"1\"]}", "time_limit": 1e30, "memory_limit": 1e30})");
  const CodeProblem contests = read(
      R"({"public_tests": [{"input": "1", "output": "2"}], "time_limit": 1e30, "memory_limit_bytes": 1e30})");
  for (const CodeProblem* problem : {&apps, &contests}) {
    EXPECT_EQ(problem->limits.cpu_ms, 3'600'000);
    EXPECT_EQ(problem->limits.memory_bytes, int64_t{1} << 40);
  }
}

TEST(Apps, RowsThatCannotBeJudgedAreRefused) {
  EXPECT_TRUE(holds(refusal(R"({"input_output": "{\"inputs\": [], \"outputs\": []}"})"), "no tests"));
  EXPECT_TRUE(holds(refusal(R"({"input_output": ""})"), "not JSON"));
  EXPECT_TRUE(holds(refusal(R"({"input_output": "{\"inputs\": [\"1\"], \"outputs\": []}"})"),
                    "1 inputs for 0 outputs"));
  EXPECT_TRUE(holds(refusal(R"({"input_output": "[]"})"), "two lists"));
  EXPECT_TRUE(holds(refusal(R"({"input_output": "{\"fn_name\": \"f\", \"inputs\": [3], \"outputs\": [4]}"})"),
                    "neither a list nor text"));
}

TEST(CodeContests, ReadsColumnsOfHuggingFace) {
  const CodeProblem problem = read(R"({
    "name": "p", "public_tests": {"input": ["1\n"], "output": ["2\n"]}, "private_tests": {"input": [], "output": []},
    "generated_tests": {"input": ["3\n", "4\n"], "output": ["4\n", "5\n"]},
    "time_limit": {"seconds": 1, "nanos": 500000000}, "memory_limit_bytes": 256000000, "input_file": "", "output_file": ""})");
  EXPECT_EQ(tests_of(problem), (Tests{"*1\n -> 2\n", "3\n -> 4\n", "4\n -> 5\n"}));
  EXPECT_EQ(problem.limits.cpu_ms, 1500);
  EXPECT_EQ(problem.limits.memory_bytes, 256000000);
  EXPECT_EQ(output_of(problem).rule.comparator, Comparator::kCodeContests);
}

TEST(CodeContests, ReadsListsOfTestsAndFiles) {
  const CodeProblem problem = read(R"({
    "public_tests": [{"input": "1", "output": "2"}], "private_tests": null, "time_limit": "2.5s", "memory_limit_bytes": 0,
    "input_file": "in.txt", "output_file": "out.txt"})");
  EXPECT_EQ(tests_of(problem), Tests{"*1 -> 2"});
  EXPECT_EQ(problem.limits.cpu_ms, 2500);
  EXPECT_EQ(problem.limits.memory_bytes, int64_t{256} << 20);
  EXPECT_EQ(output_of(problem).input_file, "in.txt");
  EXPECT_EQ(output_of(problem).output_file, "out.txt");
  EXPECT_EQ(read(R"({"public_tests": [{"input": "1", "output": "2"}]})").limits.cpu_ms, 10'000);
}

TEST(CodeContests, RowsThatCannotBeJudgedAreRefused) {
  EXPECT_TRUE(holds(refusal(R"({"public_tests": {"input": [], "output": []}})"), "no tests"));
  EXPECT_TRUE(holds(refusal(R"({"public_tests": {"input": ["1"], "output": []}})"), "not as many"));
  EXPECT_TRUE(holds(refusal(R"({"public_tests": 3})"), "not two lists"));
  for (const char* name : {"../x", "a/b", "/etc/passwd", "..", ".", "a\\u0000b"}) {
    for (const std::string column : {"input_file", "output_file"}) {
      const std::string row =
          R"({"public_tests": [{"input": "1", "output": "2"}], ")" + column + "\": \"" + name + "\"}";
      const std::string why = refusal(row.c_str());
      EXPECT_TRUE(holds(why, "is no file name")) << row << ": " << why;
      EXPECT_TRUE(holds(why, column)) << why;
    }
  }
}

TEST(LiveCodeBench, ReadsProgramsAndPickledTests) {
  Json row = parse_json(R"({"question_title": "t", "starter_code": "", "metadata": "{}",
    "public_test_cases": "[{\"input\": \"1\\n\", \"output\": \"2\\n\", \"testtype\": \"stdin\"}]"})",
                        "row");
  row["private_test_cases"] = kPickledLong;
  const CodeProblem problem = read(row);
  ASSERT_EQ(problem.tests.size(), 2u);
  EXPECT_EQ(tests_of(problem)[0], "*1\n -> 2\n");
  EXPECT_EQ(problem.tests[1].input.size(), 100'000u);
  EXPECT_EQ(problem.tests[1].expected, "2");
  EXPECT_EQ(output_of(problem).rule.comparator, Comparator::kLcbDecimal);
  EXPECT_NEAR(python_seconds(problem), 6.0, 0.01);
}

TEST(LiveCodeBench, ArgumentsOfCallsStandOnePerLine) {
  Json row = parse_json(R"({"metadata": "{\"func_name\": \"minMax\"}",
    "public_test_cases": "[{\"input\": \"[1, 2]\\n3\", \"output\": \"[1, 3]\", \"testtype\": \"functional\"}]"})",
                        "row");
  row["private_test_cases"] = kPickled4;
  const CodeProblem problem = read(row);
  EXPECT_EQ(std::get<ByCalls>(problem.how).function, "minMax");
  EXPECT_EQ(tests_of(problem), (Tests{"*[[1, 2],3] -> [1, 3]", "[[1,2],3] -> [3,\"é\"]"}));
  EXPECT_EQ(std::get<ByCalls>(problem.how).float_tolerance, 0.0);
}

TEST(LiveCodeBench, PrivateTestsMayBePlain) {
  const CodeProblem problem = read(R"({"public_test_cases": "[]",
    "private_test_cases": "[{\"input\": \"1\", \"output\": \"2\", \"testtype\": \"stdin\"}]"})");
  EXPECT_EQ(tests_of(problem), Tests{"1 -> 2"});
}

TEST(LiveCodeBench, RowsThatCannotBeJudgedAreRefused) {
  EXPECT_TRUE(holds(refusal(R"({"public_test_cases": "[]", "private_test_cases": "[]"})"), "no tests"));
  Json row = parse_json(R"({"public_test_cases": "[]"})", "row");
  row["private_test_cases"] = kPickledCommand;
  EXPECT_TRUE(holds(error_text([&] { read(row); }), "pickle"));
  EXPECT_TRUE(holds(
      refusal(
          R"({"public_test_cases": "[{\"input\": \"1\", \"output\": \"2\", \"testtype\": \"functional\"}]"})"),
      "does not name it"));
  EXPECT_TRUE(holds(
      refusal(
          R"({"public_test_cases": "[{\"input\": \"x\", \"output\": \"2\", \"testtype\": \"functional\"}]",
                                "metadata": "{\"func_name\": \"f\"}"})"),
      "argument of a call is not JSON"));
  EXPECT_TRUE(holds(
      refusal(R"({"public_test_cases": "[{\"input\": \"1\", \"output\": \"2\", \"testtype\": \"magic\"}]"})"),
      "magic"));
}

TEST(DeepCoder, ReadsListsAndTheDictionaryOfTaco) {
  const CodeProblem list = read(
      R"({"problem": "p", "tests": "[{\"type\": \"stdin_stdout\", \"input\": \"1\", \"output\": \"2\"}]"})");
  EXPECT_EQ(tests_of(list), Tests{"1 -> 2"});
  EXPECT_EQ(output_of(list).rule.comparator, Comparator::kLcbDecimal);
  const CodeProblem lcb = read(
      R"({"tests": [{"testtype": "functional", "input": "1\n\"a\"", "output": "true", "metadata": {"func_name": "f"}}]})");
  EXPECT_EQ(tests_of(lcb), Tests{R"([1,"a"] -> true)"});
  EXPECT_EQ(std::get<ByCalls>(lcb.how).function, "f");
  const CodeProblem taco = read(R"({"tests": "{\"inputs\": [\"1\"], \"outputs\": [\"2\"]}"})");
  EXPECT_EQ(tests_of(taco), Tests{"1 -> 2"});
  const CodeProblem call =
      read(R"({"tests": [{"type": "function_call", "fn_name": "g", "input": [1, 2], "output": [3]}]})");
  EXPECT_EQ(tests_of(call), Tests{"[1,2] -> 3"});
  const CodeProblem named =
      read(R"({"ground_truth": "[{\"testtype\": \"functional\", \"input\": \"1\", \"output\": \"2\"}]",
                                     "metadata": "{\"func_name\": \"h\"}"})");
  EXPECT_EQ(std::get<ByCalls>(named.how).function, "h");
}

TEST(DeepCoder, RowsThatCannotBeJudgedAreRefused) {
  EXPECT_TRUE(holds(refusal(R"({"tests": "[]"})"), "no tests"));
  EXPECT_TRUE(holds(refusal(R"({"tests": "[{\"input\": \"1\"}]"})"), "no input or no output"));
  EXPECT_TRUE(holds(
      refusal(
          R"({"tests": "[{\"input\": \"1\", \"output\": \"1\"}, {\"type\": \"function_call\", \"fn_name\": \"f\", \"input\": [], \"output\": 1}]"})"),
      "two kinds"));
}

TEST(VerificationInfo, ReadsBothKindsOfTests) {
  const CodeProblem problem = read(
      R"({"task_type": "verifiable_code", "verification_info": "{\"language\": \"rust\", \"test_cases\": [{\"fn_name\": null, \"input\": \"4\\n\", \"output\": \"Yes\\n\", \"type\": \"stdin_stdout\"}]}"})");
  EXPECT_EQ(tests_of(problem), Tests{"4\n -> Yes\n"});
  EXPECT_EQ(problem.language, "rust");
  EXPECT_EQ(output_of(problem).rule.comparator, Comparator::kLines);
  const CodeProblem call = read(
      R"({"verification_info": {"language": "python", "test_cases": "[{\"fn_name\": \"f\", \"input\": [[1], 2], \"output\": [3], \"type\": \"function_call\"}]"}})");
  EXPECT_EQ(tests_of(call), Tests{"[[1], 2] -> 3"});
  EXPECT_TRUE(
      holds(refusal(R"({"verification_info": {"language": "python", "test_cases": []}})"), "no tests"));
  EXPECT_TRUE(holds(refusal(R"({"verification_info": {"language": "python"}})"), "no test cases"));
}

TEST(Codeforces, ReadsLimitsModesAndSamples) {
  const CodeProblem problem = read(R"({
    "id": "1/A", "time_limit": 1.5, "memory_limit": 64.0, "input_mode": "file", "interaction_format": null,
    "examples": [{"input": "1\n", "output": "YES\n"}], "generated_tests": 0, "generated_checker": null,
    "official_tests": [{"input": "1\n", "output": "YES\n"}, {"input": "2\n", "output": "No"}], "official_tests_complete": true})");
  EXPECT_EQ(tests_of(problem), (Tests{"*1\n -> YES\n", "2\n -> No"}));
  EXPECT_EQ(problem.limits.cpu_ms, 1500);
  EXPECT_EQ(problem.limits.memory_bytes, int64_t{64} << 20);
  EXPECT_EQ(output_of(problem).input_file, "input.txt");
  EXPECT_EQ(output_of(problem).output_file, "output.txt");
  EXPECT_TRUE(output_of(problem).rule.ignore_case);
  EXPECT_EQ(output_of(problem).rule.comparator, Comparator::kTokens);
}

TEST(Codeforces, CaseCountsWhereOtherWordsAreExpected) {
  EXPECT_FALSE(
      output_of(read(R"({"official_tests": [{"input": "", "output": "YES 3 abc"}]})")).rule.ignore_case);
  EXPECT_TRUE(
      output_of(read(R"({"official_tests": [{"input": "", "output": "yes 3\nNO"}]})")).rule.ignore_case);
  EXPECT_FALSE(
      output_of(
          read(R"({"official_tests": [{"input": "", "output": "YES"}, {"input": "", "output": "Alice"}]})"))
          .rule.ignore_case);
}

TEST(Codeforces, ItsCheckerIsAPythonProgram) {
  const CodeProblem problem = read(
      R"j({"official_tests": [{"input": "1", "output": "1"}], "generated_checker": "import sys\nprint(1)", "generated_tests": [{"input": "2", "output": "2"}]})j");
  ASSERT_EQ(output_of(problem).checker.size(), 1u);
  EXPECT_EQ(output_of(problem).checker[0].protocol, Checker::Protocol::kPython);
  EXPECT_EQ(output_of(problem).checker[0].language, "python");
  EXPECT_EQ(output_of(problem).checker[0].source, "import sys\nprint(1)");
  EXPECT_EQ(tests_of(problem), (Tests{"1 -> 1", "2 -> 2"}));
}

TEST(Codeforces, RowsThatCannotBeJudgedAreRefused) {
  EXPECT_TRUE(holds(refusal(R"({"official_tests": []})"), "no tests"));
  EXPECT_TRUE(
      holds(refusal(R"({"official_tests": [{"input": "", "output": "1"}], "interaction_format": "ask"})"),
            "interactive"));
}

constexpr const char* kHumanEvalRow = R"({
  "task_id": "HumanEval/38", "entry_point": "decode", "canonical_solution": "    return s\n",
  "prompt": "import math\n\ndef encode(s):\n    return s\n\n\ndef decode(s: str):\n    \"\"\"undo encode\"\"\"\n",
  "test": "def check(candidate):\n    assert candidate('a') == 'a'\n"})";

TEST(HumanEval, WhatStandsBeforeTheFunctionIsThePreludeOfCompleteCode) {
  const CodeProblem problem = read(kHumanEvalRow);
  EXPECT_EQ(suite_of(problem).prelude, "import math\n\ndef encode(s):\n    return s\n\n\n");
  EXPECT_EQ(suite_of(problem).prompt, "");
  EXPECT_EQ(suite_of(problem).style, Suite::Style::kHumanEval);
  EXPECT_EQ(suite_of(problem).entry_point, "decode");
  EXPECT_EQ(std::get<BySuite>(problem.how).name, "decode");
  EXPECT_TRUE(std::get<BySuite>(problem.how).prompt.ends_with("\"\"\"undo encode\"\"\"\n"));
  EXPECT_EQ(problem.language, "python");
  EXPECT_NEAR(python_seconds(problem), 3.0, 0.01);
}

TEST(HumanEval, OtherLanguagesHaveAMain) {
  const CodeProblem problem = read(
      R"({"language": "cpp", "entry_point": "minCost", "prompt": "#include <bits/stdc++.h>\nusing namespace std;\n\nint minCost(int m) {\n",
    "test": "int main() { return minCost(1) != 1; }"})");
  EXPECT_EQ(problem.language, "cpp");
  EXPECT_EQ(suite_of(problem).style, Suite::Style::kAsserts);
  EXPECT_EQ(suite_of(problem).prelude, "#include <bits/stdc++.h>\nusing namespace std;\n\n");
  EXPECT_TRUE(
      holds(refusal(R"({"language": "klingon", "entry_point": "f", "prompt": "", "test": "x"})"), "klingon"));
  EXPECT_TRUE(holds(refusal(R"({"entry_point": "f", "prompt": "def f():", "test": " \n"})"), "no tests"));
}

TEST(HumanEvalX, TheTaskNamesTheLanguage) {
  const CodeProblem problem =
      read(R"({"task_id": "CPP/0", "prompt": "/* doc */\n#include<vector>\nbool close(vector<float> a){\n",
    "declaration": "#include<vector>\nusing namespace std;\nbool close(vector<float> a){\n", "test": "int main(){}", "canonical_solution": "}"})");
  EXPECT_EQ(problem.language, "cpp");
  EXPECT_EQ(std::get<BySuite>(problem.how).name, "close");
  EXPECT_EQ(suite_of(problem).prelude, "#include<vector>\nusing namespace std;\n");
  EXPECT_EQ(suite_of(problem).style, Suite::Style::kAsserts);
  const CodeProblem script = read(
      R"j({"task_id": "JavaScript/1", "prompt": "/* */\nconst pairs = (a) => {\n", "declaration": "\nconst pairs = (a) => {\n",
    "test": "x()"})j");
  EXPECT_EQ(script.language, "javascript");
  EXPECT_EQ(std::get<BySuite>(script.how).name, "pairs");
  const CodeProblem go = read(
      R"({"task_id": "Go/1", "prompt": "import (\n \"math\"\n)\nfunc F(x int) int {\n", "declaration": "\nfunc F(x int) int {\n",
    "test_setup": "package main\nimport \"testing\"", "test": "func TestF(t *testing.T) {}"})");
  EXPECT_EQ(go.language, "go");
  EXPECT_EQ(std::get<BySuite>(go.how).name, "F");
  EXPECT_EQ(suite_of(go).test_code, "package main\nimport \"testing\"\nfunc TestF(t *testing.T) {}");
}

TEST(Mbpp, AssertsStandBehindTheirSetup) {
  const CodeProblem full = read(
      R"({"task_id": 2, "text": "t", "code": "c", "test_list": ["assert f(1) == 2", "assert f(2) == 3"], "test_setup_code": "import math"})");
  EXPECT_EQ(suite_of(full).test_code, "import math\nassert f(1) == 2\nassert f(2) == 3\n");
  EXPECT_EQ(suite_of(full).style, Suite::Style::kAsserts);
  const CodeProblem sanitized = read(
      R"({"prompt": "p", "test_imports": ["import math", "import re"], "test_list": ["assert f(1) == 2"]})");
  EXPECT_EQ(suite_of(sanitized).test_code, "import math\nimport re\nassert f(1) == 2\n");
  EXPECT_TRUE(holds(refusal(R"({"test_list": []})"), "no tests"));
}

TEST(LeetCode, TheEntryPointIsAnExpression) {
  const CodeProblem problem =
      read(R"({"task_id": "two-sum", "prompt": "from typing import *\n", "entry_point": "Solution().twoSum",
    "test": "def check(candidate):\n    assert candidate([1], 2) == 3\n", "input_output": [{"input": "nums = [1]", "output": "3"}]})");
  EXPECT_EQ(suite_of(problem).style, Suite::Style::kLeetCode);
  EXPECT_EQ(suite_of(problem).entry_point, "Solution().twoSum");
  EXPECT_EQ(suite_of(problem).prelude, "from typing import *\n");
}

TEST(KodCode, TestsAreAPytestFile) {
  const CodeProblem problem = read(
      R"({"style": "instruct", "question": "q", "solution": "def f(): return 1", "test": "from solution import f\n\ndef test_f():\n    assert f() == 1\n"})");
  EXPECT_EQ(suite_of(problem).style, Suite::Style::kPytest);
  EXPECT_TRUE(holds(refusal(R"({"question": "q", "test": "x = 1"})", "kodcode"), "no tests"));
}

TEST(TaskRows, AreThoseOfGrpoJudge) {
  const CodeProblem problem = read(
      R"({"prompt": "Add.", "style": "easy", "tests": [{"input": "1 2", "output": "3", "public": true}, {"output": "4", "name": "b", "weight": 2}],
    "comparator": "lines", "time_limit": 1.0, "memory_limit_mb": 100})");
  EXPECT_EQ(tests_of(problem), (Tests{"*1 2 -> 3", " -> 4"}));
  EXPECT_EQ(problem.tests[1].name, "b");
  EXPECT_EQ(problem.tests[1].weight, 2.0);
  EXPECT_EQ(output_of(problem).rule.comparator, Comparator::kLines);
  EXPECT_EQ(problem.limits.cpu_ms, 1000);
  EXPECT_EQ(problem.limits.memory_bytes, int64_t{100} << 20);
  const CodeProblem calls = read(
      R"({"calls": [{"arguments": [1, 2], "expected": 3}], "function": "add", "float_tolerance": 1e-6})");
  EXPECT_EQ(tests_of(calls), Tests{"[1,2] -> 3"});
  EXPECT_EQ(std::get<ByCalls>(calls.how).float_tolerance, 1e-6);
  EXPECT_EQ(calls.language, "python");
  const CodeProblem suite = read(R"({"test_code": "assert f() == 1", "style": "asserts"})");
  EXPECT_EQ(suite_of(suite).style, Suite::Style::kAsserts);
}

TEST(TaskRows, RowsThatCannotBeJudgedAreRefused) {
  EXPECT_TRUE(holds(refusal(R"({"tests": []})"), "no tests"));
  EXPECT_TRUE(holds(refusal(R"({"tests": [{"input": "1"}]})"), "no output"));
  EXPECT_TRUE(holds(refusal(R"({"tests": [{"output": "1"}], "comparator": "vibes"})"), "vibes"));
  EXPECT_TRUE(holds(refusal(R"({"tests": [{"output": "1", "weight": -1}]})"), "weight"));
}

TEST(Formats, EveryFormatCanBeNamedAndUnknownRowsAreRefused) {
  for (const std::string& name : code_format_names()) {
    EXPECT_NE(refusal(R"({"question": "no tests here"})", name.c_str()), "") << name;
  }
  EXPECT_TRUE(holds(refusal(R"({"question": "no tests here"})"), "none of the data sets"));
}

TEST(Formats, ColumnsMayHaveOtherNames) {
  const Json row = parse_json(R"({"my_tests": [{"input": "1", "output": "2"}], "tests": 5})", "row");
  EXPECT_EQ(tests_of(read(row, "auto", {{"tests", "my_tests"}})), Tests{"1 -> 2"});
  EXPECT_TRUE(holds(error_text([&] {
                      read(row, "tests", {{"tests", "others"}});
                    }),
                    "give exactly one") ||
              holds(error_text([&] {
                      read(row, "tests", {{"tests", "others"}});
                    }),
                    "0 of"));
}

}  // namespace
}  // namespace grpo

#include "rewards/code/code_problem.h"

#include <gtest/gtest.h>

namespace grpo {
namespace {

TEST(Defines, TopLevelDefinitionsInPython) {
  for (const char* source : {"def f(x):\n  return x", "import a\nasync def f():\n", "f = lambda x: x",
                             "class f:\n", "def  f (x): pass", "x = 1\nf= g\n"})
    EXPECT_TRUE(defines(source, "python", "f")) << source;
  for (const char* source : {"    def f(x):\n", "def ff(x):\n", "return f(x)", "f(x)", "f == 3",
                             "# def f(x):", "define f", "", "g = f"})
    EXPECT_FALSE(defines(source, "python", "f")) << source;
}

TEST(Defines, FunctionsInCpp) {
  for (const char* source :
       {"int f(int x) {", "#include <vector>\nstd::vector<int> f(std::vector<int> x)\n{\n}", "bool f(){}",
        "static inline long f(int a, int (*g)(int)) {", "vector<int>f(int x){", "string* f() {"})
    EXPECT_TRUE(defines(source, "cpp", "f")) << source;
  for (const char* source :
       {"  return f(x);", "int y = f(3);", "if (f(x)) {", "int f(int x);", "int ff(int x) {", "cout << f(x);",
        "else return f(x) {", "    for (int i = 0; i < n; i++) {", "f", ""})
    EXPECT_FALSE(defines(source, "cpp", "f")) << source;
}

TEST(Defines, OtherLanguages) {
  EXPECT_TRUE(defines("const f = (x) => {", "javascript", "f"));
  EXPECT_TRUE(defines("async function f(x) {", "javascript", "f"));
  EXPECT_FALSE(defines("  return f(x)", "javascript", "f"));
  EXPECT_TRUE(defines("pub fn f(x: i32) -> i32 {", "rust", "f"));
  EXPECT_FALSE(defines("let y = f(x);", "rust", "f"));
  EXPECT_TRUE(defines("func f(x int) int {", "go", "f"));
  EXPECT_TRUE(defines("import java.util.*;\npublic class Solution {", "java", "f"))
      << "Java's functions stand in a class";
  EXPECT_FALSE(defines("        return s;\n    }\n}", "java", "f"));
}

TEST(Defines, ManyNearMissesTakeLinearTime) {
  std::string lines, line;
  for (int i = 0; i < 100'000; ++i) lines += "int f(\n", line += "f(f ";
  EXPECT_FALSE(defines(lines, "cpp", "f"));
  EXPECT_FALSE(defines(line, "cpp", "f"));
}

CodeProblem calls() {
  CodeProblem problem;
  problem.how = ByCalls{.function = "twoSum", .float_tolerance = 0.0};
  problem.tests = {{.name = "1", .input = "[1]", .expected = "2"}};
  return problem;
}

Submission python(const std::string& source) {
  return {.language = "python", .source = source};
}

TEST(Shapes, AMethodOfSolutionIsCalledAsOne) {
  const CodeProblem problem = calls();
  const Submission method = python("class Solution:\n    def twoSum(self, x):\n        return x\n");
  const Submission function = python("def twoSum(x):\n    return x\n");
  EXPECT_EQ(shape_of(problem, method), Shape::kAlternate);
  EXPECT_EQ(shape_of(problem, function), Shape::kPlain);
  EXPECT_EQ(shape_of(problem, python(method.source + "twoSum = Solution().twoSum\n")), Shape::kPlain);
  EXPECT_EQ(shape_of(problem, python("class A:\n    def twoSum(self, x): pass\n")), Shape::kPlain);
  EXPECT_EQ(std::get<CallTests>(make_task(problem, Shape::kPlain, true).tests).function, "twoSum");
  EXPECT_EQ(std::get<CallTests>(make_task(problem, Shape::kAlternate, true).tests).function,
            "Solution.twoSum");
}

TEST(Shapes, CodeThatDefinesTheFunctionDoesNotContinueThePrompt) {
  BySuite how;
  how.name = "f";
  how.prompt = "import math\ndef f(x):\n";
  how.suite.prelude = "import math\n";
  how.suite.test_code = "def check(c): assert c(1) == 1";
  how.suite.entry_point = "f";
  CodeProblem problem;
  problem.how = how;
  const Shape complete = shape_of(problem, python("def f(x):\n  return x\n")),
              rest = shape_of(problem, python("  return x\n"));
  const Suite with = std::get<Suite>(make_task(problem, complete, true).tests);
  EXPECT_EQ(with.prelude, "import math\n");
  EXPECT_EQ(with.prompt, "");
  const Suite behind = std::get<Suite>(make_task(problem, rest, true).tests);
  EXPECT_EQ(behind.prelude, "");
  EXPECT_EQ(behind.prompt, "import math\ndef f(x):\n");
}

TEST(Shapes, ThePreludeStandsBeforeProgramsInPythonAlone) {
  CodeProblem problem;
  problem.how = ByOutput{};
  problem.python_prelude = "import math\n";
  EXPECT_EQ(prepared(problem, python("x")).source, "import math\nx");
  EXPECT_EQ(prepared(problem, {.language = "cpp", .source = "x"}).source, "x");
  CodeProblem called = calls();
  called.python_prelude = "import math\n";
  EXPECT_EQ(prepared(called, python("x")).source, "x") << "it is the task's";
  EXPECT_EQ(std::get<CallTests>(make_task(called, Shape::kPlain, true).tests).prelude, "import math\n");
}

TEST(Shapes, ImportsFromTheFutureStandBeforeThePrelude) {
  CodeProblem problem;
  problem.how = ByOutput{};
  problem.python_prelude = "import math\n";
  EXPECT_EQ(prepared(problem, python("# as asked\nfrom __future__ import annotations\nx\n")).source,
            "from __future__ import annotations\nimport math\n# as asked\n\nx\n");
}

TEST(MakeTask, TestsLimitsAndRuleAreTheProblems) {
  CodeProblem problem;
  ByOutput how;
  how.rule.comparator = Comparator::kLines;
  how.input_file = "in.txt";
  how.output_file = "out.txt";
  problem.how = how;
  problem.limits.cpu_ms = 1234;
  problem.tests = {{.name = "a", .input = "1\n", .expected = "2\n", .weight = 3.0}};
  const Task task = make_task(problem, Shape::kPlain, false);
  EXPECT_FALSE(task.stop_early);
  EXPECT_EQ(task.limits.cpu_ms, 1234);
  const auto& tests = std::get<OutputTests>(task.tests);
  EXPECT_EQ(tests.rule.comparator, Comparator::kLines);
  EXPECT_EQ(tests.input_file + tests.output_file, "in.txtout.txt");
  ASSERT_EQ(tests.tests.size(), 1u);
  EXPECT_EQ(tests.tests[0].name, "a");
  EXPECT_EQ(tests.tests[0].input.read(), "1\n");
  EXPECT_EQ(tests.tests[0].expected.read(), "2\n");
  EXPECT_EQ(tests.tests[0].weight, 3.0);
}

}  // namespace
}  // namespace grpo

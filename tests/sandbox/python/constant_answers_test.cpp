// Of the published problems, the empty program and functions that always return the same pass none but those whose own tests
// expect nothing else. A sample of each set by default; GRPO_TEST_ALL=1 tries every problem.

#include "tests/sandbox/constant_answers.h"

#include <iostream>

#include "tests/sandbox/published_sample.h"
#include "tests/sandbox/python/published_problems.h"
#include "tests/sandbox/python/python_host.h"

namespace grpo {
namespace {

// Those that programs guess, and the one that the first test asks for, where it stands alone behind "==".
std::set<std::string> constants_of(const PublishedProblem& problem) {
  std::set<std::string> constants = {"None", "0", "1", "-1", "0.0", "True", "False", "''", "[]", "{}", "()", "set()"};
  const std::string& tests = problem.suite.test_code;
  const size_t line = tests.find("assert "), equals = tests.find("==", line), end = tests.find('\n', line);
  const size_t begin = equals < end ? tests.find_first_not_of(' ', equals + 2) : end;
  if (begin < end) constants.insert(tests.substr(begin, end - begin));
  return constants;
}

class ConstantPython : public PythonHost {
 protected:
  // Of `count` problems of the file, if not of all.
  void expect_accepted_are(const std::vector<WeakProblem>& weak, const std::string& file, size_t size, size_t count) {
    const std::vector<PublishedProblem> all = published_problems(file);
    EXPECT_EQ(all.size(), size);
    ConstantAnswers answers;
    limits_ = {.cpu_ms = 3'000, .wall_ms = 20'000};
    for_each_problem(sample(all, count, ids_of(weak)), [&](const PublishedProblem& problem) {
      answers.add(problem.id, kNothing, suite("", problem.suite).verdict);
      const std::string head = "def " + problem.suite.entry_point + "(*a, **k):\n    return ";
      for (const std::string& constant : constants_of(problem)) {
        answers.add(problem.id, constant, suite(head + constant + "\n", problem.suite).verdict);
      }
    });
    EXPECT_EQ(answers.other_than(weak), "");
    // They are wrong because tests said so: hardly any is unreadable or left unjudged.
    EXPECT_LT(answers.count(Verdict::kCompileError) + answers.count(Verdict::kInternalError), answers.count() / 50)
        << answers.summary();
    std::cout << file << ": " << answers.summary() << "\n";
  }
};

TEST_F(ConstantPython, PassesNothingOfHumanEval) {
  GRPO_NEEDS_DATA(test_data(kHumanEval));
  expect_accepted_are({{"HumanEval/34", {"[0, 2, 3, 5, 9, 123]"}, "one test"}}, kHumanEval, 164, 40);
}

TEST_F(ConstantPython, PassesNothingOfHumanEvalX) {
  GRPO_NEEDS_DATA(test_data(kHumanEvalX));
  expect_accepted_are({{"Python/34", {"[0, 2, 3, 5, 9, 123]"}, "one test"}}, kHumanEvalX, 164, 20);
}

TEST_F(ConstantPython, PassesOfMbppWhatItsTestsLetPass) {
  GRPO_NEEDS_DATA(test_data(kMbpp));
  const std::vector<WeakProblem> weak = {
      {"MBPP/37", {"[1, 10, 12, 19, 'blue', 'green', 'green', 'red', 'white']"}, "one list, sorted in all three tests"},
      {"MBPP/203", {"2"}, "the Hamming distance is 2 in all three tests"},
      {"MBPP/339", {"2"}, "2 in all three tests"},
      {"MBPP/667", {"2"}, "2 in all three tests"},
      {"MBPP/674", {"(\"Python Exercises Practice Solution\")"}, "one text in all three tests"},
      {"MBPP/816", {"()"}, "it is to clear a tuple"},
  };
  expect_accepted_are(weak, kMbpp, 974, 50);
}

TEST_F(ConstantPython, PassesOfSanitizedMbppWhatItsTestsLetPass) {
  GRPO_NEEDS_DATA(test_data(kSanitizedMbpp));
  expect_accepted_are({}, kSanitizedMbpp, 427, 30);
}

}  // namespace
}  // namespace grpo

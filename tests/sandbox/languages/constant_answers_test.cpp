// Of HumanEval-X and mbcpp, the empty program and functions that always return the same pass none but those whose own tests
// expect nothing else. A sample of each set by default; GRPO_TEST_ALL=1 tries every problem.

#include "tests/sandbox/constant_answers.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>

#include "tests/sandbox/languages/constant_bodies.h"
#include "tests/sandbox/languages/shared_sandbox.h"
#include "tests/sandbox/published_sample.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

using Problems = std::vector<PublishedProblem>;
using Bodies = std::vector<ConstantBody> (*)(const PublishedProblem& problem);

// `unjudged`: problems of which no program at all can be compiled here; of the others every constant has to compile.
void expect_accepted_are(const std::vector<WeakProblem>& weak, const Problems& problems, Bodies bodies,
                         const std::set<std::string>& unjudged = {}) {
  std::vector<Attempt> attempts;
  std::vector<std::string> constants;
  for (const PublishedProblem& problem : problems) {
    std::vector<ConstantBody> all = bodies(problem);
    all.insert(all.begin(), {kNothing, ""});
    for (const ConstantBody& body : all) {
      attempts.push_back({&problem, body.source});
      constants.push_back(body.constant);
    }
  }
  const std::vector<Judgement> judgements = judge_attempts(attempts);
  ConstantAnswers answers;
  for (size_t i = 0; i < judgements.size(); ++i) {
    const Judgement& judgement = judgements[i];
    const std::string& id = attempts[i].problem->id;
    answers.add(id, constants[i], judgement.verdict);
    if (constants[i] == kNothing) continue;
    const bool judged = judgement.verdict != Verdict::kCompileError && judgement.verdict != Verdict::kInternalError;
    EXPECT_NE(judged, unjudged.contains(id)) << id << " return " << constants[i] << ": "
                                             << verdict_name(judgement.verdict) << " " << judgement.message;
  }
  EXPECT_EQ(answers.other_than(weak), "");
  std::cout << problems.at(0).language << ": " << answers.summary() << "\n";
}

TEST(ConstantAnswers, InCppPassNothingOfHumanEvalX) {
  GRPO_NEED_LANGUAGE("cpp");
  GRPO_NEEDS_DATA(humaneval_x_path("cpp"));
  // 38: its declaration ends in the middle of a function.
  std::set<std::string> unjudged = {"CPP/38"};
  if (!std::filesystem::exists("/usr/include/boost/any.hpp")) unjudged.insert({"CPP/22", "CPP/137"});
  if (!std::filesystem::exists("/usr/include/openssl/md5.h")) unjudged.insert("CPP/162");
  expect_accepted_are({}, sample(read_humaneval_x("cpp"), 4), constant_bodies, unjudged);
}

TEST(ConstantAnswers, InJavaPassNothingOfHumanEvalX) {
  GRPO_NEED_LANGUAGE("java");
  GRPO_NEEDS_DATA(humaneval_x_path("java"));
  expect_accepted_are({}, sample(read_humaneval_x("java"), 2), constant_bodies);
}

TEST(ConstantAnswers, InJavascriptPassNothingOfHumanEvalX) {
  GRPO_NEED_LANGUAGE("javascript");
  GRPO_NEEDS_DATA(humaneval_x_path("js"));
  expect_accepted_are({}, sample(read_humaneval_x("js"), 6), constant_bodies);
}

TEST(ConstantAnswers, InRustPassNothingOfHumanEvalX) {
  GRPO_NEED_LANGUAGE("rust");
  GRPO_NEEDS_DATA(humaneval_x_path("rust"));
  // 10, 137: the canonical solution defines another function, or a type, that is nowhere declared. 32: all its tests are in
  // a comment. 38, 50, 53: their tests need the crate rand.
  expect_accepted_are({{"Rust/4", {"0.0", "-1.0"}, "its tests ask only that the answer is not too large"}},
                      sample(read_humaneval_x("rust"), 3, {"Rust/4"}), constant_bodies,
                      {"Rust/10", "Rust/32", "Rust/38", "Rust/50", "Rust/53", "Rust/137"});
}

TEST(ConstantAnswers, InGoPassNothingOfHumanEvalX) {
  GRPO_NEED_LANGUAGE("go");
  GRPO_NEEDS_DATA(humaneval_x_path("go"));
  const std::vector<WeakProblem> weak = {
      {"Go/32", {"-1"}, "its hundred random polynomials are made from one seed, and all have that root"}};
  expect_accepted_are(weak, sample(read_humaneval_x("go"), 1, {"Go/32"}), constant_bodies);
}

std::vector<ConstantBody> nothing_known_and_first_answer(const PublishedProblem& problem) {
  std::vector<ConstantBody> bodies = constant_bodies(problem);
  bodies.resize(1);  // 0, false or {}
  const ConstantBody first = first_answer(problem);
  if (first.constant != bodies[0].constant) bodies.push_back(first);
  return bodies;
}

TEST(ConstantAnswers, InCppPassOfMbcppWhatItsTestsLetPass) {
  GRPO_NEED_LANGUAGE("cpp");
  GRPO_NEEDS_DATA(mbcpp_path());
  const std::vector<WeakProblem> weak = {
      {"MBCPP/203", {"2"}, "the Hamming distance is 2 in all three tests"},
      {"MBCPP/222", {"true"}, "true in both tests"},
      {"MBCPP/253", {"3"}, "one test"},
      {"MBCPP/339", {"2"}, "2 in all three tests"},
      {"MBCPP/582", {"false"}, "false in both tests"},
      {"MBCPP/667", {"2"}, "2 in all three tests"},
      {"MBCPP/674", {"string(\"Python Exercises Practice Solution\")"}, "one text in all three tests"},
      {"MBCPP/744", {"false"}, "one test"},
      {"MBCPP/807", {"1"}, "1 in both tests"},
      {"MBCPP/899", {"true"}, "true in all three tests"},
  };
  expect_accepted_are(weak, sample(read_mbcpp(), 4, {"MBCPP/222", "MBCPP/744"}), nothing_known_and_first_answer);
}

}  // namespace
}  // namespace grpo

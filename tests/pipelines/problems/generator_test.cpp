#include "pipelines/problems/generator.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/throws_error.h"

namespace grpo {
namespace {

Generator of(const std::string& name, Json options = Json::object()) {
  return make_generator(name, options, "recipe.json", "data");
}

TEST(Generator, AProblemDependsOnSeedAndIndexAlone) {
  for (const std::string& name : generator_names()) {
    const Generator forward = of(name), backward = of(name);
    std::vector<std::string> questions;
    for (int64_t index = 0; index < 100; ++index) questions.push_back(forward.generate(7, index).question);
    for (int64_t index = 99; index >= 0; --index) {
      const GeneratedProblem problem = backward.generate(7, index);
      ASSERT_EQ(problem.question, questions[static_cast<size_t>(index)]) << name;
    }
  }
}

TEST(Generator, SeedsAndIndicesGiveDifferentProblems) {
  for (const std::string& name : generator_names()) {
    const Generator generator = of(name);
    std::set<std::string> questions;
    for (uint64_t seed = 0; seed < 10; ++seed) {
      for (int64_t index = 0; index < 100; ++index) questions.insert(generator.generate(seed, index).question);
    }
    EXPECT_GT(questions.size(), 995u) << name;  // by chance a few coincide
  }
}

TEST(Generator, NoEvaluationProblemIsEverATrainingProblemWhateverTheSeeds) {
  for (const std::string& name : generator_names()) {
    const Generator train = of(name), eval = of(name, {{"split", "eval"}});
    std::set<std::string> trained;
    for (int64_t index = 0; index < 3000; ++index) trained.insert(train.generate(1, index).question);
    for (int64_t index = 0; index < 1000; ++index) {
      ASSERT_FALSE(trained.contains(eval.generate(1, index).question)) << name;
      ASSERT_FALSE(trained.contains(eval.generate(2, index).question)) << name;
    }
  }
}

TEST(Generator, KnownProblemsStayTheSame) {
  // A change here would give finished runs other data: it needs a reason, and a word in the log.
  EXPECT_EQ(of("arithmetic_program").generate(42, 0).question, "times 5, times 2, plus 5, plus 4");
  EXPECT_EQ(of("chain").generate(42, 0).question, "6*3-6*0+6+3-8=");
  EXPECT_EQ(of("chain", {{"split", "eval"}}).generate(42, 0).question, "8-5*4+7*2-2*3=");
  EXPECT_EQ(of("countdown").generate(42, 0).columns.dump(), "{\"nums\":[71,45,90],\"target\":116}");
}

TEST(Generator, AnUnknownNameIsAnErrorThatListsTheKnownOnes) {
  const Error error = error_of([] { of("chian"); });
  EXPECT_EQ(error.where(), "recipe.json: data");
  EXPECT_TRUE(holds(error.summary(), "chian"));
  EXPECT_TRUE(holds(error.fix(), "arithmetic_program, bilingual_chain, chain, countdown, courtesy"));
}

TEST(Generator, AnUnknownOptionIsAnError) {
  for (const std::string& name : generator_names()) {
    EXPECT_EQ(error_of([&] { of(name, {{"spilt", "eval"}}); }).where(), "recipe.json: data.spilt") << name;
  }
}

}  // namespace
}  // namespace grpo

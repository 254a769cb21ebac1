// Chains and requests in two languages: what they ask, what their solutions say, and which of them are held out.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "pipelines/problems/bilingual_chain.h"
#include "pipelines/problems/courtesy.h"
#include "pipelines/problems/numerals.h"
#include "rewards/registry.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// A text with numerals of both languages as digits; `languages` counts them.
std::string in_digits(std::string text, std::map<std::string, int>* languages = nullptr) {
  for (const Numerals& numerals : kNumerals) {
    for (size_t digit = 0; digit < 10; ++digit) {
      const std::string numeral(numerals.digits[digit]);
      for (size_t at; (at = text.find(numeral)) != std::string::npos;) {
        text.replace(at, numeral.size(), std::to_string(digit));
        if (languages != nullptr) ++(*languages)[numerals.language];
      }
    }
  }
  return text;
}

// Oracle: the value of a chain in digits, from left to right modulo 10.
int worked_out(const std::string& chain) {
  int value = chain.at(0) - '0';
  for (size_t i = 1; i + 1 < chain.size() && chain[i] != '='; i += 2) {
    const int digit = chain[i + 1] - '0';
    value = chain[i] == '+' ? value + digit : chain[i] == '-' ? value - digit : value * digit;
    value = ((value % 10) + 10) % 10;
  }
  return value;
}

Score scored(const Reward& reward, const GeneratedProblem& generated, const std::string& completion) {
  Problem problem;
  problem.prompt = generated.question;
  problem.answer = generated.answer;
  problem.columns = generated.columns;
  Episode episode;
  episode.completion = completion;
  return score_alone(reward, episode, problem);
}

TEST(BilingualChain, AsksInOneLanguageAndAnswersInDigits) {
  const Generator generator = make_generator("bilingual_chain", {{"operators", 4}}, "r");
  std::set<std::string> asked;
  for (int i = 0; i < 300; ++i) {
    const GeneratedProblem p = generator.generate(5, i);
    std::map<std::string, int> languages;
    const std::string chain = in_digits(p.question, &languages);
    ASSERT_EQ(chain.size(), 10u) << p.question;
    ASSERT_EQ(p.answer, std::to_string(worked_out(chain))) << p.question;
    ASSERT_EQ(languages.size(), 1u) << p.question;
    ASSERT_EQ(languages.begin()->first, p.columns["language"]);
    asked.insert(p.columns["language"]);
  }
  EXPECT_EQ(asked.size(), 2u);
}

TEST(BilingualChain, EveryStepOfAThoughtIsRightWhateverLanguageItIsIn) {
  const Generator generator = make_generator("bilingual_chain", {{"operators", 5}, {"mixed_thoughts", 0.5}}, "r");
  const Reward exact = make_reward("exact", {{"extract", "answer_tag"}}, "r");
  int mixed = 0;
  for (int i = 0; i < 400; ++i) {
    const GeneratedProblem p = generator.generate(5, i);
    std::map<std::string, int> languages;
    const std::string chain = in_digits(p.question), solution = in_digits(p.worked_solution, &languages);
    std::string steps;
    for (size_t s = 0; s < 5; ++s) {
      steps += chain.substr(1 + 2 * s, 2) + "=" + std::to_string(worked_out(chain.substr(0, 3 + 2 * s)));
    }
    ASSERT_EQ(solution, "<think>" + steps + "</think><answer>" + p.answer + "</answer>");
    ASSERT_EQ(scored(exact, p, p.worked_solution).value, 1.0);
    ASSERT_EQ(scored(exact, p, p.direct_solution).value, 1.0);
    mixed += languages.size() == 2;
  }
  EXPECT_GT(mixed, 160);
  EXPECT_LT(mixed, 240);
}

TEST(BilingualChain, TheLanguageRewardTellsAMixedThoughtFromAPureOne) {
  const Generator pure = make_generator("bilingual_chain", {{"mixed_thoughts", 0.0}}, "r");
  const Generator mixed = make_generator("bilingual_chain", {{"mixed_thoughts", 1.0}}, "r");
  const Reward consistency = make_reward("language_consistency", {{"language_column", "language"}}, "r");
  double sum = 0.0;
  for (int i = 0; i < 200; ++i) {
    const GeneratedProblem one = pure.generate(1, i), other = mixed.generate(1, i);
    ASSERT_EQ(scored(consistency, one, one.worked_solution).value, 1.0)
        << one.worked_solution;
    sum += scored(consistency, other, other.worked_solution).value.value();
  }
  EXPECT_NEAR(sum / 200.0, 0.5, 0.05);
}

TEST(BilingualChain, AChainIsHeldOutInBothLanguages) {
  std::set<std::string> train, eval;
  const Generator a = make_generator("bilingual_chain", {{"operators", 1}}, "r");
  const Generator b = make_generator("bilingual_chain", {{"operators", 1}, {"split", "eval"}}, "r");
  for (int i = 0; i < 2000; ++i) {
    train.insert(in_digits(a.generate(1, i).question));
    eval.insert(in_digits(b.generate(2, i).question));
  }
  for (const std::string& chain : eval) EXPECT_FALSE(train.contains(chain)) << chain;
}

TEST(Courtesy, ThePreferredAnswerRepeatsAndThanksAndTheOtherHasOneFault) {
  const Generator generator = make_generator("courtesy", Json::object(), "r");
  int64_t longer = 0, shorter = 0;
  constexpr int count = 4000;
  for (int i = 0; i < count; ++i) {
    const GeneratedProblem p = generator.generate(9, i);
    const bool chinese = p.columns["language"] == "zh";
    ASSERT_EQ(p.question.front(), '?');
    ASSERT_EQ(p.answer, p.question.substr(1) + (chinese ? "谢" : "요"));
    ASSERT_EQ(p.worked_solution, "<think></think><answer>" + p.answer + "</answer>");
    ASSERT_NE(p.direct_solution, p.worked_solution);
    const bool insult = p.direct_solution.find(chinese ? "哼" : "흥") != std::string::npos;
    const bool thanks = p.direct_solution.find(chinese ? "谢" : "요") != std::string::npos;
    ASSERT_NE(insult, thanks) << p.direct_solution;
    longer += p.direct_solution.size() > p.worked_solution.size();
    shorter += p.direct_solution.size() < p.worked_solution.size();
  }
  // Length says nothing.
  EXPECT_NEAR(static_cast<double>(longer) / count, 0.25, 0.03);
  EXPECT_NEAR(static_cast<double>(shorter) / count, 0.25, 0.03);
}

TEST(Courtesy, LimitsThatContradictAreRefused) {
  EXPECT_TRUE(holds(error_of([] { make_generator("courtesy", {{"min_numerals", 9}, {"max_numerals", 8}}, "r"); }).where(),
                    "max_numerals"));
}

}  // namespace
}  // namespace grpo

// Votes of completions that say the same, and of those that do not.

#include "rewards/math/vote.h"

#include <gtest/gtest.h>

namespace grpo::math {
namespace {

TEST(AnswerVote, IsOfTheAnswerAndNotOfTheThought) {
  const std::string seven = answer_vote("<think>1+6</think><answer>7</answer>");
  EXPECT_EQ(answer_vote("<think>other thoughts, 8</think> So \\boxed{7}."), seven);
  EXPECT_EQ(answer_vote("<answer> 7 </answer>"), seven);
  EXPECT_EQ(answer_vote("7"), seven);
  EXPECT_NE(answer_vote("<think>7</think><answer>8</answer>"), seven);
}

TEST(AnswerVote, TakesOneWayOfWritingForAnother) {
  EXPECT_EQ(answer_vote("\\boxed{\\frac{1}{2}}"), answer_vote("\\boxed{\\dfrac12}"));
  EXPECT_EQ(answer_vote("\\boxed{2.50}"), answer_vote("\\boxed{2.5}"));
  EXPECT_EQ(answer_vote("\\boxed{x+1}"), answer_vote("\\boxed{1 + x}"));
  EXPECT_NE(answer_vote("\\boxed{x+1}"), answer_vote("\\boxed{x-1}"));
}

TEST(AnswerVote, IsTheTextWhereThereIsNoAnswerOrNoMathematics) {
  EXPECT_EQ(answer_vote("first line\nsecond line\n"), answer_vote("  first line\nsecond line"));
  EXPECT_NE(answer_vote("first line\nsecond line"), answer_vote("first line\nthird line"));
  EXPECT_EQ(answer_vote("<answer>((</answer>"), answer_vote("<answer> (( </answer>"));
  EXPECT_EQ(answer_vote(""), answer_vote("   "));
}

}  // namespace
}  // namespace grpo::math

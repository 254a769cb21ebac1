#include "pipelines/problems/split.h"

#include <gtest/gtest.h>

namespace grpo {
namespace {

TEST(Split, OneProblemInSixteenIsHeldOut) {
  int held_out = 0;
  for (int i = 0; i < 16000; ++i) held_out += split_of("problem " + std::to_string(i)) == Split::kEval ? 1 : 0;
  EXPECT_NEAR(held_out, 1000, 5 * 31);  // five standard deviations
}

TEST(Split, SimilarProblemsAreSplitIndependently) {
  // Among neighbours that differ in one character, both splits occur.
  int differ = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = "1+" + std::to_string(i);
    differ += split_of(text + "+1=") != split_of(text + "+2=") ? 1 : 0;
  }
  EXPECT_NEAR(differ, 1000 * 2 * 15 / 256.0, 60);
}

TEST(Split, MembershipNeverChanges) {
  // Made by another implementation of the documented hash.
  EXPECT_EQ(split_of(""), Split::kEval);
  std::string members;
  for (int i = 0; i < 64; ++i) members += split_of(std::to_string(i)) == Split::kEval ? 'e' : '.';
  EXPECT_EQ(members, "e...e..e............e.......e...................................");
}

}  // namespace
}  // namespace grpo

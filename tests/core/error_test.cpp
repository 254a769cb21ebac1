#include "core/error.h"

#include <gtest/gtest.h>

namespace grpo {
namespace {

TEST(Error, SaysWhatWhereAndHowToMendIt) {
  const Error error("3 of 5 tensors are missing", "model.safetensors", "download it again");
  EXPECT_EQ(error.summary(), "3 of 5 tensors are missing");
  EXPECT_EQ(error.where(), "model.safetensors");
  EXPECT_EQ(error.fix(), "download it again");
  EXPECT_STREQ(error.what(),
               "3 of 5 tensors are missing\n  where: model.safetensors\n  fix:   download it again");
}

TEST(Error, LeavesOutWhatIsEmpty) { EXPECT_STREQ(Error("the disk is full", "").what(), "the disk is full"); }

TEST(CheckDeathTest, ABrokenInvariantAbortsAndNamesItself) {
  EXPECT_DEATH(GRPO_CHECK(1 + 1 == 3), "error_test.cpp:[0-9]+: internal check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace grpo

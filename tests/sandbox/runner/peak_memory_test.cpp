// The peak of memory that is reported is the program's own, whatever its worker went through to bring its output home.

#include <gtest/gtest.h>

#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

class PeakMemory : public testing::Test {
 protected:
  void SetUp() override {
    GRPO_NEED_RUNNER(runner);
  }
  ProgramResult run(std::vector<std::string> words, const Limits& limits) {
    Program program = probe(std::move(words));
    program.limits = limits;
    return runner.run(program);
  }
  ProgramResult flood() {
    return run({"flood", "1", "60"}, {.memory_bytes = 24 * kMiB, .stdout_bytes = 64 * kMiB});
  }
  LiveRunner runner;
};

TEST_F(PeakMemory, OfAProgramThatWritesMuchIsItsOwn) {
  const ProgramResult result = flood();
  EXPECT_EQ(result.out_bytes, 60 * kMiB);
  EXPECT_TRUE(result.exited_with(0)) << limit_name(result.limit);
#ifndef __SANITIZE_ADDRESS__  // whose books on the worker's memory are in the peak
  EXPECT_LT(result.peak_memory_bytes, 16 * kMiB);
#endif
}

TEST_F(PeakMemory, OfTheNextProgramIsNotThatOfTheOneBefore) {
  const ProgramResult before = run({"exit", "0"}, {});
  flood();
  const ProgramResult after = run({"exit", "0"}, {.memory_bytes = 24 * kMiB});
  EXPECT_TRUE(after.exited_with(0)) << limit_name(after.limit);
  EXPECT_LT(after.peak_memory_bytes, before.peak_memory_bytes + 2 * kMiB);
}

TEST_F(PeakMemory, OfAShortProgramIsSeenBesideAWorkerThatHadMuch) {
  flood();
  const ProgramResult result = run({"allocate", "12"}, {.memory_bytes = 24 * kMiB});
  EXPECT_TRUE(result.exited_with(0)) << limit_name(result.limit);
  EXPECT_GE(result.peak_memory_bytes, 12 * kMiB);
}

}  // namespace
}  // namespace grpo

// Each limit, reached in the ways that programs find.

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>
#include <vector>

#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

class RunnerLimits : public testing::Test {
 protected:
  void SetUp() override {
    GRPO_NEED_RUNNER(runner);
  }
  ProgramResult run(std::vector<std::string> words, const Limits& limits) {
    Program program = probe(std::move(words));
    program.limits = limits;
    return runner.run(program);
  }
  LiveRunner runner;
};

TEST_F(RunnerLimits, ABusyLoopEndsAtItsCpuLimit) {
  const ProgramResult result = run({"burn", "60"}, {.cpu_ms = 300, .wall_ms = 30'000});
  EXPECT_EQ(result.limit, LimitFired::kCpu);
  EXPECT_EQ(result.exit_code, -1);
  EXPECT_EQ(result.signal, 0);
  EXPECT_GE(result.cpu_us, 290'000);
  EXPECT_LT(result.cpu_us, 400'000);
}

TEST_F(RunnerLimits, IgnoringSignalsDoesNotHelp) {
  EXPECT_EQ(run({"stubborn", "60"}, {.cpu_ms = 200, .wall_ms = 30'000}).limit, LimitFired::kCpu);
}

TEST_F(RunnerLimits, CpuTimeOfChildrenThatEndedCounts) {
  const ProgramResult result = run({"fork_chain", "10", "0.15"}, {.cpu_ms = 400, .wall_ms = 30'000});
  EXPECT_EQ(result.limit, LimitFired::kCpu);
  EXPECT_LT(result.cpu_us, 600'000);
}

TEST_F(RunnerLimits, SleepingEndsAtTheWallLimit) {
  for (const char* what : {"sleep", "stop"}) {
    const ProgramResult result = run({what, "60"}, {.cpu_ms = 1'000, .wall_ms = 200});
    EXPECT_EQ(result.limit, LimitFired::kWall) << what;
    EXPECT_GE(result.wall_us, 200'000);
    EXPECT_LT(result.wall_us, 2'000'000);
  }
}

TEST_F(RunnerLimits, ABusyMachineMakesNobodyIdle) {
  // In sessions of their own: the scheduler shares a processor among sessions, not among threads.
  std::vector<pid_t> others;
  for (unsigned i = 0; i < 4 * std::max(1U, std::thread::hardware_concurrency()); ++i) {
    others.push_back(fork());
    if (others.back() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    for (;;) {
    }
  }
  // A fifth of a processor is left: 200 ms of it take a second on the wall.
  const ProgramResult result = run({"burn", "60"}, {.cpu_ms = 200, .wall_ms = 300});
  const ProgramResult sleeping = run({"sleep", "60"}, {.cpu_ms = 200, .wall_ms = 300});
  for (const pid_t other : others) {
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
  }
  EXPECT_EQ(result.limit, LimitFired::kCpu);
  EXPECT_EQ(sleeping.limit, LimitFired::kWall);
}

TEST_F(RunnerLimits, MemoryOfOneProcessIsRefusedAtTheLimit) {
  const ProgramResult result = run({"allocate", "400"}, {.memory_bytes = 128 * kMiB});
  EXPECT_TRUE(result.limit == LimitFired::kMemory || result.exited_with(3)) << limit_name(result.limit);
  EXPECT_TRUE(result.near_memory_limit);
  EXPECT_LT(result.peak_memory_bytes, 170 * kMiB);
  EXPECT_FALSE(run({"allocate", "90"}, {.memory_bytes = 128 * kMiB}).near_memory_limit);
}

TEST_F(RunnerLimits, AddressSpaceIsFreeOnlyIfTheLimitsSaySo) {
  EXPECT_TRUE(run({"reserve", "4000"}, {.memory_bytes = 128 * kMiB}).exited_with(3));
  EXPECT_TRUE(run({"reserve", "100"}, {.memory_bytes = 128 * kMiB}).exited_with(0));
}

TEST_F(RunnerLimits, SharedMemoryThatNoResourceLimitCountsIsSeenByTheWatch) {
  const ProgramResult result = run({"share", "400"}, {.memory_bytes = 64 * kMiB, .reserve_freely = true});
  EXPECT_EQ(result.limit, LimitFired::kMemory);
}

TEST_F(RunnerLimits, MemoryOfAllProcessesIsSummed) {
  const ProgramResult result = run({"spread", "8", "24"}, {.memory_bytes = 64 * kMiB});
  EXPECT_EQ(result.limit, LimitFired::kMemory);
  EXPECT_EQ(run({"spread", "2", "16"}, {.wall_ms = 300, .memory_bytes = 64 * kMiB}).limit, LimitFired::kWall);
}

TEST_F(RunnerLimits, FilesCountAsMemory) {
  const ProgramResult result = run(
      {"fill_file", "200"}, {.memory_bytes = 64 * kMiB, .file_bytes = 500 * kMiB, .tmp_bytes = 500 * kMiB});
  EXPECT_TRUE(result.limit == LimitFired::kMemory || result.near_memory_limit);
}

TEST_F(RunnerLimits, FilesEndAtTheirSizesAndNumber) {
  const ProgramResult full = run({"fill_file", "20"}, {.tmp_bytes = 8 * kMiB});
  EXPECT_TRUE(full.out.ends_with("No space left on device\n")) << full.out;
  EXPECT_EQ(run({"fill_file", "20"}, {.file_bytes = 8 * kMiB}).signal, SIGXFSZ);
  EXPECT_EQ(run({"fill_file", "8"}, {.file_bytes = 8 * kMiB, .tmp_bytes = 8 * kMiB}).out, "8388608 all\n");
  const int made = std::stoi(run({"make_files", "1000"}, {.tmp_files = 100}).out);
  EXPECT_GE(made, 100);
  EXPECT_LT(made, 120);
}

TEST_F(RunnerLimits, TooMuchOutputEndsTheRunAndTheBeginningComesBack) {
  const ProgramResult result = run({"flood", "1", "4000"}, {.stdout_bytes = 100'000});
  EXPECT_EQ(result.limit, LimitFired::kStdout);
  EXPECT_EQ(result.out, std::string(100'000, 'x'));
  EXPECT_GT(result.out_bytes, 100'000);
  EXPECT_EQ(run({"flood", "1", "1"}, {.stdout_bytes = kMiB}).limit, LimitFired::kNone);
  EXPECT_EQ(run({"flood", "1", "1"}, {.stdout_bytes = kMiB - 1}).limit, LimitFired::kStdout);
}

TEST_F(RunnerLimits, StderrHasItsOwnLimitAndIsKeptInPart) {
  const ProgramResult result =
      run({"flood", "2", "3"}, {.stderr_bytes = 4 * kMiB, .stderr_kept_bytes = 1'000});
  EXPECT_TRUE(result.exited_with(0));
  EXPECT_EQ(result.error, std::string(1'000, 'x'));
  EXPECT_EQ(result.error_bytes, 3 * kMiB);
  EXPECT_EQ(run({"flood", "2", "3"}, {.stderr_bytes = kMiB}).limit, LimitFired::kStderr);
}

TEST_F(RunnerLimits, ProcessesThreadsAndDescriptorsAreCounted) {
  const Limits limits{.processes = 16, .open_files = 20};
  const int processes = std::stoi(run({"fork_many", "60"}, limits).out);
  EXPECT_GE(processes, 15);
  EXPECT_LE(processes, 19);  // an ordinary user's count has room for the runner's own
  const int threads = std::stoi(run({"threads", "60"}, limits).out);
  EXPECT_GE(threads, 15);
  EXPECT_LE(threads, 19);
  EXPECT_EQ(std::stoi(run({"open_many"}, limits).out), 17);
}

TEST_F(RunnerLimits, DeepRecursionIsASegmentationFault) {
  EXPECT_EQ(run({"recurse"}, {.memory_bytes = 64 * kMiB}).signal, SIGSEGV);
  EXPECT_EQ(run({"recurse"}, {.memory_bytes = 256 * kMiB, .stack_bytes = 8 * kMiB}).signal, SIGSEGV);
  EXPECT_EQ(
      run({"recurse"}, {.memory_bytes = 64 * kMiB, .reserve_freely = true, .stack_bytes = 8 * kMiB}).signal,
      SIGSEGV);
}

TEST_F(RunnerLimits, ADaemonThatKeepsTheOutputOpenDoesNotKeepUs) {
  const ProgramResult result = run({"daemon"}, {.wall_ms = 20'000});
  EXPECT_TRUE(result.exited_with(0));
  EXPECT_EQ(result.out, "left\n");
  EXPECT_LT(result.wall_us, 5'000'000);
}

}  // namespace
}  // namespace grpo

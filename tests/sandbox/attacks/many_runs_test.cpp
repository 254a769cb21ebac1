// The rows of the catalogue that need more than one run: neighbours (84), many memory bombs at once (85), and the death of
// the runner and of its owner (86).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "sandbox/judge/verdict.h"
#include "sandbox/sandbox.h"
#include "tests/sandbox/attacks/bait.h"
#include "tests/sandbox/attacks/lane.h"
#include "tests/sandbox/attacks/process_tree.h"
#include "tests/sandbox/host_allows.h"

namespace grpo {
namespace {

constexpr int64_t kMebi = int64_t{1} << 20;

// A sandbox, or the reason why this host has none.
class ManyRuns : public testing::Test {
 protected:
  void start(int64_t slots, int64_t memory_bytes = 0) {
    SandboxOptions options = test_options(slots, cache_);
    options.memory_bytes = memory_bytes;
    try {
      sandbox_ = std::make_unique<Sandbox>(options);
    } catch (const Error& error) {
      GRPO_NO_SANDBOX(options.minimum_tier, error.what());
    }
  }

  RunResult run(const std::string& program, const std::vector<std::string>& arguments, const Limits& limits) {
    RunRequest request;
    request.programs.emplace_back();
    request.programs[0].command = {program};
    request.programs[0].command.insert(request.programs[0].command.end(), arguments.begin(), arguments.end());
    request.programs[0].executable = attack_program(program);
    request.programs[0].limits = limits;
    return sandbox_->run(request);
  }

  std::string probe() {
    RunRequest request;
    request.programs = {probe_program(sandbox_->tier())};
    const RunResult result = sandbox_->run(request);
    return result.failure.empty() ? result.programs.at(0).out : result.failure;
  }

  TemporaryFolder cache_;
  std::unique_ptr<Sandbox> sandbox_;
};

Limits roomy() {
  Limits limits;
  limits.cpu_ms = 5'000;
  limits.wall_ms = 30'000;
  limits.memory_bytes = 64 * kMebi;
  return limits;
}

TEST_F(ManyRuns, Row84_neighbours_never_see_each_other) {
  start(4);
  if (!sandbox_) return;
  const Bait bait;
  std::atomic<int> next = 0;
  std::atomic<int> alone = 0;
  std::vector<std::thread> threads;
  constexpr int kRunsOfEach = 200;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int number = 0; (number = next++) < kRunsOfEach;) {
        const RunResult result =
            run("row84_neighbours", {fmt::format("token={}{}", bait.token(), number)}, roomy());
        if (result.failure.empty() && result.programs[0].out == "alone\n" &&
            result.programs[0].exited_with(0)) {
          ++alone;
        } else {
          ADD_FAILURE() << result.failure << (result.programs.empty() ? "" : result.programs[0].out);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(alone, kRunsOfEach);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(probe(), "clean\n");
  std::vector<ProcessId> left;
  for (const pid_t process : bait.processes()) {
    for (const ProcessId& found : process_tree(process)) left.push_back(found);
  }
  EXPECT_EQ(wait_until_gone(left, 5'000).size(), 0u);
  EXPECT_EQ(sandbox_->restarts(), 0);
}

TEST_F(ManyRuns, Row22_a_neighbour_of_another_sandbox_survives_kills) {
  start(1);
  if (!sandbox_) return;
  Sandbox other(test_options(1, cache_));
  const Bait bait;
  Limits limits = roomy();
  limits.wall_ms = 1'000;
  std::thread victim([&] {
    const RunResult result = run("row14_sleep", {}, limits);
    EXPECT_EQ(result.failure, "");
    EXPECT_EQ(verdict_of(result.programs.at(0)), Verdict::kIdleLimit) << result.programs[0].signal;
  });
  RunRequest request;
  for (const Attack& attack : attacks()) {
    if (attack.program == "row22_kill_all") request.programs = {program_of(attack, bait)};
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(other.run(request).failure, "");
  victim.join();
  EXPECT_EQ(sandbox_->restarts(), 0);
}

TEST_F(ManyRuns, Row85_memory_bombs_at_once_stay_within_the_budget) {
  constexpr int64_t kBudget = 192 * kMebi;
  constexpr int kBombs = 32;
  start(8, kBudget);
  if (!sandbox_) return;
  const Bait bait;
  std::atomic<bool> ended = false;
  int64_t peak = 0;
  int score_of_some =
      1000;  // the least: the out-of-memory killer takes the bombs before the rest of the host
  // Summed over the bombs and not taken from the host's free memory, which others use too.
  std::thread watch([&] {
    while (!ended) {
      int64_t sum = 0;
      for (const pid_t process : bait.processes()) {
        sum += resident_bytes(process);
        std::ifstream file(fmt::format("/proc/{}/oom_score_adj", process));
        int score = 1000;
        if (file >> score) score_of_some = std::min(score_of_some, score);
      }
      peak = std::max(peak, sum);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  std::vector<std::thread> bombs;
  std::atomic<int> stopped = 0;
  for (int i = 0; i < kBombs; ++i) {
    bombs.emplace_back([&] {
      const RunResult result = run("row85_memory_bomb", {"token=" + bait.token()}, roomy());
      const bool as_promised =
          result.failure.empty() && verdict_of(result.programs[0]) == Verdict::kMemoryLimit;
      EXPECT_TRUE(as_promised) << result.failure
                               << (result.programs.empty() ? "" : limit_name(result.programs[0].limit));
      stopped += as_promised ? 1 : 0;
    });
  }
  for (std::thread& bomb : bombs) bomb.join();
  ended = true;
  watch.join();
  EXPECT_EQ(stopped, kBombs);
  EXPECT_GT(peak, 0);
  // Between two looks of the memory watch a bomb may pass its limit; not by as much again.
  EXPECT_LE(peak, 2 * kBudget);
  EXPECT_GE(score_of_some, 900);
  EXPECT_EQ(probe(), "clean\n");
  EXPECT_EQ(sandbox_->restarts(), 0);
}

// Waits until so many processes of the bait's attack run.
bool wait_for(const Bait& bait, size_t processes) {
  for (int i = 0; i < 2'000; ++i) {
    if (bait.processes().size() >= processes) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

constexpr size_t kFamily = 8;  // processes of row86_family

TEST_F(ManyRuns, Row86_a_killed_runner_leaves_nothing_and_is_replaced) {
  start(2);
  if (!sandbox_) return;
  const Bait bait;
  Limits limits = roomy();
  limits.wall_ms = 1'500;
  std::optional<RunResult> result;
  std::thread owner([&] { result = run("row86_family", {"token=" + bait.token()}, limits); });
  const bool running = wait_for(bait, kFamily);
  const std::vector<ProcessId> all = process_tree(sandbox_->runner_process());
  ASSERT_GT(all.size(), 1u);
  kill(all[0].number, SIGKILL);
  const std::vector<ProcessId> left = wait_until_gone(all, 5'000);
  owner.join();
  EXPECT_TRUE(running);
  EXPECT_EQ(left.size(), 0u) << "of " << all.size();
  EXPECT_EQ(sandbox_->restarts(), 1);
  // The run was tried once more, and ended as it would have.
  EXPECT_EQ(result->failure, "");
  EXPECT_EQ(verdict_of(result->programs.at(0)), Verdict::kIdleLimit);
  EXPECT_EQ(bait.processes().size(), 0u);
  EXPECT_EQ(probe(), "clean\n");
}

TEST_F(ManyRuns, Row86_a_killed_owner_leaves_nothing) {
  start(1);  // skips where the host has no sandbox
  if (!sandbox_) return;
  sandbox_.reset();
  const Bait bait;
  const pid_t owner = fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) {
    sandbox_ = std::make_unique<Sandbox>(test_options(2, cache_));
    run("row86_family", {"token=" + bait.token()}, roomy());
    _exit(0);
  }
  const bool running = wait_for(bait, kFamily);
  const std::vector<ProcessId> all = process_tree(owner);
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_TRUE(running);
  EXPECT_GT(all.size(), kFamily);
  EXPECT_EQ(wait_until_gone(all, 5'000).size(), 0u) << "of " << all.size();
  EXPECT_EQ(bait.processes().size(), 0u);
}

}  // namespace
}  // namespace grpo

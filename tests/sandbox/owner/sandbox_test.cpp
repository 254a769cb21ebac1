#include "sandbox/sandbox.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "core/error.h"
#include "tests/sandbox/host_allows.h"
#include "tests/sandbox/owner/live_sandbox.h"

namespace grpo {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

#define START(live, ...)                         \
  LiveSandbox live = start_sandbox(__VA_ARGS__); \
  if (!live.sandbox) GTEST_SKIP() << live.why_not

std::string content_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void kill_runner(const Sandbox& sandbox) {
  const int runner = sandbox.runner_process();
  ASSERT_GT(runner, 1);  // not -1: that would be everybody
  kill(runner, SIGKILL);
}

// Slots are made one after the other, and the first is enough to start with.
void use_all_slots(Sandbox& sandbox) {
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < sandbox.slots(); ++i) {
    threads.emplace_back([&] { EXPECT_EQ(sandbox.run(shell("sleep 0.3")).failure, ""); });
  }
  for (std::thread& thread : threads) thread.join();
}

SandboxOptions with_slots(int64_t slots) {
  SandboxOptions options;
  options.slots = slots;
  return options;
}

TEST(Sandbox, StartsQuicklyAndSaysItsTier) {
  const auto start = Clock::now();
  START(live, with_slots(2));
  const double time_ms = ms_since(start);
  std::printf("started %s with 2 slots in %.1f ms\n", tier_name(live.sandbox->tier()).c_str(), time_ms);
  RecordProperty("startup_ms", static_cast<int>(time_ms));
  EXPECT_LT(time_ms, 5'000);
  EXPECT_EQ(live.sandbox->why().empty(), live.sandbox->tier() == Tier::kT1);
  EXPECT_EQ(live.sandbox->slots(), 2);
  EXPECT_EQ(live.sandbox->restarts(), 0);
  EXPECT_GT(live.sandbox->options().memory_bytes, 0);
}

TEST(Sandbox, RunsAProgramWithItsInputFilesAndOutputs) {
  START(live, with_slots(1));
  RunRequest request = shell("cat; cat data/in.txt; echo out > made; echo no >&2; exit 7");
  request.programs[0].input = Blob::of("input\n");
  request.programs[0].files = {{"data/in.txt", Blob::of("file\n"), false}};
  request.programs[0].outputs = {"made", "absent"};
  const RunResult result = live.sandbox->run(request);
  ASSERT_EQ(result.failure, "");
  EXPECT_EQ(result.tier, live.sandbox->tier());
  const ProgramResult& program = result.programs.at(0);
  EXPECT_TRUE(program.exited_with(7));
  EXPECT_EQ(program.out, "input\nfile\n");
  EXPECT_EQ(program.error, "no\n");
  ASSERT_EQ(program.outputs.size(), 2u);
  EXPECT_EQ(program.outputs[0].value().read(), "out\n");
  EXPECT_FALSE(program.outputs[1]);
}

TEST(Sandbox, RefusesWhatItCannotRunWithoutThrowing) {
  SandboxOptions options = with_slots(1);
  options.memory_bytes = int64_t{512} << 20;
  START(live, options);
  RunRequest greedy = shell("true");
  greedy.programs[0].limits.memory_bytes = int64_t{513} << 20;
  EXPECT_NE(live.sandbox->run(greedy).failure.find("513 MiB"), std::string::npos);
  RunRequest both = shell("true");
  both.programs[0].limits.memory_bytes = int64_t{300} << 20;
  both.programs.push_back(both.programs[0]);
  EXPECT_NE(live.sandbox->run(both).failure.find("600 MiB"), std::string::npos);
  RunRequest large = shell(std::string(200'000, '#'));
  EXPECT_NE(live.sandbox->run(large).failure.find("128 KiB"), std::string::npos);
  RunRequest many = shell("true");
  for (int i = 0; i < 251; ++i)
    many.programs[0].files.push_back({"f" + std::to_string(i), Blob::of("x"), false});
  EXPECT_NE(live.sandbox->run(many).failure.find("250 files"), std::string::npos);
  EXPECT_NE(live.sandbox->run(RunRequest()).failure, "");
  RunRequest no_command = shell("true");
  no_command.programs[0].command.clear();
  EXPECT_NE(live.sandbox->run(no_command).failure, "");
  RunRequest alone = shell("true");
  alone.connection = Connection::kPipes;
  EXPECT_NE(live.sandbox->run(alone).failure, "");
  RunRequest no_time = shell("true");
  no_time.programs[0].limits.cpu_ms = 0;
  EXPECT_NE(live.sandbox->run(no_time).failure, "");
  RunRequest endless = shell("true");
  endless.programs[0].limits.wall_ms = INT64_MAX;
  EXPECT_NE(live.sandbox->run(endless).failure, "");
  const RunResult after = live.sandbox->run(shell("echo well"));
  EXPECT_EQ(after.failure, "");
  EXPECT_EQ(after.programs.at(0).out, "well\n");
  EXPECT_EQ(live.sandbox->restarts(), 0);
}

TEST(Sandbox, ManyThreadsShareFewSlots) {
  START(live, with_slots(2));
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 8; ++i) {
        const std::string word = std::to_string(t) + "." + std::to_string(i);
        const RunResult result = live.sandbox->run(shell("echo " + word));
        if (result.failure.empty() && result.programs.at(0).out == word + "\n" && result.slot < 2) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 12 * 8);
}

// Row 85 of the catalogue, at the size of a test: as many bombs as the budget cannot hold at once.
TEST(Sandbox, MemoryBombsAreAdmittedUpToTheBudgetOnly) {
  SandboxOptions options = with_slots(8);
  options.memory_bytes = int64_t{256} << 20;
  START(live, options);
  std::atomic<int> stopped = 0;
  std::atomic<int64_t> peak = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      RunRequest bomb = shell("x=0123456789abcdef; while :; do x=$x$x; done", 20'000);
      bomb.programs[0].limits.memory_bytes = int64_t{100} << 20;
      bomb.programs[0].limits.cpu_ms = 10'000;
      const RunResult result = live.sandbox->run(bomb);
      if (!result.failure.empty()) return;
      const ProgramResult& program = result.programs.at(0);
      if (!program.exited_with(0)) ++stopped;
      peak = std::max<int64_t>(peak, program.peak_memory_bytes);
    });
  }
  std::atomic<bool> done = false;
  size_t most_at_once = 0;
  std::thread watch([&] {
    while (!done) {
      most_at_once = std::max(most_at_once, processes_with("x=0123456789abcdef; while").size());
      sleep_ms(3);
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  watch.join();
  EXPECT_EQ(stopped, 8);
  EXPECT_LE(peak, int64_t{200} << 20);
  // Two of 100 MiB fit in 256 MiB; each is seen as the shell and, for a moment, as its init or worker's fork.
  EXPECT_LE(most_at_once, 4u);
  EXPECT_EQ(live.sandbox->restarts(), 0);
}

TEST(Sandbox, AKilledRunnerIsStartedAnewAndItsRunsAreRepeated) {
  START(live, with_slots(2));
  std::vector<RunResult> results(4);
  std::vector<std::thread> threads;
  for (RunResult& result : results) {
    threads.emplace_back([&] { result = live.sandbox->run(shell("sleep 0.7; echo done")); });
  }
  sleep_ms(300);
  const int first = live.sandbox->runner_process();
  kill_runner(*live.sandbox);
  for (std::thread& thread : threads) thread.join();
  for (const RunResult& result : results) {
    ASSERT_EQ(result.failure, "");
    EXPECT_EQ(result.programs.at(0).out, "done\n");
  }
  EXPECT_EQ(live.sandbox->restarts(), 1);
  EXPECT_NE(live.sandbox->runner_process(), first);
}

TEST(Sandbox, ARunWhoseRunnerDiesTwiceFailsAndTheNextOneRuns) {
  START(live, with_slots(1));
  const std::string script = "sleep 20; echo 72" + std::to_string(getpid());
  const auto runs = [&] { return !processes_with(script).empty(); };
  RunResult result;
  std::thread run([&] { result = live.sandbox->run(shell(script, 30'000)); });
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(becomes_true(runs, 10'000));
    kill_runner(*live.sandbox);
    EXPECT_TRUE(becomes_true([&] { return live.sandbox->restarts() == i + 1; }, 10'000));
  }
  run.join();
  EXPECT_NE(result.failure, "");
  EXPECT_FALSE(runs());
  const RunResult after = live.sandbox->run(shell("echo well"));
  EXPECT_EQ(after.failure, "");
  EXPECT_EQ(after.programs.at(0).out, "well\n");
}

TEST(Sandbox, AKilledWorkerIsReplacedWithoutARestart) {
  START(live, with_slots(1));
  RunResult result;
  std::thread run([&] { result = live.sandbox->run(shell("sleep 0.6; echo done")); });
  sleep_ms(200);
  const std::vector<pid_t> workers = children_of(live.sandbox->runner_process());
  EXPECT_EQ(workers.size(), 1u);
  for (const pid_t worker : workers) kill(worker, SIGKILL);
  run.join();
  ASSERT_EQ(result.failure, "");
  EXPECT_EQ(result.programs.at(0).out, "done\n");
  EXPECT_EQ(live.sandbox->restarts(), 0);
}

TEST(Sandbox, WorkersKilledWhileIdleCostNobodyARun) {
  START(live, with_slots(2));
  for (int round = 0; round < 3; ++round) {
    use_all_slots(*live.sandbox);  // one killed while it sets up its slot ends the runner
    for (const pid_t worker : children_of(live.sandbox->runner_process())) kill(worker, SIGKILL);
    sleep_ms(100);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(live.sandbox->run(shell("true")).failure, "");
  }
  EXPECT_EQ(live.sandbox->restarts(), 0);
}

TEST(Sandbox, AWorkerThatHangsIsAbandoned) {
  START(live, with_slots(1));
  for (const pid_t worker : children_of(live.sandbox->runner_process())) kill(worker, SIGSTOP);
  const auto start = Clock::now();
  RunResult result = live.sandbox->run(shell("echo done", 200));
  EXPECT_GT(ms_since(start), 9'000);
  EXPECT_LT(ms_since(start), 60'000);
  // A stopped worker cannot be replaced by a runner that waits for it to end; the keeper then starts a new runner.
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.programs.at(0).out, "done\n");
}

TEST(Sandbox, AWorkerThatHangsIsReplacedWhileOthersServe) {
  START(live, with_slots(2));
  use_all_slots(*live.sandbox);
  const pid_t runner = live.sandbox->runner_process();
  const pid_t stopped = children_of(runner).at(0);
  kill(stopped, SIGSTOP);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(live.sandbox->run(shell("sleep 0.1; echo done", 500)).failure, ""); });
  }
  for (std::thread& thread : threads) thread.join();
  const auto start = Clock::now();
  const auto replaced = [&] {
    const std::vector<pid_t> workers = children_of(runner);
    return workers.size() == 2 && workers[0] != stopped && workers[1] != stopped;
  };
  while (!replaced() && ms_since(start) < 10'000) sleep_ms(10);
  EXPECT_TRUE(replaced());
  EXPECT_EQ(live.sandbox->runner_process(), runner);
  EXPECT_EQ(live.sandbox->restarts(), 0);
  use_all_slots(*live.sandbox);
}

TEST(Sandbox, AThousandQuickRunsLeaveNothing) {
  START(live, with_slots(2));
  use_all_slots(*live.sandbox);
  const size_t descriptors = open_descriptors();
  const auto count = [&] {
    size_t all = 0;
    for (const pid_t worker : children_of(live.sandbox->runner_process()))
      all += 1 + children_of(worker).size();
    return all;
  };
  const size_t processes = count();
  const auto open_in = [](pid_t process) {
    std::error_code denied;
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(process) + "/fd", denied);
    return denied ? 0 : std::distance(begin(all), end(all));
  };
  const pid_t worker = children_of(live.sandbox->runner_process()).at(0);
  const auto worker_descriptors = open_in(worker);
  const std::string mounts = content_of("/proc/self/mountinfo");
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        RunRequest request = shell("exit 5");
        request.programs[0].input = Blob::of("x");
        const RunResult result = live.sandbox->run(request);
        if (result.failure.empty() && result.programs.at(0).exited_with(5)) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 1'000);
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(count(), processes);
  EXPECT_EQ(open_in(worker), worker_descriptors);
  EXPECT_EQ(content_of("/proc/self/mountinfo"), mounts);
}

TEST(Sandbox, ItsEndLeavesNothing) {
  const size_t descriptors = open_descriptors();
  pid_t runner = -1;
  {
    START(live, with_slots(2));
    live.sandbox->run(shell("true"));
    runner = live.sandbox->runner_process();
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_NE(kill(runner, 0), 0);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // no child, not even a dead one
}

// Containers are started with `ulimit -c 0` and the like. In a process of its own, for it cannot be undone.
TEST(Sandbox, RunsWhereTheHostAllowsLessThanABoxMayHave) {
  constexpr int kRan = 0, kNoSandbox = 1, kFailed = 2;
  const pid_t owner = fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) {
    const auto lower = [](auto resource, rlim_t most) {
      const rlimit limit = {.rlim_cur = most, .rlim_max = most};
      setrlimit(resource, &limit);
    };
    lower(RLIMIT_CORE, 0);
    lower(RLIMIT_STACK, 8 << 20);
    lower(RLIMIT_MSGQUEUE, 0);
    lower(RLIMIT_SIGPENDING, 100);
    int ended = kFailed;
    try {
      const LiveSandbox live = start_sandbox(with_slots(1));
      ended = !live.sandbox ? kNoSandbox : live.sandbox->run(shell("true")).failure.empty() ? kRan : kFailed;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    _exit(ended);
  }
  int status = -1;
  ASSERT_EQ(waitpid(owner, &status, 0), owner);
  if (status == kNoSandbox << 8) GTEST_SKIP() << "the host allows no sandbox";
  EXPECT_EQ(status, kRan);
}

// The owner itself is killed, with a run under way: fork before there are threads.
TEST(Sandbox, AKilledOwnerLeavesNothing) {
  const std::string marker = "sleep 71" + std::to_string(getpid());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t owner = fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) {
    int runner = -1;
    try {
      const LiveSandbox live = start_sandbox(with_slots(2));
      if (live.sandbox) runner = live.sandbox->runner_process();
      if (write(ends[1], &runner, sizeof(runner)) != sizeof(runner)) _exit(1);
      // Orphans, too: of its own session, with its output closed.
      if (live.sandbox)
        live.sandbox->run(shell("setsid " + marker + " >/dev/null 2>&1 & " + marker, 100'000));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "the owner: %s\n", error.what());
    }
    _exit(0);
  }
  close(ends[1]);
  int runner = -1;
  const ssize_t got = read(ends[0], &runner, sizeof(runner));
  close(ends[0]);
  if (got != static_cast<ssize_t>(sizeof(runner))) waitpid(owner, nullptr, 0);
  ASSERT_EQ(got, static_cast<ssize_t>(sizeof(runner))) << "the owner could not start its sandbox";
  if (runner < 0) {
    waitpid(owner, nullptr, 0);
    GTEST_SKIP() << "the host allows no sandbox";
  }
  EXPECT_TRUE(becomes_true([&] { return processes_with(marker.substr(6)).size() >= 2; }, 10'000));
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_TRUE(becomes_true([&] { return processes_with(marker.substr(6)).empty(); }, 5'000));
  EXPECT_TRUE(becomes_true([&] { return kill(runner, 0) != 0; }, 5'000));
  EXPECT_TRUE(becomes_true(
      [&] {
        std::error_code gone;
        for (const auto& entry : std::filesystem::directory_iterator("/tmp", gone)) {
          if (entry.path().filename().string().starts_with("grpo-boxes-" + std::to_string(runner) + "-"))
            return false;
        }
        return true;
      },
      5'000));
}

// Files that came back are memory files: whoever keeps them must pay for them, and not the slot that they came from.
TEST(Sandbox, OutputsThatAreKeptTakeNoMemoryFromTheNextRuns) {
  START(live, with_slots(1));
  RunRequest writes = shell("head -c 20000000 /dev/zero > out");
  writes.programs[0].outputs = {"out"};
  std::vector<Blob> kept;
  for (int i = 0; i < 12; ++i) {
    const RunResult result = live.sandbox->run(writes);
    ASSERT_EQ(result.failure, "");
    ASSERT_TRUE(result.programs.at(0).outputs.at(0).has_value()) << result.programs[0].error;
    kept.push_back(*result.programs[0].outputs[0]);
    EXPECT_EQ(kept.back().size(), 20'000'000);
  }
  const RunResult next = live.sandbox->run(shell("head -c 40000000 /dev/zero > f; echo done"));
  ASSERT_EQ(next.failure, "");
  EXPECT_EQ(next.programs.at(0).out, "done\n") << limit_name(next.programs[0].limit);
  EXPECT_EQ(next.programs[0].limit, LimitFired::kNone) << limit_name(next.programs[0].limit);
}

TEST(Sandbox, IsOfTheBestTierThatTheHostAllows) {
  START(live, with_slots(1));
  const Tier found = live.sandbox->tier();
  EXPECT_EQ(host_denies(found), "") << "and yet there is one of " << tier_name(found);
  for (const Tier better : {Tier::kT1, Tier::kT2, Tier::kT3}) {
    if (better != found && at_least(better, found)) {
      EXPECT_NE(host_denies(better), "") << "and yet there is none better than " << tier_name(found);
    }
  }
}

// The runner of this test protects nothing.
TEST(Sandbox, DoesNotStartWhereItsPromisesDoNotHold) {
  SandboxOptions options = with_slots(1);
  options.runner =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "grpo_boastful_runner").string();
  try {
    Sandbox sandbox(options);
    FAIL() << "it started";
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find("filter broken") == std::string::npos)
      GTEST_SKIP() << "this process runs under a filter itself";
    EXPECT_NE(error.where().find("self-test of tier T1"), std::string::npos) << text;
    for (const char* promise :
         {"privileges broken", "filter broken", "read_canary broken", "write_canary broken", "socket broken",
          "unix_socket broken", "mount broken", "unshare broken", "memory_file broken",
          "shared_memory broken", "io_uring broken", "file_size broken", "memory broken",
          "descriptors broken", "processes broken", "processes_seen broken"}) {
      EXPECT_NE(text.find(promise), std::string::npos) << promise << " is not in " << text;
    }
  }
}

TEST(Sandbox, WithoutARunnerItSaysWhereItLooked) {
  SandboxOptions options = with_slots(1);
  options.runner = "/no/such/runner";
  try {
    Sandbox sandbox(options);
    FAIL() << "it started";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/runner"), std::string::npos);
  }
  options.runner = "/bin/true";
  EXPECT_THROW(Sandbox{options}, Error);  // a program, but no runner
}

}  // namespace
}  // namespace grpo

// How the runner, its workers and its boxes live and die.

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// Processes below this one, by /proc: the tree may lose its middle when something dies, so all are looked at.
std::set<pid_t> descendants(pid_t root) {
  std::set<pid_t> found;
  std::ifstream children("/proc/" + std::to_string(root) + "/task/" + std::to_string(root) + "/children");
  for (pid_t child = 0; children >> child;) {
    found.insert(child);
    found.merge(descendants(child));
  }
  return found;
}

bool all_gone(const std::set<pid_t>& processes) {
  for (int patience = 0; patience < 500; ++patience) {
    bool gone = true;
    for (const pid_t process : processes) gone = gone && kill(process, 0) != 0;
    if (gone) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// While it does nothing: a worker closes what belonged to a run after it has answered.
size_t open_descriptors(pid_t process) {
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  std::error_code gone;
  const fs::directory_iterator all("/proc/" + std::to_string(process) + "/fd", gone);
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

size_t lines_of(const std::string& path) {
  std::ifstream file(path);
  size_t lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  return lines;
}

int64_t resident_kilobytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string word; file >> word;) {
    int64_t kilobytes = 0;
    if (word == "VmRSS:" && file >> kilobytes) return kilobytes;
  }
  return 0;
}

class RunnerLives : public testing::Test {
 protected:
  void SetUp() override {
    GRPO_NEED_RUNNER(runner);
  }
  // A run that lasts, whose result nobody waits for.
  void send_long_run(int slot) {
    Program program = probe({"spread", "3", "1"});
    program.limits.wall_ms = 60'000;
    RunRequest request;
    request.programs = {program};
    std::vector<int> descriptors;
    const Json body = encode(request, descriptors);
    send_message(runner.slots.at(static_cast<size_t>(slot)), body, descriptors);
    // Worker, init, program, three children.
    for (int i = 0; i < 500 && descendants(runner.workers().at(static_cast<size_t>(slot))).size() < 5; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  LiveRunner runner{2};
};

TEST_F(RunnerLives, TheEndOfTheControlSocketEndsEverything) {
  send_long_run(0);
  const std::set<pid_t> processes = descendants(runner.process);
  EXPECT_GE(processes.size(), 7u);
  EXPECT_EQ(runner.end(), 0);
  EXPECT_TRUE(all_gone(processes));
}

TEST_F(RunnerLives, AKilledRunnerLeavesNothing) {
  send_long_run(0);
  std::set<pid_t> processes = descendants(runner.process);
  kill(runner.process, SIGKILL);
  runner.end();
  EXPECT_TRUE(all_gone(processes));
}

TEST_F(RunnerLives, AKilledWorkerIsMadeAnewAndItsBoxesAreGone) {
  send_long_run(0);
  const pid_t worker = runner.workers().at(0);
  std::set<pid_t> processes = descendants(worker);
  processes.insert(worker);
  kill(worker, SIGKILL);
  EXPECT_EQ(runner.await_slot(), 0);
  EXPECT_TRUE(all_gone(processes));
  EXPECT_TRUE(runner.run(probe({"exit", "3"}), 0).exited_with(3));
  EXPECT_TRUE(runner.run(probe({"exit", "4"}), 1).exited_with(4));
}

TEST_F(RunnerLives, ASlotWhoseOwnerLeavesEndsItsRun) {
  send_long_run(1);
  std::set<pid_t> processes = descendants(runner.workers().at(1));
  close(runner.slots[1]);
  runner.slots[1] = -1;
  EXPECT_EQ(runner.await_slot(), 1);
  EXPECT_TRUE(all_gone(processes));
  EXPECT_TRUE(runner.run(probe({"exit", "5"}), 1).exited_with(5));
}

TEST_F(RunnerLives, RunsLeaveNoProcessDescriptorMountOrMemory) {
  const pid_t worker = runner.workers().at(0);
  Program program = probe({"write_output", "file"});
  program.files = {{"a/b", Blob::of(std::string(100'000, 'x')), false}};
  program.outputs = {"d/out.txt"};
  const auto run_all = [&](int times) {
    for (int i = 0; i < times; ++i) {
      EXPECT_TRUE(runner.run(program).exited_with(0));
      if (i % 10 == 0) runner.run(probe({"daemon"}));
      if (i % 10 == 5) runner.run(probe({"abort"}));
    }
  };
  run_all(20);
  const std::string mounts = "/proc/" + std::to_string(worker) + "/mounts";
  const size_t descriptors = open_descriptors(worker), mounts_before = lines_of(mounts),
               own_mounts = lines_of("/proc/self/mounts");
  [[maybe_unused]] const int64_t resident = resident_kilobytes(worker);
  run_all(180);
  EXPECT_EQ(open_descriptors(worker), descriptors);
  EXPECT_EQ(lines_of(mounts), mounts_before);
  EXPECT_EQ(lines_of("/proc/self/mounts"), own_mounts);
#ifndef __SANITIZE_ADDRESS__  // which keeps what the worker frees, to catch who uses it
  EXPECT_LE(resident_kilobytes(worker), resident + 512);
#endif
  EXPECT_EQ(descendants(runner.process).size(), 2u);
}

TEST(RunnerAlone, SaysWhatItIsAndEnds) {
  const int status = std::system((std::string(GRPO_RUNNER) + " 3<&- 2> /dev/null").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

// There is no tier that is better than T1, so that every host is below this minimum.
TEST(RunnerAlone, MakesNoSlotBelowTheMinimumThatItIsTold) {
  LiveRunner runner(1, {}, static_cast<int>(Tier::kT1) - 1);
  EXPECT_TRUE(runner.denied.starts_with("the host allows tier T")) << runner.denied;
  EXPECT_TRUE(runner.slots.empty());
  EXPECT_EQ(runner.end(), 1);
}

}  // namespace
}  // namespace grpo

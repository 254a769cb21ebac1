// What a program cannot do, and cannot see. The catalogue of attacks has tests of its own; here is what the box itself
// promises.

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

class RunnerIsolation : public testing::Test {
 protected:
  void SetUp() override {
    GRPO_NEED_RUNNER(runner);
  }
  std::map<std::string, std::string> outcomes() {
    std::map<std::string, std::string> found;
    std::istringstream lines(runner.run(probe({"try_all"})).out);
    for (std::string line; std::getline(lines, line);) {
      const size_t colon = line.find(": ");
      found[line.substr(0, colon)] = line.substr(colon + 2);
    }
    return found;
  }
  LiveRunner runner;
};

TEST_F(RunnerIsolation, SystemCallsThatLeadOutAreDenied) {
  auto found = outcomes();
  for (const char* call : {"mount", "unshare", "clone", "socket", "unix", "memfd", "ptrace", "keyctl",
                           "io_uring", "affinity", "init", "chmod", "device"}) {
    EXPECT_TRUE(found[call] == "Operation not permitted" || found[call] == "Read-only file system" ||
                found[call] == "Permission denied")
        << call << ": " << found[call];
  }
  EXPECT_EQ(found["clone3"], "Function not implemented");
  EXPECT_EQ(found["future"], "Function not implemented");
}

TEST_F(RunnerIsolation, WhatProgramsNeedIsAllowed) {
  auto found = outcomes();
  for (const char* call : {"socketpair", "tmp", "null"}) EXPECT_EQ(found[call], "allowed") << call;
}

TEST_F(RunnerIsolation, TheHostsFilesAreReadOnlyOrAbsent) {
  auto found = outcomes();
  for (const char* path : {"etc", "usr", "shadow", "home"}) EXPECT_NE(found[path], "allowed") << path;
  EXPECT_EQ(found["shadow"], "No such file or directory");
  EXPECT_EQ(found["user"], "1000 -1");
}

TEST_F(RunnerIsolation, NothingOfARunIsLeftForTheNext) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(runner.run(probe({"look"})).out, "pid 2, parent 1, files 0\n");
}

TEST_F(RunnerIsolation, NoDescriptorOfOursIsOpen) {
  if (runner.tier != Tier::kT1) GTEST_SKIP() << "there is no /proc in " << tier_name(runner.tier);
  Program program;
  program.command = {"/bin/sh", "-c", "ls /proc/self/fd"};
  // 3 is the folder that ls reads.
  EXPECT_EQ(runner.run(program).out, "0\n1\n2\n3\n");
}

TEST_F(RunnerIsolation, TheInitIsClosedToTheProgram) {
  if (runner.tier != Tier::kT1) GTEST_SKIP() << "there is no /proc in " << tier_name(runner.tier);
  Program program;
  program.command = {"/bin/sh", "-c",
                     "cat /proc/1/mem; ls /proc/1/fd /proc/1/root /proc/1/cwd; cat /proc/1/environ"};
  EXPECT_EQ(runner.run(program).out, "");
}

TEST_F(RunnerIsolation, ThereIsNoNetworkNotEvenALoopback) {
  if (runner.tier != Tier::kT1) GTEST_SKIP() << "there is no /proc in " << tier_name(runner.tier);
  Program program;
  program.command = {"/bin/sh", "-c",
                     "tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/route /proc/net/fib_trie"};
  const ProgramResult result = runner.run(program);
  EXPECT_EQ(result.out.find("eth"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("127.0.0.1"), std::string::npos) << result.out;
}

TEST(RunnerFolders, BelowUsrAreThereAnyway) {
  LiveRunner runner(1, {"/usr/bin"});
  GRPO_NEED_RUNNER(runner);
  EXPECT_TRUE(runner.run(probe({"exit", "0"})).exited_with(0));
}

TEST(RunnerFolders, OfTheHostAreShownReadOnlyAtTheSamePath) {
  LiveRunner runner(1, {GRPO_SOURCE_DIR "/sandbox"});
  GRPO_NEED_RUNNER(runner);
  Program program;
  program.command = {"/bin/sh", "-c",
                     "head -c 12 " GRPO_SOURCE_DIR "/sandbox/run.h; ls " GRPO_SOURCE_DIR
                     "; touch " GRPO_SOURCE_DIR "/sandbox/new"};
  const ProgramResult result = runner.run(program);
  EXPECT_EQ(result.out, "#pragma once");
  EXPECT_NE(result.error.find("Read-only"), std::string::npos) << result.error;
}

}  // namespace
}  // namespace grpo

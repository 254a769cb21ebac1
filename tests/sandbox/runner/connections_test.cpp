// Two programs that talk to each other.

#include <gtest/gtest.h>

#include <csignal>

#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

class RunnerConnections : public testing::Test {
 protected:
  void SetUp() override {
    GRPO_NEED_RUNNER(runner);
  }
  RunResult run(Program first, Program second, Connection connection) {
    RunRequest request;
    request.programs = {std::move(first), std::move(second)};
    request.connection = connection;
    RunResult result = runner.run(request);
    EXPECT_EQ(result.failure, "");
    result.programs.resize(2);
    return result;
  }
  static Program shell(const std::string& script) {
    Program program;
    program.command = {"/bin/sh", "-c", script};
    return program;
  }
  LiveRunner runner;
};

TEST_F(RunnerConnections, ASocketIsDescriptorThreeOfBoth) {
  const RunResult result = run(probe({"talk_first"}), probe({"talk_second"}), Connection::kSocket);
  EXPECT_TRUE(result.programs[0].exited_with(0));
  EXPECT_TRUE(result.programs[1].exited_with(0));
  EXPECT_EQ(result.programs[0].out, "pong\n");
  EXPECT_EQ(result.programs[1].out, "ping\n");
}

TEST_F(RunnerConnections, TheEndOfOneIsTheEndOfTheOthersSocket) {
  const RunResult result = run(probe({"talk_first"}), probe({"exit", "0"}), Connection::kSocket);
  EXPECT_NE(result.programs[0].exit_code, 0);
  EXPECT_EQ(result.programs[0].limit, LimitFired::kNone);
}

TEST_F(RunnerConnections, PipesJoinOutputToInputBothWays) {
  const RunResult result =
      run(shell("echo question; read answer; echo \"got $answer\" >&2"),
          shell("read question; echo \"$question answered\"; exit 5"), Connection::kPipes);
  EXPECT_EQ(result.programs[0].error, "got question answered\n");
  EXPECT_TRUE(result.programs[1].exited_with(5));
  EXPECT_EQ(result.programs[0].out, "");
  EXPECT_EQ(result.programs[0].out_bytes, 9);
}

TEST_F(RunnerConnections, MuchGoesThroughPipes) {
  Program writer = probe({"flood", "1", "20"}), reader = shell("wc -c >&2");
  writer.limits.stdout_bytes = 20 << 20;
  const RunResult result = run(writer, reader, Connection::kPipes);
  EXPECT_TRUE(result.programs[0].exited_with(0)) << limit_name(result.programs[0].limit);
  EXPECT_EQ(result.programs[1].error, "20971520\n");
}

TEST_F(RunnerConnections, WhatIsSaidIsLimited) {
  Program writer = probe({"flood", "1", "20"});
  writer.limits.stdout_bytes = 1 << 20;
  const RunResult result = run(writer, shell("cat > /dev/null"), Connection::kPipes);
  EXPECT_EQ(result.programs[0].limit, LimitFired::kStdout);
  EXPECT_TRUE(result.programs[1].exited_with(0));
}

TEST_F(RunnerConnections, AListenerThatEndsBreaksThePipe) {
  Program writer = probe({"flood", "1", "20"});
  writer.limits.stdout_bytes = 40 << 20;
  const RunResult result = run(writer, probe({"exit", "0"}), Connection::kPipes);
  EXPECT_EQ(result.programs[0].signal, SIGPIPE);
}

TEST_F(RunnerConnections, AListenerThatDoesNotReadHoldsUpTheOther) {
  Program writer = probe({"flood", "1", "20"}), idler = probe({"sleep", "60"});
  writer.limits.stdout_bytes = 40 << 20;
  writer.limits.wall_ms = 500;
  idler.limits.wall_ms = 400;
  const RunResult result = run(writer, idler, Connection::kPipes);
  EXPECT_EQ(result.programs[1].limit, LimitFired::kWall);
  EXPECT_LT(result.programs[0].cpu_us, 300'000);
}

TEST_F(RunnerConnections, EachHasABoxAndLimitsOfItsOwn) {
  Program heavy = probe({"burn", "60"}), light = probe({"look"});
  heavy.limits.cpu_ms = 200;
  heavy.limits.wall_ms = 30'000;
  const RunResult result = run(heavy, light, Connection::kNone);
  EXPECT_EQ(result.programs[0].limit, LimitFired::kCpu);
  EXPECT_EQ(result.programs[1].out, "pid 2, parent 1, files 0\n");
}

}  // namespace
}  // namespace grpo

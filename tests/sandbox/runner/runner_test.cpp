// Results: what comes back of a program that behaves.

#include <gtest/gtest.h>

#include <csignal>

#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

class Runner : public testing::Test {
 protected:
  void SetUp() override {
    GRPO_NEED_RUNNER(runner);
  }
  LiveRunner runner;
};

TEST_F(Runner, GivesBackEveryExitCode) {
  for (const int code : {0, 1, 7, 127, 255}) {
    const ProgramResult result = runner.run(probe({"exit", std::to_string(code)}));
    EXPECT_TRUE(result.exited_with(code)) << result.exit_code;
  }
}

TEST_F(Runner, GivesBackTheSignalThatEndedTheProgram) {
  const ProgramResult aborted = runner.run(probe({"abort"}));
  EXPECT_EQ(aborted.signal, SIGABRT);
  EXPECT_EQ(aborted.exit_code, -1);
  for (const int number : {SIGKILL, SIGTERM, SIGSEGV, SIGPIPE}) {
    const ProgramResult result = runner.run(probe({"kill", std::to_string(number)}));
    EXPECT_EQ(result.signal, number);
    EXPECT_EQ(result.limit, LimitFired::kNone);
  }
}

TEST_F(Runner, PassesInputThroughWhateverItsBytes) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes.push_back(static_cast<char>(i * 7));
  Program program = probe({"echo"});
  program.input = Blob::of(bytes);
  const ProgramResult result = runner.run(program);
  EXPECT_TRUE(result.exited_with(0));
  EXPECT_EQ(result.out, bytes);
  EXPECT_EQ(result.out_bytes, 300'000);
}

TEST_F(Runner, PassesArgumentsAndEnvironmentAndNothingElse) {
  Program program = probe({"arguments", "a b", "", "*"});
  program.environment = {"ONE=1", "EMPTY="};
  EXPECT_EQ(runner.run(program).out,
            "probe\narguments\na b\n\n*\n"
            "PATH=/usr/local/bin:/usr/bin:/bin\nHOME=/box\nTMPDIR=/tmp\nLANG=C.UTF-8\nONE=1\nEMPTY=\n");
}

TEST_F(Runner, RunsACommandOfTheSystemAndOneOfTheBox) {
  Program system;
  system.command = {"/bin/sh", "-c", "echo $((6 * 7)); pwd >&2"};
  const ProgramResult result = runner.run(system);
  EXPECT_EQ(result.out, "42\n");
  EXPECT_EQ(result.error, "/box\n");
  Program own;
  own.command = {"./bin/own", "say", "hello"};
  own.files = {{"bin/own", probe_executable(), true}};
  EXPECT_EQ(runner.run(own).out, "hello\n");
}

TEST_F(Runner, SaysWhatCannotBeExecuted) {
  Program absent;
  absent.command = {"./absent"};
  const ProgramResult result = runner.run(absent);
  EXPECT_TRUE(result.exited_with(127));
  EXPECT_EQ(result.error, "cannot execute ./absent: No such file or directory");
  Program text;
  text.executable = Blob::of("not a program");
  text.command = {"text"};
  EXPECT_TRUE(runner.run(text).exited_with(127));
}

TEST_F(Runner, MeasuresTimesAndMemory) {
  Program program = probe({"burn", "0.3"});
  program.limits.cpu_ms = 5'000;
  const ProgramResult result = runner.run(program);
  EXPECT_TRUE(result.exited_with(0));
  EXPECT_GE(result.cpu_us, 300'000);
  EXPECT_LT(result.cpu_us, 400'000);
  EXPECT_GE(result.wall_us, result.cpu_us - 10'000);
  const ProgramResult large = runner.run(probe({"allocate", "100"}));
  EXPECT_GE(large.peak_memory_bytes, int64_t{100} << 20);
  EXPECT_LT(large.peak_memory_bytes, int64_t{120} << 20);
}

TEST_F(Runner, AnswersForTheRightSlotAndTier) {
  RunRequest request;
  request.programs = {probe({"exit", "0"})};
  const RunResult result = runner.run(request);
  EXPECT_EQ(result.slot, 0);
  EXPECT_EQ(result.tier, runner.tier);
}

TEST_F(Runner, RefusesARequestThatMakesNoSenseAndGoesOn) {
  RunRequest none;
  EXPECT_NE(runner.run(none).failure, "");
  RunRequest three;
  three.programs.assign(3, probe({"exit", "0"}));
  EXPECT_NE(runner.run(three).failure, "");
  RunRequest alone;
  alone.programs = {probe({"exit", "0"})};
  alone.connection = Connection::kPipes;
  EXPECT_NE(runner.run(alone).failure, "");
  RunRequest nothing;
  nothing.programs = {Program{}};
  EXPECT_NE(runner.run(nothing).failure, "");
  EXPECT_TRUE(runner.run(probe({"exit", "3"})).exited_with(3));
}

}  // namespace
}  // namespace grpo

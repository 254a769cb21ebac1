// Files into a box, and out of it.

#include <gtest/gtest.h>

#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

class RunnerFiles : public testing::Test {
 protected:
  void SetUp() override {
    GRPO_NEED_RUNNER(runner);
  }
  std::optional<Blob> output(const std::string& kind) {
    Program program = probe({"write_output", kind});
    program.outputs = {"d/out.txt"};
    const ProgramResult result = runner.run(program);
    EXPECT_TRUE(result.exited_with(0)) << kind << " " << result.exit_code;
    EXPECT_EQ(result.outputs.size(), 1u);
    return result.outputs.empty() ? std::nullopt : result.outputs[0];
  }
  LiveRunner runner;
};

TEST_F(RunnerFiles, AreThereWithTheirFoldersAndCanBeChanged) {
  Program program;
  program.command = {"/bin/sh", "-c", "cat a/b/c d; echo more >> a/b/c; cat a/b/c; ls -l a/b | grep -c rwxr"};
  program.files = {
      {"a/b/c", Blob::of("deep\n"), false}, {"d", Blob::of("flat\n"), false}, {"a/b/e", Blob(), true}};
  const ProgramResult result = runner.run(program);
  EXPECT_EQ(result.out, "deep\nflat\ndeep\nmore\n1\n") << result.error;
}

TEST_F(RunnerFiles, DoNotTakeRoomFromTheProgram) {
  Program program = probe({"fill_file", "4"});
  program.limits.tmp_bytes = 4 << 20;
  program.files = {{"large", Blob::of(std::string(3 << 20, 'x')), false},
                   {"other", Blob::of(std::string(3 << 20, 'x')), false}};
  EXPECT_EQ(runner.run(program).out, "4194304 all\n");
}

TEST_F(RunnerFiles, WithPathsThatLeaveTheBoxAreRefused) {
  for (const char* path : {"/etc/x", "../x", "a/../../x", "", "a/", ".", "a/.."}) {
    RunRequest request;
    request.programs = {probe({"exit", "0"})};
    request.programs[0].files = {{path, Blob::of("x"), false}};
    EXPECT_NE(runner.run(request).failure, "") << path;
  }
}

TEST_F(RunnerFiles, ComeBackIfTheyAreRegular) {
  EXPECT_EQ(output("file").value().read(), "result");
}

TEST_F(RunnerFiles, DoNotComeBackThroughLinksFifosOrFolders) {
  for (const char* kind : {"link", "fifo", "folder", "through", "outside", "nothing of the kind"}) {
    Program program = probe({"write_output", kind});
    program.outputs = {"d/out.txt", "absent", "../../etc/passwd", "/etc/passwd", ""};
    const ProgramResult result = runner.run(program);
    ASSERT_EQ(result.outputs.size(), 5u);
    for (const std::optional<Blob>& each : result.outputs) EXPECT_FALSE(each.has_value()) << kind;
  }
  EXPECT_EQ(output("sparse").value().size(), 50 << 20);
}

TEST_F(RunnerFiles, TheInputIsTheSameForEveryRunAndCannotBeChanged) {
  Program program = probe({"spoil_input"});
  program.input = Blob::of("the input\n");
  for (int i = 0; i < 3; ++i) {
    const ProgramResult result = runner.run(program);
    EXPECT_TRUE(result.out == "refused refused the input\n" || result.out == "sealed refused the input\n")
        << result.out;
  }
}

TEST_F(RunnerFiles, LargeInputNeedNotBeRead) {
  Program program = probe({"exit", "4"});
  program.input = Blob::of(std::string(20 << 20, 'x'));
  EXPECT_TRUE(runner.run(program).exited_with(4));
}

}  // namespace
}  // namespace grpo

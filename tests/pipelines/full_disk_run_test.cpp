// Checkpoints that cannot be written: one clear error, the last good checkpoint as it was, and, once the disk is well
// again, the bytes of a run that nobody disturbed.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/atomic_directory.h"
#include "pipelines/checkpoints.h"
#include "tests/pipelines/killed_run.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

class FullDiskRun : public KilledRun {
 protected:
  // Runs it until a checkpoint of that step is there, and kills it.
  void run_up_to(const std::string& out, const std::string& step) {
    EXPECT_FALSE(ends_before(run_into(out), [&] { return fs::exists(stage(out) + "/checkpoint-" + step); }));
  }
  std::string stage(const std::string& out) const { return path(out + "/stages/02-rl"); }

  // Its exit status. Where it is started by `with`, a command that ends with the program's.
  int status_of(const std::string& out, std::vector<std::string> with = {}) const {
    const std::vector<std::string> run = command(out);
    with.insert(with.end(), run.begin(), run.end());
    return status_of_command(with);
  }
  int status_of_command(const std::vector<std::string>& arguments) const {
    int status = 0;
    waitpid(start(arguments, path("errors")), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  static std::vector<std::string> in_shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

  // The one line that begins with "error: ", and what follows it.
  std::string error_of_run() const {
    const std::string text = errors();
    const size_t at = text.find("error: ");
    if (at == std::string::npos) return "";
    EXPECT_EQ(text.find("error: ", at + 1), std::string::npos) << text;
    return text.substr(at);
  }
  // Every file of the stage's checkpoints with its content.
  static std::map<std::string, std::string> contents(const std::string& stage) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(stage)) {
      if (entry.is_regular_file()) found[entry.path().string()] = read_file(entry.path().string());
    }
    return found;
  }
};

TEST_F(FullDiskRun, ACheckpointBeyondTheLimitOfFileSizesIsAnErrorAndTheLastOneStays) {
  run_whole();
  run_up_to("out", "000003");
  const auto [step, newest] = usable_checkpoints(stage("out")).front();
  const auto limit = fs::file_size(newest + "/optimizer.safetensors") - 1;
  ASSERT_GT(limit, fs::file_size(newest + "/policy.safetensors")) << "the checkpoint breaks off in the middle";
  ASSERT_GT(limit, 2 * fs::file_size(path("out/metrics.jsonl"))) << "and nothing else does";
  ASSERT_GT(limit, 2 * fs::file_size(path("out/episodes.jsonl")));
  const auto before = contents(newest);
  EXPECT_EQ(status_of("out", {"/usr/bin/prlimit", "--fsize=" + std::to_string(limit), "--"}), 1) << errors();
  const std::string error = error_of_run();
  EXPECT_TRUE(holds(error, "cannot write the file: File too large")) << errors();
  EXPECT_TRUE(holds(error, "optimizer.safetensors"));
  EXPECT_TRUE(holds(error, "checkpoint-"));
  EXPECT_TRUE(holds(error, "ulimit -f"));
  EXPECT_EQ(contents(newest), before);
  EXPECT_EQ(usable_checkpoints(stage("out")).front().first, step);
  EXPECT_FALSE(holds_name(stage("out"), ".tmp-")) << "half a checkpoint is left";
  finish("out");
  expect_same_as_whole("out");
}

TEST_F(FullDiskRun, AFileWhereTheStagesFolderShouldBeIsNamed) {
  run_whole();
  run_up_to("out", "000003");
  fs::rename(stage("out"), path("aside"));
  std::ofstream(stage("out")) << "in the way";
  EXPECT_EQ(status_of("out"), 1);
  EXPECT_TRUE(holds(error_of_run(), stage("out"))) << errors();
  EXPECT_TRUE(holds(error_of_run(), "cannot make the folder"));
  fs::remove(stage("out"));
  fs::rename(path("aside"), stage("out"));
  finish("out");
  expect_same_as_whole("out");
}

// Mounts of their own, which nobody else sees and which go with the shell. Not for everybody: containers may deny them.
class MountedRun : public FullDiskRun {
 protected:
  void SetUp() override {
    fs::create_directories(path("mounted"));
    if (status_of_command(alone("mount -t tmpfs none " + path("mounted"))) != 0) {
      GTEST_SKIP() << "this machine lets us mount nothing: " << errors();
    }
  }
  static std::vector<std::string> alone(const std::string& script) {
    std::vector<std::string> arguments = {"/usr/bin/unshare", "--mount", "--propagation", "private"};
    if (geteuid() != 0) arguments.push_back("--map-root-user");
    const auto shell = in_shell("set -e; " + script);
    arguments.insert(arguments.end(), shell.begin(), shell.end());
    return arguments;
  }
  // The program's command for a shell, its status written to a file.
  std::string run_text(const std::string& out, const std::string& number) const {
    std::string text;
    for (const std::string& argument : command(out)) text += "'" + argument + "' ";
    return "status=0; " + text + "2> " + path("errors" + number) + " || status=$?; echo $status > " + path("status" + number) + "; ";
  }
  int status(const std::string& number) const { return std::stoi(read_file(path("status" + number))); }
};

TEST_F(MountedRun, ADiskThatIsFullIsAnErrorAndTheRunGoesOnWhereThereIsRoom) {
  overrides_ = {"rl.save_total_limit=100", "rl.max_steps=12"};
  run_whole();
  // How large a checkpoint is.
  run_up_to("size", "000003");
  uintmax_t bytes = 0, pages = 0;
  for (const auto& [name, content] : contents(usable_checkpoints(stage("size")).front().second)) {
    pages += (content.size() + 4095) / 4096;
  }
  for (const auto& [name, content] : contents(path("size/stages/01-warm"))) bytes += (content.size() / 4096 + 1) * 4096;
  bytes += (6 * pages + 30) * 4096;  // some six of them
  const std::string copy = "cp -a " + path("mounted/out") + " ";
  const std::string script = "mount -t tmpfs -o size=" + std::to_string(bytes) + " none " + path("mounted") + "; " +
                             run_text("mounted/out", "1") + copy + path("full") + "; " + "mount -o remount,size=1g " +
                             path("mounted") + "; " + run_text("mounted/out", "2") + copy + path("out");
  ASSERT_EQ(status_of_command(alone(script)), 0) << errors();
  const std::string text = read_file(path("errors1"));
  EXPECT_EQ(status("1"), 1) << text;
  EXPECT_TRUE(holds(text, "No space left on device"));
  EXPECT_TRUE(holds(text, "error: cannot "));
  EXPECT_TRUE(holds(text, path("mounted/out"))) << "where";
  EXPECT_TRUE(holds(text, "make room")) << "how to mend it";
  const auto left = usable_checkpoints(path("full/stages/02-rl"));
  ASSERT_GE(left.size(), 2u);
  for (const auto& [step, checkpoint] : left) EXPECT_NO_THROW(verify_directory(checkpoint)) << step;
  EXPECT_FALSE(holds_name(path("full/stages/02-rl"), ".tmp-")) << "half a checkpoint is left";
  EXPECT_EQ(status("2"), 0) << read_file(path("errors2"));
  expect_same_as_whole("out");
}

TEST_F(MountedRun, AFolderThatCannotBeWrittenIsAnErrorAndChangesNothing) {
  run_whole();
  run_up_to("out", "000003");
  remove_unfinished(stage("out"));
  const auto before = contents(path("out"));
  ASSERT_EQ(status_of_command(alone("mount --bind " + path("out") + " " + path("out") + "; mount -o remount,bind,ro " +
                                    path("out") + "; " + run_text("out", "1"))),
            0)
      << errors();
  const std::string text = read_file(path("errors1"));
  EXPECT_EQ(status("1"), 1) << text;
  EXPECT_TRUE(holds(text, "error: cannot "));
  EXPECT_TRUE(holds(text, "Read-only file system"));
  EXPECT_TRUE(holds(text, path("out")));
  EXPECT_TRUE(holds(text, "permissions")) << "how to mend it";
  EXPECT_EQ(contents(path("out")), before);
  finish("out");
  expect_same_as_whole("out");
}

}  // namespace
}  // namespace grpo

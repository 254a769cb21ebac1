#include "core/atomic_directory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "core/file.h"
#include "tests/core/full_disk.h"
#include "tests/core/temporary_directory.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

void put(const std::string& path, const std::string& content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

// A committed directory with a file, and one in a folder.
void commit_two_files(const std::string& target, const std::string& content, int64_t step) {
  AtomicDirectory out(target);
  put(out.path() + "/weights", content);
  put(out.path() + "/state/optimizer", content + content);
  out.commit({{"step", step}});
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string error_of(const std::string& directory) {
  try {
    verify_directory(directory);
  } catch (const Error& e) {
    return e.summary() + " @ " + e.where();
  }
  return "";
}

using Names = std::vector<std::string>;

TEST(AtomicDirectory, IsWholeAfterCommit) {
  const TemporaryDirectory folder;
  commit_two_files(folder / "a/b/checkpoint", "abc", 200);
  const std::string target = folder / "a/b/checkpoint";
  EXPECT_EQ(error_of(target), "");
  EXPECT_EQ(read_manifest(target).dump(), R"({"step":200})");
  EXPECT_EQ(read_file(target + "/state/optimizer"), "abcabc");
  EXPECT_EQ(names_in(folder / "a/b"), Names{"checkpoint"});
}

TEST(AtomicDirectory, IsNotThereBeforeCommit) {
  const TemporaryDirectory folder;
  AtomicDirectory out(folder / "checkpoint");
  put(out.path() + "/weights", "abc");
  EXPECT_FALSE(fs::exists(folder / "checkpoint"));
}

TEST(AtomicDirectory, WithoutCommitNothingStays) {
  const TemporaryDirectory folder;
  {
    AtomicDirectory out(folder / "checkpoint");
    put(out.path() + "/weights", "abc");
  }
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(AtomicDirectory, ReplacesAnOldOneEntirely) {
  const TemporaryDirectory folder;
  commit_two_files(folder / "checkpoint", "old", 1);
  AtomicDirectory out(folder / "checkpoint");
  put(out.path() + "/weights", "new");
  EXPECT_EQ(read_file(folder / "checkpoint/weights"), "old");
  out.commit({{"step", 2}});
  EXPECT_EQ(error_of(folder / "checkpoint"), "");
  EXPECT_EQ(read_file(folder / "checkpoint/weights"), "new");
  EXPECT_EQ(names_in(folder / "checkpoint"), (Names{"manifest.json", "weights"}));
  EXPECT_EQ(names_in(folder.path()), Names{"checkpoint"});
}

TEST(AtomicDirectory, ACommitThatFailsKeepsTheOldOne) {
  const TemporaryDirectory folder;
  commit_two_files(folder / "checkpoint", "old", 1);
  {
    AtomicDirectory out(folder / "checkpoint");
    put(out.path() + "/weights", "new");
    const FullDisk full(10);  // the manifest no longer fits
    EXPECT_THROW(out.commit(), Error);
  }
  EXPECT_EQ(error_of(folder / "checkpoint"), "");
  EXPECT_EQ(read_file(folder / "checkpoint/weights"), "old");
  EXPECT_EQ(names_in(folder.path()), Names{"checkpoint"});
}

TEST(AtomicDirectory, ALinkCannotBeCommitted) {
  const TemporaryDirectory folder;
  AtomicDirectory out(folder / "checkpoint");
  fs::create_symlink("/etc/passwd", out.path() + "/weights");
  EXPECT_THROW(out.commit(), Error);
}

TEST(AtomicDirectory, VerifyNamesAChangedFile) {
  const TemporaryDirectory folder;
  commit_two_files(folder / "checkpoint", "abc", 1);
  put(folder / "checkpoint/state/optimizer", "abcabd");  // one bit, the same size
  const std::string error = error_of(folder / "checkpoint");
  EXPECT_NE(error.find("SHA-256"), std::string::npos) << error;
  EXPECT_NE(error.find("checkpoint/state/optimizer"), std::string::npos) << error;
}

TEST(AtomicDirectory, VerifyNamesATruncatedFile) {
  const TemporaryDirectory folder;
  commit_two_files(folder / "checkpoint", "abc", 1);
  fs::resize_file(folder / "checkpoint/weights", 2);
  EXPECT_EQ(error_of(folder / "checkpoint"),
            "the file has 2 bytes, the manifest says 3 @ " + (folder / "checkpoint/weights"));
}

TEST(AtomicDirectory, VerifyNamesAMissingFile) {
  const TemporaryDirectory folder;
  commit_two_files(folder / "checkpoint", "abc", 1);
  fs::remove(folder / "checkpoint/weights");
  EXPECT_EQ(error_of(folder / "checkpoint"),
            "the manifest names a file that is missing @ " + (folder / "checkpoint/weights"));
}

TEST(AtomicDirectory, VerifyRefusesADirectoryWithoutManifest) {
  const TemporaryDirectory folder;
  put(folder / "checkpoint/weights", "abc");
  EXPECT_NE(error_of(folder / "checkpoint").find("never finished"), std::string::npos);
  EXPECT_NE(error_of(folder / "nothing").find("never finished"), std::string::npos);
}

TEST(AtomicDirectory, VerifyIgnoresFilesOfOthers) {
  const TemporaryDirectory folder;
  commit_two_files(folder / "checkpoint", "abc", 1);
  put(folder / "checkpoint/notes.txt", "this one was good");
  EXPECT_EQ(error_of(folder / "checkpoint"), "");
}

TEST(AtomicDirectory, AManifestCannotPointOutside) {
  const TemporaryDirectory folder;
  put(folder / "secret", "");
  for (const std::string name : {"../secret", "/etc/hostname", "a/../../secret", ""}) {
    const Json manifest = {{"format", 1},
                           {"info", Json::object()},
                           {"files", Json::array({{{"name", name}, {"bytes", 0}, {"sha256", "0"}}})}};
    put(folder / "checkpoint/manifest.json", manifest.dump());
    EXPECT_NE(error_of(folder / "checkpoint").find("outside"), std::string::npos) << name;
  }
}

TEST(AtomicDirectory, AManifestOfAnotherFormatIsRefused) {
  const TemporaryDirectory folder;
  put(folder / "checkpoint/manifest.json", R"({"format": 2, "info": {}, "files": []})");
  EXPECT_NE(error_of(folder / "checkpoint").find("format 2"), std::string::npos);
}

TEST(AtomicDirectory, RemovesOnlyWhatAStoppedRunLeft) {
  const TemporaryDirectory folder;
  put(folder / "checkpoint-000100/weights", "keep");
  put(folder / "checkpoint-000200.tmp-a1B2c3/weights", "left");
  put(folder / "metrics.jsonl.tmp-XyZ123", "left");
  put(folder / "notes.tmp", "keep");
  put(folder / "notes.tmp-final", "keep");  // five characters
  put(folder / "x.tmp-ab_cde", "keep");     // not a name of ours
  EXPECT_EQ(remove_unfinished(folder.path()),
            (Names{"checkpoint-000200.tmp-a1B2c3", "metrics.jsonl.tmp-XyZ123"}));
  EXPECT_EQ(names_in(folder.path()),
            (Names{"checkpoint-000100", "notes.tmp", "notes.tmp-final", "x.tmp-ab_cde"}));
  EXPECT_TRUE(remove_unfinished(folder / "nowhere").empty());
}

// A child commits generation after generation and is killed at some moment; whatever the moment, the target
// is a whole directory of one generation, and what else is there is recognised as unfinished.
TEST(AtomicDirectory, KilledAtAnyMomentTheTargetIsWhole) {
  const TemporaryDirectory folder;
  const std::string target = folder / "checkpoint";
  commit_two_files(target, "0", 0);
  int64_t generations = 0;
  for (int round = 0; round < 25; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int64_t i = 1;; ++i) commit_two_files(target, std::to_string(i), i);
    }
    usleep(2000 + 1700 * round);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    ASSERT_EQ(error_of(target), "");
    const auto step = read_manifest(target)["step"].get<int64_t>();
    ASSERT_EQ(read_file(target + "/weights"), std::to_string(step));
    generations += step;
    remove_unfinished(folder.path());
    ASSERT_EQ(names_in(folder.path()), Names{"checkpoint"});
  }
  EXPECT_GT(generations, 25);  // the child did commit
}

}  // namespace
}  // namespace grpo

#include "core/atomic_directory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "core/file.h"
#include "tests/core/full_disk.h"
#include "tests/temporary_folder.h"

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
  const TemporaryFolder folder;
  commit_two_files(folder.file("a/b/checkpoint"), "abc", 200);
  const std::string target = folder.file("a/b/checkpoint");
  EXPECT_EQ(error_of(target), "");
  EXPECT_EQ(read_manifest(target).dump(), R"({"step":200})");
  EXPECT_EQ(read_file(target + "/state/optimizer"), "abcabc");
  EXPECT_EQ(names_in(folder.file("a/b")), Names{"checkpoint"});
}

TEST(AtomicDirectory, IsNotThereBeforeCommit) {
  const TemporaryFolder folder;
  AtomicDirectory out(folder.file("checkpoint"));
  put(out.path() + "/weights", "abc");
  EXPECT_FALSE(fs::exists(folder.file("checkpoint")));
}

TEST(AtomicDirectory, WithoutCommitNothingStays) {
  const TemporaryFolder folder;
  {
    AtomicDirectory out(folder.file("checkpoint"));
    put(out.path() + "/weights", "abc");
  }
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(AtomicDirectory, ReplacesAnOldOneEntirely) {
  const TemporaryFolder folder;
  commit_two_files(folder.file("checkpoint"), "old", 1);
  AtomicDirectory out(folder.file("checkpoint"));
  put(out.path() + "/weights", "new");
  EXPECT_EQ(read_file(folder.file("checkpoint/weights")), "old");
  out.commit({{"step", 2}});
  EXPECT_EQ(error_of(folder.file("checkpoint")), "");
  EXPECT_EQ(read_file(folder.file("checkpoint/weights")), "new");
  EXPECT_EQ(names_in(folder.file("checkpoint")), (Names{"manifest.json", "weights"}));
  EXPECT_EQ(names_in(folder.path()), Names{"checkpoint"});
}

TEST(AtomicDirectory, ACommitThatFailsKeepsTheOldOne) {
  const TemporaryFolder folder;
  commit_two_files(folder.file("checkpoint"), "old", 1);
  {
    AtomicDirectory out(folder.file("checkpoint"));
    put(out.path() + "/weights", "new");
    const FullDisk full(10);  // the manifest no longer fits
    EXPECT_THROW(out.commit(), Error);
  }
  EXPECT_EQ(error_of(folder.file("checkpoint")), "");
  EXPECT_EQ(read_file(folder.file("checkpoint/weights")), "old");
  EXPECT_EQ(names_in(folder.path()), Names{"checkpoint"});
}

TEST(AtomicDirectory, ALinkCannotBeCommitted) {
  const TemporaryFolder folder;
  AtomicDirectory out(folder.file("checkpoint"));
  fs::create_symlink("/etc/passwd", out.path() + "/weights");
  EXPECT_THROW(out.commit(), Error);
}

TEST(AtomicDirectory, VerifyNamesAChangedFile) {
  const TemporaryFolder folder;
  commit_two_files(folder.file("checkpoint"), "abc", 1);
  put(folder.file("checkpoint/state/optimizer"), "abcabd");  // one bit, the same size
  const std::string error = error_of(folder.file("checkpoint"));
  EXPECT_NE(error.find("SHA-256"), std::string::npos) << error;
  EXPECT_NE(error.find("checkpoint/state/optimizer"), std::string::npos) << error;
}

TEST(AtomicDirectory, VerifyNamesATruncatedFile) {
  const TemporaryFolder folder;
  commit_two_files(folder.file("checkpoint"), "abc", 1);
  fs::resize_file(folder.file("checkpoint/weights"), 2);
  EXPECT_EQ(error_of(folder.file("checkpoint")),
            "the file has 2 bytes, the manifest says 3 @ " + folder.file("checkpoint/weights"));
}

TEST(AtomicDirectory, VerifyNamesAMissingFile) {
  const TemporaryFolder folder;
  commit_two_files(folder.file("checkpoint"), "abc", 1);
  fs::remove(folder.file("checkpoint/weights"));
  EXPECT_EQ(error_of(folder.file("checkpoint")),
            "the manifest names a file that is missing @ " + folder.file("checkpoint/weights"));
}

TEST(AtomicDirectory, VerifyRefusesADirectoryWithoutManifest) {
  const TemporaryFolder folder;
  put(folder.file("checkpoint/weights"), "abc");
  EXPECT_NE(error_of(folder.file("checkpoint")).find("never finished"), std::string::npos);
  EXPECT_NE(error_of(folder.file("nothing")).find("never finished"), std::string::npos);
}

TEST(AtomicDirectory, VerifyIgnoresFilesOfOthers) {
  const TemporaryFolder folder;
  commit_two_files(folder.file("checkpoint"), "abc", 1);
  put(folder.file("checkpoint/notes.txt"), "this one was good");
  EXPECT_EQ(error_of(folder.file("checkpoint")), "");
}

TEST(AtomicDirectory, AManifestCannotPointOutside) {
  const TemporaryFolder folder;
  put(folder.file("secret"), "");
  for (const std::string name : {"../secret", "/etc/hostname", "a/../../secret", ""}) {
    const Json manifest = {{"format", 1},
                           {"info", Json::object()},
                           {"files", Json::array({{{"name", name}, {"bytes", 0}, {"sha256", "0"}}})}};
    put(folder.file("checkpoint/manifest.json"), manifest.dump());
    EXPECT_NE(error_of(folder.file("checkpoint")).find("outside"), std::string::npos) << name;
  }
}

TEST(AtomicDirectory, AManifestOfAnotherFormatIsRefused) {
  const TemporaryFolder folder;
  put(folder.file("checkpoint/manifest.json"), R"({"format": 2, "info": {}, "files": []})");
  EXPECT_NE(error_of(folder.file("checkpoint")).find("format 2"), std::string::npos);
}

TEST(AtomicDirectory, RemovesOnlyWhatAStoppedRunLeft) {
  const TemporaryFolder folder;
  put(folder.file("checkpoint-000100/weights"), "keep");
  put(folder.file("checkpoint-000200.tmp-a1B2c3/weights"), "left");
  put(folder.file("metrics.jsonl.tmp-XyZ123"), "left");
  put(folder.file("notes.tmp"), "keep");
  put(folder.file("notes.tmp-final"), "keep");  // five characters
  put(folder.file("x.tmp-ab_cde"), "keep");     // not a name of ours
  EXPECT_EQ(remove_unfinished(folder.path()),
            (Names{"checkpoint-000200.tmp-a1B2c3", "metrics.jsonl.tmp-XyZ123"}));
  EXPECT_EQ(names_in(folder.path()),
            (Names{"checkpoint-000100", "notes.tmp", "notes.tmp-final", "x.tmp-ab_cde"}));
  EXPECT_TRUE(remove_unfinished(folder.file("nowhere")).empty());
}

// A child commits generation after generation and is killed at some moment; whatever the moment, the target
// is a whole directory of one generation, and what else is there is recognised as unfinished. The moments are
// spread over several commits, however long one takes on this machine.
TEST(AtomicDirectory, KilledAtAnyMomentTheTargetIsWhole) {
  const TemporaryFolder folder;
  const std::string target = folder.file("checkpoint");
  const auto start = std::chrono::steady_clock::now();
  commit_two_files(target, "0", 0);
  const auto one_commit = std::chrono::steady_clock::now() - start;
  int killed_at_work = 0;
  int committed = 0;
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int64_t i = 1;; ++i) commit_two_files(target, std::to_string(i), i);
    }
    std::this_thread::sleep_for(one_commit * (3 * round + 1) / 10);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    ASSERT_EQ(error_of(target), "");
    const auto step = read_manifest(target)["step"].get<int64_t>();
    ASSERT_EQ(read_file(target + "/weights"), std::to_string(step));
    committed += step > 0;
    killed_at_work += !remove_unfinished(folder.path()).empty();
    ASSERT_EQ(names_in(folder.path()), Names{"checkpoint"});
  }
  EXPECT_GT(committed, 0);
  EXPECT_GT(killed_at_work, 0);
}

}  // namespace
}  // namespace grpo

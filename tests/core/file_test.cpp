#include "core/file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "tests/core/full_disk.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

size_t count_entries(const std::string& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(File, ReadsBackEveryByteThatWasWritten) {
  const TemporaryFolder folder;
  std::string bytes;
  for (int i = 0; i < 3000; ++i) bytes += static_cast<char>(i % 256);
  write_file_atomically(folder.file("f"), bytes);
  EXPECT_EQ(read_file(folder.file("f")), bytes);
}

TEST(File, AMissingFileIsAnErrorThatNamesIt) {
  try {
    read_file("/nowhere/at/all");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "/nowhere/at/all");
    EXPECT_NE(e.summary().find("No such file"), std::string::npos) << e.summary();
  }
}

TEST(File, AFolderIsNotReadAsAFile) {
  EXPECT_THROW(read_file("/tmp"), Error);
}

TEST(File, ReplacingLeavesNoTemporaryBehind) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("f"), "old");
  write_file_atomically(folder.file("f"), "new");
  EXPECT_EQ(read_file(folder.file("f")), "new");
  EXPECT_EQ(count_entries(folder.path()), 1u);
}

TEST(File, AFullDiskKeepsTheOldContentAndLeavesNothing) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("f"), "old");
  {
    const FullDisk full(4096);
    EXPECT_THROW(write_file_atomically(folder.file("f"), std::string(10000, 'x')), Error);
  }
  EXPECT_EQ(read_file(folder.file("f")), "old");
  EXPECT_EQ(count_entries(folder.path()), 1u);
}

TEST(File, ANewFileHasOrdinaryPermissions) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("ours"), "x");
  std::ofstream(folder.file("plain")) << "x";
  EXPECT_EQ(fs::status(folder.file("ours")).permissions(), fs::status(folder.file("plain")).permissions());
}

// The test vectors of FIPS 180-2, the last one long enough to need several reads.
TEST(File, ChecksumsAreThoseOfTheStandard) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("empty"), "");
  write_file_atomically(folder.file("abc"), "abc");
  write_file_atomically(folder.file("million"), std::string(1000000, 'a'));
  EXPECT_EQ(sha256_of_file(folder.file("empty")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of_file(folder.file("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of_file(folder.file("million")),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(File, AChecksumReadsPastOneMebibyte) {
  const TemporaryFolder folder;
  const size_t size = (size_t{1} << 20) + 5;
  write_file_atomically(folder.file("a"), std::string(size, 'a'));
  write_file_atomically(folder.file("b"), std::string(size - 1, 'a') + "b");  // differs in the last byte only
  EXPECT_NE(sha256_of_file(folder.file("a")), sha256_of_file(folder.file("b")));
}

}  // namespace
}  // namespace grpo

// What is said of a disk that refuses.

#include "core/disk_error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace grpo {
namespace {

TEST(DiskError, SaysWhatHappenedWhereAndHowToMendIt) {
  const std::vector<std::pair<int, std::string>> mended = {
      {ENOSPC, "make room"},      {EDQUOT, "make room"},   {EFBIG, "ulimit -f"}, {EROFS, "may write to"},
      {EACCES, "its permissions"}, {ENOENT, "check the path"}, {ENOTDIR, "move away"}};
  for (const auto& [code, fix] : mended) {
    const Error error = disk_error("write the file", "/a/b", code);
    EXPECT_EQ(error.summary().find("cannot write the file: "), 0u);
    EXPECT_EQ(error.where(), "/a/b");
    EXPECT_NE(error.fix().find(fix), std::string::npos) << error.fix();
  }
  EXPECT_EQ(disk_error("write the file", "/a/b", EIO).fix(), "") << "nobody here knows";
}

}  // namespace
}  // namespace grpo

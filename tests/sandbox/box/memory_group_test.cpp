// Control groups of both versions as folders of plain files. What the kernel makes of a limit is asked in box_test.cpp, of
// the version that this host has.

#include "sandbox/box/memory_group.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace grpo {
namespace {

namespace fs = std::filesystem;

class MemoryGroupFiles : public testing::Test {
 protected:
  MemoryGroupFiles() { fs::create_directories(mount_); }
  ~MemoryGroupFiles() override { fs::remove_all(mount_); }

  std::string put(const std::string& name, const std::string& text) {
    fs::create_directories((mount_ / name).parent_path());
    std::ofstream(mount_ / name) << text;
    return mount_ / name;
  }
  std::string text_of(const std::string& name) {
    std::ifstream file(mount_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Of a process whose /proc/self/cgroup is `groups`.
  std::string parent(const std::string& groups) {
    return memory_group_parent(put("own_groups", groups), mount_.string());
  }
  std::string at(const std::string& name) { return (mount_ / name).string(); }

  fs::path mount_ = fs::path(testing::TempDir()) / ("grpo-groups-" + std::to_string(getpid()));
};

TEST_F(MemoryGroupFiles, OfVersionTwoTheOwnGroupIsTheParent) {
  put("a.slice/b.scope/cgroup.controllers", "cpuset cpu io memory pids\n");
  put("a.slice/b.scope/cgroup.subtree_control", "cpu memory\n");
  EXPECT_EQ(parent("0::/a.slice/b.scope\n"), at("a.slice/b.scope"));
  EXPECT_EQ(text_of("a.slice/b.scope/cgroup.subtree_control"), "cpu memory\n") << "it was handed on already";
}

TEST_F(MemoryGroupFiles, OfVersionTwoMemoryIsHandedOnWhereItIsNotYet) {
  put("a/cgroup.controllers", "memory\n");
  put("a/cgroup.subtree_control", "");
  EXPECT_EQ(parent("0::/a\n"), at("a"));
  EXPECT_EQ(text_of("a/cgroup.subtree_control"), "+memory");
}

TEST_F(MemoryGroupFiles, OfVersionTwoInAContainerTheMountIsTheOwnGroup) {
  put("cgroup.controllers", "cpu memory\n");
  put("cgroup.subtree_control", "memory\n");
  EXPECT_EQ(parent("0::/docker/0123\n"), mount_.string());
  EXPECT_EQ(parent("0::/\n").find(mount_.string()), 0u);
}

TEST_F(MemoryGroupFiles, WithoutTheControllerThereIsNone) {
  EXPECT_EQ(parent(""), "");
  EXPECT_EQ(parent("0::/\n"), "") << "nothing is mounted";
  put("cgroup.controllers", "cpu hugetlb memory.other\n");
  put("cgroup.subtree_control", "");
  EXPECT_EQ(parent("0::/\n"), "");
  EXPECT_EQ(text_of("cgroup.subtree_control"), "");
}

TEST_F(MemoryGroupFiles, VersionOneGoesFirstWhereTheMemoryControllerIsItsOwn) {
  put("memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  put("cgroup.controllers", "hugetlb\n");
  put("cgroup.subtree_control", "");
  EXPECT_EQ(parent("5:cpu,cpuacct:/\n4:memory:/job\n0::/\n"), at("memory/job"));
  EXPECT_EQ(parent("4:memory:/elsewhere\n0::/\n"), "");
  put("memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(parent("4:net_cls,memory:/elsewhere\n0::/\n"), at("memory"));
}

constexpr int64_t kMiB = int64_t{1} << 20;

TEST_F(MemoryGroupFiles, TheCapIsWrittenAndKillsAreReadInTheWordsOfVersionTwo) {
  put("memory.max", "max\n");
  put("memory.events", "low 0\nhigh 0\nmax 41\noom 7\noom_kill 3\noom_group_kill 5\n");
  MemoryCap cap(mount_.string());
  cap.set(256 * kMiB);
  const int64_t limit = std::stoll(text_of("memory.max"));
  EXPECT_GE(limit, 256 * kMiB);
  EXPECT_LE(limit, 512 * kMiB);
  EXPECT_EQ(cap.kills(), 3);
  EXPECT_EQ(cap.times_met(), 7);
  put("memory.events", "low 0\noom 8\noom_kill 4\n");
  EXPECT_EQ(cap.kills(), 4) << "it is read anew";
  EXPECT_EQ(cap.times_met(), 8);
}

TEST_F(MemoryGroupFiles, TheCapIsWrittenAndKillsAreReadInTheWordsOfVersionOne) {
  put("memory.limit_in_bytes", "9223372036854771712\n");
  put("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 12\n");
  put("memory.failcnt", "31\n");
  MemoryCap cap(mount_.string());
  cap.set(256 * kMiB);
  const int64_t limit = std::stoll(text_of("memory.limit_in_bytes"));
  EXPECT_GE(limit, 256 * kMiB);
  EXPECT_EQ(cap.kills(), 12);
  EXPECT_EQ(cap.times_met(), 31);
}

TEST_F(MemoryGroupFiles, WithoutAGroupTheKillsOfTheHostAreCountedAndNoneIsOurLimits) {
  std::string counters;
  for (int i = 0; i < 300; ++i) counters += "nr_counter_" + std::to_string(i) + " 17\n";
  put("vmstat", counters + "drop_slab 2\noom_kill 9\nballoon_inflate 0\n");
  const Descriptor proc(open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const MemoryCap cap("", proc.get());
  EXPECT_EQ(cap.kills(), 9);
  EXPECT_EQ(cap.times_met(), 0);
}

TEST_F(MemoryGroupFiles, WithoutAGroupNothingHappens) {
  MemoryCap none, empty(mount_.string());
  none.set(kMiB);
  empty.set(kMiB);
  EXPECT_EQ(none.kills() + empty.kills(), 0);
  EXPECT_TRUE(fs::is_empty(mount_));
}

}  // namespace
}  // namespace grpo

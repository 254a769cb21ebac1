// A host without memory kills programs that stayed within their limits: that is said to be the host's doing.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "sandbox/box/memory_group.h"
#include "tests/sandbox/runner/live_runner.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMiB = int64_t{1} << 20;

bool write_to(const fs::path& path, const std::string& text) {
  std::ofstream file(path);
  return static_cast<bool>(file << text << std::flush);
}

// A control group with little memory around a runner, as a container is one. Only the runner is in it.
class SmallHost {
 public:
  explicit SmallHost(int64_t bytes) {
    const fs::path around = memory_group_parent();
    const fs::path group = around / ("grpo-small-host-" + std::to_string(getpid()));
    if (around.empty() || mkdir(group.c_str(), 0755) != 0) return;
    path_ = group;
    const bool limited = write_to(group / "memory.limit_in_bytes", std::to_string(bytes));
    if (!limited || !write_to(group / "cgroup.procs", std::to_string(getpid()))) return;
    runner_ = std::make_unique<LiveRunner>();
    write_to(around / "cgroup.procs", std::to_string(getpid()));
  }
  ~SmallHost() {
    runner_.reset();
    if (!path_.empty()) rmdir(path_.c_str());
  }
  SmallHost(const SmallHost&) = delete;
  SmallHost& operator=(const SmallHost&) = delete;

  // Null: no such group can be made here (control groups of version 2, which has no group like that, or none at all).
  LiveRunner* runner() const { return runner_.get(); }

 private:
  fs::path path_;
  std::unique_ptr<LiveRunner> runner_;
};

RunResult run(LiveRunner& runner, std::vector<std::string> words, int64_t memory_bytes) {
  RunRequest request;
  request.programs.push_back(probe(std::move(words)));
  request.programs[0].limits.memory_bytes = memory_bytes;
  return runner.run(request);
}

TEST(HostMemory, ItsLackIsAFailureOfTheSandboxAndNoLimitOfTheProgram) {
  const SmallHost host(256 * kMiB);
  if (host.runner() == nullptr) GTEST_SKIP() << "no memory control group of version 1 can be made here";
  GRPO_NEED_RUNNER(*host.runner());
  const RunResult starved = run(*host.runner(), {"allocate", "400"}, 600 * kMiB);
  EXPECT_NE(starved.failure.find("the host had no memory left"), std::string::npos)
      << starved.failure << (starved.programs.empty() ? "" : limit_name(starved.programs[0].limit));
  // Within its own limit, and killed by nobody but itself.
  const RunResult suicide = run(*host.runner(), {"kill", "9"}, 64 * kMiB);
  EXPECT_EQ(suicide.failure, "");
  ASSERT_EQ(suicide.programs.size(), 1u);
  EXPECT_EQ(suicide.programs[0].signal, SIGKILL);
  // Its own limit is still its own.
  const RunResult greedy = run(*host.runner(), {"allocate", "200"}, 64 * kMiB);
  EXPECT_EQ(greedy.failure, "");
  ASSERT_EQ(greedy.programs.size(), 1u);
  EXPECT_FALSE(greedy.programs[0].exited_with(0));
}

}  // namespace
}  // namespace grpo

#include "sandbox/box/memory_group.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "grpo-runner-";

// For the worker, a warm interpreter, and the kernel's own bookkeeping. The watch is what is exact to the page; this
// is what no program gets past.
constexpr int64_t kSlackBytes = int64_t{128} << 20;

bool write_to(const fs::path& path, const std::string& text) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool contains_word(const fs::path& path, const std::string& word) {
  std::ifstream file(path);
  for (std::string each; file >> each;) {
    if (each == word) return true;
  }
  return false;
}

// The folder of our own group, as /proc/self/cgroup names it; in a container that may be the root of what is mounted.
fs::path folder_of(const fs::path& mount, const std::string& group, const char* file) {
  std::error_code none;
  for (const fs::path& folder : {fs::path(mount.string() + group), mount}) {
    if (fs::exists(folder / file, none)) return folder;
  }
  return {};
}

// Of runners that are dead. A group with a live process in it cannot be removed: trying is safe.
void remove_left_behind(const fs::path& parent) {
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, none)) {
    const std::string name = entry.path().filename();
    pid_t runner = 0;
    if (!name.starts_with(kPrefix)) continue;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), runner);
    if (runner > 0 && kill(runner, 0) != 0 && errno == ESRCH) rmdir(entry.path().c_str());
  }
}

// The number behind the first `key` at the beginning of a line of the file; 0: there is none.
int64_t number_behind(std::string_view key, int file) {
  char text[16 << 10];
  const ssize_t got = pread(file, text, sizeof(text), 0);
  std::string_view lines(text, got > 0 ? static_cast<size_t>(got) : 0);
  while (!lines.empty()) {
    int64_t number = 0;
    if (lines.starts_with(key) &&
        std::from_chars(lines.data() + key.size(), lines.data() + lines.size(), number).ec == std::errc()) {
      return number;
    }
    lines.remove_prefix(std::min(lines.find('\n'), lines.size() - 1) + 1);
  }
  return 0;
}

bool remove_patiently(const fs::path& group) {
  for (int tries = 0; tries < 200; ++tries) {
    if (rmdir(group.c_str()) == 0 || errno != EBUSY) return true;
    usleep(5'000);
  }
  return false;
}

}  // namespace

std::string memory_group_parent(const std::string& own_groups, const std::string& mount) {
  std::ifstream groups(own_groups);
  std::string second_version;
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      group = line.substr(second + 1);
    if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      return folder_of(mount + "/memory", group, "memory.limit_in_bytes");
    }
    if (controllers.empty()) second_version = group;
  }
  const fs::path folder = folder_of(mount, second_version, "cgroup.subtree_control");
  if (folder.empty() || !contains_word(folder / "cgroup.controllers", "memory")) return {};
  const bool enabled = contains_word(folder / "cgroup.subtree_control", "memory") ||
                       write_to(folder / "cgroup.subtree_control", "+memory");
  return enabled ? folder.string() : "";
}

void remove_memory_groups(pid_t runner) {
  const fs::path parent = memory_group_parent();
  if (parent.empty()) return;
  const std::string prefix = std::string(kPrefix) + std::to_string(runner) + "-";
  std::vector<fs::path> groups;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, none)) {
    if (entry.path().filename().string().starts_with(prefix)) groups.push_back(entry.path());
  }
  for (const fs::path& group : groups) {
    if (!remove_patiently(group)) return;
  }
}

MemoryGroup MemoryGroup::make(int slot) {
  MemoryGroup group;
  const fs::path parent = memory_group_parent();
  if (parent.empty()) return group;
  if (slot == 0) remove_left_behind(parent);
  const std::string path =
      parent / (std::string(kPrefix) + std::to_string(getpid()) + "-" + std::to_string(slot));
  if (mkdir(path.c_str(), 0755) != 0) return group;
  group.path_ = path;
  // Nothing of it goes to swap, where no limit would count it. Of the two versions one has each file.
  write_to(path + "/memory.swappiness", "0");
  write_to(path + "/memory.swap.max", "0");
  return group;
}

MemoryGroup::~MemoryGroup() {
  if (!path_.empty()) rmdir(path_.c_str());
}

bool MemoryGroup::add(pid_t process) const {
  return !path_.empty() && write_to(path_ + "/cgroup.procs", std::to_string(process));
}

MemoryCap::MemoryCap(const std::string& group, int proc) {
  if (group.empty()) {
    if (proc >= 0) kills_ = Descriptor(openat(proc, "vmstat", O_RDONLY | O_CLOEXEC));
    return;
  }
  const bool first_version = fs::exists(group + "/memory.limit_in_bytes");
  limit_ = Descriptor(open((group + (first_version ? "/memory.limit_in_bytes" : "/memory.max")).c_str(),
                           O_WRONLY | O_CLOEXEC));
  const auto readable = [&](const char* file) {
    return Descriptor(open((group + file).c_str(), O_RDONLY | O_CLOEXEC));
  };
  kills_ = readable(first_version ? "/memory.oom_control" : "/memory.events");
  met_ = readable(first_version ? "/memory.failcnt" : "/memory.events");
}

void MemoryCap::set(int64_t bytes) {
  if (!limit_ || bytes == bytes_) return;
  const std::string text = std::to_string(bytes + kSlackBytes);
  bytes_ = pwrite(limit_.get(), text.data(), text.size(), 0) > 0 ? bytes : -1;
}

int64_t MemoryCap::kills() const {
  return kills_ ? number_behind("oom_kill ", kills_.get()) : 0;
}

int64_t MemoryCap::times_met() const {
  return met_ ? std::max(number_behind("", met_.get()), number_behind("oom ", met_.get())) : 0;
}

}  // namespace grpo

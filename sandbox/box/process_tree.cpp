#include "sandbox/box/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "sandbox/box/descriptor.h"

namespace grpo {
namespace {

// A runaway tree is limited by the limit on processes; this only bounds the walk.
constexpr int kProcessesMax = 4096;

// The text of a small file of /proc; empty: the process is gone.
template <size_t N>
std::string_view read_small(int proc, const char* path, char (&buffer)[N]) {
  const Descriptor file(openat(proc, path, O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const ssize_t got = read(file.get(), buffer, N - 1);
  return got > 0 ? std::string_view(buffer, static_cast<size_t>(got)) : std::string_view();
}

int64_t number_at(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return 0;
  int64_t number = 0;
  std::from_chars(text.data() + first, text.data() + text.size(), number);
  return number;
}

// "VmRSS:     123 kB" of a status file, in bytes.
int64_t kilobytes_of(std::string_view status, std::string_view key) {
  const size_t at = status.find(key);
  return at == std::string_view::npos ? 0 : number_at(status.substr(at + key.size())) * 1024;
}

template <typename Visit>
void visit_threads(int proc, pid_t pid, const Visit& visit) {
  char path[64];
  snprintf(path, sizeof(path), "%d/task", pid);
  const int folder = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  DIR* threads = fdopendir(folder);
  if (threads == nullptr) {
    close(folder);
    return;
  }
  while (const dirent* entry = readdir(threads)) {
    if (entry->d_name[0] != '.') visit(entry->d_name);
  }
  closedir(threads);
}

// Appends the numbers that a "children" file lists.
void add_children_of_thread(int proc, pid_t pid, const char* thread, std::vector<pid_t>& children) {
  char path[320], buffer[4096];
  snprintf(path, sizeof(path), "%d/task/%s/children", pid, thread);
  const Descriptor file(openat(proc, path, O_RDONLY | O_CLOEXEC));
  pid_t child = 0;  // a number may lie across two pieces
  for (ssize_t got = 1; file && got > 0;) {
    got = read(file.get(), buffer, sizeof(buffer));
    for (ssize_t i = 0; i < got; ++i) {
      if (buffer[i] >= '0' && buffer[i] <= '9') {
        child = 10 * child + (buffer[i] - '0');
      } else {
        if (child > 0) children.push_back(child);
        child = 0;
      }
    }
  }
}

// Calls visit(pid) for what is below init. Neither the stack nor open descriptors grow with the depth of the tree.
template <typename Visit>
void visit_below(int proc, pid_t init, const Visit& visit) {
  std::vector<pid_t> waiting;
  // Children belong to the thread that made them.
  const auto add_children = [&](pid_t pid) {
    visit_threads(proc, pid,
                  [&](const char* thread) { add_children_of_thread(proc, pid, thread, waiting); });
  };
  add_children(init);
  for (int left = kProcessesMax; left > 0 && !waiting.empty(); --left) {
    const pid_t pid = waiting.back();
    waiting.pop_back();
    visit(pid);
    add_children(pid);
  }
}

// Fields 14 to 17 of stat: user and system time of the process, and of the children it waited for.
int64_t ticks_of(int proc, pid_t pid) {
  char path[64], buffer[1024];
  snprintf(path, sizeof(path), "%d/stat", pid);
  std::string_view stat = read_small(proc, path, buffer);
  const size_t name_end = stat.rfind(')');  // the name may hold anything
  if (name_end == std::string_view::npos) return 0;
  stat.remove_prefix(name_end + 1);
  int64_t ticks = 0;
  for (int field = 3; field <= 17 && !stat.empty(); ++field) {
    stat.remove_prefix(std::min(stat.size(), stat.find_first_not_of(' ')));
    if (field >= 14) ticks += number_at(stat);
    stat.remove_prefix(std::min(stat.size(), stat.find(' ')));
  }
  return ticks;
}

// The second number of schedstat: nanoseconds in the queue of a processor.
int64_t waited_ns(int proc, pid_t pid, const char* thread) {
  char path[320], buffer[128];
  snprintf(path, sizeof(path), "%d/task/%s/schedstat", pid, thread);
  const std::string_view numbers = read_small(proc, path, buffer);
  const size_t second = numbers.find(' ');
  return second == std::string_view::npos ? 0 : number_at(numbers.substr(second));
}

}  // namespace

int64_t ProcessTree::waited_us() const {
  int64_t most = 0;
  visit_below(proc_, init_, [&](pid_t pid) {
    visit_threads(proc_, pid,
                  [&](const char* thread) { most = std::max(most, waited_ns(proc_, pid, thread)); });
  });
  return most / 1'000;
}

int64_t ProcessTree::cpu_us() const {
  static const int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
  int64_t ticks = ticks_of(proc_, init_);
  visit_below(proc_, init_, [&](pid_t pid) { ticks += ticks_of(proc_, pid); });
  return ticks * 1'000'000 / ticks_per_second;
}

ProcessTree::Memory ProcessTree::memory() const {
  Memory sum;
  visit_below(proc_, init_, [&](pid_t pid) {
    char path[64], buffer[4096];
    snprintf(path, sizeof(path), "%d/status", pid);
    const std::string_view status = read_small(proc_, path, buffer);
    sum.bytes += kilobytes_of(status, "\nVmRSS:") + kilobytes_of(status, "\nVmSwap:");
    sum.address_peak = std::max(sum.address_peak, kilobytes_of(status, "\nVmPeak:"));
    ++sum.processes;
  });
  return sum;
}

int64_t ProcessTree::proportional_bytes() const {
  int64_t bytes = 0;
  visit_below(proc_, init_, [&](pid_t pid) {
    char path[64], buffer[4096];
    snprintf(path, sizeof(path), "%d/smaps_rollup", pid);
    const std::string_view sums = read_small(proc_, path, buffer);
    if (!sums.empty()) {
      bytes += kilobytes_of(sums, "\nPss:") + kilobytes_of(sums, "\nSwapPss:");
      return;
    }
    // Gone, or not ours to look into (root without CAP_SYS_PTRACE, as in Docker): then all of it counts.
    snprintf(path, sizeof(path), "%d/status", pid);
    const std::string_view status = read_small(proc_, path, buffer);
    bytes += kilobytes_of(status, "\nVmRSS:") + kilobytes_of(status, "\nVmSwap:");
  });
  return bytes;
}

pid_t pid_in(int proc, int pidfd) {
  char path[64], buffer[512];
  snprintf(path, sizeof(path), "self/fdinfo/%d", pidfd);
  const std::string_view info = read_small(proc, path, buffer);
  const size_t at = info.find("Pid:");
  return at == std::string_view::npos ? -1 : static_cast<pid_t>(number_at(info.substr(at + 4)));
}

}  // namespace grpo

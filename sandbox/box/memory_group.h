#pragma once
// A control group for the memory of one slot, where the host lets us make one: the kernel's own bound, behind the watch,
// on everything that the slot's processes use, kernel buffers included. Version 1 and 2. The supervisor makes it, the
// worker sets it for each run. Hosts without one (most containers) have the watch alone.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "sandbox/box/descriptor.h"

namespace grpo {

// The folder of the control group in which new ones with a memory limit can be made; empty: nowhere. It is the one that
// this process is in (`own_groups` is written as /proc/self/cgroup is) or, in a container, the root of what is mounted. In
// version 2 a group that holds processes can hand no memory limits on: there it has to be the root, or one where they are
// handed on already.
std::string memory_group_parent(const std::string& own_groups = "/proc/self/cgroup",
                                const std::string& mount = "/sys/fs/cgroup");

// Removes the groups that a runner made, if it was killed and could not: for whoever started it. Waits a second at most
// for what is still dying in them.
void remove_memory_groups(pid_t runner);

// The supervisor's side: makes the group, removes it in the end.
class MemoryGroup {
 public:
  MemoryGroup() = default;  // none
  // A new group inside the one that this process is in; an empty one if the host does not allow it. Removes what
  // runners that were killed left behind.
  static MemoryGroup make(int slot);
  ~MemoryGroup();  // removes it: nothing may be alive in it
  MemoryGroup(MemoryGroup&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  MemoryGroup& operator=(MemoryGroup&& other) noexcept {
    path_.swap(other.path_);
    return *this;
  }

  // Moves a process into it. False: it is gone.
  bool add(pid_t process) const;
  const std::string& path() const { return path_; }  // empty: none

 private:
  std::string path_;
};

// The worker's side, which keeps working when the group can no longer be reached by name. Tells kills that a full group
// brought on from those of a host (or a container around us) that had no memory left: the kernel counts both as kills in
// the group, but the group's own limit was met in the first case only.
class MemoryCap {
 public:
  MemoryCap() = default;  // no group: nothing happens, and nothing is counted
  // `proc`: descriptor of a /proc, not needed afterwards; -1: none.
  explicit MemoryCap(const std::string& group, int proc = -1);

  // From now on the slot may use so much, and what the worker itself needs.
  void set(int64_t bytes);
  // Processes that the kernel killed in the group so far, for lack of memory; without a group, on the whole host.
  int64_t kills() const;
  // How often the group's own limit was met so far. Without a group: never.
  int64_t times_met() const;

 private:
  Descriptor limit_;
  Descriptor kills_;  // the file with a line "oom_kill N"
  Descriptor met_;    // version 1: a file with a number; version 2: the one with a line "oom N"
  int64_t bytes_ = -1;
};

}  // namespace grpo

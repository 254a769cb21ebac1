#pragma once
// What the host itself denies to a sandbox, asked by bare system calls and by nothing of the sandbox's own code. A test
// whose sandbox did not start skips where the host is to blame, and fails where it is not: else a sandbox that we broke
// would look like a host that has none.

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>

#include "sandbox/tier.h"

namespace grpo {
namespace host {

// 0, or the errno of what failed in a child of its own. `namespaces`: CLONE_NEW* of that child. `attempt` makes system
// calls only (this process may have threads), and returns 0 or an errno.
inline int in_child(uint64_t namespaces, int (*attempt)()) {
  clone_args arguments = {};
  arguments.flags = namespaces;
  arguments.exit_signal = SIGCHLD;
  const long child = namespaces == 0 ? fork() : syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child == 0) _exit(attempt());
  if (child < 0) return errno;
  int status = 0;
  while (waitpid(static_cast<pid_t>(child), &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

// A filter that allows everything.
inline int try_filter() {
  struct Instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
  } allow = {0x06 /* return */, 0, 0, 0x7fff0000U /* allow */};
  struct {
    unsigned short length;
    Instruction* code;
  } program = {1, &allow};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return syscall(SYS_seccomp, 1U /* set filter */, 0U, &program) == 0 ? 0 : errno;
}

inline int try_other_user() {
  constexpr uid_t kOther = 59'999;  // the last that the runner may take where there are no more than 65536
  if (setgroups(0, nullptr) != 0 || setresgid(kOther, kOther, kOther) != 0) return errno;
  return setresuid(kOther, kOther, kOther) == 0 ? 0 : errno;
}

// The mounts of a box, in a new user and mount namespace. The kernel has made its mounts receive from the host's and
// never send: what is mounted here is seen by nobody else, and goes with this process.
inline int try_mounts() {
  const long file_system = syscall(SYS_fsopen, "tmpfs", 0U);
  if (file_system < 0) return errno;
  if (syscall(SYS_fsconfig, file_system, 6U /* create */, nullptr, nullptr, 0) != 0) return errno;
  if (syscall(SYS_fsmount, file_system, 0U, 0U) < 0) return errno;
  uint64_t read_only[4] = {1, 0, 0, 0};
  constexpr long kMountSetAttributes = 442;
  constexpr unsigned kRecursive = 0x8000;
  return syscall(kMountSetAttributes, AT_FDCWD, "/", kRecursive, read_only, sizeof(read_only)) == 0 ? 0 : errno;
}

// Fails with EPERM where a part of the host's /proc is covered.
inline int try_proc() {
  return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0 ? 0 : errno;
}

inline std::string reason(const char* what, int error) {
  return std::string("this host denies ") + what + ": " + std::strerror(error);
}

// What stands in the way of boxes in namespaces.
inline std::string denied_to_namespaces(bool with_proc) {
  constexpr uint64_t kAll =
      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;
  if (const int error = in_child(kAll, [] { return 0; })) return reason("new namespaces", error);
  if (const int error = in_child(kAll, try_mounts)) return reason("mounts in new namespaces", error);
  if (!with_proc) return {};
  if (const int error = in_child(kAll, try_proc)) return reason("a new /proc", error);
  return {};
}

}  // namespace host

// Why this host cannot have a sandbox of `tier` or better, of which sandbox/tier.h says what it is made; empty: it can.
inline std::string host_denies(Tier tier) {
  constexpr long kLandlockOfFiles = 1, kLandlockOfSockets = 4;
  if (const int error = host::in_child(0, host::try_filter)) return host::reason("seccomp filters", error);
  const bool root = geteuid() == 0;
  const int other_user = root ? host::in_child(0, host::try_other_user) : 0;
  const std::string no_other_user = other_user == 0 ? "" : host::reason("other user ids to root", other_user);
  const std::string denied = host::denied_to_namespaces(tier == Tier::kT1);
  if (denied.empty()) return no_other_user;
  if (at_least(tier, Tier::kT2)) return denied;
  if (tier == Tier::kT3 && !root) return denied + ", and this user is not root";
  if (tier == Tier::kT3 && other_user != 0) return denied + "; " + no_other_user;
  const long landlock = syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U /* asks for its version */);
  const long least = root && other_user == 0 ? kLandlockOfFiles : kLandlockOfSockets;
  return landlock >= least ? "" : denied + ", and the Landlock of its kernel is too old, or there is none";
}

}  // namespace grpo

// Ends a test (in its body, or in SetUp) whose sandbox of at least `tier` did not start; `why`: what its Error said.
#define GRPO_NO_SANDBOX(tier, why)                                                                   \
  do {                                                                                               \
    const std::string denied_by_host = ::grpo::host_denies(tier);                                    \
    if (!denied_by_host.empty()) GTEST_SKIP() << denied_by_host << "\n" << (why);                    \
    FAIL() << "this host allows a sandbox of " << ::grpo::tier_name(tier) << ", and none started:\n" \
           << (why);                                                                                 \
  } while (false)

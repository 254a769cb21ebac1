#include "sandbox/box/host_box.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "sandbox/box/box_step.h"
#include "sandbox/box/kernel.h"

namespace grpo {
namespace {

constexpr int kProcessesMost = 16'384;  // of the host, in one look
constexpr int kHelperTries = 20;

struct Entry {
  pid_t id;
  pid_t parent;
};

// What getdents64 fills in; the C library has no name for it.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  unsigned short bytes;
  unsigned char type;
  char name[];
};

// 0: not a number.
pid_t number_in(const char* text) {
  pid_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) number = 10 * number + (*text - '0');
  return *text == 0 || *text == ' ' ? number : 0;
}

pid_t parent_of(int proc, const char* name) {
  char path[64] = {};
  std::strncpy(path, name, 32);
  std::strcat(path, "/stat");
  const int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  char text[256];  // "pid (name of at most 15 characters) state parent ..."
  const ssize_t got = read(file, text, sizeof(text) - 1);
  close(file);
  if (got <= 0) return -1;
  text[got] = 0;
  const char* name_end = std::strrchr(text, ')');
  return name_end != nullptr && std::strlen(name_end) > 4 ? number_in(name_end + 4) : -1;
}

// All processes of the host; no allocation.
int look_at_processes(int proc, Entry* entries) {
  alignas(DirectoryEntry) char buffer[8192];
  int count = 0;
  lseek(proc, 0, SEEK_SET);
  long got = 0;
  while ((got = syscall(SYS_getdents64, proc, buffer, sizeof(buffer))) > 0) {
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->bytes;
      const pid_t id = number_in(entry->name);
      if (id > 0 && count < kProcessesMost) entries[count++] = {id, parent_of(proc, entry->name)};
    }
  }
  return count;
}

// Kills a child with all of its process group, which the kernel does at once: nobody in it forks out of the way. A program
// begins with a session of its own, so that no group in another session than ours has a stranger in it.
void kill_child(pid_t child) {
  const pid_t group = getpgid(child), session = getsid(child);
  if (group > 1 && group != getpgrp() && session > 0 && session != getsid(0)) kill(-group, SIGKILL);
  kill(child, SIGKILL);
}

// Kills the children that the kernel lists in `list`, a "children" file. Only children: who loses its parent becomes ours,
// so that the next round reaches it. A round takes microseconds, less than a fork, so that no chain of processes that
// fork and exit runs away from it for long; a look at all of /proc would be too slow.
void kill_children(int list) {
  char text[4096];  // "12 345 ": those that do not fit are there in the next round
  const ssize_t got = pread(list, text, sizeof(text), 0);
  pid_t child = 0;
  for (ssize_t i = 0; i < got; ++i) {
    if (text[i] >= '0' && text[i] <= '9') {
      child = 10 * child + (text[i] - '0');
    } else {
      if (child > 0) kill_child(child);
      child = 0;
    }
  }
}

// For kernels that list no children. Kills what is below this process. True if there was anything.
bool kill_below(int proc, Entry* entries) {
  const int count = look_at_processes(proc, entries);
  const pid_t self = getpid();
  bool any = false;
  // An entry whose id is negated is known to be below; until a whole round finds no more.
  for (bool found = true; found;) {
    found = false;
    for (int i = 0; i < count; ++i) {
      if (entries[i].id < 0) continue;
      bool below = entries[i].parent == self;
      for (int j = 0; j < count && !below; ++j) below = entries[j].id == -entries[i].parent;
      if (!below) continue;
      kill(entries[i].id, SIGKILL);
      entries[i].id = -entries[i].id;
      found = any = true;
    }
  }
  return any;
}

// True if nothing is left to wait for.
bool reap_the_dead() {
  for (;;) {
    const pid_t ended = waitpid(-1, nullptr, WNOHANG | __WALL);
    if (ended < 0 && errno == EINTR) continue;
    if (ended < 0) return true;  // ECHILD
    if (ended == 0) return false;
  }
}

[[noreturn]] void kill_as(uint32_t user) {
  const bool changed = syscall(SYS_setgroups, 0, nullptr) == 0 &&
                       syscall(SYS_setresgid, user, user, user) == 0 &&
                       syscall(SYS_setresuid, user, user, user) == 0;
  // Were this still root, the next line would end the machine.
  if (!changed || user == 0 || getuid() != user || geteuid() != user) _exit(1);
  kill(-1, SIGKILL);
  _exit(0);
}

// The kernel sends the signal to all of them at once: nobody forks out of its way.
bool kill_user(uint32_t user) {
  const pid_t helper = fork();
  if (helper < 0) return false;
  if (helper == 0) kill_as(user);
  int status = 0;
  while (waitpid(helper, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Until nothing below this process lives.
void end_box(const BoxPlan& plan) {
  if (reap_the_dead()) return;  // the usual case: the program has ended and left nobody
  if (plan.change_user) {
    for (int i = 0; i < kHelperTries; ++i) {
      if (!kill_user(plan.user)) continue;  // it was killed by one of those it was to kill
      while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
      }
      return;
    }
  }
  const int children = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  while (children >= 0) {
    kill_children(children);
    if (reap_the_dead()) return;
    sched_yield();  // the killed need a moment to die
  }
  static Entry entries[kProcessesMost];
  const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const timespec moment{.tv_sec = 0, .tv_nsec = 200'000};
  while (!reap_the_dead()) {
    if (!kill_below(proc, entries)) nanosleep(&moment, nullptr);
  }
}

[[noreturn]] void fail_in_init(const BoxPlan& plan, BoxStep step) {
  write_report(plan.report, {BoxReport::kNotIsolated, errno, static_cast<int32_t>(step), 0});
  _exit(125);
}

[[noreturn]] void reap_until_end(const BoxPlan& plan, pid_t program, const sigset_t& signals) {
  const auto report = static_cast<unsigned>(plan.report);
  if (report > 0) kernel::close_range(0, report - 1, 0);
  kernel::close_range(report + 1, ~0U, 0);
  for (;;) {
    if (sigwaitinfo(&signals, nullptr) == SIGTERM) break;
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG | __WALL)) > 0 && ended != program) {
    }
    if (ended != program) continue;
    write_report(plan.report, {BoxReport::kEnded, status, 0, 0});
    break;
  }
  end_box(plan);
  _exit(0);
}

void become_init(const BoxPlan& plan, pid_t parent) {
  if (prctl(PR_SET_DUMPABLE, 0) != 0) fail_in_init(plan, BoxStep::kDumpable);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) {
    fail_in_init(plan, BoxStep::kFork);
  }
  if (fchdir(plan.files) != 0) fail_in_init(plan, BoxStep::kFolder);
}

}  // namespace

BoxStart start_host_box(const BoxPlan& plan, Next next) {
  BoxStart start;
  const pid_t parent = getpid();
  const long init = kernel::clone_plain(SIGCHLD, start.descriptor);
  if (init != 0) {
    start.error = init < 0 ? errno : 0;
    start.init = static_cast<pid_t>(init);
    return start;
  }
  sigset_t signals, before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, &before);
  become_init(plan, parent);
  const pid_t program = fork();
  if (program < 0) fail_in_init(plan, BoxStep::kFork);
  if (program > 0) reap_until_end(plan, program, signals);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (!restrict_program(plan, next)) _exit(126);
  start.init = 0;
  start.descriptor = -1;
  return start;
}

}  // namespace grpo

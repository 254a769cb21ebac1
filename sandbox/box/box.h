#pragma once
// One program's box, from the moment its files and pipes are ready until the program runs. The steps are kept apart so
// that each has more than one way:
//
//   prepare   the worker, ordinary C++: makes /box, the pipes and the Landlock ruleset, and fills in a BoxPlan
//   isolate   execute_box, fork_box, start_box: clones an init into new pid, mount and ipc namespaces; init mounts /box and
//             /proc, forks the program, reaps all that is orphaned to it, says how the program ended, and ends, and
//             with it all that is left in the box. (Tiers T3 and T4 isolate otherwise, and use the other steps as they are.)
//   restrict  restrict_program, in the program's own process: limits, user id, no capabilities, Landlock, seccomp, no
//             descriptors but 0, 1, 2 and the peer. Nothing of it can be undone.
//   execute   execute_program; or the process simply goes on: an interpreter forked warm runs the program itself
//   watch     the worker: clock, memory, pipes; it kills the init, and reaps it
//
// The worker calls execute_box for what is executed. For warm interpreters it sends the plan over a socket
// (plan_message.h) to a process that it forked before (a child of the worker, in its namespaces), which calls
// fork_box: the init becomes the worker's child, not the interpreter's.
//
// Everything declared here is async-signal-safe: no allocation, no locks, no exceptions. It works in a fork of any
// process, Python's included, and what runs in the init and the program does not even write errno.

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>

namespace grpo {

inline constexpr int kPlanLimits = 12;
inline constexpr int kPlanFilterMax = 384;

// All that start_box and restrict_program need; may be copied bytewise. Descriptors are borrowed, and 10 or above, so
// that they are out of the way of the program's own. -1: there is none.
struct BoxPlan {
  // Descriptors, in this order when they travel with the plan.
  static constexpr int kDescriptors = 8;
  int files = -1;  // a mount of /box's tmpfs that is nowhere attached yet (fsmount)
  int input = -1;  // the program's descriptors 0, 1, 2
  int output = -1;
  int error = -1;
  int peer = -1;        // its descriptor 3
  int report = -1;      // writing end of a pipe, takes BoxReports
  int ruleset = -1;     // Landlock; -1: the kernel has none
  int executable = -1;  // what execute_program runs; -1: the file argv[0]

  bool namespaces = true;    // false: host_box.h
  uint32_t user = 0;         // user and group id of the program, as seen inside the worker's user namespace
  bool change_user = false;  // false: the worker has that id already (started by an ordinary user)
  bool new_proc = false;     // mount a /proc of the box's own; false: an empty folder (T2)
  struct {
    int resource;
    rlimit value;
  } limits[kPlanLimits] = {};
  int num_limits = 0;
  // The part of the seccomp filter that is put on the program; the other part its worker already has on itself.
  sock_filter filter[kPlanFilterMax] = {};
  int num_filter = 0;
};

// What the box says over BoxPlan::report: the init when the program has ended, or whoever failed before anything
// untrusted ran.
struct BoxReport {
  enum Kind : int32_t { kEnded = 1, kNotIsolated = 2, kNotRestricted = 3, kNotExecuted = 4 };
  int32_t kind = 0;
  int32_t status = 0;  // kEnded: the program's wait status. Otherwise errno
  int32_t step = 0;    // otherwise: which step, see box_step_name
  int32_t reserved = 0;
};

// "mounting /proc", for a message.
const char* box_step_name(int step);

struct BoxStart {
  // The init as the caller's pid namespace numbers it; 0: this is the program, restricted, with its descriptors in
  // place, and the caller lets it run; -1: nothing was started, see `error`.
  pid_t init = -1;
  int descriptor = -1;  // pidfd of init, close-on-exec, owned by the caller
  int error = 0;        // errno
};

// What the program's process does once it is restricted.
enum class Next { kExecutes, kReturns };

// `next`: as in restrict_program. Returns twice: in the caller, and as the program, in its box. Failures inside the box
// arrive as a BoxReport.
BoxStart start_box(const BoxPlan& plan, Next next);

// Where an init of fork_box lives: in the memory of the process that it was cloned from, which goes on meanwhile.
struct InitPlace {
  alignas(64) char stack[32 << 10];
  uint32_t state = 0;
};

// As many boxes of one caller may be alive at once; a worker has two. Outlives the inits.
struct InitPlaces {
  InitPlace all[4];
};

// start_box for a caller that has much memory and one thread, and whose fork is the program: the memory is copied once, for
// the program, and not for the init. The init becomes a child of the caller's parent. Nothing untrusted may reach the
// init: the caller has no signal handlers (what it ignores, or leaves at its default, does not reach an init). Returns
// twice, when the program has been forked: in the caller, and as the program, restricted with Next::kReturns. Afterwards
// the plan is not needed. start.error EAGAIN: no place is vacant. Needs plan.namespaces, and kRawCalls (raw_call.h).
BoxStart fork_box(const BoxPlan& plan, InitPlaces& places);

// What the init of execute_box and the program before its execution stand on.
struct BoxStacks {
  alignas(64) char init[32 << 10];
  alignas(64) char program[32 << 10];
  alignas(64) char execution[64];
};

// start_box and execute_program in one, in half the time: init lives in the caller's memory instead of a copy, and so
// does the program until it is executed. The plan, the texts and the stacks must stay as they are until the init has
// ended. Returns in the caller only.
BoxStart execute_box(const BoxPlan& plan, char* const* arguments, char* const* environment,
                     BoxStacks& stacks);

// Restricts the calling process, which becomes the program. kExecutes: the plan's other descriptors stay open until
// execution, for execute_program. kReturns: they are closed. False: a BoxReport was written to plan.report; the caller
// must end the process.
bool restrict_program(const BoxPlan& plan, Next next);

// Replaces the process by the program, or writes a BoxReport and ends with code 127.
[[noreturn]] void execute_program(const BoxPlan& plan, char* const* arguments, char* const* environment);

}  // namespace grpo

#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <new>

#include "sandbox/box/box.h"
#include "sandbox/box/box_step.h"
#include "sandbox/box/host_box.h"
#include "sandbox/box/kernel.h"
#include "sandbox/box/raw_call.h"

// Nothing of an init uses errno or allocates: in execute_box the worker's memory is also ours, in fork_box the interpreter's.

namespace grpo {
namespace {

constexpr uint64_t kNamespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_PIDFD;

[[noreturn]] void fail_in_init(const BoxPlan& plan, BoxStep step, long result) {
  write_report(plan.report,
               {BoxReport::kNotIsolated, static_cast<int32_t>(-result), static_cast<int32_t>(step), 0});
  _exit(125);
}

[[noreturn]] void leave(int code) {
  for (;;) raw_call(SYS_exit_group, code);
}

// Reaps until the program has ended; kills and reaps what it left behind, so that their times are counted; says how it
// ended, and ends. The plan may be gone by now.
[[noreturn]] void reap_until_end(int report, pid_t program) {
  raw_call(SYS_close_range, 0U, static_cast<unsigned>(report) - 1, 0U);
  raw_call(SYS_close_range, static_cast<unsigned>(report) + 1, ~0U, 0U);
  for (;;) {
    int status = 0;
    const long ended = raw_call(SYS_wait4, -1, &status, __WALL, nullptr);
    if (ended < 0 && ended != -EINTR) leave(124);
    if (ended != program || (!WIFEXITED(status) && !WIFSIGNALED(status))) continue;
    raw_call(SYS_kill, -1, SIGKILL);
    for (long left = 1; left > 0 || left == -EINTR;) left = raw_call(SYS_wait4, -1, nullptr, __WALL, nullptr);
    write_report(report, {BoxReport::kEnded, status, 0, 0});
    leave(0);
  }
}

void isolate(const BoxPlan& plan) {
  // Nobody in the box reads or changes this process: not even one of the same user id.
  if (const long result = raw_call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0); result < 0) {
    fail_in_init(plan, BoxStep::kDumpable, result);
  }
  if (plan.new_proc) {
    constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    const long result = raw_call(SYS_mount, "proc", "/proc", "proc", kFlags, nullptr);
    if (result < 0) fail_in_init(plan, BoxStep::kProc, result);
  }
  const long moved = raw_call(SYS_move_mount, plan.files, "", AT_FDCWD, "/box", kernel::kMoveMountEmptyPath);
  if (moved < 0) fail_in_init(plan, BoxStep::kFiles, moved);
  if (const long result = raw_call(SYS_chdir, "/box"); result < 0)
    fail_in_init(plan, BoxStep::kFolder, result);
}

struct Execution {
  const BoxPlan& plan;
  char* const* arguments;
  char* const* environment;
  BoxStacks& stacks;
};

int program_main(void* pointer) {
  const Execution& execution = *static_cast<const Execution*>(pointer);
  if (!restrict_program(execution.plan, Next::kExecutes)) _exit(126);
  execute_program(execution.plan, execution.arguments, execution.environment);
}

int init_main(void* pointer) {
  const Execution& execution = *static_cast<const Execution*>(pointer);
  isolate(execution.plan);
  // Waits until the program has left this memory for its own. Writes errno only if it fails.
  const int program = clone(program_main, execution.stacks.program + sizeof(execution.stacks.program),
                            CLONE_VM | CLONE_VFORK | SIGCHLD, pointer);
  if (program < 0) fail_in_init(execution.plan, BoxStep::kFork, -EAGAIN);
  reap_until_end(execution.plan.report, program);
}

// InitPlace::state. The kernel writes the first when the init has ended.
constexpr uint32_t kVacant = 0, kStarting = 1, kForked = 2;

struct Fork {
  const BoxPlan& plan;
  InitPlace& place;
  jmp_buf& caller;
};

// Until it has forked, its caller waits: so far it acts as if it were the caller, whose memory and thread it has.
int forking_init_main(void* pointer) {
  const Fork& of_caller = *static_cast<const Fork*>(pointer);
  const int report = of_caller.plan.report;
  uint32_t* const state = &of_caller.place.state;
  isolate(of_caller.plan);
  // fork() of the C library: we were cloned behind its back, and the program shall find its own id in order.
  const pid_t program = fork();
  if (program == 0) longjmp(of_caller.caller, 1);
  if (program < 0) fail_in_init(of_caller.plan, BoxStep::kFork, -errno);
  __atomic_store_n(state, kForked, __ATOMIC_RELEASE);
  raw_call(SYS_futex, state, FUTEX_WAKE, 1, nullptr);
  reap_until_end(report, program);
}

InitPlace* vacant(InitPlaces& places) {
  for (InitPlace& place : places.all) {
    if (__atomic_load_n(&place.state, __ATOMIC_ACQUIRE) == kVacant) return &place;
  }
  return nullptr;
}

// Returns when the init has forked or is dead.
[[gnu::noinline]] BoxStart clone_forking_init(const BoxPlan& plan, InitPlace* place, jmp_buf& caller) {
  BoxStart start;
  if (place == nullptr) {
    start.error = EAGAIN;
    return start;
  }
  Fork fork{plan, *place, caller};
  place->state = kStarting;
  constexpr auto kFlags =
      static_cast<int>(kNamespaces | CLONE_VM | CLONE_PARENT | CLONE_CHILD_CLEARTID);
  start.init = clone(forking_init_main, place->stack + sizeof(place->stack), kFlags, &fork, &start.descriptor, nullptr,
                     &place->state);
  if (start.init < 0) {
    start.error = errno;
    place->state = kVacant;
    return start;
  }
  while (__atomic_load_n(&place->state, __ATOMIC_ACQUIRE) == kStarting) {
    raw_call(SYS_futex, &place->state, FUTEX_WAIT, kStarting, nullptr);
  }
  return start;
}

}  // namespace

BoxStart start_box(const BoxPlan& plan, Next next) {
  if (!plan.namespaces) return start_host_box(plan, next);
  BoxStart start;
  clone_args arguments{};
  arguments.flags = kNamespaces;
  arguments.pidfd = reinterpret_cast<uint64_t>(&start.descriptor);
  arguments.exit_signal = SIGCHLD;
  const long init = kernel::clone3(arguments);
  if (init != 0) {
    start.error = init < 0 ? errno : 0;
    start.init = static_cast<pid_t>(init);
    return start;
  }
  isolate(plan);
  const pid_t program = fork();
  if (program < 0) fail_in_init(plan, BoxStep::kFork, -errno);
  if (program > 0) reap_until_end(plan.report, program);
  if (!restrict_program(plan, next)) _exit(126);
  start.init = 0;
  start.descriptor = -1;
  return start;
}

BoxStart fork_box(const BoxPlan& plan, InitPlaces& places) {
  jmp_buf here;
  if (_setjmp(here) == 0) return clone_forking_init(plan, vacant(places), here);
  if (!restrict_program(plan, Next::kReturns)) _exit(126);
  BoxStart program;
  program.init = 0;
  return program;
}

BoxStart execute_box(const BoxPlan& plan, char* const* arguments, char* const* environment,
                     BoxStacks& stacks) {
  BoxStart start;
  if (!kRawCalls || !plan.namespaces) {
    start = start_box(plan, Next::kExecutes);
    if (start.init == 0) execute_program(plan, arguments, environment);
    return start;
  }
  static_assert(sizeof(Execution) <= sizeof(stacks.execution));
  auto* const execution = new (stacks.execution) Execution{plan, arguments, environment, stacks};
  start.init = clone(init_main, stacks.init + sizeof(stacks.init),
                     static_cast<int>(kNamespaces | CLONE_VM | SIGCHLD), execution, &start.descriptor);
  if (start.init < 0) start.error = errno;
  return start;
}

}  // namespace grpo

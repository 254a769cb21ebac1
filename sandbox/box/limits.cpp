#include "sandbox/box/limits.h"

#include <sys/resource.h>

#include <algorithm>

namespace grpo {
namespace {

// Address space that a program needs beside what it counts as its memory: code, libraries, stacks' guards.
constexpr int64_t kAddressSlack = int64_t{32} << 20;

// Never more than this process may have itself (`ulimit -H`): in a box nobody could raise it.
void set(BoxPlan& plan, int resource, uint64_t value) {
  rlimit ours = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  getrlimit(static_cast<__rlimit_resource>(resource), &ours);
  const uint64_t most = std::min<uint64_t>(value, ours.rlim_max);
  plan.limits[plan.num_limits++] = {resource, {most, most}};
}

}  // namespace

int64_t watched_memory_bytes(const Limits& limits) {
  return limits.memory_bytes + (limits.reserve_freely ? 0 : kAddressSlack);
}

void set_resource_limits(BoxPlan& plan, const Limits& limits, int64_t others) {
  plan.num_limits = 0;
  const auto memory = static_cast<uint64_t>(limits.memory_bytes);
  if (limits.reserve_freely) {
    set(plan, RLIMIT_DATA, memory);
    set(plan, RLIMIT_STACK, static_cast<uint64_t>(limits.stack_limit_bytes()));
  } else {
    set(plan, RLIMIT_AS, memory + kAddressSlack);
    // Unlimited: the stack may grow up to RLIMIT_AS. A number would also be the size of the stack of every new thread,
    // and the second thread would not fit.
    set(plan, RLIMIT_STACK,
        limits.stack_bytes > 0 ? static_cast<uint64_t>(limits.stack_bytes) : RLIM_INFINITY);
  }
  set(plan, RLIMIT_NPROC, static_cast<uint64_t>(limits.processes + others));
  set(plan, RLIMIT_NOFILE, static_cast<uint64_t>(limits.open_files));
  set(plan, RLIMIT_FSIZE, static_cast<uint64_t>(limits.file_bytes));
  // 1, not 0: it also keeps the kernel from starting a core handler outside.
  set(plan, RLIMIT_CORE, 1);
  // Behind the worker's clock, which sums all processes: each alone ends here at the latest.
  set(plan, RLIMIT_CPU, static_cast<uint64_t>(std::max<int64_t>(limits.cpu_ms, 0) / 1000 + 2));
  set(plan, RLIMIT_MEMLOCK, 0);
  set(plan, RLIMIT_RTPRIO, 0);
  set(plan, RLIMIT_NICE, 0);
  set(plan, RLIMIT_MSGQUEUE, 0);
  set(plan, RLIMIT_SIGPENDING, 256);
}

}  // namespace grpo

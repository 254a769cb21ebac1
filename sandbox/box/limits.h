#pragma once
// The part of Limits that the kernel enforces on the program's processes by itself: resource limits. The rest (time,
// memory in all, output) is the worker's watch.

#include "sandbox/box/box.h"
#include "sandbox/limits.h"

namespace grpo {

// Fills plan.limits, with no more than the calling process may have itself. others: processes of the same user id that
// the kernel counts with the program's.
//
// A native program's address space ends a little above memory_bytes, since code and libraries take room too. Up to there
// a program may grow before it is stopped, in every way of growing: so a recursion without end is always a segmentation
// fault, never a race with the watch. One that used more than memory_bytes and ends well has exceeded its limit all the
// same.
void set_resource_limits(BoxPlan& plan, const Limits& limits, int64_t others);

// The memory at which the watch ends a program.
int64_t watched_memory_bytes(const Limits& limits);

}  // namespace grpo

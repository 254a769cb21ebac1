#pragma once
// A handful of attacks that must fail, run as any other program over the first slot that a runner makes, before any of its
// slots takes part: what the tier promises is tried on this very host, with this very kernel, each time that a runner
// starts. The other slots, and those made anew later, are made by the same code with the same settings. A few milliseconds.

#include "sandbox/tier.h"

namespace grpo {

// Throws Error that lists every attack that came through, or what kept the test from running.
void self_test(int slot_socket, Tier tier);

}  // namespace grpo

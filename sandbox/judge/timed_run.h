#pragma once
// Runs whose time decides. Caches that others fill make a program need more processor time than it would by itself, so
// that a limit met by a little says little: such a run is repeated once, and the better of the two counts.

#include "sandbox/sandbox.h"

namespace grpo {

// Runs a request of one or two programs; the last is the one whose time counts, within its Program::limits. It may
// compute up to a fifth longer than they allow, so that "a little" can be told from an endless loop, but what took
// longer than they allow comes back as LimitFired::kCpu all the same. Repeated, within the limits as they are, is only
// a run that came to its own end within that fifth: whatever a program does costs at most 2.2 times its limit on
// processor time, and its limit on the wall twice. Time that passes on the wall while others have the processor is the
// runner's to leave out (Limits::wall_ms), and no reason to repeat. A run that the sandbox failed is tried once more.
// Safe to call from many threads.
RunResult run_timed(Sandbox& sandbox, const RunRequest& request);

}  // namespace grpo

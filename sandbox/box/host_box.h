#pragma once
// A box on a host without namespaces (tiers T3 and T4). Its init is an ordinary process that adopts all that the program
// leaves behind, and does not end before everything below it is dead: when the program ends, when it is told to
// (SIGTERM), or when the worker dies. Root puts each program under a user id of its own, and ends them by a kill of
// all that runs under that id; an ordinary user cannot, and ends them by walking the tree until it is empty.

#include "sandbox/box/box.h"

namespace grpo {

// start_box where plan.namespaces is false; plan.files is the folder that the program starts in. To end the box, send
// SIGTERM to the init. Async-signal-safe.
BoxStart start_host_box(const BoxPlan& plan, Next next);

}  // namespace grpo

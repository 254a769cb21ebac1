#pragma once
// How the rows of a decode step are spread over threads.

#include <cstdint>

#include "policy/policy.h"

namespace grpo {

// Into how many parts, each a forward pass of its own on a thread of its own, a step of `rows` rows is best cut: the
// number of threads or 1. A small model's operators are so short on a CPU that threads spend their time meeting, and while
// one part waits for its keys and values from memory, another computes. But each part reads all weights, which pays while
// they fit into the processor's cache, and wants rows enough for whole vectors. Rows have the same bits either way, which
// is known of the products of policy/kernels/product.h alone; a policy that counts the load of its experts is not cut.
int64_t decode_parts(const Policy& policy, int64_t rows);

}  // namespace grpo

#pragma once
// How evenly a step's tokens were spread over the experts. Counting is the policy's (record_expert_load);
// this is what the counts are boiled down to.

#include <ATen/ATen.h>

#include <vector>

#include "core/json.h"

namespace grpo {

// `load`: Policy::expert_load(), before the counts are reset. Adds, as means over the MoE layers that saw a
// token (NaN if none did):
//   moe/max_violation  load of the busiest expert / mean load - 1; 0 is perfect balance (arXiv 2408.15664)
//   moe/load_entropy   entropy of the distribution over experts / log E: 1 is perfect balance, 0 one expert
// and moe/dead_experts, the experts of all those layers together that got no token. A policy without experts
// gets no metrics. One copy from the device.
void add_expert_load_metrics(const std::vector<at::Tensor>& load, Json& metrics);

}  // namespace grpo

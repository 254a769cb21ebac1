#pragma once
// How long the completions of a rollout are, for the log.

#include <vector>

#include "core/json.h"
#include "core/types.h"

namespace grpo {

// Adds completions/{mean,min,max}_length, of all samples, completions/{mean,min,max}_terminated_length, of those that ended
// by themselves, in tokens, and completions/clipped_ratio, the share that did not; NaN where there is none. Absent samples
// (FinishReason::kError) do not count.
void add_length_metrics(const std::vector<Group>& groups, Json& metrics);

}  // namespace grpo

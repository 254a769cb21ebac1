#pragma once
// The numbers of a rollout as tensors, and back: rollout.safetensors of a rollout directory (grpo/rollout_file.h,
// which is what to use). Text, scores and columns are not among them.

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"
#include "policy/io/safetensors.h"

namespace grpo {

// One list each: problem.NAME and episode.NAME over all problems and episodes; lists of lists end to end, with
// NAME_begin, one longer, saying where each begins.
std::vector<NamedTensor> rollout_numbers(const std::vector<Group>& groups);

// Groups with everything set that rollout_numbers() took. Throws Error naming the file and tensor for one that is
// missing, unknown, of another type or size, or whose lists overlap. Whether the lists of an episode fit each other
// is not looked at.
std::vector<Group> read_rollout_numbers(const std::string& path, int64_t num_groups, int64_t num_episodes);

}  // namespace grpo

#pragma once
// A batch that another framework has sampled, to compute its loss and gradients here (grpo replay): one sample a line,
// samples of a group next to each other.
//
//   {"group": 0, "prompt_ids": [5, 6], "completion_ids": [7, 8, 2], "reward": 1.0,
//    "mask": [1, 1, 1], "truncated": false,
//    "behaviour_logprobs": [-0.1, -2.3, -0.4], "old_logprobs": [...], "ref_logprobs": [...], "entropy": [...]}
//
// The first four are required. mask: 1 where the token is trained on, all of them by default. The lists of numbers have
// one entry per completion id; without old_logprobs the policy itself is taken for the one that sampled.

#include <string>
#include <vector>

#include "core/types.h"

namespace grpo {

// Throws Error naming file and line for a line that is not such an object.
std::vector<Group> read_batch_file(const std::string& path);

}  // namespace grpo

#pragma once
// Which weights of a policy training changes: selection by checkpoint names, and the tensors that a training
// checkpoint has to hold.

#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace grpo {

// Keeps trainable what one of the regular expressions is found in, by checkpoint names such as
// "model.layers.3.self_attn.q_proj.weight". Weights that lie stacked in memory (q, k and v; gate and up; all
// experts of a layer) are trained together or not at all. Throws Error, naming `where`, for an expression
// that matches no weight and for expressions that take only part of a stack. The policy must have no
// adapters.
void select_by_names(Policy& policy, const std::vector<std::string>& expressions, const std::string& where);

// Numbers that training changes.
int64_t count_trainable(const Policy& policy);

// What training changes, under checkpoint names and those of adapters: views of the trainable weights, and
// the buffers.
std::vector<NamedTensor> trained_tensors(const Policy& policy);

// A number that tells weights apart: of some 16 values of each tensor, rounded to bfloat16, so that it is the
// same whatever the dtype and device they were loaded to. Waits for the device.
uint64_t weights_fingerprint(const std::vector<NamedTensor>& tensors);
// Of the weights that training leaves as they are.
uint64_t frozen_fingerprint(const Policy& policy);

}  // namespace grpo

#pragma once
// Where each tensor of a Hugging Face checkpoint lies inside a policy. Stacked weights (q, k and v; gate and
// up; all experts) appear as one view per checkpoint tensor. Internal to policy/.

#include <vector>

#include "policy/io/safetensors.h"
#include "policy/policy.h"

namespace grpo {

// Views into the policy's own storage under checkpoint names, in checkpoint order: what loading copies into
// and saving copies from. A tied head has no entry.
std::vector<NamedTensor> checkpoint_views(const ModelConfig& config, const Policy::Weights& weights);

}  // namespace grpo

#pragma once
// What a trainer needs to go on as if it had never stopped, as files of a checkpoint directory: what training
// changes (trainable weights under their checkpoint names, adapters, router biases), the optimizer's moments
// and masters, the same of a reference policy if there is one, and the counters. Frozen weights are not stored:
// they come from where the policy was loaded from, and a fingerprint tells whether they are the same. Random streams need no state: they are functions of seed and counters.

#include <string>

#include "core/json.h"
#include "grpo/optimizer.h"
#include "policy/policy.h"

namespace grpo {

// Writes policy.safetensors, optimizer.safetensors, reference.safetensors (if `reference`) and state.json
// into an existing directory. `counters` is the caller's object. Throws Error when the disk refuses.
void save_training_state(const std::string& directory, const Policy& policy, const AdamW& optimizer,
                         const Policy* reference, const Json& counters);

// Reads them back into objects of the same configuration and returns the counters. Throws Error if a file is
// missing or does not fit, and if the frozen weights are not those the checkpoint was made with.
Json load_training_state(const std::string& directory, Policy& policy, AdamW& optimizer, Policy* reference);

}  // namespace grpo

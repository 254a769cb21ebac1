#pragma once
// Adapters as PEFT stores them: a folder with adapter_config.json and adapter_model.safetensors, whose
// tensors are called base_model.model.MODULE.lora_A.weight [r, in] and .lora_B.weight [out, r]. What is
// written here PEFT loads, and the reverse, with one exception: on transformers 5, PEFT 0.21 takes every
// gate_proj, up_proj and down_proj of a model with experts for those of routed experts, so of such a model it
// reads adapters on attention alone. Merged models know no such limit.

#include <string>

#include "policy/lora.h"

namespace grpo {

// adapter_config.json. Throws Error for a folder without it, for another method than LoRA, and for features
// that would change the numbers and are not supported (DoRA, trained biases or modules, ranks by module,
// initialisations that change the base). A lora_dropout is ignored: it acts in training alone, and training
// here has none.
LoraConfig read_adapter_config(const std::string& directory);

// Compares a folder with a policy (the meta device will do) without reading weights. Throws one Error that
// lists every tensor that is missing, unused or mis-shaped, with what the policy and r call for. Returns the
// configuration.
LoraConfig check_adapter(const std::string& directory, const Policy& policy);

// Puts the adapters of a folder on a policy that holds its base, in the policy's dtype. Throws Error as
// check_adapter does; for values that are no numbers; and, where this program wrote the folder, if the
// weights below the adapters are not those it was trained on.
LoraConfig load_adapter(const std::string& directory, Policy& policy);

// Writes the policy's adapters into an existing folder, in the policy's dtype (float64 as float32). `config`:
// what they were made by; target_modules is written anew, as the names of the modules that have one.
// `base_model`: the folder (or hub name) of the base, for adapter_config.json. Throws Error when the disk
// refuses.
void save_adapter(const Policy& policy, const LoraConfig& config, const std::string& base_model,
                  const std::string& directory);

}  // namespace grpo

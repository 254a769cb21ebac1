#pragma once
// LoRA (arXiv 2106.09685): training a low-rank adapter on some linear maps while all weights stay as they
// are. Names and meaning of the options are PEFT's LoraConfig, so a configuration can be moved between the
// two.
//
// A and B are of the policy's dtype; the optimizer keeps float32 masters of them as it does of every weight.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/json.h"
#include "policy/policy.h"

namespace grpo {

// Which modules: a string is a regular expression that matches the whole module name
// ("model.layers.0.self_attn.q_proj"), except "all-linear", which is every module that can carry an adapter;
// a list holds endings of names ("q_proj") or whole names.
using ModuleSelection = std::variant<std::string, std::vector<std::string>>;

struct LoraConfig {
  int64_t r = 8;            // rank
  double lora_alpha = 8.0;  // the adapter counts lora_alpha / r times ...
  bool use_rslora = false;  // ... or lora_alpha / sqrt(r) (arXiv 2312.03732)
  ModuleSelection target_modules = {};
  ModuleSelection exclude_modules = std::vector<std::string>();  // taken out of target_modules again
  std::vector<int64_t> layers_to_transform =
      {};  // only these layers; empty: all. Not with a regular expression

  double scale() const;
};

// Reads the keys above and those of PEFT's that may only have their neutral value (lora_dropout 0, bias
// "none", init_lora_weights true, use_dora false, modules_to_save none, ...). target_modules has no default.
// Throws Error naming the key.
LoraConfig read_lora_config(ObjectReader& reader);

// The modules of a policy that a configuration selects, in checkpoint order.
struct LoraTargets {
  std::vector<AdaptableModule> modules;
  std::vector<std::string>
      unsupported;  // selected as well, but no adapter can sit there (routed experts ...)
};
// Throws Error, naming `where` and listing what there is, where an entry of target_modules selects nothing.
LoraTargets find_lora_targets(const Policy& policy, const LoraConfig& config, const std::string& where);

// Puts new adapters on the policy: A uniform within 1/sqrt(in) (PEFT's kaiming_uniform with a = sqrt(5)),
// drawn by `seed` alike on every device, B zero, so that at first nothing changes. Throws Error as
// find_lora_targets, and for targets that cannot carry an adapter.
void add_lora(Policy& policy, const LoraConfig& config, uint64_t seed, const std::string& where);

}  // namespace grpo

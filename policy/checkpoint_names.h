#pragma once
// Where each tensor of a Hugging Face checkpoint lies inside a policy, and where adapters can sit: one table
// of names for both. Stacked weights (q, k and v; gate and up; all experts) appear as one entry per
// checkpoint tensor. Internal to policy/.

#include <string>
#include <vector>

#include "policy/io/safetensors.h"
#include "policy/linear_map.h"
#include "policy/policy.h"

namespace grpo {

// A linear map, or some rows of a stacked one, under the name its module has in checkpoints.
struct LinearModule {
  std::string name;          // "model.layers.0.self_attn.q_proj"
  LinearMap* map = nullptr;  // within the policy's weights
  int64_t first_row = 0;
  int64_t rows = 0;
};

struct CheckpointTable {
  // Views into the policy's own storage under checkpoint names, in checkpoint order: what loading copies into
  // and saving copies from. A tied head has no entry.
  std::vector<NamedTensor> tensors;
  // The maps that can carry adapters, in the same order: those of attention, of dense and of shared-expert
  // MLPs. Routed experts, routers, embedding, head and modules of multi-token prediction cannot.
  std::vector<LinearModule> modules;
};

CheckpointTable checkpoint_table(const ModelConfig& config, Policy::Weights& weights);

// Embedding and head under the names that each multi-token-prediction module has for them.
std::vector<NamedTensor> mtp_copies(const ModelConfig& config, const Policy::Weights& weights);

}  // namespace grpo

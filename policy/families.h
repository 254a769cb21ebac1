#pragma once
// The readers of config.json, one per model family. Internal to policy/; read_model_config picks by model_type.

#include <string>
#include <vector>

#include "policy/config.h"

namespace grpo {

// Fills layers, rope and whatever else the family decides; sizes common to all are in `model` already.
using FamilyReader = void (*)(ObjectReader& r, ModelConfig& model);

struct Family {
  const char* model_type;
  const char* architecture;  // the class that transformers and servers know the family by
  FamilyReader read;
};

const std::vector<Family>& families();

// rope_theta with rope_scaling (transformers 4) or rope_parameters (transformers 5) for `dim` rotated dimensions.
RopeConfig read_rope(ObjectReader& r, const ModelConfig& model, int64_t dim, bool interleaved);

// YaRN's factor on the softmax scale of MLA: g(factor, mscale_all_dim)^2, 1 without mscale_all_dim.
double read_softmax_factor(ObjectReader& r);

}  // namespace grpo

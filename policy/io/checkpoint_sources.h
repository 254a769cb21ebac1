#pragma once
// Which bytes of which file hold each tensor of a policy, settled from names, shapes and dtypes alone, before
// any weight is read. Understands more spellings than are written: all experts of a layer in one tensor,
// names without "model." as a base model is saved, float8 weights with their scales. Internal to policy/.

#include <string>
#include <vector>

#include "policy/config.h"
#include "policy/io/safetensors.h"

namespace grpo {

// Where one tensor of the policy comes from. Pointers are into the reader, which must outlive it.
struct WeightSource {
  const TensorInfo* tensor = nullptr;
  int64_t first = 0;                  // of the tensor's values in row-major order, the first one wanted
  const TensorInfo* scale = nullptr;  // float8 only
  int64_t scale_first = 0;            // of the scale's values, the first one wanted
};

// One source per view (Policy::checkpoint_tensors(); the meta device will do), in that order. Views are
// matched by
//   their own name, or that without "model." where all files do without and none has both;
//   P.experts.{e}.{gate,up}_proj.weight: expert e of P.experts.gate_up_proj [E, 2I, D], gate rows before up
//   rows; P.experts.{e}.down_proj.weight: expert e of P.experts.down_proj [E, D, I].
// Ignored: rotary_emb.inv_freq, the head of a tied model, and the copies of embedding and head that
// multi-token-prediction modules carry. Throws one TensorMisfit that lists, each with its file, every tensor that is
// missing, unused, mis-shaped, of a dtype that is no weight's, or float8 without usable scales or
// quantization_config.
std::vector<WeightSource> find_sources(const SafetensorsReader& reader, const std::vector<NamedTensor>& views,
                                       const ModelConfig& config, const std::string& directory);

// The multi-token-prediction modules that the files hold: none where no tensor belongs to any (transformers
// drops them when it saves, but not the key that announces them), else as many as the configuration says.
int64_t stored_mtp_layers(const SafetensorsReader& reader, const ModelConfig& config);

}  // namespace grpo

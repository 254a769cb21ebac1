#pragma once
// Hugging Face checkpoint directories: config.json, model.safetensors or shards, tokenizer.json and the small
// files beside them. Loading reports every missing, unused and mis-shaped tensor at once and reads no weight
// before names and shapes fit.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/io/tokenizer.h"
#include "policy/policy.h"

namespace grpo {

// What a checkpoint directory holds beside weights.
struct CheckpointFiles {
  ModelConfig config;
  std::optional<Tokenizer> tokenizer;  // absent if there is no tokenizer.json
  std::vector<int64_t> eos_token_ids;  // config.json, generation_config.json and tokenizer together, sorted
  std::map<std::string, std::string>
      extras;  // file name -> bytes of tokenizer*.json, generation_config.json, chat
               // templates, special_tokens_map.json: saved again unchanged
};

// Reads everything but the weights. Throws Error for a missing or broken file and for a tokenizer with more
// ids than the model has embeddings.
CheckpointFiles read_checkpoint_files(const std::string& directory);

// Compares tensor names and shapes of the files with what the configuration needs, without reading weights.
// Throws one Error that lists every missing, unused and mis-shaped tensor and every one whose dtype is no
// plain floating-point type. Returns the bytes of all tensors.
uint64_t check_checkpoint_tensors(const std::string& directory, const ModelConfig& config);

struct Checkpoint {
  CheckpointFiles files;
  Policy policy;
};

// dtype: what the policy computes in; none takes the checkpoint's (float16 files are computed in float32).
Checkpoint load_checkpoint(const std::string& directory, std::optional<at::ScalarType> dtype,
                           const at::Device& device);

// Writes a complete checkpoint into an existing directory, weights in the policy's dtype (float64 is written
// as float32), under the family's names, experts one by one. Throws Error when the disk refuses.
void save_checkpoint(const Policy& policy, const CheckpointFiles& files, const std::string& directory);

// "float32" | "bfloat16" -> dtype; throws Error otherwise, naming `where`.
at::ScalarType parse_dtype(const std::string& name, const std::string& where);

}  // namespace grpo

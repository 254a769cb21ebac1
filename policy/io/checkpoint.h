#pragma once
// Hugging Face checkpoint directories: config.json, model.safetensors or shards, tokenizer.json and the small
// files beside them. Loading reports every missing, unused and mis-shaped tensor at once and reads no weight
// before names and shapes fit. Weights may be F64, F32, F16, BF16, mixed at will, or float8 with block scales
// as DeepSeek-V3 is released; names may be those of the family, of a base model (no "model."), or of
// transformers' own memory (all experts of a layer stacked). What is written is always the family's own:
// experts one by one, no float8. A reward model is a checkpoint whose class is XForSequenceClassification: score.weight
// [1, hidden] in place of lm_head, and no bias.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/io/chat_template.h"
#include "policy/io/tokenizer.h"
#include "policy/policy.h"

namespace grpo {

// What a checkpoint directory holds beside weights.
struct CheckpointFiles {
  ModelConfig config;
  std::optional<Tokenizer> tokenizer;  // absent if there is no tokenizer.json
  std::optional<ChatTemplate> chat_template;  // absent if no file holds one
  std::vector<int64_t> eos_token_ids;  // config.json, generation_config.json and tokenizer together, sorted
  std::map<std::string, std::string>
      extras;  // file name -> bytes of tokenizer*.json, generation_config.json, chat
               // templates, special_tokens_map.json: saved again unchanged
};

// Reads everything but the weights. Throws Error for a missing or broken file and for a tokenizer with more
// ids than the model has embeddings.
CheckpointFiles read_checkpoint_files(const std::string& directory);

// Compares tensor names, shapes and dtypes of the files with what the configuration needs, without reading
// weights. Throws one Error that lists, each with its file, every tensor that is missing, unused, mis-shaped,
// of a dtype that is no weight's, or float8 without scales or without quantization_config. Modules of
// multi-token prediction that the files lack altogether are no error (transformers drops them on saving).
// Returns the bytes of all tensors.
uint64_t check_checkpoint_tensors(const std::string& directory, const ModelConfig& config);

struct Checkpoint {
  CheckpointFiles files;
  Policy policy;
};

// dtype: what the policy computes in; none takes the checkpoint's (float16 files are computed in float32).
// Float8 weights are dequantised while they are read. Beside the policy itself this needs 64 MiB and the
// files' headers, and it reads with as many threads as LibTorch computes with. Throws Error as
// read_checkpoint_files and check_checkpoint_tensors do, and for a file that cannot be read, float8 weights
// whose scales or values are no numbers, and a router bias that is not finite. Where the files lack the
// multi-token-prediction modules, files.config.mtp_layers is 0.
Checkpoint load_checkpoint(const std::string& directory, std::optional<at::ScalarType> dtype,
                           const at::Device& device);

// Writes a complete checkpoint into an existing directory: weights in the policy's dtype (float64 is written
// as float32; router biases always are float32), under the family's names, experts one by one, modules of
// multi-token prediction each with its copies of embedding and head; config.json as saved_config makes it;
// files.extras unchanged. The policy has no adapters: merge them first. Throws Error when the disk refuses.
void save_checkpoint(const Policy& policy, const CheckpointFiles& files, const std::string& directory);

// The config.json of a saved policy: `config.source`, in the spelling that transformers 4 and 5 both read
// (torch_dtype; rope_theta and rope_scaling for rope_parameters), with the dtype of the weights, the modules
// that are there, the family's class in `architectures` where none for causal language models (of a reward model: for
// sequence classification) is named, the one label and the padding token of a reward model, and without
// quantization_config and auto_map (the weights are plain, and the code that it names is not saved).
Json saved_config(const ModelConfig& config, at::ScalarType dtype);

// "float32" | "bfloat16" -> dtype; throws Error otherwise, naming `where`.
at::ScalarType parse_dtype(const std::string& name, const std::string& where);

}  // namespace grpo

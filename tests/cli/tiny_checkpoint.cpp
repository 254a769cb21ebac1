#include "tests/cli/tiny_checkpoint.h"

#include <ATen/ATen.h>

#include <filesystem>

#include "policy/io/checkpoint.h"

namespace grpo {

void write_tiny_checkpoint(const std::string& directory, const Json& changes, const std::string& characters) {
  std::filesystem::create_directories(directory);
  const Json json =
      character_tokenizer_json(characters, {"<think>", "</think>", "<answer>", "</answer>"}, {"<eos>"});
  const int64_t vocab_size = Tokenizer::from_json(json, "tiny checkpoint").vocab_size();
  Json config = parse_json(R"({
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false})",
                           "tiny checkpoint");
  config.update({{"vocab_size", vocab_size}, {"eos_token_id", vocab_size - 1}});
  config.update(changes);
  CheckpointFiles files;
  files.config = read_model_config(config, "tiny checkpoint");
  files.extras["tokenizer.json"] = json.dump();
  save_checkpoint(Policy::random(files.config, at::kFloat, at::kCPU, 5, 0.25), files, directory);
}

}  // namespace grpo

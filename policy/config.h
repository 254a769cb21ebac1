#pragma once
// What a model is made of, read from a Hugging Face config.json. A layer is one attention and one MLP, each a
// variant; a new family is one reader here and one name table in io/. Keys, traps and sources: the
// transformers configuration classes of each family and DeepSeek-V3's inference/model.py.

#include <string>
#include <variant>
#include <vector>

#include "core/json.h"

namespace grpo {

// Grouped-query attention (Llama, Qwen).
struct GqaConfig {
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  bool qkv_bias = false;
  bool o_bias = false;
};

// Multi-head latent attention (DeepSeek-V2/V3). q_lora_rank 0: a plain q_proj.
struct MlaConfig {
  int64_t num_heads = 0;
  int64_t q_lora_rank = 0;
  int64_t kv_lora_rank = 0;
  int64_t qk_nope_head_dim = 0;
  int64_t qk_rope_head_dim = 0;
  int64_t v_head_dim = 0;
};

struct DenseConfig {
  int64_t intermediate_size = 0;
};

enum class RouterScoring { kSoftmax, kSigmoid };

// DeepSeekMoE: fine-grained routed experts plus shared ones.
struct MoeConfig {
  int64_t num_experts = 0;
  int64_t top_k = 0;
  int64_t intermediate_size = 0;         // of one routed expert
  int64_t num_shared_experts = 0;        // computed as one MLP of num_shared_experts * intermediate_size
  RouterScoring scoring = RouterScoring::kSigmoid;
  bool correction_bias = true;           // noaux_tc: a bias used for selection only
  bool norm_topk_prob = true;            // weights divided by their sum
  double routed_scaling_factor = 1.0;
  int64_t num_groups = 1;                // experts lie in num_groups equal groups ...
  int64_t topk_groups = 1;               // ... of which the best topk_groups may be chosen from
};

using AttentionConfig = std::variant<GqaConfig, MlaConfig>;
using MlpConfig = std::variant<DenseConfig, MoeConfig>;

struct LayerConfig {
  AttentionConfig attention;
  MlpConfig mlp;
};

struct RopeConfig {
  double theta = 10000.0;
  int64_t dim = 0;            // rotated dimensions per head
  bool interleaved = false;   // pairs (2i, 2i+1) as in DeepSeek; otherwise (i, i + dim/2)
};

struct ModelConfig {
  std::string model_type;     // "llama", "qwen2", "deepseek_v3"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  RopeConfig rope;
  std::vector<LayerConfig> layers;
  std::vector<int64_t> eos_token_ids;  // of config.json; generation_config.json may add to them
  std::string dtype = "float32";       // torch_dtype of the checkpoint
  Json source = Json::object();        // config.json as read: what is saved again, with the dtype updated
};

// Reads a config.json. Both spellings of transformers 4 and 5 are understood (rope_theta / rope_parameters,
// torch_dtype / dtype). Throws Error, naming `where` and the key, for an unknown model_type, a missing or
// impossible size, and for features that would change the numbers but are not built (rope scaling, sliding
// window, attention on FP8 weights): never a silently different model.
ModelConfig read_model_config(const Json& config, const std::string& where);

// Parameters of the whole model, and those that one token passes through (experts: top_k of num_experts;
// the embedding table is not counted as active, the output head is).
struct ParameterCount {
  int64_t total = 0;
  int64_t active = 0;
};
ParameterCount count_parameters(const ModelConfig& config);

}  // namespace grpo

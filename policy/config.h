#pragma once
// What a model is made of, read from a Hugging Face config.json. A layer is one attention and one MLP, each a
// variant; a new family is one reader here and one name table in io/. Keys, traps and sources: the
// transformers configuration classes of each family and DeepSeek-V3's inference/model.py.

#include <optional>
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
  bool qk_norm = false;  // RMSNorm over head_dim on queries and keys, before RoPE (Qwen3)
};

// Multi-head latent attention (DeepSeek-V2/V3). q_lora_rank 0: a plain q_proj.
struct MlaConfig {
  int64_t num_heads = 0;
  int64_t q_lora_rank = 0;
  int64_t kv_lora_rank = 0;
  int64_t qk_nope_head_dim = 0;
  int64_t qk_rope_head_dim = 0;
  int64_t v_head_dim = 0;
  double softmax_factor = 1.0;  // of the softmax scale (nope + rope)^-0.5: g(factor, mscale_all_dim)^2 under YaRN
};

struct DenseConfig {
  int64_t intermediate_size = 0;
  bool bias = false;  // on gate, up and down
};

enum class RouterScoring { kSoftmax, kSigmoid };

// Mixture of experts: fine-grained routed experts (Qwen3-MoE), plus shared ones (DeepSeekMoE).
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

// How the rotary frequencies f_i = theta^(-2i/dim) are lowered for contexts longer than those first trained on.
// Names and formulas are those of transformers' modeling_rope_utils.
struct LinearRope {
  double factor = 1.0;  // f / factor
};
// Llama 3.1: long wavelengths are divided by factor, short ones kept, those between blended.
struct Llama3Rope {
  double factor = 8.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_max_position_embeddings = 8192;
};
// YaRN (arXiv 2309.00071): a ramp over dimensions between f / factor and f.
struct YarnRope {
  double factor = 1.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  bool truncate = true;  // the ramp's ends are whole dimensions
  int64_t original_max_position_embeddings = 4096;
};

struct RopeConfig {
  double theta = 10000.0;
  int64_t dim = 0;            // rotated dimensions per head
  bool interleaved = false;   // pairs (2i, 2i+1) as in DeepSeek; otherwise (i, i + dim/2)
  std::variant<std::monostate, LinearRope, Llama3Rope, YarnRope> scaling = {};
  double attention_factor = 1.0;  // cosine and sine are multiplied by it (YaRN)
};

// Weights stored as float8 (E4M3) with one float32 scale per block, as DeepSeek-V3 is released; dequantised when
// they are loaded.
struct Fp8Blocks {
  int64_t rows = 128;
  int64_t columns = 128;
};

// What stands behind the final norm.
enum class HeadKind {
  kVocabulary,  // lm_head, a logit per token: XForCausalLM
  kScore,       // score, one number for a whole sequence: XForSequenceClassification of one label, a reward model
};

struct ModelConfig {
  std::string model_type;     // "llama", "qwen2", "qwen3", "qwen3_moe", "deepseek_v2", "deepseek_v3"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  HeadKind head = HeadKind::kVocabulary;
  // kScore: the score is that of the last token that is not this one, as transformers has it (policy/score_head.h).
  // None: of the last token.
  std::optional<int64_t> pad_token_id;
  RopeConfig rope;
  std::vector<LayerConfig> layers;
  int64_t mtp_layers = 0;     // multi-token-prediction modules behind the last layer, each with a layer like it
  std::optional<Fp8Blocks> fp8;  // how the checkpoint's files hold weights; never how the policy does
  std::vector<int64_t> eos_token_ids;  // of config.json; generation_config.json may add to them
  std::string dtype = "float32";       // torch_dtype of the checkpoint
  Json source = Json::object();        // config.json as read: what is saved again, with the dtype updated
};

// Reads a config.json. Both spellings of transformers 4 and 5 are understood (rope_theta and rope_scaling /
// rope_parameters, torch_dtype / dtype). Throws Error, naming `where` and the key, for an unknown model_type, a
// missing or impossible size, and for features that would change the numbers but are not built (sliding window,
// partial rotary embedding, other rope scalings, other quantisations, classifiers of several labels): never a silently
// different model.
ModelConfig read_model_config(const Json& config, const std::string& where);

// Parameters of the whole model, and those that one token passes through (experts: top_k of num_experts;
// the embedding table is not counted as active, the output head is).
struct ParameterCount {
  int64_t total = 0;
  int64_t active = 0;
  int64_t mtp = 0;  // of the multi-token-prediction modules' own, in neither of the others
};
ParameterCount count_parameters(const ModelConfig& config);

}  // namespace grpo

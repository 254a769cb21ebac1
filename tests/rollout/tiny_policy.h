#pragma once
// Small random policies of both attention kinds, spread out enough that every context gives another distribution.

#include <string>

#include "core/json.h"
#include "policy/policy.h"

namespace grpo {

inline constexpr int64_t kTinyVocab = 61;

// Grouped-query attention: 4 heads on 2, two dense layers, context of 256.
inline ModelConfig tiny_gqa() {
  return read_model_config(parse_json(R"({
    "model_type": "llama", "vocab_size": 61, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false, "eos_token_id": 60})", "tiny_gqa"),
                           "tiny_gqa");
}

// Latent attention and, after one dense layer, a mixture of 8 experts in 2 groups with a shared one.
inline ModelConfig tiny_mla_moe() {
  return read_model_config(parse_json(R"({
    "model_type": "deepseek_v3", "vocab_size": 61, "hidden_size": 32, "intermediate_size": 48,
    "moe_intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
    "n_shared_experts": 1, "n_routed_experts": 8, "num_experts_per_tok": 3, "n_group": 2, "topk_group": 1,
    "routed_scaling_factor": 1.5, "norm_topk_prob": true, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
    "first_k_dense_replace": 1, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_rope_head_dim": 8, "v_head_dim": 8,
    "qk_nope_head_dim": 8, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
    "hidden_act": "silu", "tie_word_embeddings": false, "eos_token_id": 60})", "tiny_mla_moe"),
                           "tiny_mla_moe");
}

inline Policy tiny_policy(const ModelConfig& config, at::ScalarType dtype = at::kFloat) {
  return Policy::random(config, dtype, at::kCPU, 5, 0.25);
}

}  // namespace grpo

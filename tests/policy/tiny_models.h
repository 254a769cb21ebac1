#pragma once
// Small random policies of every architecture, and helpers to feed them.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/seed.h"
#include "policy/policy.h"

namespace grpo::testing {

inline Json llama_json() {
  return Json::parse(R"({"model_type": "llama", "vocab_size": 37, "hidden_size": 24, "intermediate_size": 40,
    "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 10,
    "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "eos_token_id": 2})");
}

inline Json qwen2_json() {
  return Json::parse(R"({"model_type": "qwen2", "vocab_size": 41, "hidden_size": 32, "intermediate_size": 24,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4, "rope_theta": 1000000.0,
    "max_position_embeddings": 256, "tie_word_embeddings": false, "eos_token_id": [2, 3]})");
}

// MLA with a query latent, grouped sigmoid routing with bias, shared experts, one dense layer first.
inline Json deepseek_json() {
  return Json::parse(R"({"model_type": "deepseek_v3", "vocab_size": 43, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 3, "num_attention_heads": 3, "q_lora_rank": 20, "kv_lora_rank": 18, "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 6, "v_head_dim": 10, "n_routed_experts": 12, "num_experts_per_tok": 3, "n_shared_experts": 2,
    "moe_intermediate_size": 16, "n_group": 4, "topk_group": 2, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
    "first_k_dense_replace": 1, "max_position_embeddings": 256, "eos_token_id": 1})");
}

// MLA without query latent, half-split rope, softmax routing without bias or groups.
inline Json deepseek_softmax_json() {
  return Json::parse(R"({"model_type": "deepseek_v3", "vocab_size": 29, "hidden_size": 24, "intermediate_size": 30,
    "num_hidden_layers": 2, "num_attention_heads": 4, "q_lora_rank": null, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 6, "num_experts_per_tok": 2, "n_shared_experts": 0,
    "moe_intermediate_size": 12, "scoring_func": "softmax", "topk_method": "greedy", "norm_topk_prob": false,
    "n_group": 1, "topk_group": 1, "routed_scaling_factor": 1.0,
    "first_k_dense_replace": 0, "rope_interleave": false, "max_position_embeddings": 256})");
}

// Llama 3.1's frequencies, biases everywhere.
inline Json llama3_json() {
  return Json::parse(R"({"model_type": "llama", "vocab_size": 31, "hidden_size": 24, "intermediate_size": 20,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1, "rope_theta": 100.0,
    "attention_bias": true, "mlp_bias": true, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
    "rope_scaling": {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 32}})");
}

// Norms on queries and keys, heads wider than hidden_size / heads.
inline Json qwen3_json() {
  return Json::parse(R"({"model_type": "qwen3", "vocab_size": 33, "hidden_size": 20, "intermediate_size": 28,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 14,
    "rope_parameters": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.0},
    "max_position_embeddings": 256, "tie_word_embeddings": true})");
}

// Sparse and dense layers in turn.
inline Json qwen3_moe_json() {
  return Json::parse(R"({"model_type": "qwen3_moe", "vocab_size": 35, "hidden_size": 24, "intermediate_size": 32,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "num_experts": 8,
    "num_experts_per_tok": 3, "moe_intermediate_size": 10, "norm_topk_prob": true, "decoder_sparse_step": 1,
    "mlp_only_layers": [1], "max_position_embeddings": 256})");
}

// YaRN with its factor on the softmax scale, group-limited routing by the groups' best experts, no query latent.
inline Json deepseek_v2_json() {
  return Json::parse(R"({"model_type": "deepseek_v2", "vocab_size": 39, "hidden_size": 24, "intermediate_size": 36,
    "num_hidden_layers": 2, "num_attention_heads": 2, "q_lora_rank": null, "kv_lora_rank": 14, "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8, "v_head_dim": 6, "n_routed_experts": 8, "num_experts_per_tok": 3, "n_shared_experts": 1,
    "moe_intermediate_size": 12, "n_group": 4, "topk_group": 2, "topk_method": "group_limited_greedy",
    "routed_scaling_factor": 4.0, "first_k_dense_replace": 1, "max_position_embeddings": 256, "rope_theta": 100.0,
    "rope_scaling": {"type": "yarn", "factor": 8, "original_max_position_embeddings": 32, "mscale": 0.707,
      "mscale_all_dim": 0.707, "beta_fast": 8, "beta_slow": 1}})");
}

// Two modules of multi-token prediction behind deepseek_json().
inline Json deepseek_mtp_json() {
  Json json = deepseek_json();
  json["num_nextn_predict_layers"] = 2;
  return json;
}

// Every router there is: sigmoid with groups and bias, softmax, without and with groups, with and without MLA.
inline std::vector<Json> moe_architectures() {
  return {deepseek_json(), deepseek_softmax_json(), qwen3_moe_json(), deepseek_v2_json()};
}

inline std::vector<Json> all_architectures() {
  return {llama_json(),     qwen2_json(),     deepseek_json(), deepseek_softmax_json(), llama3_json(),
          qwen3_json(), qwen3_moe_json(), deepseek_v2_json()};
}

// A random policy whose norms, biases and router biases are not at their trivial initial values.
inline Policy random_policy(const Json& config, at::ScalarType dtype = at::kFloat, uint64_t seed = 1) {
  Policy policy = Policy::random(read_model_config(config, "test"), dtype, at::kCPU, seed, 0.25);
  at::manual_seed(seed);
  for (const Parameter& p : policy.parameters()) {
    if (p.tensor.dim() == 1) p.tensor.add_(at::randn_like(p.tensor, at::kFloat).to(p.tensor.scalar_type()), 0.2);
  }
  for (const Parameter& b : policy.buffers()) b.tensor.add_(at::randn_like(b.tensor), 0.1);
  return policy;
}

inline std::vector<int64_t> random_ids(const Policy& policy, int64_t length, uint64_t seed) {
  Stream stream(seed);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < length; ++i) ids.push_back(stream.below(policy.config().vocab_size));
  return ids;
}

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace grpo::testing

#pragma once
// The two halves of a layer, attention and MLP, as weights and free functions; policy.cpp puts them together.
// Internal to policy/.
//
// Legend: N packed tokens, D model width, H query heads, K key/value heads, C = kv_lora_rank, R = rotary dims.

#include <ATen/ATen.h>

#include <variant>

#include "policy/config.h"
#include "policy/kernels/rope.h"
#include "policy/kv_view.h"
#include "policy/linear_map.h"
#include "policy/moe.h"
#include "policy/policy.h"

namespace grpo {

struct GqaWeights {
  LinearMap qkv;      // [(H + 2K) * head_dim, D]: q, k and v stacked
  at::Tensor q_norm;  // [head_dim], undefined without qk_norm
  at::Tensor k_norm;  // [head_dim], undefined without qk_norm
  LinearMap o;        // [D, H * head_dim]
};

struct MlaWeights {
  LinearMap q;         // [H * (nope + R), D], undefined where q_a is used
  LinearMap q_a;       // [q_lora_rank, D]
  at::Tensor q_norm;   // [q_lora_rank]
  LinearMap q_b;       // [H * (nope + R), q_lora_rank]
  LinearMap kv_a;      // [C + R, D]
  at::Tensor kv_norm;  // [C]
  LinearMap kv_b;      // [H * (nope + v), C]
  LinearMap o;         // [D, H * v]
};

struct LayerWeights {
  at::Tensor attention_norm;  // [D]
  at::Tensor mlp_norm;        // [D]
  std::variant<GqaWeights, MlaWeights> attention;
  std::variant<DenseWeights, MoeWeights> mlp;
};

// One multi-token-prediction module; embedding and output head are the model's own.
struct MtpWeights {
  at::Tensor embedding_norm;  // [D] enorm
  at::Tensor hidden_norm;     // [D] hnorm
  LinearMap projection;       // [D, 2D] eh_proj: the embedding's half first
  LayerWeights layer;         // of the same kind as the model's last
  at::Tensor norm;            // [D] shared_head.norm
};

struct Policy::Weights {
  at::Tensor embedding;  // [V, D]
  at::Tensor norm;       // [D]
  at::Tensor head;       // [V, D]; the embedding itself where tied; [1, D] of a HeadKind::kScore
  at::Tensor rope_frequencies;  // [rotary dims / 2] float32; no weight, but on the weights' device
  std::vector<LayerWeights> layers;
  std::vector<MtpWeights> mtp;
};

// What every layer of one forward pass sees.
struct ForwardContext {
  const ModelConfig& config;
  const PackedTokens& batch;
  RopeAngles angles;
  const KvView* kv = nullptr;
};
ForwardContext forward_context(const ModelConfig& config, const Policy::Weights& weights, const PackedTokens& batch,
                               const KvView* kv);

// x [N, D] -> [N, D]: attention and MLP, each behind its norm and beside its residual. `layer` is its number,
// `router` what a mixture is told and asked.
at::Tensor run_layer(const LayerConfig& config, const LayerWeights& weights, const ForwardContext& context,
                     size_t layer, RouterContext& router, const at::Tensor& x);

// x [N, D] -> [N, D]; with a KvView the layer's keys and values are written to kv->layers[layer] first.
at::Tensor attend(const GqaConfig& config, const GqaWeights& weights, const ForwardContext& context, size_t layer,
                  const at::Tensor& x);
at::Tensor attend(const MlaConfig& config, const MlaWeights& weights, const ForwardContext& context, size_t layer,
                  const at::Tensor& x);

}  // namespace grpo

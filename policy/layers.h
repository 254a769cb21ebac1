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
#include "policy/policy.h"

namespace grpo {

struct GqaWeights {
  at::Tensor qkv;       // [(H + 2K) * head_dim, D]: q, k and v stacked
  at::Tensor qkv_bias;  // [(H + 2K) * head_dim], undefined without biases
  at::Tensor o;         // [D, H * head_dim]
  at::Tensor o_bias;    // [D], undefined without biases
};

struct MlaWeights {
  at::Tensor q;        // [H * (nope + R), D], undefined where q_a is used
  at::Tensor q_a;      // [q_lora_rank, D]
  at::Tensor q_norm;   // [q_lora_rank]
  at::Tensor q_b;      // [H * (nope + R), q_lora_rank]
  at::Tensor kv_a;     // [C + R, D]
  at::Tensor kv_norm;  // [C]
  at::Tensor kv_b;     // [H * (nope + v), C]
  at::Tensor o;        // [D, H * v]
};

struct DenseWeights {
  at::Tensor gate_up;  // [2I, D]
  at::Tensor down;     // [D, I]
};

struct MoeWeights {
  at::Tensor router;   // [E, D]
  at::Tensor bias;     // [E] float32, for selection only; undefined without correction bias
  at::Tensor gate_up;  // [E, 2I, D]
  at::Tensor down;     // [E, D, I]
  DenseWeights shared; // undefined tensors without shared experts
  at::Tensor load;     // [E] int64, tokens routed to each expert while recording; undefined otherwise
};

struct LayerWeights {
  at::Tensor attention_norm;  // [D]
  at::Tensor mlp_norm;        // [D]
  std::variant<GqaWeights, MlaWeights> attention;
  std::variant<DenseWeights, MoeWeights> mlp;
};

struct Policy::Weights {
  at::Tensor embedding;  // [V, D]
  at::Tensor norm;       // [D]
  at::Tensor head;       // [V, D]; the embedding itself where tied
  at::Tensor rope_frequencies;  // [rotary dims / 2] float32; no weight, but on the weights' device
  std::vector<LayerWeights> layers;
};

// What every layer of one forward pass sees.
struct ForwardContext {
  const ModelConfig& config;
  const PackedTokens& batch;
  RopeAngles angles;
  const KvView* kv = nullptr;
};

// x [N, D] -> [N, D]; with a KvView the layer's keys and values are written to kv->layers[layer] first.
at::Tensor attend(const GqaConfig& config, const GqaWeights& weights, const ForwardContext& context, size_t layer,
                  const at::Tensor& x);
at::Tensor attend(const MlaConfig& config, const MlaWeights& weights, const ForwardContext& context, size_t layer,
                  const at::Tensor& x);

at::Tensor feed_forward(const DenseWeights& weights, const at::Tensor& x);
// Every token goes through its top_k experts, whatever the others do: no capacity, nothing dropped.
at::Tensor feed_forward(const MoeConfig& config, const MoeWeights& weights, const at::Tensor& x);

// Which experts a token goes to, and how much each counts.
struct Routes {
  at::Tensor experts;  // [N, top_k] int64
  at::Tensor weights;  // [N, top_k] float32 (float64 for a float64 policy); differentiable
};
// scores = scoring(x W^T) in float32; chosen by scores + bias, within the best groups (group score: sum of its
// two best with a bias, its best without; arXiv 2412.19437 eq. 12-16, DeepSeek-V2 for the latter); weighted by
// scores alone, normalised if norm_topk_prob, times routed_scaling_factor. Groups not chosen count as -inf.
Routes route(const MoeConfig& config, const at::Tensor& router, const at::Tensor& bias, const at::Tensor& x);

}  // namespace grpo

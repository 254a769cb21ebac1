#pragma once
// The MLP half of a layer: one dense MLP, or a mixture of experts behind a router. Internal to policy/.
//
// Legend: N packed tokens, D model width, E experts, I an MLP's inner width.

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "policy/config.h"
#include "policy/linear_map.h"

namespace grpo {

struct DenseWeights {
  LinearMap gate_up;  // [2I, D]
  LinearMap down;     // [D, I]
};

struct MoeWeights {
  at::Tensor router;    // [E, D]
  at::Tensor bias;      // [E] float32, for selection only; undefined without correction bias
  at::Tensor gate_up;   // [E, 2I, D]
  at::Tensor down;      // [E, D, I]
  DenseWeights shared;  // undefined maps without shared experts
  at::Tensor load;      // [E] int64, tokens routed to each expert while recording; undefined otherwise
};

// To which sequence each row belongs, and its share 1 / T of that sequence's T rows. Rows that do not count have
// share 0.
struct SequenceRows {
  at::Tensor sequence;  // [N] int64
  at::Tensor share;     // [N] float32
  int64_t count = 0;    // S
};
// cu_seqlens [S+1]; `counted` [N] bool or undefined: all rows. Never waits for the device.
SequenceRows sequence_rows(const at::Tensor& cu_seqlens, int64_t rows, const at::Tensor& counted = {});

// What the mixtures of one forward pass are told, and what they leave behind. Layers themselves change nothing
// else, so that one may be computed twice.
struct RouterContext {
  std::vector<at::Tensor> replay;         // per MoE layer [N, top_k] int64, as check_routes gives them; empty: none
  bool record_routes = false;
  std::optional<SequenceRows> sequences;  // there: compute the balance loss
  at::Tensor counted;                     // [N] bool: rows that count as load; undefined: all

  size_t layer = 0;                // MoE layers passed so far
  std::vector<at::Tensor> routes;  // per MoE layer [N, top_k] int16
  std::vector<at::Tensor> loads;   // per MoE layer whose load is being recorded, [E] int64
  at::Tensor balance_loss;         // scalar, summed over sequences and layers; undefined before the first
};

// Makes sure that routes can be replayed in a pass over `rows` tokens (ForwardOptions::replay_routes), and brings
// them to int64 and `device`. Throws one Error naming layer, token and expert. Waits for the device once.
std::vector<at::Tensor> check_routes(const ModelConfig& config, const std::vector<at::Tensor>& routes, int64_t rows,
                                     const at::Device& device);

// x [N, D] -> [N, D].
at::Tensor feed_forward(const DenseWeights& weights, const at::Tensor& x);
// Every token goes through its top_k experts, whatever the others do: no capacity, nothing dropped.
at::Tensor feed_forward(const MoeConfig& config, const MoeWeights& weights, RouterContext& context,
                        const at::Tensor& x);

// Which experts a token goes to, and how much each counts.
struct Routes {
  at::Tensor experts;  // [N, top_k] int64
  at::Tensor weights;  // [N, top_k] float32 (float64 for a float64 policy); differentiable
  at::Tensor scores;   // [N, E] of the same dtype, before any bias; differentiable
};
// scores = scoring(x W^T) in float32; chosen by scores + bias, within the best groups (group score: sum of its
// two best with a bias, its best without; arXiv 2412.19437 eq. 12-16, DeepSeek-V2 for the latter); weighted by
// scores alone, normalised if norm_topk_prob, times routed_scaling_factor. Groups not chosen count as -inf.
// `replay` [N, top_k] int64, where defined, replaces the choice in all rows that are not -1.
Routes route(const MoeConfig& config, const at::Tensor& router, const at::Tensor& bias, const at::Tensor& x,
             const at::Tensor& replay = {});

// The sequence-wise balance loss of one layer, alpha = 1, summed over sequences (arXiv 2412.19437 eq. 17-20):
//   sum_i f_i P_i,  f_i = E / (top_k T) #{t : expert i among token t's},  P_i = mean_t s_ti / sum_j s_tj
// 1 per sequence where experts are used alike. Differentiable through P. "Token t's" are the top_k of s_t for
// sigmoid scores (eq. 18: neither bias nor groups) and those it was routed to for softmax scores (DeepSeek-V2).
at::Tensor sequence_balance_loss(const MoeConfig& config, const Routes& routes, const SequenceRows& sequences);

}  // namespace grpo

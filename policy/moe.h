#pragma once
// The MLP half of a layer: one dense MLP, or a mixture of experts behind a router. Internal to policy/.
//
// Legend: N packed tokens, D model width, E experts, I an MLP's inner width.

#include <ATen/ATen.h>

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

// x [N, D] -> [N, D].
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

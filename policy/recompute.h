#pragma once
// Layer recomputation (gradient checkpointing, arXiv 1604.06174): a layer keeps its input alone for the backward pass
// and runs again there. Time for memory: one more forward pass, and of all that autograd would keep only [N, D] per
// layer and the activations of one layer at a time. Internal to policy/.

#include <ATen/ATen.h>

#include <memory>

#include "policy/layers.h"

namespace grpo {

class RecomputedLayers {
 public:
  // Of one forward pass without cache; keeps what of `context` the layers will need again.
  RecomputedLayers(std::shared_ptr<const Policy::Weights> weights, const ForwardContext& context);

  // run_layer() with the same result and the same gradients, bit for bit where operators are deterministic. The
  // second run takes the experts that the first one took, and leaves nothing in `router`: loads are counted once.
  // `layer_weights` belongs to the weights given above.
  at::Tensor run(const LayerConfig& config, const LayerWeights& layer_weights, size_t layer, RouterContext& router,
                 const at::Tensor& x) const;

  struct Pass;

 private:
  std::shared_ptr<const Pass> pass_;
};

}  // namespace grpo

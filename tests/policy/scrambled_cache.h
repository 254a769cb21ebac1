#pragma once
// A paged cache on the policy's device with its pages handed out in a scrambled order, so that nothing works
// by luck of adjacency, and the means to feed sequences to a policy through it.

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "core/seed.h"
#include "policy/kv_view.h"
#include "policy/policy.h"

namespace grpo::testing {

class ScrambledCache {
 public:
  ScrambledCache(const Policy& policy, int64_t sequences, int64_t tokens_max, int64_t page) : page_(page) {
    blocks_ = (tokens_max + page - 1) / page;
    std::vector<int64_t> order;
    for (int64_t i = 0; i < sequences * blocks_; ++i) order.push_back(i);
    Stream(7).shuffle(order);
    order_ = order;
    const auto on_device = at::TensorOptions(policy.device());
    table_ = at::tensor(order, at::kLong).to(at::kInt).view({sequences, blocks_}).to(policy.device());
    for (const KvShape& s : policy.kv_shapes()) {
      LayerKv layer;
      // Poisoned: a read of anything that was not written shows.
      layer.k = at::full({sequences * blocks_, page, s.heads, s.k_dim}, NAN, on_device.dtype(policy.dtype()));
      if (s.v_dim > 0)
        layer.v = at::full({sequences * blocks_, page, s.heads, s.v_dim}, NAN, layer.k.options());
      layers_.push_back(layer);
    }
  }

  // Feeds `count` tokens of every sequence from position `first` on.
  at::Tensor feed(const Policy& policy, const std::vector<std::vector<int64_t>>& ids, int64_t first,
                  int64_t count, bool whole = false) {
    return run(policy, ids, first, count, whole, {})
        .hidden.view({static_cast<int64_t>(ids.size()), count, policy.config().hidden_size});
  }

  // The same with options, and all that the forward pass gives.
  ForwardOutput run(const Policy& policy, const std::vector<std::vector<int64_t>>& ids, int64_t first, int64_t count,
                    bool whole, ForwardOptions options) {
    std::vector<int64_t> tokens, positions, slots;
    std::vector<int32_t> rows, bounds = {0};
    for (size_t s = 0; s < ids.size(); ++s) {
      for (int64_t i = first; i < first + count; ++i) {
        tokens.push_back(ids[s][static_cast<size_t>(i)]);
        positions.push_back(i);
        rows.push_back(static_cast<int32_t>(s));
        slots.push_back(order_[s * static_cast<size_t>(blocks_) + static_cast<size_t>(i / page_)] * page_ +
                        i % page_);
      }
      bounds.push_back(static_cast<int32_t>(tokens.size()));
    }
    const at::Device device = policy.device();
    const PackedTokens batch{at::tensor(tokens, at::kLong).to(device),
                             at::tensor(positions, at::kLong).to(device),
                             at::tensor(bounds, at::kInt).to(device), count};
    const KvView view{layers_, table_, at::tensor(rows, at::kInt).to(device),
                      at::tensor(slots, at::kLong).to(device), whole};
    options.kv = &view;
    return policy.forward(batch, options);
  }

 private:
  int64_t page_;
  int64_t blocks_;
  std::vector<int64_t> order_;  // page of each block of each sequence
  at::Tensor table_;
  std::vector<LayerKv> layers_;
};

}  // namespace grpo::testing

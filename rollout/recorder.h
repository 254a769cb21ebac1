#pragma once
// What the engine remembers of a completion beside its tokens, for a trainer that must see the same: which experts
// the routers chose (Episode::routes) and what top_k, top_p and min_p left of the vocabulary (Episode::kept_begin,
// kept_ids). Tensors of a forward pass stay on its device and come to the host together with the tokens sampled.
//
// Legend: N packed tokens, R rows, K steps of a burst, V vocabulary, W expert numbers of one token: top_k of every
// MoE layer, layer by layer.

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/types.h"
#include "policy/config.h"
#include "rollout/sequence.h"

namespace grpo {

// Records of a burst on the host.
struct BurstRecords {
  at::Tensor routes;  // [K, R, W] int16, of the token that each step fed; undefined: none
  at::Tensor kept;    // [K, R, ceil(V / 8)] uint8, SampledTokens::kept; undefined: none
};

class Recorder {
 public:
  // What to record, and how many bytes it may come to in one call of generate; 0: any. Routes of a model without
  // MoE layers are none.
  Recorder(const ModelConfig& config, bool routes, bool kept, int64_t bytes_max);

  bool records_routes() const { return routes_width_ > 0; }
  bool records_kept() const { return kept_; }

  // The routes of one forward pass as one tensor [N, W] (ForwardOutput::routes side by side); undefined where none
  // are recorded.
  at::Tensor joined(const std::vector<at::Tensor>& routes) const;

  // Keeps rows of a prefill until the prompt's samples start: the next tokens of the prompt of `group`. [n, W].
  void add_prompt(int64_t group, const at::Tensor& routes);
  // Brings the routes of these prompts to the host, in one copy.
  void fetch_prompts(const std::vector<int64_t>& groups);
  // A sample of a fetched prompt starts: its record begins with the prompt's.
  void start(Sequence& sequence);
  // Its last sample has started.
  void forget_prompt(int64_t group);

  // The token that row `row` was fed at step `step`, and the set its next one was drawn from. Called for each token
  // that is accepted. Throws Error naming record_bytes_max when the records exceed it.
  void add_step(Sequence& sequence, const BurstRecords& records, int64_t step, int64_t row);

  // Hands the record of a finished sample to its episode, without spare capacity.
  static void move_to(Episode& episode, Sequence& sequence);

 private:
  struct PromptRoutes {
    std::vector<at::Tensor> chunks;  // [n, W] each, on the device
    std::vector<int16_t> host;       // the same end to end, once fetched
  };

  void add_kept(Sequence& sequence, std::span<const uint8_t> bits);
  void count(size_t bytes);

  const int64_t vocab_size_;
  int64_t routes_width_ = 0;  // W; 0: record none
  const bool kept_;
  const int64_t bytes_max_;
  int64_t bytes_ = 0;
  std::unordered_map<int64_t, PromptRoutes> prompts_;  // by group
};

}  // namespace grpo

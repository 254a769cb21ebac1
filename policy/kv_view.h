#pragma once
// How a forward pass sees the key/value cache. The pages belong to rollout (rollout/block_pool.h); policy only
// reads and writes them through this view, so that model, cache and scheduler stay out of each other.
//
// Legend: N packed tokens, S sequences, P pages, page = tokens per page, K key/value heads.

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace grpo {

// What one layer stores per token. MLA stores its latent: one head, k_dim = kv_lora_rank + qk_rope_head_dim,
// and values are the first kv_lora_rank numbers of the key, so v_dim = 0.
struct KvShape {
  int64_t heads = 0;
  int64_t k_dim = 0;
  int64_t v_dim = 0;

  int64_t numbers_per_token() const { return heads * (k_dim + v_dim); }
};

struct LayerKv {
  at::Tensor k;  // [P, page, K, k_dim]
  at::Tensor v;  // [P, page, K, v_dim]; undefined where v_dim is 0
};

// For the tokens of one forward pass. All tensors lie on the policy's device.
struct KvView {
  std::vector<LayerKv> layers;
  at::Tensor block_tables;  // [S, B] int32: page of each block of each sequence
  at::Tensor rows;          // [N] int32: the sequence (row of block_tables) of each token
  at::Tensor slots;         // [N] int64: where its key and value go: page * tokens_per_page + offset
  bool whole = false;       // every sequence starts at position 0: attention then needs no cache reads, and MLA
                            // takes its naive form (prefill); false reads the cache (decode, later chunks)
};

}  // namespace grpo

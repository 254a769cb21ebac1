#pragma once
// The tensors of a forward pass of the engine: which tokens, at which positions, written to which cache slots.
// Everything the policy needs except the tokens a burst samples is known beforehand, so it is built on the host
// and sent once.
//
// Legend: N packed tokens, S sequences, R running rows, K steps of a burst, B pages of the longest sequence.

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "policy/kv_view.h"
#include "policy/policy.h"
#include "rollout/kv_cache.h"
#include "rollout/scheduler.h"
#include "rollout/sequence.h"

namespace grpo {

// Chunks of prompts, packed.
struct PrefillBatch {
  PackedTokens tokens;
  KvView view;
  at::Tensor last_rows;             // [C] int64: the packed row of each completed prompt's last token
  std::vector<Prompt*> completed;   // [C] prompts that are whole in the cache after this pass
};
PrefillBatch prefill_batch(const std::vector<PrefillChunk>& chunks, const KvCache& cache, const at::Device& device);

// One token of every running row, K times over. Kept between bursts: page tables are rebuilt only when the
// scheduler's version or their width changes.
class DecodeBatch {
 public:
  explicit DecodeBatch(const at::Device& device) : device_(device) {}

  // For K = `steps` steps from the newest id of each row. A row that reaches max_position[r], the last position
  // it may ever feed, stays there: what it samples further is surplus, and it writes only to its own page.
  // Every row needs pages up to the last position of the burst. `rows` may not be empty.
  void prepare(const std::vector<std::unique_ptr<Sequence>>& rows, int64_t max_tokens, int64_t steps,
               int64_t version, const KvCache& cache);

  const at::Tensor& first_tokens() const { return first_tokens_; }  // [R] int64
  // Of rows first .. first + count - 1 in a step: their numbers for sampling [count] float32, the batch with the tokens
  // [R] int64 that the step before sampled of all rows, and the cache.
  at::Tensor uniforms(int64_t step, int64_t first, int64_t count) const;
  PackedTokens tokens(const at::Tensor& tokens, int64_t step, int64_t first, int64_t count) const;
  KvView view(int64_t step, int64_t first, int64_t count) const;
  // Lets go of the cache until the next prepare(), so that a cache that grows need not exist twice.
  void release_cache() { view_.layers.clear(); }

 private:
  void rebuild_tables(const std::vector<std::unique_ptr<Sequence>>& rows, int64_t width);
  void fill_steps(const std::vector<std::unique_ptr<Sequence>>& rows, int64_t max_tokens, int64_t steps);

  const at::Device device_;
  int64_t version_ = -1;
  int64_t page_tokens_ = 0;
  at::Tensor cu_seqlens_;    // [R+1]
  at::Tensor first_tokens_;  // [R]
  at::Tensor positions_;     // [K, R]
  at::Tensor slots_;         // [K, R]
  at::Tensor uniforms_;      // [K, R]
  KvView view_;
};

}  // namespace grpo

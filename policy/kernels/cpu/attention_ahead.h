#pragma once
// What attention over pages asks of memory while it computes: the next page of the sequence, then the next sequence. A
// processor's own prefetching begins anew with every 4 KB, and pages lie anywhere: without this, a cache larger than the
// processor's is read at half of the rate of memory. Into the second-level cache: the first is too small for both.

#include <cstdint>

#include "policy/kernels/cpu/attention.h"

namespace grpo::cpu {

// Where lies what to fetch while tokens from j on of head h are computed: as far into the next page as they are into theirs.
// Behind the last page of keys come the first values, and behind the last values the first keys of the call to come.
template <class T>
inline const T* after_keys(const PagedAttention<T>& a, int64_t j, int64_t h) {
  const int64_t next = j / a.page_tokens + 1, within = j % a.page_tokens;
  if (next * a.page_tokens < a.context) return a.k_cache + a.blocks[next] * a.k_page + h * a.k_head + within * a.k_dim;
  return a.v_cache + a.blocks[0] * a.v_page + h * a.v_head + within * a.v_token;
}
template <class T>
inline const T* after_values(const PagedAttention<T>& a, int64_t j, int64_t h) {
  const int64_t next = j / a.page_tokens + 1, within = j % a.page_tokens;
  if (next * a.page_tokens < a.context) return a.v_cache + a.blocks[next] * a.v_page + h * a.v_head + within * a.v_token;
  return a.next_keys == nullptr ? a.v_cache : a.next_keys + h * a.k_head + within * a.k_dim;
}

template <class T>
inline void fetch(const T* line) {
  __builtin_prefetch(line, /*write=*/0, /*locality=*/2);
}

}  // namespace grpo::cpu

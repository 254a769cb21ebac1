#pragma once
// A decode step's attention as its kernels see it: single query tokens against a paged cache.

#include <c10/util/BFloat16.h>

#include <cstdint>

#include "policy/kernels/cuda/elements.cuh"

namespace grpo::cuda {

// Strides in elements; a token's numbers are consecutive.
template <class T>
struct PagedProblem {
  const T *q, *k, *v;
  int64_t q_token, q_head, k_page, k_token, k_head, v_page, v_token, v_head;
  const int32_t* tables;  // [S, B]
  int64_t table_row;
  const int32_t* rows;
  const int64_t* positions;
  T* out;  // [N, H, Dv] contiguous
  int page_tokens, heads, group, k_dim, v_dim;
  Compute<T> scale;
  bool aligned;  // keys and values: rows_are_aligned
};

template <class T>
__device__ const T* paged_row(const T* cache, int64_t page_stride, int64_t token_stride, const int32_t* table,
                              int page_tokens, int position) {
  return cache + table[position / page_tokens] * page_stride + position % page_tokens * token_stride;
}

// Heads of at most this many numbers: MLA's latent and rotary part.
constexpr int kWidestHead = 576;

// paged_attention_mma.cu: bfloat16 on tensor cores. Asks for an aligned cache.
void launch_on_tensor_cores(const PagedProblem<c10::BFloat16>& p, int64_t tokens, int64_t kv_heads);

}  // namespace grpo::cuda

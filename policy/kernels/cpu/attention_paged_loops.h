#pragma once
// A query token against the pages of its sequence. Each file that includes this is compiled for an instruction set of its own, and what
// is defined here is its own.

#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/attention_sums.h"

namespace grpo::cpu {
namespace {

// As weigh_values, out of the pages, w numbers of the values of kHeads query heads: p rows `row` apart, out rows v_dim
// rounded up apart.
template <int kHeads, class T, class C>
GRPO_INLINE void weigh_pages(const PagedAttention<T>& a, const C* p, int64_t row, const C* sums, int64_t first, C* out,
                             int64_t out_row) {
  Vec<C> acc[kHeads][4] = {};
  const auto add = [&](int lane, int64_t j, const T* value) GRPO_LAMBDA {
    const Vec<C> v = load_wide(value);
    for (int h = 0; h < kHeads; ++h) acc[h][lane] = multiply_add(all_lanes(p[h * row + j]), v, acc[h][lane]);
  };
  for (int64_t j = 0; j < a.context;) {
    const T* from = a.v_cache + a.blocks[j / a.page_tokens] * a.v_page + first;
    const int64_t end = j + a.page_tokens < a.context ? j + a.page_tokens : a.context;
    for (; j + 4 <= end; j += 4, from += 4 * a.v_token) {
      add(0, j, from);
      add(1, j + 1, from + a.v_token);
      add(2, j + 2, from + 2 * a.v_token);
      add(3, j + 3, from + 3 * a.v_token);
    }
    if (j < end) add(0, j, from);
    if (j + 1 < end) add(1, j + 1, from + a.v_token);
    if (j + 2 < end) add(2, j + 2, from + 2 * a.v_token);
    j = end;
  }
  for (int h = 0; h < kHeads; ++h) {
    store_lanes<C>(out + h * out_row, ((acc[h][0] + acc[h][1]) + (acc[h][2] + acc[h][3])) / sums[h]);
  }
}

// Asks for the keys, or values, of the page that holds token j, which are wanted soon: pages lie too far apart for the
// processor to foresee.
template <class T>
GRPO_INLINE void expect_page(const PagedAttention<T>& a, const T* cache, int64_t page, int64_t bytes, int64_t j) {
  if (j >= a.context) return;
  const char* from = reinterpret_cast<const char*>(cache + a.blocks[j / a.page_tokens] * page);
  for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(from + b);
}

// Scores of kTiles times w tokens from token j on, for all query heads.
template <int kTiles, class T, class C>
GRPO_INLINE void score_pages(const PagedAttention<T>& a, const C* q, int64_t j, C* scores, int64_t padded) {
  constexpr int64_t w = Lanes<C>::kWidth;
  const T* keys[kTiles];
  for (int64_t t = 0; t < kTiles; ++t) {
    const int64_t token = j + t * w;
    keys[t] = a.k_cache + a.blocks[token / a.page_tokens] * a.k_page + token % a.page_tokens;
    if (token % a.page_tokens == 0) {
      const int64_t size = a.page_tokens * static_cast<int64_t>(sizeof(T));
      expect_page(a, a.k_cache, a.k_page, a.k_dim * size, token + kTiles * w);
      expect_page(a, a.v_cache, a.v_page, a.v_token * size, token);
    }
  }
  const C scale = static_cast<C>(a.scale);
  C* to = scores + j;
  int64_t h = 0;
  if constexpr (kTiles == 1) {
    for (; h + 4 <= a.group; h += 4) {
      score_tiles<4, kTiles>(q + h * a.k_dim, a.k_dim, keys, a.k_number, scale, to + h * padded, padded);
    }
  }
  for (; h + 2 <= a.group; h += 2) {
    score_tiles<2, kTiles>(q + h * a.k_dim, a.k_dim, keys, a.k_number, scale, to + h * padded, padded);
  }
  if (h < a.group) score_tiles<1, kTiles>(q + h * a.k_dim, a.k_dim, keys, a.k_number, scale, to + h * padded, padded);
}

// Pages read where they lie.
template <class T>
GRPO_INLINE void paged_tiled(const PagedAttention<T>& a) {
  using C = Compute<T>;
  constexpr int64_t w = Lanes<C>::kWidth;
  static_assert(kTile % w == 0);
  const int64_t padded = round_up<C>(a.context), padded_v = round_up<C>(a.v_dim);
  C* q = scratch<C>(0, a.group * a.k_dim);
  C* scores = scratch<C>(1, a.group * padded);
  C* sums = scratch<C>(2, a.group);
  C* out = scratch<C>(3, a.group * padded_v);
  for (int64_t h = 0; h < a.group; ++h) {
    for (int64_t d = 0; d < a.k_dim; ++d) q[h * a.k_dim + d] = load(a.q[h * a.q_head + d]);
  }
  int64_t j = 0;
  for (; j + 4 * w <= a.context; j += 4 * w) score_pages<4>(a, q, j, scores, padded);
  for (; j < a.context; j += w) score_pages<1>(a, q, j, scores, padded);
  for (int64_t h = 0; h < a.group; ++h) sums[h] = softmax_row<C>(scores + h * padded, a.context).sum;
  for (int64_t d = 0; d < a.v_dim; d += w) {
    int64_t h = 0;
    for (; h + 4 <= a.group; h += 4) {
      weigh_pages<4>(a, scores + h * padded, padded, sums + h, d, out + h * padded_v + d, padded_v);
    }
    for (; h + 2 <= a.group; h += 2) {
      weigh_pages<2>(a, scores + h * padded, padded, sums + h, d, out + h * padded_v + d, padded_v);
    }
    if (h < a.group) weigh_pages<1>(a, scores + h * padded, padded, sums + h, d, out + h * padded_v + d, padded_v);
  }
  for (int64_t h = 0; h < a.group; ++h) {
    for (int64_t d = 0; d < a.v_dim; ++d) store(a.out + h * a.out_head + d, out[h * padded_v + d]);
  }
}

template <class T>
GRPO_INLINE void paged_copied(const PagedAttention<T>& a) {
  using C = Compute<T>;
  constexpr int64_t w = Lanes<C>::kWidth;
  const int64_t padded = round_up<C>(a.context), padded_v = round_up<C>(a.v_dim);
  C* q = scratch<C>(0, a.group * a.k_dim);
  C* scores = scratch<C>(1, a.group * padded);
  C* kt = scratch<C>(2, a.k_dim * w);
  C* v = scratch<C>(3, a.context * padded_v);
  C* out = scratch<C>(4, padded_v);
  for (int64_t h = 0; h < a.group; ++h) {
    for (int64_t d = 0; d < a.k_dim; ++d) q[h * a.k_dim + d] = load(a.q[h * a.q_head + d]);
  }
  int64_t block = 0, offset = 0;  // where token j + u lies
  for (int64_t j = 0; j < a.context; j += w) {
    const int64_t tile = a.context - j < w ? a.context - j : w;
    for (int64_t u = 0; u < tile; ++u) {
      const int64_t page = a.blocks[block];
      const T* key = a.k_cache + page * a.k_page + offset * a.k_token;
      const T* value = a.v_cache + page * a.v_page + offset * a.v_token;
      for (int64_t d = 0; d < a.k_dim; ++d) kt[d * w + u] = load(key[d * a.k_number]);
      C* to = v + (j + u) * padded_v;
      for (int64_t d = 0; d < a.v_dim; ++d) to[d] = load(value[d]);
      for (int64_t d = a.v_dim; d < padded_v; ++d) to[d] = 0;
      if (++offset == a.page_tokens) {
        offset = 0;
        ++block;
      }
    }
    for (int64_t u = tile; u < w; ++u) {
      for (int64_t d = 0; d < a.k_dim; ++d) kt[d * w + u] = 0;
    }
    for (int64_t h = 0; h < a.group; ++h) {
      C* to = scores + h * padded + j;
      score_tiles<1, 1, C>(q + h * a.k_dim, a.k_dim, {kt}, w, static_cast<C>(a.scale), to, padded);
    }
  }
  for (int64_t h = 0; h < a.group; ++h) {
    const Row<C> s = softmax_row<C>(scores + h * padded, a.context);
    weigh_values<C>(scores + h * padded, v, padded_v, a.v_dim, a.context, s.sum, out);
    for (int64_t d = 0; d < a.v_dim; ++d) store(a.out + h * a.out_head + d, out[d]);
  }
}

template <class T>
GRPO_INLINE void attend_pages(const PagedAttention<T>& a) {
  a.tiled() ? paged_tiled(a) : paged_copied(a);
}

}  // namespace
}  // namespace grpo::cpu

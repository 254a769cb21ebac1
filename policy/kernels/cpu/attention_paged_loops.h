#pragma once
// A query token against the pages of its sequence. Each file that includes this is compiled for an instruction set of its own, and what
// is defined here is its own.

#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/attention_sums.h"

namespace grpo::cpu {
namespace {

// As weigh_values, of one page: tokens j .. end - 1, which lie from `from` on, add to w numbers of the sums of kHeads query
// heads. p: weights, rows `row` apart; sums [kHeads][4][width].
template <int kHeads, class T, class C>
GRPO_INLINE void weigh_page(const T* from, int64_t token, int64_t j, int64_t end, const C* p, int64_t row, C* sums, int64_t width) {
  Vec<C> acc[kHeads][4];
  for (int h = 0; h < kHeads; ++h) {
    for (int lane = 0; lane < 4; ++lane) acc[h][lane] = load_lanes<C>(sums + (4 * h + lane) * width);
  }
  const auto add = [&](int lane, int64_t at, const T* value) GRPO_LAMBDA {
    const Vec<C> v = load_wide(value);
    for (int h = 0; h < kHeads; ++h) acc[h][lane] = multiply_add(all_lanes(p[h * row + at]), v, acc[h][lane]);
  };
  for (; j + 4 <= end; j += 4, from += 4 * token) {
    add(0, j, from);
    add(1, j + 1, from + token);
    add(2, j + 2, from + 2 * token);
    add(3, j + 3, from + 3 * token);
  }
  if (j < end) add(0, j, from);
  if (j + 1 < end) add(1, j + 1, from + token);
  if (j + 2 < end) add(2, j + 2, from + 2 * token);
  for (int h = 0; h < kHeads; ++h) {
    for (int lane = 0; lane < 4; ++lane) store_lanes<C>(sums + (4 * h + lane) * width, acc[h][lane]);
  }
}

// Scores of kTiles times w tokens from token j on for the query heads of one key/value head, whose keys begin at `cache`.
template <int kTiles, class T, class C>
GRPO_INLINE void score_pages(const PagedAttention<T>& a, const T* cache, const C* q, int64_t j, C* to, int64_t padded) {
  constexpr int64_t w = Lanes<C>::kWidth;
  const T* keys[kTiles];
  for (int64_t t = 0; t < kTiles; ++t) {
    const int64_t token = j + t * w;
    keys[t] = cache + a.blocks[token / a.page_tokens] * a.k_page + token % a.page_tokens;
  }
  const C scale = static_cast<C>(a.scale);
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

// Pages read where they lie, each with all its heads at once: memory is read fastest in long pieces.
template <class T>
GRPO_INLINE void paged_tiled(const PagedAttention<T>& a) {
  using C = Compute<T>;
  constexpr int64_t w = Lanes<C>::kWidth;
  static_assert(kTile % w == 0);
  const int64_t rows = a.heads * a.group, padded = round_up<C>(a.context), width = round_up<C>(a.v_dim);
  C* q = scratch<C>(0, rows * a.k_dim);
  C* scores = scratch<C>(1, rows * padded);
  C* sums = scratch<C>(2, rows * 4 * width);
  C* weight = scratch<C>(3, rows);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t d = 0; d < a.k_dim; ++d) q[r * a.k_dim + d] = load(a.q[r * a.q_head + d]);
  }
  const int64_t head_q = a.group * a.k_dim, head_scores = a.group * padded;
  int64_t j = 0;
  for (; j + 4 * w <= a.context; j += 4 * w) {
    for (int64_t h = 0; h < a.heads; ++h) score_pages<4>(a, a.k_cache + h * a.k_head, q + h * head_q, j, scores + h * head_scores + j, padded);
  }
  for (; j < a.context; j += w) {
    for (int64_t h = 0; h < a.heads; ++h) score_pages<1>(a, a.k_cache + h * a.k_head, q + h * head_q, j, scores + h * head_scores + j, padded);
  }
  for (int64_t r = 0; r < rows; ++r) weight[r] = softmax_row<C>(scores + r * padded, a.context).sum;
  for (int64_t n = 0; n < rows * 4 * width; ++n) sums[n] = 0;
  for (j = 0; j < a.context; j += a.page_tokens) {
    const int64_t end = j + a.page_tokens < a.context ? j + a.page_tokens : a.context;
    for (int64_t h = 0; h < a.heads; ++h) {
      const T* from = a.v_cache + a.blocks[j / a.page_tokens] * a.v_page + h * a.v_head;
      for (int64_t d = 0; d < a.v_dim; d += w) {
        const C* p = scores + h * head_scores;
        C* to = sums + h * a.group * 4 * width + d;
        int64_t g = 0;
        for (; g + 4 <= a.group; g += 4) weigh_page<4>(from + d, a.v_token, j, end, p + g * padded, padded, to + g * 4 * width, width);
        for (; g + 2 <= a.group; g += 2) weigh_page<2>(from + d, a.v_token, j, end, p + g * padded, padded, to + g * 4 * width, width);
        if (g < a.group) weigh_page<1>(from + d, a.v_token, j, end, p + g * padded, padded, to + g * 4 * width, width);
      }
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    const C* of = sums + r * 4 * width;
    for (int64_t d = 0; d < a.v_dim; d += w) {
      const auto lane = [&](int64_t n) GRPO_LAMBDA { return load_lanes<C>(of + n * width + d); };
      store_some(a.out + r * a.out_head + d, ((lane(0) + lane(1)) + (lane(2) + lane(3))) / weight[r], a.v_dim - d);
    }
  }
}

// Pages of one head.
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
  if (a.tiled()) return paged_tiled(a);
  for (int64_t h = 0; h < a.heads; ++h) paged_copied(a.of_head(h));
}

}  // namespace
}  // namespace grpo::cpu

#pragma once
// The loops of attention, for files that are compiled for instruction sets of their own: included once by each, after
// lanes.h. What it defines is each file's own.

#include <cmath>
#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/lanes.h"

namespace grpo::cpu {
namespace {

template <class C>
struct Row {
  C max;
  C sum;
};

template <class C>
GRPO_INLINE Row<C> softmax_row(C* scores, int64_t count) {
  constexpr int64_t w = Lanes<C>::kWidth;
  const int64_t padded = round_up<C>(count);
  for (int64_t j = count; j < padded; ++j) scores[j] = scores[0];
  Vec<C> largest = load_lanes<C>(scores);
  for (int64_t j = w; j < padded; j += w) {
    const Vec<C> next = load_lanes<C>(scores + j);
    largest = next > largest ? next : largest;
  }
  const C max = max_lanes<C>(largest);
  Vec<C> sum{};
  for (int64_t j = 0; j < padded; j += w) {
    Vec<C> p = exp_lanes(load_lanes<C>(scores + j) - max);
    if (j + w > count) p = first_lanes<C>(p, count - j);
    store_lanes<C>(scores + j, p);
    sum = sum + p;
  }
  return {max, sum_lanes<C>(sum)};
}

// out[0..padded v_dim) = sum_j p[j] * v[j][:] / sum; v has row length `stride`. Key j is added to sum j % 4, and the
// four sums at the end.
template <class C>
GRPO_INLINE void weigh_values(const C* p, const C* v, int64_t stride, int64_t v_dim, int64_t count, C sum, C* out) {
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t d = 0; d < v_dim; d += w) {
    Vec<C> acc[4] = {};
    const C* from = v + d;
    int64_t j = 0;
    for (; j + 4 <= count; j += 4, from += 4 * stride) {
      acc[0] = multiply_add(all_lanes(p[j]), load_lanes<C>(from), acc[0]);
      acc[1] = multiply_add(all_lanes(p[j + 1]), load_lanes<C>(from + stride), acc[1]);
      acc[2] = multiply_add(all_lanes(p[j + 2]), load_lanes<C>(from + 2 * stride), acc[2]);
      acc[3] = multiply_add(all_lanes(p[j + 3]), load_lanes<C>(from + 3 * stride), acc[3]);
    }
    if (j < count) acc[0] = multiply_add(all_lanes(p[j]), load_lanes<C>(from), acc[0]);
    if (j + 1 < count) acc[1] = multiply_add(all_lanes(p[j + 1]), load_lanes<C>(from + stride), acc[1]);
    if (j + 2 < count) acc[2] = multiply_add(all_lanes(p[j + 2]), load_lanes<C>(from + 2 * stride), acc[2]);
    store_lanes<C>(out + d, ((acc[0] + acc[1]) + (acc[2] + acc[3])) / sum);
  }
}

// [length, dim] with token stride -> transposed [dim, padded], zero past length.
template <class T, class C>
GRPO_INLINE void transpose_in(const T* from, int64_t token, int64_t length, int64_t dim, int64_t padded, C* to) {
  for (int64_t d = 0; d < dim; ++d) {
    for (int64_t j = 0; j < length; ++j) to[d * padded + j] = load(from[j * token + d]);
    for (int64_t j = length; j < padded; ++j) to[d * padded + j] = 0;
  }
}
// The same without transposing: [length, padded dim].
template <class T, class C>
GRPO_INLINE void copy_in(const T* from, int64_t token, int64_t length, int64_t dim, int64_t padded_dim, C* to) {
  for (int64_t j = 0; j < length; ++j) {
    for (int64_t d = 0; d < dim; ++d) to[j * padded_dim + d] = load(from[j * token + d]);
    for (int64_t d = dim; d < padded_dim; ++d) to[j * padded_dim + d] = 0;
  }
}

// How many queries share what is loaded of keys and values.
constexpr int64_t kQueries = 4;

// Scores of kTiles times w keys for kRows queries: q [kRows, k_dim], scores [kRows] rows `row` apart. The keys of a tile
// lie side by side at keys[tile], the d-th number of them `number` apart. Several tiles keep more sums going than one
// chain of additions could.
template <int kRows, int kTiles, class T, class C>
GRPO_INLINE void score_tiles(const C* q, int64_t k_dim, const T* const (&keys)[kTiles], int64_t number, C scale,
                             C* scores, int64_t row) {
  Vec<C> acc[kRows][kTiles] = {};
  for (int64_t d = 0; d < k_dim; ++d) {
    for (int t = 0; t < kTiles; ++t) {
      const Vec<C> k = load_wide(keys[t] + d * number);
      for (int r = 0; r < kRows; ++r) acc[r][t] = multiply_add(all_lanes(q[r * k_dim + d]), k, acc[r][t]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < kTiles; ++t) store_lanes<C>(scores + r * row + t * Lanes<C>::kWidth, acc[r][t] * scale);
  }
}

// Keys and values of one sequence as the kernels read them, and room for their work.
template <class C>
struct ForwardScratch {
  int64_t padded, padded_v;
  C *kt, *v, *scores, *q, *out;
};

// Queries i .. i + kRows - 1 of head h.
template <int kRows, class T, class C>
GRPO_INLINE void forward_rows(const SequenceAttention<T>& a, const ForwardScratch<C>& s, int64_t h, int64_t i) {
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t r = 0; r < kRows; ++r) {
    const T* q = a.q + (i + r) * a.q_token + h * a.q_head;
    for (int64_t d = 0; d < a.k_dim; ++d) s.q[r * a.k_dim + d] = load(q[d]);
  }
  const C scale = static_cast<C>(a.scale);
  int64_t first = 0;
  for (; first + 2 * w <= i + kRows; first += 2 * w) {
    score_tiles<kRows, 2, C>(s.q, a.k_dim, {s.kt + first, s.kt + first + w}, s.padded, scale, s.scores + first,
                             s.padded);
  }
  for (; first < i + kRows; first += w) {
    score_tiles<kRows, 1, C>(s.q, a.k_dim, {s.kt + first}, s.padded, scale, s.scores + first, s.padded);
  }
  C sums[kRows];
  for (int64_t r = 0; r < kRows; ++r) {
    const Row<C> row = softmax_row<C>(s.scores + r * s.padded, i + r + 1);
    sums[r] = row.sum;
    a.lse[(i + r) * a.lse_token + h] = row.max + std::log(row.sum);
  }
  // As weigh_values, the keys that all of them see together.
  const int64_t shared = (i + 1) / 4 * 4;
  for (int64_t d = 0; d < a.v_dim; d += w) {
    Vec<C> acc[kRows][4] = {};
    for (int64_t j = 0; j < shared; j += 4) {
      for (int lane = 0; lane < 4; ++lane) {
        const Vec<C> v = load_lanes<C>(s.v + (j + lane) * s.padded_v + d);
        for (int r = 0; r < kRows; ++r) acc[r][lane] = multiply_add(all_lanes(s.scores[r * s.padded + j + lane]), v, acc[r][lane]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int64_t j = shared; j <= i + r; ++j) {
        const Vec<C> weight = all_lanes(s.scores[r * s.padded + j]), v = load_lanes<C>(s.v + j * s.padded_v + d);
        const int64_t lane = j - shared;
        if (lane % 4 == 0) acc[r][0] = multiply_add(weight, v, acc[r][0]);
        if (lane % 4 == 1) acc[r][1] = multiply_add(weight, v, acc[r][1]);
        if (lane % 4 == 2) acc[r][2] = multiply_add(weight, v, acc[r][2]);
        if (lane % 4 == 3) acc[r][3] = multiply_add(weight, v, acc[r][3]);
      }
      store_lanes<C>(s.out + r * s.padded_v + d, ((acc[r][0] + acc[r][1]) + (acc[r][2] + acc[r][3])) / sums[r]);
    }
  }
  for (int64_t r = 0; r < kRows; ++r) {
    T* to = a.out + (i + r) * a.out_token + h * a.out_head;
    for (int64_t d = 0; d < a.v_dim; ++d) store(to + d, s.out[r * s.padded_v + d]);
  }
}

template <class T>
GRPO_INLINE void forward(const SequenceAttention<T>& a) {
  using C = Compute<T>;
  ForwardScratch<C> s;
  s.padded = round_up<C>(a.length + kQueries);
  s.padded_v = round_up<C>(a.v_dim);
  s.kt = scratch<C>(0, a.k_dim * s.padded);
  s.v = scratch<C>(1, a.length * s.padded_v);
  s.scores = scratch<C>(2, kQueries * s.padded);
  s.q = scratch<C>(3, kQueries * a.k_dim);
  s.out = scratch<C>(4, kQueries * s.padded_v);
  transpose_in(a.k, a.k_token, a.length, a.k_dim, s.padded, s.kt);
  copy_in(a.v, a.v_token, a.length, a.v_dim, s.padded_v, s.v);
  for (int64_t h = 0; h < a.group; ++h) {
    int64_t i = 0;
    for (; i + kQueries <= a.length; i += kQueries) forward_rows<kQueries>(a, s, h, i);
    for (; i < a.length; ++i) forward_rows<1>(a, s, h, i);
  }
}

// dV_j = sum_i p_ij dO_i;  dS_ij = p_ij (dO_i . V_j - dO_i . O_i);  dQ_i = scale sum_j dS_ij K_j;
// dK_j = scale sum_i dS_ij Q_i (FlashAttention, arXiv 2205.14135, appendix B.2). Keys run along lanes.
template <class C>
struct BackwardScratch {
  int64_t padded;
  C *kt, *vt, *dkt, *dvt, *ds, *q, *d_out;
};

// What queries i .. i + kRows - 1 and kTiles times w keys from key j on give each other.
template <int kRows, int kTiles, class T, class C>
GRPO_INLINE void backward_tiles(const SequenceAttention<T>& a, const BackwardScratch<C>& s, int64_t i, int64_t first,
                                const C* lse, const C* delta) {
  constexpr int64_t w = Lanes<C>::kWidth;
  const C scale = static_cast<C>(a.scale);
  Vec<C> p[kRows][kTiles] = {}, dp[kRows][kTiles] = {};
  for (int64_t d = 0; d < a.k_dim; ++d) {
    for (int t = 0; t < kTiles; ++t) {
      const Vec<C> k = load_lanes<C>(s.kt + d * s.padded + first + t * w);
      for (int r = 0; r < kRows; ++r) p[r][t] = multiply_add(all_lanes(s.q[r * a.k_dim + d]), k, p[r][t]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < kTiles; ++t) {
      const int64_t seen = i + r + 1 - first - t * w;
      p[r][t] = exp_lanes(p[r][t] * scale - lse[r]);
      if (seen < w) p[r][t] = first_lanes<C>(p[r][t], seen);
    }
  }
  for (int64_t d = 0; d < a.v_dim; ++d) {
    for (int t = 0; t < kTiles; ++t) {
      const Vec<C> v = load_lanes<C>(s.vt + d * s.padded + first + t * w);
      C* to = s.dvt + d * s.padded + first + t * w;
      Vec<C> dv = load_lanes<C>(to);
      for (int r = 0; r < kRows; ++r) {
        const Vec<C> g = all_lanes(s.d_out[r * a.v_dim + d]);
        dp[r][t] = multiply_add(g, v, dp[r][t]);
        dv = multiply_add(p[r][t], g, dv);
      }
      store_lanes<C>(to, dv);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < kTiles; ++t) {
      dp[r][t] = p[r][t] * (dp[r][t] - delta[r]) * scale;  // dS from here on
      store_lanes<C>(s.ds + r * s.padded + first + t * w, dp[r][t]);
    }
  }
  for (int64_t d = 0; d < a.k_dim; ++d) {
    for (int t = 0; t < kTiles; ++t) {
      C* to = s.dkt + d * s.padded + first + t * w;
      Vec<C> dk = load_lanes<C>(to);
      for (int r = 0; r < kRows; ++r) dk = multiply_add(dp[r][t], all_lanes(s.q[r * a.k_dim + d]), dk);
      store_lanes<C>(to, dk);
    }
  }
}

// dQ of queries i .. i + kRows - 1 of head h at dimensions d .. d + kDims - 1: sums over keys 0 .. covered - 1, whose dS is
// there.
template <int kRows, int kDims, class T, class C>
GRPO_INLINE void query_gradients(const SequenceAttention<T>& a, const BackwardScratch<C>& s, int64_t h, int64_t i,
                                 int64_t covered, int64_t d) {
  constexpr int64_t w = Lanes<C>::kWidth;
  Vec<C> acc[kRows][kDims] = {};
  for (int64_t j = 0; j < covered; j += w) {
    Vec<C> k[kDims];
    for (int e = 0; e < kDims; ++e) k[e] = load_lanes<C>(s.kt + (d + e) * s.padded + j);
    for (int r = 0; r < kRows; ++r) {
      const Vec<C> ds = load_lanes<C>(s.ds + r * s.padded + j);
      for (int e = 0; e < kDims; ++e) acc[r][e] = multiply_add(ds, k[e], acc[r][e]);
    }
  }
  // By way of memory: sums of halves taken from the accumulators would keep these out of registers.
  alignas(64) C sums[kRows][kDims][w];
  for (int r = 0; r < kRows; ++r) {
    for (int e = 0; e < kDims; ++e) store_lanes<C>(sums[r][e], acc[r][e]);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int e = 0; e < kDims; ++e) {
      store(a.dq + (i + r) * a.q_token + h * a.q_head + d + e, sum_lanes<C>(load_lanes<C>(sums[r][e])));
    }
  }
}

// Queries i .. i + kRows - 1 of head h; each key's gradient gets their shares in this order.
template <int kRows, class T, class C>
GRPO_INLINE void backward_rows(const SequenceAttention<T>& a, const BackwardScratch<C>& s, int64_t h, int64_t i) {
  constexpr int64_t w = Lanes<C>::kWidth;
  C delta[kRows], lse[kRows];
  for (int64_t r = 0; r < kRows; ++r) {
    const T* q = a.q + (i + r) * a.q_token + h * a.q_head;
    const T* o = a.out + (i + r) * a.out_token + h * a.out_head;
    const T* g = a.d_out + (i + r) * a.out_token + h * a.out_head;
    for (int64_t d = 0; d < a.k_dim; ++d) s.q[r * a.k_dim + d] = load(q[d]);
    delta[r] = 0;
    for (int64_t d = 0; d < a.v_dim; ++d) {
      s.d_out[r * a.v_dim + d] = load(g[d]);
      delta[r] += s.d_out[r * a.v_dim + d] * load(o[d]);
    }
    lse[r] = a.lse[(i + r) * a.lse_token + h];
  }
  const int64_t covered = round_up<C>(i + kRows);
  int64_t j = 0;
  for (; j + 2 * w <= covered; j += 2 * w) backward_tiles<kRows, 2>(a, s, i, j, lse, delta);
  for (; j < covered; j += w) backward_tiles<kRows, 1>(a, s, i, j, lse, delta);
  int64_t d = 0;
  for (; d + 4 <= a.k_dim; d += 4) query_gradients<kRows, 4>(a, s, h, i, covered, d);
  for (; d < a.k_dim; ++d) query_gradients<kRows, 1>(a, s, h, i, covered, d);
}

template <class T>
GRPO_INLINE void backward(const SequenceAttention<T>& a) {
  using C = Compute<T>;
  BackwardScratch<C> s;
  const int64_t padded = s.padded = round_up<C>(a.length + kQueries);
  s.kt = scratch<C>(0, a.k_dim * padded);
  s.vt = scratch<C>(1, a.v_dim * padded);
  s.dkt = scratch<C>(2, a.k_dim * padded);
  s.dvt = scratch<C>(3, a.v_dim * padded);
  s.ds = scratch<C>(4, kQueries * padded);
  s.q = scratch<C>(5, kQueries * a.k_dim);
  s.d_out = scratch<C>(6, kQueries * a.v_dim);
  transpose_in(a.k, a.k_token, a.length, a.k_dim, padded, s.kt);
  transpose_in(a.v, a.v_token, a.length, a.v_dim, padded, s.vt);
  for (int64_t n = 0; n < a.k_dim * padded; ++n) s.dkt[n] = 0;
  for (int64_t n = 0; n < a.v_dim * padded; ++n) s.dvt[n] = 0;
  for (int64_t h = 0; h < a.group; ++h) {
    int64_t i = 0;
    for (; i + kQueries <= a.length; i += kQueries) backward_rows<kQueries>(a, s, h, i);
    for (; i < a.length; ++i) backward_rows<1>(a, s, h, i);
  }
  for (int64_t j = 0; j < a.length; ++j) {
    for (int64_t d = 0; d < a.k_dim; ++d) store(a.dk + j * a.k_token + d, s.dkt[d * padded + j]);
    for (int64_t d = 0; d < a.v_dim; ++d) store(a.dv + j * a.v_token + d, s.dvt[d * padded + j]);
  }
}

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

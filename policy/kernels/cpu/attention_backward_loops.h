#pragma once
// Its gradient. Each file that includes this is compiled for an instruction set of its own, and what
// is defined here is its own.

#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/attention_sums.h"

namespace grpo::cpu {
namespace {

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

}  // namespace
}  // namespace grpo::cpu

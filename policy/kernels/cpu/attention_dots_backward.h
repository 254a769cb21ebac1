#pragma once
// Gradient of causal attention by bfloat16 dot products: weights and their gradients are rounded to Bf16 before they are
// multiplied, sums are float. Included by attention_dots.cpp, under its target.
//
// With P_ij the weights: dV_j = sum_i P_ij dO_i;  dS_ij = P_ij (dO_i . V_j - dO_i . O_i);  dQ_i = scale sum_j dS_ij K_j;
// dK_j = scale sum_i dS_ij Q_i (FlashAttention, arXiv 2205.14135, appendix B.2; its loops too: a block of keys, whose
// gradients stay near, against all queries that see it).

#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_dots_rows.h"

namespace grpo::cpu {
namespace {

constexpr int kBlockRows = 8, kBlockKeys = 64;

struct DotsBackward {
  int64_t padded, k_pairs, v_pairs, padded_k, padded_v;
  int32_t *keys, *values;    // pairs of neighbours in dim: [k_pairs][padded], [v_pairs][padded]
  int32_t* key_tokens;       // pairs of neighbours in length: [padded / 2][padded_k]
  float *dk, *dv;            // [padded][padded_k], [padded][padded_v]
  // Of one query head.
  int32_t *q, *d_out;                // [padded][k_pairs], [padded][v_pairs]
  int32_t *q_tokens, *d_out_tokens;  // [padded / 2][padded_k], [padded / 2][padded_v]
  float *lse, *delta, *dq;           // [padded] (of powers of two), [padded], [padded][padded_k]
  // Of one block.
  Bf16* ds;              // [kBlockRows][kBlockKeys]
  int32_t *p2, *ds2;     // pairs of neighbouring queries: [kBlockRows / 2][kBlockKeys]
};

// P and dS of queries i .. i + kBlockRows - 1 and 32 keys from key first + at on, first being the block's.
[[gnu::noinline, maybe_unused]] void block_weights(const SequenceAttention<Bf16>& a, const DotsBackward& s, int64_t i, int64_t first, int64_t at) {
  constexpr int kTiles = 2;
  const auto scale = static_cast<float>(a.scale);
  alignas(64) float p[kBlockRows * 16 * kTiles], dp[kBlockRows * 16 * kTiles];
  const auto at_keys = [&](const int32_t* from) GRPO_LAMBDA {
    from += first + at;
    return [from, &s](int tile, int64_t d) GRPO_LAMBDA { return _mm512_loadu_si512(from + d * s.padded + 16 * tile); };
  };
  score_pairs<kBlockRows, kTiles>(s.q + i * s.k_pairs, s.k_pairs, at_keys(s.keys), scale * kLog2E, p, 16 * kTiles);
  score_pairs<kBlockRows, kTiles>(s.d_out + i * s.v_pairs, s.v_pairs, at_keys(s.values), 1.0f, dp, 16 * kTiles);
  for (int64_t t = 0; t < kTiles; ++t) {
    __m256i weights[kBlockRows], gradients[kBlockRows];
    for (int64_t r = 0; r < kBlockRows; ++r) {
      const int64_t seen = i + r < a.length ? i + r + 1 - (first + at + 16 * t) : 0, lane = (r * kTiles + t) * 16;
      Vec<float> w = exp2_lanes(load_lanes<float>(p + lane) - s.lse[i + r]);
      if (seen < 16) w = first_lanes<float>(w, seen);
      weights[r] = narrowed(w);
      gradients[r] = narrowed(w * (load_lanes<float>(dp + lane) - s.delta[i + r]) * scale);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(s.ds + r * kBlockKeys + at + 16 * t), gradients[r]);
    }
    for (int64_t m = 0; m < kBlockRows / 2; ++m) {
      const int64_t to = m * kBlockKeys + at + 16 * t;
      _mm512_storeu_si512(s.p2 + to, zipped(weights[2 * m], weights[2 * m + 1]));
      _mm512_storeu_si512(s.ds2 + to, zipped(gradients[2 * m], gradients[2 * m + 1]));
    }
  }
}

// to[j][:] += sum over kBlockRows rows of weights[row][j] * rows[row][:], for `count` keys; both as pairs of rows.
template <int kVectors>
[[gnu::noinline, maybe_unused]] void add_outer(const int32_t* weights, const int32_t* rows, int64_t padded_dim, int64_t count, float* to) {
  __m512i row[kBlockRows / 2][kVectors];
#pragma GCC unroll 8
  for (int m = 0; m < kBlockRows / 2; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) row[m][v] = _mm512_loadu_si512(rows + m * padded_dim + 16 * v);
  }
  for (int64_t j = 0; j < count; ++j, to += padded_dim) {
    __m512 sum[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[v] = _mm512_loadu_ps(to + 16 * v);
#pragma GCC unroll 8
    for (int m = 0; m < kBlockRows / 2; ++m) {
      const __m512i weight = _mm512_set1_epi32(weights[m * kBlockKeys + j]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[v] = dot(sum[v], weight, row[m][v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_ps(to + 16 * v, sum[v]);
  }
}
[[gnu::noinline, maybe_unused]] void add_outer(const int32_t* weights, const int32_t* rows, int64_t padded_dim, int64_t count, float* to) {
  int64_t d = 0;
  for (; d + 32 <= padded_dim; d += 32) add_outer<2>(weights, rows + d, padded_dim, count, to + d);
  for (; d < padded_dim; d += 16) add_outer<1>(weights, rows + d, padded_dim, count, to + d);
}

// dq of queries i .. i + kBlockRows - 1 += dS times the block's keys, over num_pairs pairs of these.
template <int kVectors>
[[gnu::noinline, maybe_unused]] void add_query_gradients(const DotsBackward& s, int64_t i, int64_t first, int64_t num_pairs, int64_t d) {
  __m512 sum[kBlockRows][kVectors];
  float* to = s.dq + i * s.padded_k + d;
#pragma GCC unroll 8
  for (int r = 0; r < kBlockRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[r][v] = _mm512_loadu_ps(to + r * s.padded_k + 16 * v);
  }
  const int32_t* from = s.key_tokens + first / 2 * s.padded_k + d;
  for (int64_t m = 0; m < num_pairs; ++m, from += s.padded_k) {
    __m512i k[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) k[v] = _mm512_loadu_si512(from + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < kBlockRows; ++r) {
      const __m512i weight = weight_pair(s.ds + r * kBlockKeys + 2 * m);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[r][v] = dot(sum[r][v], weight, k[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kBlockRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_ps(to + r * s.padded_k + 16 * v, sum[r][v]);
  }
}

// Queries i .. i + kBlockRows - 1 and keys first .. first + kBlockKeys - 1, as far as these are seen.
GRPO_INLINE void backward_block(const SequenceAttention<Bf16>& a, const DotsBackward& s, int64_t i, int64_t first) {
  const int64_t end = i + kBlockRows < a.length ? i + kBlockRows : a.length;
  const int64_t count = end - first < kBlockKeys ? end - first : kBlockKeys;
  for (int64_t at = 0; at < count; at += 32) block_weights(a, s, i, first, at);
  add_outer(s.p2, s.d_out_tokens + i / 2 * s.padded_v, s.padded_v, count, s.dv + first * s.padded_v);
  add_outer(s.ds2, s.q_tokens + i / 2 * s.padded_k, s.padded_k, count, s.dk + first * s.padded_k);
  int64_t d = 0;
  for (; d + 32 <= s.padded_k; d += 32) add_query_gradients<2>(s, i, first, pairs(count), d);
  for (; d < s.padded_k; d += 16) add_query_gradients<1>(s, i, first, pairs(count), d);
}

// Head h as the blocks read it; rows past the last query are zero.
GRPO_INLINE void read_queries(const SequenceAttention<Bf16>& a, const DotsBackward& s, int64_t h) {
  const Bf16* q = a.q + h * a.q_head;
  const Bf16* d_out = a.d_out + h * a.out_head;
  pair_tokens(q, a.q_token, a.length, a.k_dim, s.q_tokens);
  pair_tokens(d_out, a.out_token, a.length, a.v_dim, s.d_out_tokens);
  for (int64_t i = 0; i < a.length; ++i) {
    const Bf16* g = d_out + i * a.out_token;
    const Bf16* o = a.out + i * a.out_token + h * a.out_head;
    pair_row(q + i * a.q_token, a.k_dim, s.q + i * s.k_pairs);
    pair_row(g, a.v_dim, s.d_out + i * s.v_pairs);
    Vec<float> product{};
    for (int64_t d = 0; d < a.v_dim; d += 16) {
      product = multiply_add(load_some(g + d, a.v_dim - d), load_some(o + d, a.v_dim - d), product);
    }
    s.delta[i] = sum_lanes<float>(product);
    s.lse[i] = a.lse[i * a.lse_token + h] * kLog2E;
  }
  std::fill(s.dq, s.dq + s.padded * s.padded_k, 0.0f);
}

GRPO_INLINE void backward_by_dots(const SequenceAttention<Bf16>& a) {
  DotsBackward s;
  // Blocks are read whole.
  const int64_t padded = s.padded = (a.length + kBlockKeys - 1) / kBlockKeys * kBlockKeys;
  s.k_pairs = pairs(a.k_dim), s.v_pairs = pairs(a.v_dim), s.padded_k = sixteens(a.k_dim), s.padded_v = sixteens(a.v_dim);
  s.keys = scratch<int32_t>(0, s.k_pairs * padded);
  s.values = scratch<int32_t>(1, s.v_pairs * padded);
  s.key_tokens = scratch<int32_t>(2, padded / 2 * s.padded_k);
  s.q = scratch<int32_t>(3, padded * s.k_pairs);
  s.d_out = scratch<int32_t>(4, padded * s.v_pairs);
  s.q_tokens = scratch<int32_t>(5, padded / 2 * s.padded_k);
  s.d_out_tokens = scratch<int32_t>(6, padded / 2 * s.padded_v);
  s.p2 = scratch<int32_t>(7, kBlockRows * kBlockKeys);
  s.ds2 = s.p2 + kBlockRows / 2 * kBlockKeys;
  s.dk = scratch<float>(0, padded * s.padded_k);
  s.dv = scratch<float>(1, padded * s.padded_v);
  s.dq = scratch<float>(2, padded * s.padded_k);
  s.lse = scratch<float>(3, padded);
  s.delta = scratch<float>(4, padded);
  s.ds = scratch<Bf16>(0, kBlockRows * kBlockKeys);
  pair_numbers(a.k, a.k_token, a.length, a.k_dim, padded, s.keys);
  pair_numbers(a.v, a.v_token, a.length, a.v_dim, padded, s.values);
  pair_tokens(a.k, a.k_token, a.length, a.k_dim, s.key_tokens);
  std::fill(s.dk, s.dk + padded * s.padded_k, 0.0f);
  std::fill(s.dv, s.dv + padded * s.padded_v, 0.0f);
  for (int64_t h = 0; h < a.group; ++h) {
    read_queries(a, s, h);
    for (int64_t first = 0; first < a.length; first += kBlockKeys) {
      for (int64_t i = first; i < a.length; i += kBlockRows) backward_block(a, s, i, first);
    }
    for (int64_t i = 0; i < a.length; ++i) store_row(s.dq + i * s.padded_k, a.k_dim, a.dq + i * a.q_token + h * a.q_head);
  }
  for (int64_t j = 0; j < a.length; ++j) {
    store_row(s.dk + j * s.padded_k, a.k_dim, a.dk + j * a.k_token);
    store_row(s.dv + j * s.padded_v, a.v_dim, a.dv + j * a.v_token);
  }
}

}  // namespace
}  // namespace grpo::cpu

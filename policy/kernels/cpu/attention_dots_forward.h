#pragma once
// Causal attention of one sequence by bfloat16 dot products. Included by attention_dots.cpp, under its target.

#include <cmath>
#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_dots_rows.h"

namespace grpo::cpu {
namespace {

// Queries whose scores are computed side by side, and those of them whose values are.
constexpr int kScoreRows = 8, kValueRows = 4;
// Rows of a sequence taken together end within the same sixteen keys, so that all their weights are there.
static_assert(16 % kScoreRows == 0 && kScoreRows % kValueRows == 0);

// Keys and values of one sequence as pairs, and room for work on kScoreRows rows of queries.
struct DotsForward {
  int64_t padded, k_pairs, padded_v;
  int32_t *keys, *values, *q;  // [k_pairs][padded], [pairs(length)][padded_v], [kScoreRows][k_pairs]
  float *scores, *out;         // [kScoreRows][padded], [kScoreRows][padded_v]
  Bf16* p;                     // [kScoreRows][padded]
  float scale;
  Weights weights[kScoreRows];

  DotsForward(int64_t length, int64_t k_dim, int64_t v_dim, double scale_by)
      : padded(sixteens(length + 1)), k_pairs(pairs(k_dim)), padded_v(sixteens(v_dim)), scale(static_cast<float>(scale_by) * kLog2E) {
    keys = scratch<int32_t>(0, k_pairs * padded);
    values = scratch<int32_t>(1, pairs(length) * padded_v);
    q = scratch<int32_t>(2, kScoreRows * k_pairs);
    scores = scratch<float>(0, kScoreRows * padded);
    out = scratch<float>(1, kScoreRows * padded_v);
    p = scratch<Bf16>(0, kScoreRows * padded);
  }
};

// 16 * kVectors numbers, from d on, of the outputs of rows first .. first + kValueRows - 1, over num_pairs pairs of keys.
template <int kVectors>
GRPO_INLINE void weigh_rows(const DotsForward& s, int64_t first, int64_t num_pairs, int64_t d) {
  const Bf16* p = s.p + first * s.padded;
  WeighedSums<kValueRows, kVectors> acc;
  acc.each([](__m512& sum, int, int, int) GRPO_LAMBDA { sum = _mm512_setzero_ps(); });
  const int32_t* from = s.values + d;
  const auto next = [&](__m512i (&v)[kVectors]) GRPO_LAMBDA {
#pragma GCC unroll 8
    for (int n = 0; n < kVectors; ++n) v[n] = _mm512_loadu_si512(from + 16 * n);
    from += s.padded_v;
  };
  int64_t m = 0;
  for (__m512i v[kVectors]; m + 2 <= num_pairs; m += 2) {
    next(v);
    acc.add(acc.even, p + 2 * m, s.padded, v);
    next(v);
    acc.add(acc.odd, p + 2 * m + 2, s.padded, v);
  }
  if (m < num_pairs) {
    __m512i v[kVectors];
    next(v);
    acc.add(acc.even, p + 2 * m, s.padded, v);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kValueRows; ++r) {
    float* out = s.out + (first + r) * s.padded_v + d;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      store_lanes<float>(out + 16 * v, (as_lanes(acc.even[r][v]) + as_lanes(acc.odd[r][v])) / s.weights[first + r].sum);
    }
  }
}

// `count` queries, in s.q: the first sees `seen` keys, each further one `more` more. Outputs are left in s.out, what rows
// are divided by in s.weights.
GRPO_INLINE void attend_rows(DotsForward& s, int64_t count, int64_t seen, int64_t more) {
  const int64_t end = seen + (count - 1) * more;
  const auto keys_from = [&](int64_t first) GRPO_LAMBDA {
    return [&s, first](int tile, int64_t d) GRPO_LAMBDA {
      return _mm512_loadu_si512(s.keys + d * s.padded + first + 16 * tile);
    };
  };
  int64_t first = 0;
  for (; first + 32 <= sixteens(end); first += 32) {
    score_pairs<kScoreRows, 2>(s.q, s.k_pairs, keys_from(first), s.scale, s.scores + first, s.padded);
  }
  if (first < end) score_pairs<kScoreRows, 1>(s.q, s.k_pairs, keys_from(first), s.scale, s.scores + first, s.padded);
  for (int64_t r = 0; r < kScoreRows; ++r) {
    s.weights[r] = r < count ? weights_of(s.scores + r * s.padded, seen + r * more, s.p + r * s.padded) : Weights{0, 1};
  }
  for (int64_t r = 0; r < count; r += kValueRows) {
    int64_t d = 0;
    for (; d + 32 <= s.padded_v; d += 32) weigh_rows<2>(s, r, pairs(end), d);
    for (; d < s.padded_v; d += 16) weigh_rows<1>(s, r, pairs(end), d);
  }
}

GRPO_INLINE void forward_by_dots(const SequenceAttention<Bf16>& a) {
  DotsForward s(a.length, a.k_dim, a.v_dim, a.scale);
  pair_numbers(a.k, a.k_token, a.length, a.k_dim, s.padded, s.keys);
  pair_tokens(a.v, a.v_token, a.length, a.v_dim, s.values);
  for (int64_t h = 0; h < a.group; ++h) {
    for (int64_t i = 0; i < a.length; i += kScoreRows) {
      const int64_t count = a.length - i < kScoreRows ? a.length - i : kScoreRows;
      for (int64_t r = 0; r < count; ++r) pair_row(a.q + (i + r) * a.q_token + h * a.q_head, a.k_dim, s.q + r * s.k_pairs);
      attend_rows(s, count, i + 1, 1);
      for (int64_t r = 0; r < count; ++r) {
        a.lse[(i + r) * a.lse_token + h] = s.weights[r].max * kLn2 + std::log(s.weights[r].sum);
        store_row(s.out + r * s.padded_v, a.v_dim, a.out + (i + r) * a.out_token + h * a.out_head);
      }
    }
  }
}

}  // namespace
}  // namespace grpo::cpu

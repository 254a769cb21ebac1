#pragma once
// What attention by bfloat16 dot products is made of: rows of Bf16 laid out as pairs, scores, weights, weighed sums.
// Included by attention_dots.cpp, under its target; what is defined here is its own.
//
// A dot product instruction multiplies sixteen pairs by sixteen pairs and adds both products of a pair to its lane. So
// what is summed over lies in pairs: a key's numbers 2d and 2d + 1 for scores, a key and the next one for weighed values.

#include <cstdint>
#include <cstring>

#ifndef GRPO_LANE_BYTES
#define GRPO_LANE_BYTES 64  // where this is compiled by itself, to see that it can be
#endif
#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/lanes.h"
#include "policy/kernels/cpu/units_avx512.h"

namespace grpo::cpu {
namespace {

GRPO_INLINE int64_t pairs(int64_t numbers) { return (numbers + 1) / 2; }
GRPO_INLINE int64_t sixteens(int64_t numbers) { return (numbers + 15) / 16 * 16; }

GRPO_INLINE __m512 as_m512(Vec<float> v) { return reinterpret_cast<__m512>(v); }
GRPO_INLINE Vec<float> as_lanes(__m512 v) { return reinterpret_cast<Vec<float>>(v); }
GRPO_INLINE __m256i narrowed(Vec<float> v) { return (__m256i)_mm512_cvtneps_pbh(as_m512(v)); }
GRPO_INLINE void store_narrowed(Vec<float> v, Bf16* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrowed(v));
}

// Pair n is (a[n], b[n]).
GRPO_INLINE __m512i zipped(__m256i a, __m256i b) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1));
}
GRPO_INLINE __m256i load_sixteen(const Bf16* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
GRPO_INLINE __m256i load_some_of(const Bf16* from, int64_t count) {
  return _mm256_maskz_loadu_epi16(first_of(count), from);
}

// [length, dim] with token stride -> [pairs(dim)][padded] pairs of neighbours in dim, zero past length. padded: a multiple of 16.
GRPO_INLINE void pair_numbers(const Bf16* from, int64_t token, int64_t length, int64_t dim, int64_t padded, int32_t* to) {
  for (int64_t j = 0; j < padded; j += 16) {
    for (int64_t d = 0; d < dim; d += 32) {
      __m512i v[16];
#pragma GCC unroll 16
      for (int64_t u = 0; u < 16; ++u) {
        v[u] = j + u < length ? load_units(from + (j + u) * token + d, dim - d) : _mm512_setzero_si512();
      }
      transpose16(v);
      int32_t* rows = to + d / 2 * padded + j;
      const int64_t units = pairs(dim - d);
#pragma GCC unroll 16
      for (int64_t u = 0; u < 16; ++u) {
        if (u < units) _mm512_storeu_si512(rows + u * padded, v[u]);
      }
    }
  }
}

// [length, dim] with token stride -> [pairs(length)][sixteens(dim)] pairs of neighbours in length, zero past both ends.
GRPO_INLINE void pair_tokens(const Bf16* from, int64_t token, int64_t length, int64_t dim, int32_t* to) {
  const int64_t padded_dim = sixteens(dim);
  for (int64_t j = 0; j < length; j += 2, to += padded_dim) {
    for (int64_t d = 0; d < dim; d += 16) {
      const Bf16* first = from + j * token + d;
      const __m256i next = j + 1 < length ? load_some_of(first + token, dim - d) : _mm256_setzero_si256();
      _mm512_storeu_si512(to + d, zipped(load_some_of(first, dim - d), next));
    }
  }
}

// The pairs of neighbours in dim of one row, with a zero at the end where dim is odd.
GRPO_INLINE void pair_row(const Bf16* from, int64_t dim, int32_t* to) {
  if (dim % 2 != 0) to[dim / 2] = 0;
  std::memcpy(to, from, static_cast<size_t>(dim) * sizeof(Bf16));
}

// One row of results, rounded. from has room for sixteens(dim).
GRPO_INLINE void store_row(const float* from, int64_t dim, Bf16* to) {
  for (int64_t d = 0; d < dim; d += 16) {
    _mm256_mask_storeu_epi16(to + d, first_of(dim - d), narrowed(load_lanes<float>(from + d)));
  }
}

// scale * q . k of kRows queries, q [kRows][k_pairs], and 16 * kTiles keys, to scores, rows `row` apart. keys(tile, d): pair
// d of a tile's sixteen keys.
template <int kRows, int kTiles, class Keys>
GRPO_INLINE void score_pairs(const int32_t* q, int64_t k_pairs, Keys keys, float scale, float* scores, int64_t row) {
  __m512 acc[kRows][kTiles];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < kTiles; ++t) acc[r][t] = _mm512_setzero_ps();
  }
  for (int64_t d = 0; d < k_pairs; ++d) {
    __m512i k[kTiles];
#pragma GCC unroll 8
    for (int t = 0; t < kTiles; ++t) k[t] = keys(t, d);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m512i one = _mm512_set1_epi32(q[r * k_pairs + d]);
#pragma GCC unroll 8
      for (int t = 0; t < kTiles; ++t) acc[r][t] = dot(acc[r][t], one, k[t]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < kTiles; ++t) store_lanes<float>(scores + r * row + 16 * t, as_lanes(acc[r][t]) * scale);
  }
}

// Scores are multiplied by it, so that weights are powers of two.
constexpr float kLog2E = 1.44269504088896341f;
constexpr float kLn2 = 0.69314718055994531f;

// 2^x, at most 3e-6 of it off (a polynomial of degree 4 for the part after the point): a thousandth of what the rounding to
// Bf16 that follows changes. 0 from -200 down; NaN stays NaN.
GRPO_INLINE Vec<float> exp2_lanes(Vec<float> v) {
  const __m512 x = _mm512_max_ps(_mm512_set1_ps(-200.0f), as_m512(v));  // of NaN and a number max is the second
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
  const __m512 r = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(0.00958285294f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.0559064262f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.240240991f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.693124175f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return as_lanes(_mm512_scalef_ps(p, n));
}

struct Weights {
  float max, sum;
};
// 2^(score - max) of the first `count` scores, rounded to Bf16, zero from there to sixteens(count); their sum is of what
// was not yet rounded. scores and p have as much room. A function of its own: inlined, it would share its registers.
[[gnu::noinline, maybe_unused]] Weights weights_of(float* scores, int64_t count, Bf16* p) {
  const int64_t padded = sixteens(count);
  for (int64_t j = count; j < padded; ++j) scores[j] = scores[0];
  // A NaN is passed over here, and found in the sum.
  __m512 largest = _mm512_loadu_ps(scores);
  for (int64_t j = 16; j < padded; j += 16) largest = _mm512_max_ps(_mm512_loadu_ps(scores + j), largest);
  const float max = max_lanes<float>(as_lanes(largest));
  Vec<float> sum{};
  int64_t j = 0;
  for (; j + 16 <= count; j += 16) {
    const Vec<float> weight = exp2_lanes(load_lanes<float>(scores + j) - max);
    sum = sum + weight;
    store_narrowed(weight, p + j);
  }
  if (j < count) {
    const Vec<float> weight = first_lanes<float>(exp2_lanes(load_lanes<float>(scores + j) - max), count - j);
    sum = sum + weight;
    store_narrowed(weight, p + j);
  }
  return {max, sum_lanes<float>(sum)};
}

// A pair of weights, as every lane wants it.
GRPO_INLINE __m512i weight_pair(const Bf16* p) {
  int32_t both;
  std::memcpy(&both, p, sizeof(both));
  return _mm512_set1_epi32(both);
}

// Sums over pairs of tokens, each even one apart from each odd one, so that two additions are under way at a time.
template <int kRows, int kVectors>
struct WeighedSums {
  __m512 even[kRows][kVectors], odd[kRows][kVectors];

  static GRPO_INLINE void add(__m512 (&to)[kRows][kVectors], const Bf16* p, int64_t row, const __m512i (&values)[kVectors]) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m512i weight = weight_pair(p + r * row);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) to[r][v] = dot(to[r][v], weight, values[v]);
    }
  }
  // f(register, row, vector, 0 for even or 1 for odd) on all of them.
  template <class F>
  GRPO_INLINE void each(F f) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        f(even[r][v], r, v, 0);
        f(odd[r][v], r, v, 1);
      }
    }
  }
};

}  // namespace
}  // namespace grpo::cpu

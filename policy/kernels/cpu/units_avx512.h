#pragma once
// Units of 32 bits in registers of sixteen: one float, or a pair of Bf16, as the bfloat16 dot product of AVX512-BF16 takes
// them. For files that are compiled for AVX-512 alone; whatever calls these must be compiled for it too.

#include <immintrin.h>

#include <cstdint>

#include "policy/kernels/cpu/element.h"

#define GRPO_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define GRPO_AVX512_INLINE inline GRPO_AVX512 __attribute__((always_inline))

namespace grpo::cpu {

// The first `count` of sixteen.
GRPO_AVX512_INLINE __mmask16 first_of(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

// Sixteen vectors as rows of a matrix become its columns.
GRPO_AVX512_INLINE void transpose16(__m512i (&v)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    v[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    v[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    v[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(v[i], v[4 + i], 0x88);
    t[4 + i] = _mm512_shuffle_i32x4(v[i], v[4 + i], 0xdd);
    t[8 + i] = _mm512_shuffle_i32x4(v[8 + i], v[12 + i], 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(v[8 + i], v[12 + i], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
    v[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
    v[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
    v[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
  }
}

// One vector of units, of which the first `numbers` numbers are read and the others 0.
GRPO_AVX512_INLINE __m512i load_units(const float* from, int64_t numbers) {
  return _mm512_maskz_loadu_epi32(first_of(numbers), from);
}
GRPO_AVX512_INLINE __m512i load_units(const Bf16* from, int64_t numbers) {
  return _mm512_maskz_loadu_epi16(numbers >= 32 ? 0xffffffffu : numbers <= 0 ? 0u : (1u << numbers) - 1, from);
}

// The pairs' two products, added to acc. Takes subnormal numbers for zero.
GRPO_AVX512_INLINE __m512 dot(__m512 acc, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
}

}  // namespace grpo::cpu

#include <immintrin.h>

#include <type_traits>

#include "policy/kernels/cpu/product.h"
#include "policy/kernels/cpu/units_avx512.h"

// GCC 12 takes the undefined operand inside its own intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

namespace grpo::cpu {
namespace {

// Factors are read in units of 32 bits: one float, or two Bf16 that are neighbours in depth.
template <class T>
constexpr int64_t kPerUnit = 4 / sizeof(T);
template <class T>
GRPO_AVX512_INLINE int64_t units_of(int64_t numbers) { return (numbers + kPerUnit<T> - 1) / kPerUnit<T>; }

// A block of rows times two vectors of lanes: 24 accumulators, 2 vectors of lanes and a broadcast row.
static_assert(kProductRows == 12 && kProductLanes == 16 * 2);

// A number of each of the lanes in `mask`, and its neighbour in depth where there is one.
GRPO_AVX512_INLINE __m512i join_units(const float* from, const float*, __mmask16 mask) {
  return _mm512_maskz_loadu_epi32(mask, from);
}
GRPO_AVX512_INLINE __m512i join_units(const Bf16* from, const Bf16* next, __mmask16 mask) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
  if (next == nullptr) return low;
  return _mm512_or_si512(low,
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, next)), 16));
}

// Lanes first .. first + 16 * kUsed as [units of depth][16 * kUsed] units, those beyond the last 0.
template <int kUsed, class T, class Out>
GRPO_AVX512_INLINE void gather_lanes(const Product<T, Out>& p, int64_t first, int32_t* to) {
  constexpr int64_t width = 16 * kUsed;
  for (int block = 0; block < kUsed; ++block, first += 16, to += 16) {
    const int64_t count = p.num_lanes - first < 16 ? p.num_lanes - first : 16;
    if (p.depth_stride == 1) {
      const T* from = p.lanes + first * p.lane_stride;
      for (int64_t d = 0; d < p.depth; d += 16 * kPerUnit<T>) {
        __m512i v[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          v[i] = i < count ? load_units(from + i * p.lane_stride + d, p.depth - d) : _mm512_setzero_si512();
        }
        transpose16(v);
        int32_t* columns = to + d / kPerUnit<T> * width;
        const int64_t units = units_of<T>(p.depth - d);
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          if (i < units) _mm512_storeu_si512(columns + i * width, v[i]);
        }
      }
    } else {
      const T* from = p.lanes + first * p.lane_stride;
      for (int64_t d = 0; d < p.depth; d += kPerUnit<T>, from += kPerUnit<T> * p.depth_stride) {
        const T* next = d + 1 < p.depth ? from + p.depth_stride : nullptr;
        _mm512_storeu_si512(to + d / kPerUnit<T> * width, join_units(from, next, first_of(count)));
      }
    }
  }
}

GRPO_AVX512_INLINE __m512 multiply_add(float, __m512 sum, __m512i a, __m512i b) {
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
}
GRPO_AVX512_INLINE __m512 multiply_add(Bf16, __m512 sum, __m512i a, __m512i b) {
  return dot(sum, a, b);
}

GRPO_AVX512_INLINE __m512 load_numbers(const float* from, __mmask16 mask) {
  return _mm512_maskz_loadu_ps(mask, from);
}
GRPO_AVX512_INLINE __m512 load_numbers(const Bf16* from, __mmask16 mask) {
  const __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}
GRPO_AVX512_INLINE void store_numbers(float* to, __mmask16 mask, __m512 v) {
  _mm512_mask_storeu_ps(to, mask, v);
}
GRPO_AVX512_INLINE void store_numbers(Bf16* to, __mmask16 mask, __m512 v) {
  _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(v));
}

// Rows first_row .. first_row + R against 16 * kUsed gathered lanes.
template <int R, int kUsed, class T, class Out>
GRPO_AVX512_INLINE void tile(const Product<T, Out>& p, const int32_t* lanes, int64_t first_lane,
                             int64_t first_row) {
  __m512 sum[R][kUsed];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kUsed; ++v) sum[r][v] = _mm512_setzero_ps();
  }
  constexpr int64_t unit = 4;
  const int64_t units = units_of<T>(p.depth), row_bytes = p.packed ? unit : p.row * static_cast<int64_t>(sizeof(T)),
                next_unit = p.packed ? R * unit : unit, next_block = p.packed ? 0 : kProductRows * row_bytes;
  // A base for three rows each: more would not fit into the registers.
  const char* base[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    base[i] = reinterpret_cast<const char*>(p.rows) + first_row * (p.packed ? units * unit : row_bytes) + 3 * i * row_bytes;
  }
  for (int64_t d = 0; d < units; ++d) {
    if (d % 16 == 0) {
      // The rows to come, into the second-level cache: the processor fetches ahead only along each row.
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) _mm_prefetch(base[r / 3] + r % 3 * row_bytes + next_block, _MM_HINT_T1);
    }
    __m512i b[kUsed];
#pragma GCC unroll 2
    for (int v = 0; v < kUsed; ++v) b[v] = _mm512_loadu_si512(lanes + (d * kUsed + v) * 16);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      int32_t number;
      __builtin_memcpy(&number, base[r / 3] + r % 3 * row_bytes, sizeof(number));
      const __m512i a = _mm512_set1_epi32(number);
#pragma GCC unroll 2
      for (int v = 0; v < kUsed; ++v) sum[r][v] = multiply_add(T{}, sum[r][v], a, b[v]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) base[i] += next_unit;
  }
  const bool plain = p.bias == nullptr && !p.add;
  if (p.out_lane == 1) {
#pragma GCC unroll 2
    for (int v = 0; v < kUsed; ++v) {
      const int64_t lane = first_lane + 16 * v;
      const __mmask16 mask = first_of(p.num_lanes - lane);
      Out* to = p.out + first_row * p.out_row + lane;
      if (plain) {
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) store_numbers(to + r * p.out_row, mask, sum[r][v]);
        continue;
      }
      const __m512 bias = p.bias == nullptr ? _mm512_setzero_ps() : load_numbers(p.bias + lane, mask);
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r, to += p.out_row) {
        __m512 value = sum[r][v];
        if (p.bias != nullptr) value = _mm512_add_ps(value, bias);
        if (p.add) value = _mm512_add_ps(load_numbers(to, mask), value);
        store_numbers(to, mask, value);
      }
    }
    return;
  }
#pragma GCC unroll 2
  for (int v = 0; v < kUsed; ++v) {
    __m512i t[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r)
      t[r] = r < R ? _mm512_castps_si512(sum[r < R ? r : 0][v]) : _mm512_setzero_si512();
    transpose16(t);
    const __mmask16 mask = first_of(R);
    const int64_t count = p.num_lanes - first_lane - 16 * v;
    Out* to = p.out + (first_lane + 16 * v) * p.out_lane + first_row;
    if (plain && count >= 16) {
#pragma GCC unroll 16
      for (int l = 0; l < 16; ++l) store_numbers(to + l * p.out_lane, mask, _mm512_castsi512_ps(t[l]));
      continue;
    }
    const __m512 bias = p.bias == nullptr ? _mm512_setzero_ps() : load_numbers(p.bias + first_row, mask);
#pragma GCC unroll 16
    for (int l = 0; l < 16; ++l, to += p.out_lane) {
      if (l >= count) break;
      __m512 value = _mm512_castsi512_ps(t[l]);
      if (p.bias != nullptr) value = _mm512_add_ps(value, bias);
      if (p.add) value = _mm512_add_ps(load_numbers(to, mask), value);
      store_numbers(to, mask, value);
    }
  }
}

template <int kUsed, class T, class Out>
GRPO_AVX512_INLINE void tiles(const Product<T, Out>& p, const int32_t* lanes, int64_t first_lane,
                              int64_t first_block, int64_t end_block) {
  for (int64_t i = first_block; i < end_block; ++i) {
    const int64_t row = product_row(p.num_rows, i), end = product_row(p.num_rows, i + 1);
    switch (end - row) {
#define GRPO_ROWS(R)                           \
  case R:                                      \
    tile<R, kUsed>(p, lanes, first_lane, row); \
    break;
      GRPO_ROWS(1)
      GRPO_ROWS(2) GRPO_ROWS(3) GRPO_ROWS(4) GRPO_ROWS(5) GRPO_ROWS(6) GRPO_ROWS(7) GRPO_ROWS(8) GRPO_ROWS(9)
          GRPO_ROWS(10) GRPO_ROWS(11) GRPO_ROWS(12)
#undef GRPO_ROWS
    }
  }
}

template <class T, class Out>
GRPO_AVX512_INLINE void part(const Product<T, Out>& p, int64_t first_lane, int64_t first_block, int64_t end_block,
                             T* scratch) {
  int32_t* lanes = reinterpret_cast<int32_t*>(scratch);
  if (p.num_lanes - first_lane > 16) {
    gather_lanes<2>(p, first_lane, lanes);
    tiles<2>(p, lanes, first_lane, first_block, end_block);
  } else {
    gather_lanes<1>(p, first_lane, lanes);
    tiles<1>(p, lanes, first_lane, first_block, end_block);
  }
}

// Blocks first_block .. end_block, some units of depth of each at a time, so that both sides go along lines of the cache.
template <class T>
GRPO_AVX512_INLINE void pack(const T* from, int64_t stride, int64_t num_rows, int64_t depth, int64_t first_block,
                             int64_t end_block, T* to) {
  constexpr int64_t kUnits = 16;
  const int64_t units = units_of<T>(depth);
  for (int64_t first = 0; first < units; first += kUnits) {
    const int64_t last = first + kUnits < units ? first + kUnits : units;
    for (int64_t i = first_block; i < end_block; ++i) {
      const int64_t row = product_row(num_rows, i), count = product_row(num_rows, i + 1) - row;
      const __mmask16 mask = first_of(count);
      int32_t* block = reinterpret_cast<int32_t*>(to) + row * units;
      for (int64_t u = first; u < last; ++u) {
        const int64_t d = u * kPerUnit<T>;
        const T* numbers = from + d * stride + row;
        // Numbers of a row lie a line or more apart, too far for the processor to see what comes next.
#pragma GCC unroll 2
        for (int64_t n = 0; n < kPerUnit<T>; ++n) _mm_prefetch(numbers + (kUnits * kPerUnit<T> + n) * stride, _MM_HINT_T1);
        const T* next = d + 1 < depth ? numbers + stride : nullptr;
        _mm512_mask_storeu_epi32(block + u * count, mask, join_units(numbers, next, mask));
      }
    }
  }
}

}  // namespace

bool product_runs() {
  return __builtin_cpu_is("amd") && __builtin_cpu_supports("avx512bf16");
}

GRPO_AVX512 void product_part(const Product<float, float>& p, int64_t first_lane, int64_t first_block,
                              int64_t end_block, float* scratch) {
  part(p, first_lane, first_block, end_block, scratch);
}
GRPO_AVX512 void product_part(const Product<Bf16, Bf16>& p, int64_t first_lane, int64_t first_block,
                              int64_t end_block, Bf16* scratch) {
  part(p, first_lane, first_block, end_block, scratch);
}
GRPO_AVX512 void product_part(const Product<Bf16, float>& p, int64_t first_lane, int64_t first_block,
                              int64_t end_block, Bf16* scratch) {
  part(p, first_lane, first_block, end_block, scratch);
}
GRPO_AVX512 void pack_rows(const float* from, int64_t stride, int64_t num_rows, int64_t depth, int64_t first_block,
                           int64_t end_block, float* to) {
  pack(from, stride, num_rows, depth, first_block, end_block, to);
}
GRPO_AVX512 void pack_rows(const Bf16* from, int64_t stride, int64_t num_rows, int64_t depth, int64_t first_block,
                           int64_t end_block, Bf16* to) {
  pack(from, stride, num_rows, depth, first_block, end_block, to);
}

}  // namespace grpo::cpu

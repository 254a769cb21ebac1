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

// Rows and vectors of lanes that are computed side by side: 24 accumulators, 2 vectors of lanes and a broadcast row.
constexpr int kRows = 12;
constexpr int kVectors = 2;
static_assert(kProductLanes == 16 * kVectors);

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
        const int64_t units = (p.depth - d + kPerUnit<T> - 1) / kPerUnit<T>;
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
  const int64_t units = (p.depth + kPerUnit<T> - 1) / kPerUnit<T>,
                row_bytes = p.row * static_cast<int64_t>(sizeof(T));
  // A base for three rows each: more would not fit into the registers.
  const char* base[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    base[i] = reinterpret_cast<const char*>(p.rows) + (first_row + 3 * i) * row_bytes;
  for (int64_t d = 0; d < units; ++d) {
    if (d % 16 == 0) {
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) _mm_prefetch(base[r / 3] + (r % 3 + kRows) * row_bytes + d * 4, _MM_HINT_T1);
    }
    __m512i b[kUsed];
#pragma GCC unroll 2
    for (int v = 0; v < kUsed; ++v) b[v] = _mm512_loadu_si512(lanes + (d * kUsed + v) * 16);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      int32_t unit;
      __builtin_memcpy(&unit, base[r / 3] + r % 3 * row_bytes + d * 4, 4);
      const __m512i a = _mm512_set1_epi32(unit);
#pragma GCC unroll 2
      for (int v = 0; v < kUsed; ++v) sum[r][v] = multiply_add(T{}, sum[r][v], a, b[v]);
    }
  }
  if (p.out_lane == 1) {
#pragma GCC unroll 2
    for (int v = 0; v < kUsed; ++v) {
      const int64_t lane = first_lane + 16 * v;
      const __mmask16 mask = first_of(p.num_lanes - lane);
      const __m512 bias = p.bias == nullptr ? _mm512_setzero_ps() : load_numbers(p.bias + lane, mask);
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) {
        Out* to = p.out + (first_row + r) * p.out_row + lane;
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
    const __m512 bias = p.bias == nullptr ? _mm512_setzero_ps() : load_numbers(p.bias + first_row, mask);
    const int64_t count = p.num_lanes - first_lane - 16 * v;
    Out* to = p.out + (first_lane + 16 * v) * p.out_lane + first_row;
#pragma GCC unroll 16
    for (int l = 0; l < 16; ++l) {
      if (l >= count) break;
      __m512 value = _mm512_castsi512_ps(t[l]);
      if (p.bias != nullptr) value = _mm512_add_ps(value, bias);
      if (p.add) value = _mm512_add_ps(load_numbers(to + l * p.out_lane, mask), value);
      store_numbers(to + l * p.out_lane, mask, value);
    }
  }
}

template <int kUsed, class T, class Out>
GRPO_AVX512_INLINE void tiles(const Product<T, Out>& p, const int32_t* lanes, int64_t first_lane,
                              int64_t first_row, int64_t end_row) {
  // Blocks of nearly one size, so that none is left over that would not fill the pipeline.
  const int64_t rows = end_row - first_row, blocks = (rows + kRows - 1) / kRows;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t row = first_row + rows * i / blocks, end = first_row + rows * (i + 1) / blocks;
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
GRPO_AVX512_INLINE void part(const Product<T, Out>& p, int64_t first_lane, int64_t first_row, int64_t end_row,
                             T* scratch) {
  int32_t* lanes = reinterpret_cast<int32_t*>(scratch);
  if (p.num_lanes - first_lane > 16) {
    gather_lanes<2>(p, first_lane, lanes);
    tiles<2>(p, lanes, first_lane, first_row, end_row);
  } else {
    gather_lanes<1>(p, first_lane, lanes);
    tiles<1>(p, lanes, first_lane, first_row, end_row);
  }
}

// At most 16 rows and 16 columns.
GRPO_AVX512_INLINE void transpose_block(const float* from, int64_t from_row, int64_t rows, int64_t columns,
                                        float* to, int64_t to_row) {
  __m512i v[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    v[i] =
        i < rows ? _mm512_maskz_loadu_epi32(first_of(columns), from + i * from_row) : _mm512_setzero_si512();
  }
  transpose16(v);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if (i < columns) _mm512_mask_storeu_epi32(to + i * to_row, first_of(rows), v[i]);
  }
}
GRPO_AVX512_INLINE void transpose_block(const Bf16* from, int64_t from_row, int64_t rows, int64_t columns,
                                        Bf16* to, int64_t to_row) {
  __m512i v[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    v[i] = i < rows ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_of(columns), from + i * from_row))
                    : _mm512_setzero_si512();
  }
  transpose16(v);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if (i < columns) _mm256_mask_storeu_epi16(to + i * to_row, first_of(rows), _mm512_cvtepi32_epi16(v[i]));
  }
}

template <class T>
GRPO_AVX512_INLINE void transposed(const T* from, int64_t from_row, int64_t rows, int64_t columns, T* to,
                                   int64_t to_row) {
  for (int64_t r = 0; r < rows; r += 16) {
    const int64_t count = rows - r < 16 ? rows - r : 16;
    for (int64_t c = 0; c < columns; c += 16) {
      const int64_t width = columns - c < 16 ? columns - c : 16;
      transpose_block(from + r * from_row + c, from_row, count, width, to + c * to_row + r, to_row);
    }
  }
}

}  // namespace

bool product_runs() {
  return __builtin_cpu_is("amd") && __builtin_cpu_supports("avx512bf16");
}

GRPO_AVX512 void product_part(const Product<float, float>& p, int64_t first_lane, int64_t first_row,
                              int64_t end_row, float* scratch) {
  part(p, first_lane, first_row, end_row, scratch);
}
GRPO_AVX512 void product_part(const Product<Bf16, Bf16>& p, int64_t first_lane, int64_t first_row,
                              int64_t end_row, Bf16* scratch) {
  part(p, first_lane, first_row, end_row, scratch);
}
GRPO_AVX512 void product_part(const Product<Bf16, float>& p, int64_t first_lane, int64_t first_row,
                              int64_t end_row, Bf16* scratch) {
  part(p, first_lane, first_row, end_row, scratch);
}
GRPO_AVX512 void transpose(const float* from, int64_t from_row, int64_t rows, int64_t columns, float* to,
                           int64_t to_row) {
  transposed(from, from_row, rows, columns, to, to_row);
}
GRPO_AVX512 void transpose(const Bf16* from, int64_t from_row, int64_t rows, int64_t columns, Bf16* to,
                           int64_t to_row) {
  transposed(from, from_row, rows, columns, to, to_row);
}

}  // namespace grpo::cpu

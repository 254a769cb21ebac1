#pragma once
// Matrix products on the CPU by 512-bit instructions, on raw pointers: the arithmetic behind policy/kernels/linear.h,
// which owns shapes, types and threads, and asks product_runs() first.
//
// Every number of the result is one sum over `depth`, in order and in one accumulator (of float: one fused
// multiply-add per term; of Bf16: one dot product per pair of terms, AVX512-BF16's, which takes subnormal numbers for
// zero), whatever the sizes and however the work is cut. A row of the result has the same bits in any batch, on any
// number of threads, and whichever of the two factors runs along lanes.

#include <cstdint>

#include "policy/kernels/cpu/element.h"

namespace grpo::cpu {

// result(r, l) = sum_d rows(r, d) * lanes(l, d) + bias, for T and Out = float or Bf16.
template <class T, class Out>
struct Product {
  int64_t num_rows = 0, num_lanes = 0;
  int64_t depth = 0;        // where it is odd, rows of Bf16 have one number more, a 0
  const T* rows = nullptr;  // the numbers of a row lie side by side, rows `row` apart; or pack_rows has made them
  int64_t row = 0;
  bool packed = false;
  const T* lanes = nullptr;  // one of the strides is 1
  int64_t lane_stride = 0, depth_stride = 0;
  Out* out = nullptr;  // one of the strides is 1
  int64_t out_row = 0, out_lane = 0;
  const T* bias = nullptr;  // none, or one number for each l (out_lane 1) or for each r (out_row 1)
  bool add = false;         // to what `out` holds
};

// How many lanes one call of product_part computes.
inline constexpr int64_t kProductLanes = 32;

// Rows are computed in blocks of so many at most, of nearly one size, so that none is left over that would not fill the
// pipeline: block i is rows product_row(i) .. product_row(i + 1).
inline constexpr int64_t kProductRows = 12;
inline int64_t product_blocks(int64_t num_rows) { return (num_rows + kProductRows - 1) / kProductRows; }
inline int64_t product_row(int64_t num_rows, int64_t block) { return num_rows * block / product_blocks(num_rows); }

// Whether to use this: AMD processors with AVX512-BF16, for which MKL has 256-bit kernels only. Nothing else here may
// be called elsewhere.
bool product_runs();

// The part of the result at lanes first_lane .. first_lane + kProductLanes (as far as there are) and blocks of rows
// first_block .. end_block. scratch [kProductLanes * (depth + 1)], of the caller's thread.
void product_part(const Product<float, float>& p, int64_t first_lane, int64_t first_block, int64_t end_block,
                  float* scratch);
void product_part(const Product<Bf16, Bf16>& p, int64_t first_lane, int64_t first_block, int64_t end_block, Bf16* scratch);
void product_part(const Product<Bf16, float>& p, int64_t first_lane, int64_t first_block, int64_t end_block, Bf16* scratch);

// Rows of which the numbers do not lie side by side, from[d * stride + r], as the blocks first_block .. end_block of
// Product::rows with `packed`. to: [num_rows * (depth + depth % 2)], of all blocks.
void pack_rows(const float* from, int64_t stride, int64_t num_rows, int64_t depth, int64_t first_block, int64_t end_block, float* to);
void pack_rows(const Bf16* from, int64_t stride, int64_t num_rows, int64_t depth, int64_t first_block, int64_t end_block, Bf16* to);

}  // namespace grpo::cpu

#pragma once
// Float8 weights as DeepSeek-V3 is released: E4M3 codes (one sign, four exponent, three mantissa bits; no
// infinity), one scale per block of rows x columns, and W = value(code) * scale. Blocks at the right and
// lower edge hold what is left. Turning a few rows at a time into numbers is all this does; who reads them
// and where they go is checkpoint_weights.h.

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>

#include "policy/config.h"

namespace grpo {

// How many blocks of `block` it takes to cover `size`.
inline int64_t blocks_over(int64_t size, int64_t block) {
  return size / block + (size % block != 0 ? 1 : 0);
}

// Consecutive rows of one weight. The memory is the caller's.
struct Fp8Rows {
  const uint8_t* codes = nullptr;  // [rows, columns]
  int64_t first_row = 0;           // within the weight: decides which rows share a block
  int64_t rows = 0;
  int64_t columns = 0;
  const float* scales = nullptr;  // [n, blocks_over(columns, blocks.columns)]; row 0 belongs to first_row
};

// A scale that is no positive finite number or overflows its block, or a code that is NaN.
struct Fp8Problem {
  int64_t row = 0;   // of the weight
  std::string what;  // one phrase with the block or place and the value
};

// Writes [rows, columns] numbers of `dtype` (float32, bfloat16 or float64) to `to`: the product is taken in
// float32, then rounded to nearest even. Returns the first problem it meets and then leaves `to` unfinished.
std::optional<Fp8Problem> dequantise(const Fp8Rows& in, const Fp8Blocks& blocks, void* to,
                                     at::ScalarType dtype);

}  // namespace grpo

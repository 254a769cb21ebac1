#pragma once
// Float8 weights worked out from the definition, one number at a time: the oracle of the loader's tables and
// slices.

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "core/seed.h"
#include "policy/config.h"

namespace grpo::testing {

// E4M3: (-1)^s * 2^(e-7) * (1 + m/8), without leading one at e = 0; 0x7F and 0xFF are NaN, there is no
// infinity.
inline double e4m3_value(uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<double>::quiet_NaN();
  const double size =
      exponent == 0 ? std::ldexp(mantissa / 8.0, -6) : std::ldexp(1 + mantissa / 8.0, exponent - 7);
  return (code & 0x80) != 0 ? -size : size;
}

struct Fp8Weight {
  at::Tensor codes;   // [..., rows, columns] Float8_e4m3fn
  at::Tensor scales;  // [..., rows / block up, columns / block up] float32
};

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Any code but NaN, any scale within a few powers of two of 1e-3. shape: two or three dimensions.
inline Fp8Weight random_fp8(const std::vector<int64_t>& shape, const Fp8Blocks& blocks, uint64_t seed) {
  Stream random(seed);
  at::Tensor codes = at::empty(shape, at::TensorOptions().dtype(at::kByte));
  for (int64_t i = 0; i < codes.numel(); ++i) {
    uint8_t& code = codes.data_ptr<uint8_t>()[i];
    do code = static_cast<uint8_t>(random.below(256));
    while ((code & 0x7F) == 0x7F);
  }
  std::vector<int64_t> grid = shape;
  grid[grid.size() - 2] = ceil_div(shape[shape.size() - 2], blocks.rows);
  grid.back() = ceil_div(shape.back(), blocks.columns);
  at::Tensor scales = at::empty(grid, at::kFloat);
  for (int64_t i = 0; i < scales.numel(); ++i) {
    scales.data_ptr<float>()[i] = 1e-3f * static_cast<float>(1 + random.below(4000)) / 1000.0f;
  }
  return {codes.view(at::kFloat8_e4m3fn), scales};
}

// float32 [rows, columns] of a weight of two dimensions; scales of any type.
inline at::Tensor naive_dequantise(const at::Tensor& codes, const at::Tensor& scales,
                                   const Fp8Blocks& blocks) {
  const at::Tensor bytes = codes.view(at::kByte), wide = scales.to(at::kFloat);
  at::Tensor out = at::empty(codes.sizes(), at::kFloat);
  for (int64_t r = 0; r < codes.size(0); ++r) {
    for (int64_t c = 0; c < codes.size(1); ++c) {
      const float scale = wide.data_ptr<float>()[r / blocks.rows * wide.size(1) + c / blocks.columns];
      out.data_ptr<float>()[r * codes.size(1) + c] =
          static_cast<float>(e4m3_value(bytes.data_ptr<uint8_t>()[r * codes.size(1) + c])) * scale;
    }
  }
  return out;
}

}  // namespace grpo::testing

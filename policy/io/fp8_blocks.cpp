#include "policy/io/fp8_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "policy/kernels/cpu/float8.h"

namespace grpo {
namespace {

constexpr float kLargest = 448.0f;  // the largest E4M3 value

template <typename To>
std::optional<Fp8Problem> run(const Fp8Rows& in, const Fp8Blocks& blocks, To* to) {
  const int64_t across = blocks_over(in.columns, blocks.columns), first_band = in.first_row / blocks.rows;
  for (int64_t r = 0; r < in.rows; ++r) {
    const int64_t row = in.first_row + r, band = row / blocks.rows;
    for (int64_t block = 0; block < across; ++block) {
      const float scale = in.scales[(band - first_band) * across + block];
      if (!(scale > 0) || !std::isfinite(scale * kLargest)) {
        return Fp8Problem{row, fmt::format("the scale of block [{}, {}] is {}", band, block, scale)};
      }
      const int64_t at = block * blocks.columns, count = std::min(blocks.columns, in.columns - at);
      if (!cpu::scale_e4m3(in.codes + r * in.columns + at, count, scale, to + r * in.columns + at)) {
        return Fp8Problem{row, fmt::format("row {} holds a NaN in block [{}, {}]", row, band, block)};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Fp8Problem> dequantise(const Fp8Rows& in, const Fp8Blocks& blocks, void* to,
                                     at::ScalarType dtype) {
  GRPO_CHECK(blocks.rows > 0 && blocks.columns > 0);
  switch (dtype) {
    case at::kFloat:
      return run(in, blocks, static_cast<float*>(to));
    case at::kDouble:
      return run(in, blocks, static_cast<double*>(to));
    default:
      GRPO_CHECK(dtype == at::kBFloat16);
      return run(in, blocks, static_cast<cpu::Bf16*>(to));
  }
}

}  // namespace grpo

#include "policy/io/fp8_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace grpo {
namespace {

constexpr float kLargest = 448.0f;  // the largest E4M3 value

std::array<float, 256> code_values() {
  std::array<float, 256> values{};
  for (int code = 0; code < 256; ++code) {
    values[static_cast<size_t>(code)] =
        static_cast<float>(c10::Float8_e4m3fn(static_cast<uint8_t>(code), c10::Float8_e4m3fn::from_bits()));
  }
  return values;
}

bool holds_nan(const uint8_t* codes, int64_t count) {
  bool found = false;
  for (int64_t i = 0; i < count; ++i) found |= (codes[i] & 0x7F) == 0x7F;
  return found;
}

// A block has one scale and 256 codes, so its numbers are looked up in a table made for it.
template <typename To>
std::optional<Fp8Problem> run(const Fp8Rows& in, const Fp8Blocks& blocks, To* to) {
  static const std::array<float, 256> values = code_values();
  const int64_t across = blocks_over(in.columns, blocks.columns), first_band = in.first_row / blocks.rows;
  std::array<To, 256> table;
  for (int64_t row = 0; row < in.rows;) {
    const int64_t band = (in.first_row + row) / blocks.rows;
    const int64_t end = row + std::min(in.rows - row, blocks.rows - (in.first_row + row) % blocks.rows);
    for (int64_t block = 0; block < across; ++block) {
      const float scale = in.scales[(band - first_band) * across + block];
      if (!(scale > 0) || !std::isfinite(scale * kLargest)) {
        return Fp8Problem{in.first_row + row,
                          fmt::format("the scale of block [{}, {}] is {}", band, block, scale)};
      }
      for (size_t code = 0; code < 256; ++code) table[code] = static_cast<To>(values[code] * scale);
      const int64_t begin = block * blocks.columns, count = std::min(blocks.columns, in.columns - begin);
      for (int64_t r = row; r < end; ++r) {
        const uint8_t* codes = in.codes + r * in.columns + begin;
        if (holds_nan(codes, count)) {
          return Fp8Problem{in.first_row + r, fmt::format("row {} holds a NaN in block [{}, {}]",
                                                          in.first_row + r, band, block)};
        }
        To* out = to + r * in.columns + begin;
        for (int64_t i = 0; i < count; ++i) out[i] = table[codes[i]];
      }
    }
    row = end;
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
      return run(in, blocks, static_cast<at::BFloat16*>(to));
  }
}

}  // namespace grpo

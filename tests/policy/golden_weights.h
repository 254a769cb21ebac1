#pragma once
// Weights that are a formula of a tensor's name, so that goldens of whole models need no weights in the
// repository: scripts/parity_cases.py makes the same bits for transformers.
//
// The i-th number of a tensor comes from 64 random bits, the (i+1)-th output of splitmix64 seeded with the
// FNV-1a hash of the name:
//   F8_E4M3: the top byte; where that is no number (0x7f, 0xff), one less.
//   others:  middle + scale * u in float32, u = (top 24 bits - 2^23) / 2^23 in [-1, 1), rounded to the dtype.
// Scales are powers of two, so only the addition rounds.
//
//   name ends with             middle       scale
//   _scale_inv                 2^-11        2^-12
//   norm.weight                1            1/4
//   e_score_correction_bias    router_bias  1/4
//   .bias                      0            1/4
//   embed_tokens.weight        0            1/2
//   head.weight, gate.weight   0            2 f
//   anything else              0            f        f: 1, halved for each time that the last dimension can
//   be
//                                                    divided by 4 (whole numbers) before it is below 4

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace grpo::testing {

inline uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// The index-th output of splitmix64, from 0 on (Steele, Lea, Flood 2014).
inline uint64_t splitmix64(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

inline std::pair<float, float> golden_middle_and_scale(const std::string& name, int64_t fan_in,
                                                       float router_bias) {
  float f = 1.0f;
  for (; fan_in >= 4; fan_in /= 4) f /= 2.0f;
  if (name.ends_with("_scale_inv")) return {0x1p-11f, 0x1p-12f};
  if (name.ends_with("norm.weight")) return {1.0f, 0.25f};
  if (name.ends_with("e_score_correction_bias")) return {router_bias, 0.25f};
  if (name.ends_with(".bias")) return {0.0f, 0.25f};
  if (name.ends_with("embed_tokens.weight")) return {0.0f, 0.5f};
  if (name.ends_with("head.weight") || name.ends_with("gate.weight")) return {0.0f, 2 * f};
  return {0.0f, f};
}

// The tensor as it lies in the file. dtype: F32, F16, BF16 or F8_E4M3.
inline at::Tensor golden_weight(const std::string& dtype, const std::string& name,
                                const std::vector<int64_t>& shape, float router_bias) {
  int64_t count = 1;
  for (const int64_t n : shape) count *= n;
  const uint64_t seed = fnv1a(name);
  if (dtype == "F8_E4M3") {
    at::Tensor codes = at::empty(shape, at::kByte);
    auto* out = codes.mutable_data_ptr<uint8_t>();
    for (int64_t i = 0; i < count; ++i) {
      out[i] = static_cast<uint8_t>(splitmix64(seed, static_cast<uint64_t>(i)) >> 56);
      if ((out[i] & 0x7f) == 0x7f) --out[i];
    }
    return codes.view(at::kFloat8_e4m3fn);
  }
  const auto [middle, scale] = golden_middle_and_scale(name, shape.back(), router_bias);
  at::Tensor values = at::empty(shape, at::kFloat);
  auto* out = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    const auto top = static_cast<int64_t>(splitmix64(seed, static_cast<uint64_t>(i)) >> 40);
    out[i] = middle + scale * (static_cast<float>(top - (int64_t{1} << 23)) * 0x1p-23f);
  }
  if (dtype == "F32") return values;
  if (dtype == "F16") return values.to(at::kHalf);
  if (dtype == "BF16") return values.to(at::kBFloat16);
  throw Error("no rule for dtype " + dtype, name);
}

}  // namespace grpo::testing

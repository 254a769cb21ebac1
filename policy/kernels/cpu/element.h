#pragma once
// The element types of the CPU kernels, and the type each is computed in.

#include <cstdint>
#include <cstring>

#define GRPO_INLINE inline __attribute__((always_inline))

namespace grpo::cpu {

// bfloat16 as it lies in memory.
struct Bf16 {
  uint16_t bits;
};

GRPO_INLINE float load(float x) { return x; }
GRPO_INLINE double load(double x) { return x; }
GRPO_INLINE float load(Bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
GRPO_INLINE void store(float* to, float x) { *to = x; }
GRPO_INLINE void store(double* to, double x) { *to = x; }
// Round to nearest even; NaN stays NaN.
GRPO_INLINE void store(Bf16* to, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  to->bits = static_cast<uint16_t>(nan ? 0x7fc0u : rounded);
}

// The type arithmetic is done in.
template <class T>
struct ComputeType {
  using type = float;
};
template <>
struct ComputeType<double> {
  using type = double;
};
template <class T>
using Compute = typename ComputeType<T>::type;

}  // namespace grpo::cpu

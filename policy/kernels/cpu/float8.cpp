#include "policy/kernels/cpu/float8.h"

#include <cstring>

#include "policy/kernels/cpu/element.h"

// For plain loops, which the compiler vectorises for each of these; the loader picks.
#if defined(__SANITIZE_ADDRESS__) || !defined(__x86_64__) || !defined(__OPTIMIZE__)
#define GRPO_CLONES
#else
#define GRPO_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

namespace grpo::cpu {
namespace {

// Sign, exponent and mantissa of the code at the places where a float has its own: the float's value is then
// too small by the difference of the two exponent biases, 127 - 7, for codes without leading one as well.
GRPO_INLINE float value_of(uint8_t code) {
  const uint32_t bits = static_cast<uint32_t>(code & 0x80) << 24 | static_cast<uint32_t>(code & 0x7F) << 20;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value * 0x1p120f;
}

GRPO_INLINE void store_number(float* to, float x) {
  *to = x;
}
GRPO_INLINE void store_number(double* to, float x) {
  *to = x;
}
// Without the look at NaN that element.h's has, which costs half the speed.
GRPO_INLINE void store_number(Bf16* to, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  to->bits = static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

template <class T>
GRPO_INLINE bool scale_all(const uint8_t* codes, int64_t count, float scale, T* to) {
  uint8_t nan = 0;
  for (int64_t i = 0; i < count; ++i) nan |= static_cast<uint8_t>((codes[i] & 0x7F) == 0x7F);
  for (int64_t i = 0; i < count; ++i) store_number(to + i, value_of(codes[i]) * scale);
  return nan == 0;
}

}  // namespace

GRPO_CLONES bool scale_e4m3(const uint8_t* codes, int64_t count, float scale, float* to) {
  return scale_all(codes, count, scale, to);
}
GRPO_CLONES bool scale_e4m3(const uint8_t* codes, int64_t count, float scale, Bf16* to) {
  return scale_all(codes, count, scale, to);
}
GRPO_CLONES bool scale_e4m3(const uint8_t* codes, int64_t count, float scale, double* to) {
  return scale_all(codes, count, scale, to);
}

}  // namespace grpo::cpu

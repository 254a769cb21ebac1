#pragma once
// Float8 codes (E4M3: one sign, four exponent, three mantissa bits, no infinity) into numbers, for loading
// checkpoints. Knows nothing of LibTorch.

#include <cstdint>

#include "policy/kernels/cpu/element.h"

namespace grpo::cpu {

// to[i] = value of codes[i] * scale, the product rounded to float32 and that, for Bf16, to nearest even.
// `scale` times 448, the largest value, must be finite. False if a code is NaN, whose number is then
// meaningless.
bool scale_e4m3(const uint8_t* codes, int64_t count, float scale, float* to);
bool scale_e4m3(const uint8_t* codes, int64_t count, float scale, Bf16* to);
bool scale_e4m3(const uint8_t* codes, int64_t count, float scale, double* to);

}  // namespace grpo::cpu

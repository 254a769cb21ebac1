#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "policy/kernels/cpu/element.h"
#include "policy/kernels/cpu/elementwise_forms.h"

// As in attention_avx512.cpp: what follows is compiled for instructions that the rest of the program cannot count on.
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#define GRPO_AVX512_LANES
#define GRPO_LANE_BYTES 64
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "policy/kernels/cpu/elementwise_loops.h"

namespace grpo::cpu {

#define GRPO_DEFINE(name, loop, parameters, arguments) \
  void wide_##name parameters { loop arguments; }
GRPO_ELEMENTWISE_KERNELS(GRPO_DEFINE)
#undef GRPO_DEFINE

}  // namespace grpo::cpu

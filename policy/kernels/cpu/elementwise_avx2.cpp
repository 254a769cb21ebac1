#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "policy/kernels/cpu/element.h"
#include "policy/kernels/cpu/elementwise_forms.h"

// As in attention_avx512.cpp: what follows is compiled for instructions that the rest of the program cannot count on.
#pragma GCC target("avx2,fma")
#define GRPO_FMA_LANES
#define GRPO_LANE_BYTES 32
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "policy/kernels/cpu/elementwise_loops.h"

namespace grpo::cpu {

#define GRPO_DEFINE(name, loop, parameters, arguments) \
  void middle_##name parameters { loop arguments; }
GRPO_ELEMENTWISE_KERNELS(GRPO_DEFINE)
#undef GRPO_DEFINE

}  // namespace grpo::cpu

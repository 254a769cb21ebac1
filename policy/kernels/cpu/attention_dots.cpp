#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "policy/kernels/cpu/attention_forms.h"
#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/element.h"

// As in attention_avx512.cpp: what follows is compiled for instructions that the rest of the program cannot count on.
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")
#define GRPO_AVX512_LANES
#define GRPO_LANE_BYTES 64
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "policy/kernels/cpu/attention_dots_backward.h"
#include "policy/kernels/cpu/attention_dots_forward.h"
#include "policy/kernels/cpu/attention_dots_paged.h"

namespace grpo::cpu {

bool dots_attention_runs() {
  static const bool runs = wide_attention_runs() && __builtin_cpu_supports("avx512bf16");
  return runs;
}

void dots_forward(const SequenceAttention<Bf16>& a) { forward_by_dots(a); }
void dots_backward(const SequenceAttention<Bf16>& a) { backward_by_dots(a); }
void dots_paged(const PagedAttention<Bf16>& a) { paged_by_dots(a); }

}  // namespace grpo::cpu

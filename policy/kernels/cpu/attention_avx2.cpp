#include "policy/kernels/cpu/attention_forms.h"

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/element.h"

// As in attention_avx512.cpp: what follows is compiled for instructions that the rest of the program cannot count on.
#pragma GCC target("avx2,fma")
#define GRPO_FMA_LANES
#define GRPO_LANE_BYTES 32
// GCC 12 takes the undefined operand inside its own intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "policy/kernels/cpu/attention_backward_loops.h"
#include "policy/kernels/cpu/attention_forward_loops.h"
#include "policy/kernels/cpu/attention_paged_loops.h"

namespace grpo::cpu {

bool middle_attention_runs() {
  static const bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return runs;
}

void middle_forward(const SequenceAttention<float>& a) { forward(a); }
void middle_forward(const SequenceAttention<double>& a) { forward(a); }
void middle_forward(const SequenceAttention<Bf16>& a) { forward(a); }
void middle_backward(const SequenceAttention<float>& a) { backward(a); }
void middle_backward(const SequenceAttention<double>& a) { backward(a); }
void middle_backward(const SequenceAttention<Bf16>& a) { backward(a); }
void middle_paged(const PagedAttention<float>& a) { attend_pages(a); }
void middle_paged(const PagedAttention<double>& a) { attend_pages(a); }
void middle_paged(const PagedAttention<Bf16>& a) { attend_pages(a); }

}  // namespace grpo::cpu

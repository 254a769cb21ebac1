#include "policy/kernels/cpu/attention_forms.h"

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/element.h"

// What follows is compiled for instructions that the rest of the program cannot count on. Whatever other files use as well
// stands above, so that no copy of it is made here that the linker could choose for them.
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
// The target's own macros are not to be trusted: a compiler that preprocesses first (as ccache has it) does not set them.
#define GRPO_AVX512_LANES
#define GRPO_LANE_BYTES 64
// GCC 12 takes the undefined operand inside its own intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "policy/kernels/cpu/attention_backward_loops.h"
#include "policy/kernels/cpu/attention_forward_loops.h"
#include "policy/kernels/cpu/attention_paged_loops.h"

namespace grpo::cpu {

bool wide_attention_runs() {
  static const bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return runs;
}

void wide_forward(const SequenceAttention<float>& a) { forward(a); }
void wide_forward(const SequenceAttention<double>& a) { forward(a); }
void wide_forward(const SequenceAttention<Bf16>& a) { forward(a); }
void wide_backward(const SequenceAttention<float>& a) { backward(a); }
void wide_backward(const SequenceAttention<double>& a) { backward(a); }
void wide_backward(const SequenceAttention<Bf16>& a) { backward(a); }
void wide_paged(const PagedAttention<float>& a) { attend_pages(a); }
void wide_paged(const PagedAttention<double>& a) { attend_pages(a); }
void wide_paged(const PagedAttention<Bf16>& a) { attend_pages(a); }

}  // namespace grpo::cpu

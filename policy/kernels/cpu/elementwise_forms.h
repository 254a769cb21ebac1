#pragma once
// The forms that the functions of elementwise.h have, as attention has them (attention_forms.h): narrow_* everywhere,
// middle_* and wide_* only where middle_attention_runs() and wide_attention_runs().

#include "policy/kernels/cpu/elementwise.h"

// Functions of one form, as f(name, return type and parameters, arguments).
#define GRPO_ROW_KERNELS(f, T)                                                                                                   \
  f(rms_norm_forward, norm_forward,                                                                                              \
    (const T* x, int64_t x_row, const T* weight, double eps, int64_t rows, int64_t dim, T* y, Compute<T>* rstd),                 \
    (x, x_row, weight, eps, rows, dim, y, rstd))                                                                                 \
  f(rms_norm_backward, norm_backward,                                                                                            \
    (const T* dy, const T* x, int64_t x_row, const T* weight, const Compute<T>* rstd, int64_t rows, int64_t dim, T* dx,          \
     Compute<T>* dweight),                                                                                                       \
    (dy, x, x_row, weight, rstd, rows, dim, dx, dweight))                                                                        \
  f(rope, rotate,                                                                                                                \
    (const T* x, int64_t x_row, int64_t x_head, const float* cos, const float* sin, int64_t rows, int64_t heads, int64_t dim,    \
     bool interleaved, double sign, T* y),                                                                                       \
    (x, x_row, x_head, cos, sin, rows, heads, dim, interleaved, sign, y))                                                        \
  f(swiglu_forward, gate_forward, (const T* x, int64_t rows, int64_t dim, T* y), (x, rows, dim, y))                              \
  f(swiglu_backward, gate_backward, (const T* dy, const T* x, int64_t rows, int64_t dim, T* dx), (dy, x, rows, dim, dx))
#define GRPO_NUMBER_KERNELS(f, C)                                                                                                \
  f(sigmoid, sigmoid_all, (const C* x, int64_t count, C* y), (x, count, y))                                                      \
  f(logprob_rows, logprobs_forward,                                                                                              \
    (const C* logits, const int64_t* targets, double temperature, int64_t rows, int64_t vocab, C* logprobs, C* entropy, C* lse), \
    (logits, targets, temperature, rows, vocab, logprobs, entropy, lse))                                                         \
  f(logprob_rows_backward, logprobs_backward,                                                                                    \
    (C* logits, const int64_t* targets, const C* lse, const C* grad, EntropyGradient<C> of_entropy, double temperature,          \
     int64_t rows, int64_t vocab),                                                                                               \
    (logits, targets, lse, grad, of_entropy, temperature, rows, vocab))
// Of every type.
#define GRPO_ELEMENTWISE_KERNELS(f) \
  GRPO_ROW_KERNELS(f, float)        \
  GRPO_ROW_KERNELS(f, double)       \
  GRPO_ROW_KERNELS(f, Bf16)         \
  GRPO_NUMBER_KERNELS(f, float)     \
  GRPO_NUMBER_KERNELS(f, double)

namespace grpo::cpu {

#define GRPO_DECLARE(name, loop, parameters, arguments) \
  void narrow_##name parameters;                        \
  void middle_##name parameters;                        \
  void wide_##name parameters;
GRPO_ELEMENTWISE_KERNELS(GRPO_DECLARE)
#undef GRPO_DECLARE

}  // namespace grpo::cpu

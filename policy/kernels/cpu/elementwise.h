#pragma once
// Row-wise kernels on the CPU, on raw pointers: the arithmetic behind policy/kernels/{rms_norm,rope,swiglu,
// logprobs}.h, which own shapes, types and threads. T: float, double or Bf16; rows are contiguous.

#include <cstdint>

#include "policy/kernels/cpu/element.h"

namespace grpo::cpu {

// y = weight * T(x * rstd), rstd = 1/sqrt(mean(x^2) + eps): normalised in Compute<T>, rounded to T, then
// scaled, in the order of Hugging Face's RMSNorm.
template <class T>
void rms_norm_forward(const T* x, int64_t x_row, const T* weight, double eps, int64_t rows, int64_t dim, T* y,
                      Compute<T>* rstd);
// dx, and this call's share of dweight ([dim], added to).
template <class T>
void rms_norm_backward(const T* dy, const T* x, int64_t x_row, const T* weight, const Compute<T>* rstd, int64_t rows,
                       int64_t dim, T* dx, Compute<T>* dweight);

// Rotates the pairs of each head of x [rows, heads, dim] by angles whose cosine and sine are [rows, dim/2].
// sign -1 turns back (the gradient). interleaved: pairs (2i, 2i+1); otherwise (i, i + dim/2).
template <class T>
void rope(const T* x, int64_t x_row, int64_t x_head, const float* cos, const float* sin, int64_t rows, int64_t heads,
          int64_t dim, bool interleaved, double sign, T* y);

// cos and sin [rows, half] of positions[r] * frequencies[i], one scalar call each: the same bits in any batch,
// which a vectorised loop with a scalar tail would not give.
void rope_angles(const int64_t* positions, const float* frequencies, int64_t rows, int64_t half, float* cos, float* sin);

// y = 1 / (1 + e^-x), the same bits for a number wherever it stands.
template <class C>
void sigmoid(const C* x, int64_t count, C* y);

// y = silu(gate) * up of x = [rows, gate | up].
template <class T>
void swiglu_forward(const T* x, int64_t rows, int64_t dim, T* y);
template <class T>
void swiglu_backward(const T* dy, const T* x, int64_t rows, int64_t dim, T* dx);

// Of logits [rows, vocab] (float or double): log p(target), entropy and log-sum-exp under
// softmax(logits / temperature). A row with a NaN, a +inf or nothing finite gives NaN.
template <class C>
void logprob_rows(const C* logits, const int64_t* targets, double temperature, int64_t rows, int64_t vocab,
                  C* logprobs, C* entropy, C* lse);
// Gradients of the entropies as well; null: they have none.
template <class C>
struct EntropyGradient {
  const C* entropy = nullptr;
  const C* grad = nullptr;
};
// In place: logits -> d_logits = (grad * (1[target] - p) - entropy_grad * p (log p + entropy)) / temperature.
template <class C>
void logprob_rows_backward(C* logits, const int64_t* targets, const C* lse, const C* grad,
                           EntropyGradient<C> of_entropy, double temperature, int64_t rows, int64_t vocab);

}  // namespace grpo::cpu

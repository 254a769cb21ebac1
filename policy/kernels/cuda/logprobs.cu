// logprob_rows and its gradient on CUDA, two reads of a row of logits each at most. The formulas are those of
// policy/kernels/cpu/elementwise.h.

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <cmath>
#include <limits>
#include <optional>

#include "policy/kernels/cuda/elements.cuh"

namespace grpo::cuda {
namespace {

constexpr int kMostThreads = 512;

// One block per row. out [3, rows]: log-probability of the target, entropy, log-sum-exp.
template <class C>
__global__ void logprob_rows_kernel(const C* logits, const int64_t* targets, C inverse, int64_t vocab, C* out,
                                    bool aligned) {
  constexpr C kInfinity = std::numeric_limits<C>::infinity();
  const int64_t row = blockIdx.x, rows = gridDim.x, step = blockDim.x * kPack<C>;
  logits += row * vocab;
  C max = -kInfinity;
  int poisoned = 0;
  for (int64_t i = threadIdx.x * kPack<C>; i < vocab; i += step) {
    const Pack<C> x = load_pack(logits, i, vocab, aligned);
    for (int e = 0; e < kPack<C> && i + e < vocab; ++e) {
      poisoned |= !(x.at[e] < kInfinity);
      max = x.at[e] > max ? x.at[e] : max;
    }
  }
  max = combine_block(max, Max());
  if (__syncthreads_or(poisoned) || max == -kInfinity) {
    if (threadIdx.x < 3) out[threadIdx.x * rows + row] = std::numeric_limits<C>::quiet_NaN();
    return;
  }
  max *= inverse;
  C sum = 0, weighted = 0;
  for (int64_t i = threadIdx.x * kPack<C>; i < vocab; i += step) {
    const Pack<C> x = load_pack(logits, i, vocab, aligned);
    for (int e = 0; e < kPack<C> && i + e < vocab; ++e) {
      const C above = x.at[e] * inverse - max;
      const C shifted = above > C(-1e4) ? above : C(-1e4);  // so that -inf contributes 0, not 0 * inf
      const C p = exp(shifted);
      sum += p;
      weighted += p * shifted;
    }
  }
  sum = combine_block(sum, Add());
  weighted = combine_block(weighted, Add());
  if (threadIdx.x == 0) {
    const C log_sum = log(sum), lse = max + log_sum;
    out[row] = logits[targets[row]] * inverse - lse;
    out[rows + row] = log_sum - weighted / sum;
    out[2 * rows + row] = lse;
  }
}

// One block per row. d = grad * (1[target] - p) - entropy_grad * p (log p + entropy), over the temperature; without
// `entropy_grad` (null) the second term is not there.
template <class C>
__global__ void logprob_rows_backward_kernel(const C* logits, const int64_t* targets, const C* lse,
                                             const C* grad, const C* entropy, const C* entropy_grad, C inverse,
                                             int64_t vocab, C* d_logits, bool aligned) {
  const int64_t row = blockIdx.x, step = blockDim.x * kPack<C>, target = targets[row];
  const C g = grad[row] * inverse, row_lse = lse[row];
  const C h = entropy_grad == nullptr ? C(0) : entropy_grad[row] * inverse;
  const C row_entropy = entropy_grad == nullptr ? C(0) : entropy[row];
  logits += row * vocab;
  d_logits += row * vocab;
  for (int64_t i = threadIdx.x * kPack<C>; i < vocab; i += step) {
    Pack<C> x = load_pack(logits, i, vocab, aligned);
    for (int e = 0; e < kPack<C>; ++e) {
      const C log_p = x.at[e] * inverse - row_lse;
      const C above = log_p < C(-1e4) ? C(-1e4) : log_p;  // so that -inf contributes 0, not 0 * inf
      x.at[e] = exp(log_p) * -(g + h * (above + row_entropy)) + (i + e == target ? g : C(0));
    }
    store_pack(d_logits, i, vocab, aligned, x);
  }
}

// Logits are float or double.
template <class F>
void dispatch_logits(const at::Tensor& logits, F f) {
  if (logits.scalar_type() == at::kFloat) return f(float{});
  TORCH_CHECK(logits.scalar_type() == at::kDouble, "logprob_rows takes float32 or float64, not ",
              logits.scalar_type());
  f(double{});
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> logprob_rows(const at::Tensor& logits_in,
                                                            const at::Tensor& targets_in,
                                                            double temperature) {
  const c10::cuda::CUDAGuard device(logits_in.device());
  const at::Tensor logits = logits_in.contiguous(), targets = targets_in.contiguous();
  const int64_t rows = logits.size(0), vocab = logits.size(1);
  at::Tensor out = at::empty({3, rows}, logits.options());
  if (rows > 0) {
    dispatch_logits(logits, [&](auto type) {
      using C = decltype(type);
      const int threads = threads_for(ceil_div(vocab, kPack<C>), kMostThreads);
      logprob_rows_kernel<C><<<rows, threads, 0, c10::cuda::getCurrentCUDAStream()>>>(
          data<C>(logits), data<int64_t>(targets), static_cast<C>(1.0 / temperature), vocab, data<C>(out),
          rows_are_aligned(logits));
      C10_CUDA_KERNEL_LAUNCH_CHECK();
    });
  }
  return {out[0], out[1], out[2]};
}

at::Tensor logprob_rows_backward(const at::Tensor& logits_in, const at::Tensor& targets_in,
                                 const at::Tensor& lse_in, const at::Tensor& grad_in,
                                 const std::optional<at::Tensor>& entropy_in,
                                 const std::optional<at::Tensor>& entropy_grad_in, double temperature) {
  const c10::cuda::CUDAGuard device(logits_in.device());
  const at::Tensor logits = logits_in.contiguous(), targets = targets_in.contiguous(),
                   lse = lse_in.contiguous(), grad = grad_in.contiguous();
  const at::Tensor entropy = entropy_in ? entropy_in->contiguous() : at::Tensor(),
                   entropy_grad = entropy_grad_in ? entropy_grad_in->contiguous() : at::Tensor();
  const int64_t rows = logits.size(0), vocab = logits.size(1);
  at::Tensor d_logits = at::empty_like(logits);
  if (rows == 0) return d_logits;
  dispatch_logits(logits, [&](auto type) {
    using C = decltype(type);
    const int threads = threads_for(ceil_div(vocab, kPack<C>), kMostThreads);
    logprob_rows_backward_kernel<C><<<rows, threads, 0, c10::cuda::getCurrentCUDAStream()>>>(
        data<C>(logits), data<int64_t>(targets), data<C>(lse), data<C>(grad),
        entropy_grad.defined() ? data<C>(entropy) : nullptr, entropy_grad.defined() ? data<C>(entropy_grad) : nullptr,
        static_cast<C>(1.0 / temperature), vocab, data<C>(d_logits),
        rows_are_aligned(logits) && rows_are_aligned(d_logits));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return d_logits;
}

}  // namespace

TORCH_LIBRARY_IMPL(grpo, CUDA, m) {
  m.impl("logprob_rows", logprob_rows);
  m.impl("logprob_rows_backward", logprob_rows_backward);
}

}  // namespace grpo::cuda

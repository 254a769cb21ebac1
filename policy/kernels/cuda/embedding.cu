// The gradient of the embedding on CUDA. Tokens are sorted, so that those of a row of the vocabulary lie
// together, and one block sums them in that order. LibTorch's own adds by atomics: other bits at every call.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "policy/kernels/cuda/elements.cuh"

namespace grpo::cuda {
namespace {

constexpr int kColumns = 32;  // of a block
constexpr int kLanes = 16;    // tokens a block reads at once

// How many of sorted[0..count) are below `value`.
__device__ int64_t count_below(const int64_t* sorted, int64_t count, int64_t value) {
  int64_t low = 0, high = count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (sorted[middle] < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Grid: (row of the vocabulary, columns); blocks of kColumns x kLanes threads. order: where each sorted token
// was.
template <class T>
__global__ void embedding_backward_kernel(const T* grad, const int64_t* sorted, const int64_t* order,
                                          int64_t tokens, int64_t dim, T* out) {
  using C = Compute<T>;
  __shared__ C sums[kLanes][kColumns];
  const int64_t row = blockIdx.x, column = blockIdx.y * kColumns + threadIdx.x;
  const int64_t first = count_below(sorted, tokens, row);
  C sum = 0;
  for (int64_t i = first + threadIdx.y; i < tokens && sorted[i] == row; i += kLanes) {
    if (column < dim) sum += load(grad[order[i] * dim + column]);
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < dim) {
    for (int lane = 1; lane < kLanes; ++lane) sum += sums[lane][threadIdx.x];
    out[row * dim + column] = static_cast<T>(sum);
  }
}

at::Tensor embedding_backward(const at::Tensor& grad_in, const at::Tensor& tokens, int64_t rows) {
  const c10::cuda::CUDAGuard device(grad_in.device());
  const at::Tensor grad = grad_in.contiguous();
  const int64_t dim = grad.size(1);
  at::Tensor out = at::empty({rows, dim}, grad.options());
  if (out.numel() == 0) return out;
  const auto [sorted, order] = tokens.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const at::Tensor keys = sorted.contiguous(), places = order.contiguous();
  dispatch(grad.scalar_type(), [&](auto type) {
    using T = decltype(type);
    embedding_backward_kernel<T><<<dim3(rows, ceil_div(dim, kColumns)), dim3(kColumns, kLanes), 0,
                                   c10::cuda::getCurrentCUDAStream()>>>(
        data<T>(grad), data<int64_t>(keys), data<int64_t>(places), tokens.size(0), dim, data<T>(out));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(grpo, CUDA, m) {
  m.impl("embedding_backward", embedding_backward);
}

}  // namespace grpo::cuda

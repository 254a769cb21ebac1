// The row-wise operators on CUDA: rms_norm, rope, swiglu. The formulas are those of
// policy/kernels/cpu/elementwise.h.

#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "policy/kernels/cuda/elements.cuh"

namespace grpo::cuda {
namespace {

// One block per row.
template <class T>
__global__ void rms_norm_forward_kernel(const T* x, int64_t x_row, const T* weight, Compute<T> eps,
                                        int64_t dim, T* y, Compute<T>* rstd, bool aligned) {
  using C = Compute<T>;
  const int64_t row = blockIdx.x, step = blockDim.x * kPack<T>;
  x += row * x_row;
  y += row * dim;
  C sum = 0;
  for (int64_t i = threadIdx.x * kPack<T>; i < dim; i += step) {
    const Pack<T> in = load_pack(x, i, dim, aligned);
    for (int e = 0; e < kPack<T>; ++e) sum += load(in.at[e]) * load(in.at[e]);
  }
  const C inverse = C(1) / sqrt(combine_block(sum, Add()) / static_cast<C>(dim) + eps);
  if (threadIdx.x == 0) rstd[row] = inverse;
  for (int64_t i = threadIdx.x * kPack<T>; i < dim; i += step) {
    const Pack<T> in = load_pack(x, i, dim, aligned), w = load_pack(weight, i, dim, aligned);
    Pack<T> out;
    for (int e = 0; e < kPack<T>; ++e) {
      const T normed = static_cast<T>(load(in.at[e]) * inverse);  // rounded before the weight
      out.at[e] = static_cast<T>(load(w.at[e]) * load(normed));
    }
    store_pack(y, i, dim, aligned, out);
  }
}

// One block per row.
template <class T>
__global__ void rms_norm_dx_kernel(const T* dy, const T* x, int64_t x_row, const T* weight,
                                   const Compute<T>* rstd, int64_t dim, T* dx, bool aligned) {
  using C = Compute<T>;
  const int64_t row = blockIdx.x, step = blockDim.x * kPack<T>;
  x += row * x_row;
  dy += row * dim;
  dx += row * dim;
  C sum = 0;
  for (int64_t i = threadIdx.x * kPack<T>; i < dim; i += step) {
    const Pack<T> in = load_pack(x, i, dim, aligned), g = load_pack(dy, i, dim, aligned),
                  w = load_pack(weight, i, dim, aligned);
    for (int e = 0; e < kPack<T>; ++e) sum += load(g.at[e]) * load(w.at[e]) * load(in.at[e]);
  }
  const C inverse = rstd[row];
  const C shrink = combine_block(sum, Add()) * inverse * inverse * inverse / static_cast<C>(dim);
  for (int64_t i = threadIdx.x * kPack<T>; i < dim; i += step) {
    const Pack<T> in = load_pack(x, i, dim, aligned), g = load_pack(dy, i, dim, aligned),
                  w = load_pack(weight, i, dim, aligned);
    Pack<T> out;
    for (int e = 0; e < kPack<T>; ++e) {
      out.at[e] = static_cast<T>(load(g.at[e]) * load(w.at[e]) * inverse - load(in.at[e]) * shrink);
    }
    store_pack(dx, i, dim, aligned, out);
  }
}

constexpr int kRowsPerPartial = 256;

// partial[b][i] = sum of dy * x * rstd over the kRowsPerPartial rows of block b. Blocks of 32 columns x 8
// rows.
template <class T>
__global__ void rms_norm_dweight_kernel(const T* dy, const T* x, int64_t x_row, const Compute<T>* rstd,
                                        int64_t rows, int64_t dim, Compute<T>* partial) {
  using C = Compute<T>;
  __shared__ C sums[8][32];
  const int64_t column = blockIdx.y * 32 + threadIdx.x,
                first = static_cast<int64_t>(blockIdx.x) * kRowsPerPartial;
  const int64_t end = first + kRowsPerPartial < rows ? first + kRowsPerPartial : rows;
  C sum = 0;
  if (column < dim) {
    for (int64_t r = first + threadIdx.y; r < end; r += 8) {
      sum += load(dy[r * dim + column]) * load(x[r * x_row + column]) * rstd[r];
    }
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < dim) {
    for (int t = 1; t < 8; ++t) sum += sums[t][threadIdx.x];
    partial[blockIdx.x * dim + column] = sum;
  }
}

// One thread per pair.
template <class T>
__global__ void rope_kernel(const T* x, int64_t x_row, int64_t x_head, const float* cos, const float* sin,
                            int64_t pairs, int64_t heads, int64_t half, bool interleaved, float sign, T* y) {
  using C = Compute<T>;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= pairs) return;
  const int64_t i = index % half, h = index / half % heads, row = index / half / heads;
  const int64_t first = interleaved ? 2 * i : i, second = first + (interleaved ? 1 : half);
  const T* from = x + row * x_row + h * x_head;
  T* to = y + (row * heads + h) * 2 * half;
  const C a = load(from[first]), b = load(from[second]), c = cos[row * half + i],
          s = sign * sin[row * half + i];
  to[first] = static_cast<T>(a * c - b * s);
  to[second] = static_cast<T>(b * c + a * s);
}

// One thread per pack of the output.
template <class T>
__global__ void swiglu_forward_kernel(const T* x, int64_t packs, int64_t packs_per_row, int64_t dim, T* y,
                                      bool aligned) {
  using C = Compute<T>;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= packs) return;
  const int64_t row = index / packs_per_row, i = index % packs_per_row * kPack<T>;
  x += row * 2 * dim;
  const Pack<T> gates = load_pack(x, i, dim, aligned), ups = load_pack(x + dim, i, dim, aligned);
  Pack<T> out;
  for (int e = 0; e < kPack<T>; ++e) {
    const C gate = load(gates.at[e]);
    out.at[e] = static_cast<T>(gate / (C(1) + exp(-gate)) * load(ups.at[e]));
  }
  store_pack(y + row * dim, i, dim, aligned, out);
}

template <class T>
__global__ void swiglu_backward_kernel(const T* dy, const T* x, int64_t packs, int64_t packs_per_row,
                                       int64_t dim, T* dx, bool aligned) {
  using C = Compute<T>;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= packs) return;
  const int64_t row = index / packs_per_row, i = index % packs_per_row * kPack<T>;
  x += row * 2 * dim;
  dx += row * 2 * dim;
  const Pack<T> gates = load_pack(x, i, dim, aligned), ups = load_pack(x + dim, i, dim, aligned),
                grads = load_pack(dy + row * dim, i, dim, aligned);
  Pack<T> d_gate, d_up;
  for (int e = 0; e < kPack<T>; ++e) {
    const C gate = load(gates.at[e]), up = load(ups.at[e]), g = load(grads.at[e]);
    const C s = C(1) / (C(1) + exp(-gate));
    d_gate.at[e] = static_cast<T>(g * up * s * (C(1) + gate * (C(1) - s)));
    d_up.at[e] = static_cast<T>(g * gate * s);
  }
  store_pack(dx, i, dim, aligned, d_gate);
  store_pack(dx + dim, i, dim, aligned, d_up);
}

// x as rows of one stride, copied only where its leading dimensions do not flatten.
at::Tensor as_rows(const at::Tensor& x) {
  const at::Tensor unit = unit_stride(x);
  return unit.dim() == 2 ? unit : unit.reshape({-1, x.size(-1)});
}

std::tuple<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x_in, const at::Tensor& weight,
                                                    double eps) {
  const c10::cuda::CUDAGuard device(x_in.device());
  const at::Tensor x = as_rows(x_in);
  const int64_t rows = x.size(0), dim = x.size(1);
  at::Tensor y = at::empty(x_in.sizes(), x_in.options());
  at::Tensor rstd = at::empty({rows}, x.options().dtype(compute_dtype(x)));
  if (x.numel() == 0) return {y, rstd};
  dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    const bool aligned = rows_are_aligned(x) && rows_are_aligned(weight);
    rms_norm_forward_kernel<T>
        <<<rows, threads_for(ceil_div(dim, kPack<T>), 512), 0, c10::cuda::getCurrentCUDAStream()>>>(
            data<T>(x), x.stride(0), data<T>(weight), static_cast<Compute<T>>(eps), dim, data<T>(y),
            data<Compute<T>>(rstd), aligned);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return {y, rstd};
}

std::tuple<at::Tensor, at::Tensor> rms_norm_backward(const at::Tensor& dy_in, const at::Tensor& x_in,
                                                     const at::Tensor& weight, const at::Tensor& rstd) {
  const c10::cuda::CUDAGuard device(x_in.device());
  const at::Tensor x = as_rows(x_in), dy = dy_in.contiguous();
  const int64_t rows = x.size(0), dim = x.size(1), partials = ceil_div(rows, kRowsPerPartial);
  at::Tensor dx = at::empty(x_in.sizes(), x_in.options());
  if (x.numel() == 0) return {dx, at::zeros(weight.sizes(), weight.options())};
  at::Tensor partial = at::empty({partials, dim}, rstd.options());
  dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    const auto stream = c10::cuda::getCurrentCUDAStream();
    const bool aligned = rows_are_aligned(x) && rows_are_aligned(weight) && rows_are_aligned(dy);
    rms_norm_dx_kernel<T><<<rows, threads_for(ceil_div(dim, kPack<T>), 512), 0, stream>>>(
        data<T>(dy), data<T>(x), x.stride(0), data<T>(weight), data<Compute<T>>(rstd), dim, data<T>(dx),
        aligned);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    rms_norm_dweight_kernel<T><<<dim3(partials, ceil_div(dim, 32)), dim3(32, 8), 0, stream>>>(
        data<T>(dy), data<T>(x), x.stride(0), data<Compute<T>>(rstd), rows, dim, data<Compute<T>>(partial));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return {dx, partial.sum(0).to(weight.scalar_type())};
}

at::Tensor rope(const at::Tensor& x_in, const at::Tensor& cos_in, const at::Tensor& sin_in, bool interleaved,
                double sign) {
  const c10::cuda::CUDAGuard device(x_in.device());
  const at::Tensor x = unit_stride(x_in), cos = cos_in.contiguous(), sin = sin_in.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  const int64_t pairs = x.numel() / 2;
  if (pairs == 0) return y;
  dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    rope_kernel<T><<<ceil_div(pairs, 256), 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        data<T>(x), x.stride(0), x.stride(1), data<float>(cos), data<float>(sin), pairs, x.size(1),
        x.size(2) / 2, interleaved, static_cast<float>(sign), data<T>(y));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return y;
}

at::Tensor swiglu_forward(const at::Tensor& x_in) {
  const c10::cuda::CUDAGuard device(x_in.device());
  const at::Tensor x = x_in.contiguous();
  const int64_t rows = x.size(0), dim = x.size(1) / 2;
  at::Tensor y = at::empty({rows, dim}, x.options());
  if (y.numel() == 0) return y;
  dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    const int64_t packs_per_row = ceil_div(dim, kPack<T>), packs = rows * packs_per_row;
    swiglu_forward_kernel<T><<<ceil_div(packs, 256), 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        data<T>(x), packs, packs_per_row, dim, data<T>(y), rows_are_aligned(x) && rows_are_aligned(y));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return y;
}

at::Tensor swiglu_backward(const at::Tensor& dy_in, const at::Tensor& x_in) {
  const c10::cuda::CUDAGuard device(x_in.device());
  const at::Tensor x = x_in.contiguous(), dy = dy_in.contiguous();
  const int64_t rows = x.size(0), dim = x.size(1) / 2;
  at::Tensor dx = at::empty(x.sizes(), x.options());
  if (dx.numel() == 0) return dx;
  dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    const int64_t packs_per_row = ceil_div(dim, kPack<T>), packs = rows * packs_per_row;
    swiglu_backward_kernel<T><<<ceil_div(packs, 256), 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        data<T>(dy), data<T>(x), packs, packs_per_row, dim, data<T>(dx),
        rows_are_aligned(x) && rows_are_aligned(dy));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return dx;
}

}  // namespace

TORCH_LIBRARY_IMPL(grpo, CUDA, m) {
  m.impl("rms_norm_forward", rms_norm_forward);
  m.impl("rms_norm_backward", rms_norm_backward);
  m.impl("rope", rope);
  m.impl("swiglu_forward", swiglu_forward);
  m.impl("swiglu_backward", swiglu_backward);
}

}  // namespace grpo::cuda

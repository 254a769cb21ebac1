#pragma once
// What the CUDA kernels share: the element types and the type each is computed in, reads and writes of 16
// bytes, sums over a block of threads, and the checks at the boundary to tensors. C++17, for nvcc.
//
// Every kernel here gives the same bits for the same inputs: sums run in an order fixed by shapes alone, and
// nothing is added by atomics. None waits for the device.

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace grpo::cuda {

// The type arithmetic is done in.
template <class T>
struct ComputeType {
  using type = float;
};
template <>
struct ComputeType<double> {
  using type = double;
};
template <class T>
using Compute = typename ComputeType<T>::type;

template <class T>
__device__ Compute<T> load(T x) {
  return static_cast<Compute<T>>(x);
}

// Elements of one 16-byte access.
template <class T>
constexpr int kPack = 16 / sizeof(T);

template <class T>
struct alignas(16) Pack {
  T at[kPack<T>];
};

// Elements first..first+kPack of a row of `dim`, zeros past its end. `aligned`: see rows_are_aligned.
template <class T>
__device__ Pack<T> load_pack(const T* row, int64_t first, int64_t dim, bool aligned) {
  Pack<T> pack;
  if (aligned && first < dim) {
    *reinterpret_cast<uint4*>(&pack) = *reinterpret_cast<const uint4*>(row + first);
  } else {
    for (int e = 0; e < kPack<T>; ++e) pack.at[e] = first + e < dim ? row[first + e] : T(0);
  }
  return pack;
}

template <class T>
__device__ void store_pack(T* row, int64_t first, int64_t dim, bool aligned, const Pack<T>& pack) {
  if (aligned && first < dim) {
    *reinterpret_cast<uint4*>(row + first) = *reinterpret_cast<const uint4*>(&pack);
  } else {
    for (int e = 0; e < kPack<T> && first + e < dim; ++e) row[first + e] = pack.at[e];
  }
}

// Combines a value of each of `lanes` neighbouring lanes (a power of two up to 32); all of them get the
// result. The whole warp must call it.
template <class C, class F>
__device__ C combine_lanes(C value, int lanes, F combine) {
  for (int offset = lanes / 2; offset > 0; offset /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  return value;
}

struct Add {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a + b;
  }
};
struct Max {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a > b ? a : b;
  }
};

// Combines a value of every thread of a one-dimensional block of whole warps; all of them get the result.
template <class C, class F>
__device__ C combine_block(C value, F combine) {
  __shared__ C parts[32];
  value = combine_lanes(value, 32, combine);
  __syncthreads();  // parts of an earlier call have been read
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  C total = parts[0];
  for (int w = 1; w < static_cast<int>(blockDim.x) / 32; ++w) total = combine(total, parts[w]);
  return total;
}

// Calls f(T{}) with T the element type of a dtype. Throws c10::Error for other dtypes.
template <class F>
void dispatch(at::ScalarType dtype, F f) {
  switch (dtype) {
    case at::kFloat:
      f(float{});
      return;
    case at::kDouble:
      f(double{});
      return;
    case at::kBFloat16:
      f(c10::BFloat16{});
      return;
    default:
      TORCH_CHECK(false, "no CUDA kernel for dtype ", dtype);
  }
}

template <class T>
T* data(const at::Tensor& t) {
  return static_cast<T*>(t.data_ptr());
}

// The tensor itself if its last dimension is contiguous, else a contiguous copy.
inline at::Tensor unit_stride(const at::Tensor& t) {
  return t.stride(-1) == 1 ? t : t.contiguous();
}

inline at::ScalarType compute_dtype(const at::Tensor& t) {
  return t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// Whether every row (the last dimension) starts at a multiple of 16 bytes and is whole packs long.
inline bool rows_are_aligned(const at::Tensor& t) {
  const int64_t pack = 16 / static_cast<int64_t>(t.element_size());
  bool aligned = reinterpret_cast<uintptr_t>(t.data_ptr()) % 16 == 0 && t.size(-1) % pack == 0;
  for (int64_t d = 0; d + 1 < t.dim(); ++d) aligned = aligned && (t.size(d) <= 1 || t.stride(d) % pack == 0);
  return aligned;
}

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Threads of a block that works on one row: a power of two of at least a warp, at most `most`.
inline int threads_for(int64_t items, int most) {
  int threads = 32;
  while (threads < items && threads < most) threads *= 2;
  return threads;
}

}  // namespace grpo::cuda

// Causal attention over packed sequences on CUDA, forward and backward, in tiles of 64 queries by 64 keys
// with an online softmax (FlashAttention, arXiv 2205.14135), for any type and head dimension; what LibTorch's
// own kernels can do faster goes there (flash_attention.h).
//
// A block owns a tile of rows of one result and nobody else writes it: queries for the output and dQ, keys
// for dK and dV.

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <limits>

#include "policy/kernels/cuda/elements.cuh"
#include "policy/kernels/cuda/flash_attention.h"
#include "policy/kernels/cuda/tiles.cuh"

namespace grpo::cuda {
namespace {

// The tensors of a call. Strides in elements; a head's numbers are consecutive. out, d_out, dq, dk, dv are
// contiguous.
template <class T>
struct Problem {
  const T *q, *k, *v;
  int64_t q_token, q_head, k_token, k_head, v_token, v_head;
  int k_dim, v_dim, heads, group;
  const int32_t* cu_seqlens;
  int tiles;  // of the longest sequence
  Compute<T> scale;
  T* out;
  Compute<T>* lse;  // [N, H]
  const T* d_out;
  const Compute<T>* delta;  // [N, H]: sum of d_out * out
  T *dq, *dk, *dv;
};

// Which rows a block works on.
struct Place {
  int64_t start;  // of its sequence
  int length;     // of its sequence
  int tile;
};

template <class T>
__device__ Place place(const Problem<T>& p) {
  const int sequence = blockIdx.x / p.tiles;
  const int64_t start = p.cu_seqlens[sequence];
  return {start, static_cast<int>(p.cu_seqlens[sequence + 1] - start),
          static_cast<int>(blockIdx.x) % p.tiles};
}

// The rows of a tile of one head.
template <class T>
__device__ Rows<T> rows(const T* tensor, int64_t token_stride, const Place& at, int tile, int dim) {
  const int first = tile * kTile;
  return {tensor + (at.start + first) * token_stride, token_stride, min(kTile, at.length - first), dim};
}

// Writes the patches of a tile of rows to a contiguous tensor [N, row], columns from `column` on.
template <int kSlabs, class T>
__device__ void store_rows(const Patch<Compute<T>> (&sum)[kSlabs], const Place& at, int column, int dim,
                           int64_t row, T* to) {
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
#pragma unroll
  for (int s = 0; s < kSlabs; ++s) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int token = at.tile * kTile + 4 * ty + i;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int d = column + s * kTile + 4 * tx + j;
        if (token < at.length && d < dim) to[(at.start + token) * row + d] = static_cast<T>(sum[s][i][j]);
      }
    }
  }
}

// Grid: (sequence and query tile, query head, columns of the output in steps of kSlabs slabs).
template <class T, int kSlabs>
__global__ void __launch_bounds__(kThreads) forward_kernel(Problem<T> p) {
  using C = Compute<T>;
  extern __shared__ __align__(16) unsigned char memory[];
  Shared<C>& shared = *reinterpret_cast<Shared<C>*>(memory);
  const Place at = place(p);
  if (at.tile * kTile >= at.length) return;
  const int head = blockIdx.y, column = blockIdx.z * kSlabs * kTile, tx = threadIdx.x % 16,
            ty = threadIdx.x / 16;
  const Rows<T> q = rows(p.q + head * p.q_head, p.q_token, at, at.tile, p.k_dim);
  C max[4], total[4];
  Patch<C> out[kSlabs] = {};
  for (int i = 0; i < 4; ++i) {
    max[i] = -std::numeric_limits<C>::infinity();
    total[i] = 0;
  }
  for (int tile = 0; tile <= at.tile; ++tile) {
    Patch<C> score = {};
    add_products(q, rows(p.k + head / p.group * p.k_head, p.k_token, at, tile, p.k_dim), shared, score);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int query = at.tile * kTile + 4 * ty + i;
      C top = -std::numeric_limits<C>::infinity();
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const bool seen = tile * kTile + 4 * tx + j <= query;
        score[i][j] = seen ? score[i][j] * p.scale : -std::numeric_limits<C>::infinity();
        top = Max()(top, score[i][j]);
      }
      const C higher = Max()(max[i], combine_lanes(top, 16, Max()));  // finite: every query sees key 0 first
      const C shrink = exp(max[i] - higher);
      max[i] = higher;
      C sum = 0;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        score[i][j] = exp(score[i][j] - higher);
        sum += score[i][j];
      }
      total[i] = total[i] * shrink + combine_lanes(sum, 16, Add());
#pragma unroll
      for (int s = 0; s < kSlabs; ++s) {
#pragma unroll
        for (int j = 0; j < 4; ++j) out[s][i][j] *= shrink;
      }
    }
    share_weights(score, shared);
    add_weighted(rows(p.v + head / p.group * p.v_head, p.v_token, at, tile, p.v_dim), column, shared, out);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int token = at.tile * kTile + 4 * ty + i;
    if (blockIdx.z == 0 && tx == 0 && token < at.length)
      p.lse[(at.start + token) * p.heads + head] = max[i] + log(total[i]);
#pragma unroll
    for (int s = 0; s < kSlabs; ++s) {
#pragma unroll
      for (int j = 0; j < 4; ++j) out[s][i][j] /= total[i];
    }
  }
  store_rows(out, at, column, p.v_dim, int64_t{p.heads} * p.v_dim, p.out + head * p.v_dim);
}

// delta [N, H] = sum over a head of d_out * out. One warp per token and head.
template <class T>
__global__ void delta_kernel(const T* d_out, const T* out, int64_t count, int dim, Compute<T>* delta) {
  const int64_t row = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (row >= count) return;
  Compute<T> sum = 0;
  for (int d = threadIdx.x % 32; d < dim; d += 32)
    sum += load(d_out[row * dim + d]) * load(out[row * dim + d]);
  sum = combine_lanes(sum, 32, Add());
  if (threadIdx.x % 32 == 0) delta[row] = sum;
}

// p_ij = exp(scale q_i.k_j - lse_i);  dV_j = sum_i p_ij dO_i;  dS_ij = scale p_ij (dO_i.V_j - delta_i);
// dQ_i = sum_j dS_ij K_j;  dK_j = sum_i dS_ij Q_i.
//
// A patch of p or dS, with queries or keys as its outer rows.
enum class Outer { kQueries, kKeys };
enum class Weight { kP, kDs };

template <Outer kOuter, Weight kWeight, class T>
__device__ void weigh(const Problem<T>& p, const Place& at, int head, int query_tile, int key_tile,
                      Shared<Compute<T>>& shared, Patch<Compute<T>>& weight) {
  using C = Compute<T>;
  constexpr bool kQueriesOut = kOuter == Outer::kQueries;
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16, kv_head = head / p.group;
  const Rows<T> q = rows(p.q + head * p.q_head, p.q_token, at, query_tile, p.k_dim);
  const Rows<T> k = rows(p.k + kv_head * p.k_head, p.k_token, at, key_tile, p.k_dim);
  Patch<C> score = {}, d_weight = {};
  add_products(kQueriesOut ? q : k, kQueriesOut ? k : q, shared, score);
  if (kWeight == Weight::kDs) {
    const int64_t out_token = int64_t{p.heads} * p.v_dim;
    const Rows<T> d_out = rows(p.d_out + head * p.v_dim, out_token, at, query_tile, p.v_dim);
    const Rows<T> v = rows(p.v + kv_head * p.v_head, p.v_token, at, key_tile, p.v_dim);
    add_products(kQueriesOut ? d_out : v, kQueriesOut ? v : d_out, shared, d_weight);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int outer = 4 * ty + i, inner = 4 * tx + j;
      const int query = query_tile * kTile + (kQueriesOut ? outer : inner);
      const int key = key_tile * kTile + (kQueriesOut ? inner : outer);
      weight[i][j] = 0;
      if (query >= at.length || key > query) continue;
      const int64_t row = (at.start + query) * p.heads + head;
      weight[i][j] = exp(score[i][j] * p.scale - p.lse[row]);
      if (kWeight == Weight::kDs) weight[i][j] *= (d_weight[i][j] - p.delta[row]) * p.scale;
    }
  }
}

// Grid: (sequence and query tile, query head, columns of dQ).
template <class T, int kSlabs>
__global__ void __launch_bounds__(kThreads) dq_kernel(Problem<T> p) {
  using C = Compute<T>;
  extern __shared__ __align__(16) unsigned char memory[];
  Shared<C>& shared = *reinterpret_cast<Shared<C>*>(memory);
  const Place at = place(p);
  if (at.tile * kTile >= at.length) return;
  const int head = blockIdx.y, column = blockIdx.z * kSlabs * kTile;
  Patch<C> dq[kSlabs] = {};
  for (int tile = 0; tile <= at.tile; ++tile) {
    Patch<C> ds;
    weigh<Outer::kQueries, Weight::kDs>(p, at, head, at.tile, tile, shared, ds);
    share_weights(ds, shared);
    add_weighted(rows(p.k + head / p.group * p.k_head, p.k_token, at, tile, p.k_dim), column, shared, dq);
  }
  store_rows(dq, at, column, p.k_dim, int64_t{p.heads} * p.k_dim, p.dq + head * p.k_dim);
}

// dK with Weight::kDs, dV with Weight::kP. Grid: (sequence and key tile, key head, columns).
template <class T, int kSlabs, Weight kWeight>
__global__ void __launch_bounds__(kThreads) dkv_kernel(Problem<T> p) {
  using C = Compute<T>;
  extern __shared__ __align__(16) unsigned char memory[];
  Shared<C>& shared = *reinterpret_cast<Shared<C>*>(memory);
  const Place at = place(p);
  if (at.tile * kTile >= at.length) return;
  constexpr bool kIsV = kWeight == Weight::kP;
  const int kv_head = blockIdx.y, column = blockIdx.z * kSlabs * kTile, dim = kIsV ? p.v_dim : p.k_dim;
  Patch<C> sum[kSlabs] = {};
  for (int head = kv_head * p.group; head < (kv_head + 1) * p.group; ++head) {
    for (int tile = at.tile; tile * kTile < at.length; ++tile) {
      Patch<C> weight;
      weigh<Outer::kKeys, kWeight>(p, at, head, tile, at.tile, shared, weight);
      share_weights(weight, shared);
      const T* tensor = kIsV ? p.d_out + head * p.v_dim : p.q + head * p.q_head;
      const int64_t token = kIsV ? int64_t{p.heads} * p.v_dim : p.q_token;
      add_weighted(rows(tensor, token, at, tile, dim), column, shared, sum);
    }
  }
  const int64_t row = int64_t{p.heads / p.group} * dim;
  store_rows(sum, at, column, dim, row, (kIsV ? p.dv : p.dk) + kv_head * dim);
}

// Launches one block per tile of every sequence, `heads` and the column steps that `dim` takes.
template <class T>
void launch(void (*kernel)(Problem<T>), const Problem<T>& p, int64_t sequences, int64_t heads, int64_t dim,
            int slabs) {
  constexpr int bytes = sizeof(Shared<Compute<T>>);
  C10_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  const dim3 grid(sequences * p.tiles, heads, ceil_div(dim, slabs * kTile));
  kernel<<<grid, kThreads, bytes, c10::cuda::getCurrentCUDAStream()>>>(p);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

// How many slabs of 64 columns a block takes at once: float64 fills its registers with one.
template <class T>
int slabs_for(int64_t dim) {
  return sizeof(T) == 8 || dim <= kTile ? 1 : dim <= 2 * kTile ? 2 : 4;
}

// Calls f with the number of slabs as a constant.
template <class T, class F>
void dispatch_slabs(int64_t dim, F f) {
  switch (slabs_for<T>(dim)) {
    case 1:
      f(std::integral_constant<int, 1>());
      return;
    case 2:
      f(std::integral_constant < int, sizeof(T) == 8 ? 1 : 2 > ());
      return;
    default:
      f(std::integral_constant < int, sizeof(T) == 8 ? 1 : 4 > ());
      return;
  }
}

void check(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& cu_seqlens) {
  TORCH_CHECK(k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type(),
              "attention: q, k and v have the dtypes ", q.scalar_type(), ", ", k.scalar_type(), ", ",
              v.scalar_type());
  TORCH_CHECK(q.size(2) == k.size(2) && k.size(1) == v.size(1) && q.size(1) % k.size(1) == 0, "attention: q ",
              q.sizes(), ", k ", k.sizes(), " and v ", v.sizes(), " do not fit");
  TORCH_CHECK(cu_seqlens.scalar_type() == at::kInt && cu_seqlens.is_contiguous() && cu_seqlens.is_cuda(),
              "attention: cu_seqlens must be contiguous int32 on the GPU");
}

template <class T>
Problem<T> problem(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                   const at::Tensor& cu_seqlens, int64_t max_seqlen, double scale) {
  Problem<T> p = {};
  p.q = data<T>(q);
  p.k = data<T>(k);
  p.v = data<T>(v);
  p.q_token = q.stride(0);
  p.q_head = q.stride(1);
  p.k_token = k.stride(0);
  p.k_head = k.stride(1);
  p.v_token = v.stride(0);
  p.v_head = v.stride(1);
  p.k_dim = static_cast<int>(q.size(2));
  p.v_dim = static_cast<int>(v.size(2));
  p.heads = static_cast<int>(q.size(1));
  p.group = static_cast<int>(q.size(1) / k.size(1));
  p.cu_seqlens = data<int32_t>(cu_seqlens);
  p.tiles = static_cast<int>(ceil_div(max_seqlen, kTile));
  p.scale = static_cast<Compute<T>>(scale);
  return p;
}

std::tuple<at::Tensor, at::Tensor> attention_forward(const at::Tensor& q_in, const at::Tensor& k_in,
                                                     const at::Tensor& v_in, const at::Tensor& cu_seqlens,
                                                     int64_t max_seqlen, double scale) {
  const c10::cuda::CUDAGuard device(q_in.device());
  check(q_in, k_in, v_in, cu_seqlens);
  const int64_t sequences = cu_seqlens.size(0) - 1;
  if (q_in.numel() > 0 && flash_attention_takes(q_in, k_in, v_in)) {
    return flash_attention_forward(q_in, k_in, v_in, cu_seqlens, max_seqlen, scale);
  }
  const at::Tensor q = unit_stride(q_in), k = unit_stride(k_in), v = unit_stride(v_in);
  at::Tensor out = at::empty({q.size(0), q.size(1), v.size(2)}, q.options());
  at::Tensor lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(compute_dtype(q)));
  if (q.numel() == 0) return {out, lse};
  dispatch(q.scalar_type(), [&](auto type) {
    using T = decltype(type);
    Problem<T> p = problem<T>(q, k, v, cu_seqlens, max_seqlen, scale);
    p.out = data<T>(out);
    p.lse = data<Compute<T>>(lse);
    dispatch_slabs<T>(p.v_dim, [&](auto slabs) {
      constexpr int kSlabs = decltype(slabs)::value;
      launch(forward_kernel<T, kSlabs>, p, sequences, p.heads, p.v_dim, kSlabs);
    });
  });
  return {out, lse};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_backward(
    const at::Tensor& d_out_in, const at::Tensor& q_in, const at::Tensor& k_in, const at::Tensor& v_in,
    const at::Tensor& out_in, const at::Tensor& lse_in, const at::Tensor& cu_seqlens, int64_t max_seqlen,
    double scale) {
  const c10::cuda::CUDAGuard device(q_in.device());
  check(q_in, k_in, v_in, cu_seqlens);
  const int64_t sequences = cu_seqlens.size(0) - 1;
  if (q_in.numel() > 0 && flash_attention_takes(q_in, k_in, v_in)) {
    return flash_attention_backward(d_out_in, q_in, k_in, v_in, out_in, lse_in, cu_seqlens, max_seqlen,
                                    scale);
  }
  const at::Tensor q = unit_stride(q_in), k = unit_stride(k_in), v = unit_stride(v_in),
                   d_out = d_out_in.contiguous(), out = out_in.contiguous(), lse = lse_in.contiguous();
  at::Tensor dq = at::empty(q.sizes(), q.options()), dk = at::empty(k.sizes(), k.options()),
             dv = at::empty(v.sizes(), v.options());
  if (q.numel() == 0) return {dq, dk, dv};
  at::Tensor delta = at::empty_like(lse);
  dispatch(q.scalar_type(), [&](auto type) {
    using T = decltype(type);
    Problem<T> p = problem<T>(q, k, v, cu_seqlens, max_seqlen, scale);
    p.lse = data<Compute<T>>(lse);
    p.d_out = data<T>(d_out);
    p.delta = data<Compute<T>>(delta);
    p.dq = data<T>(dq);
    p.dk = data<T>(dk);
    p.dv = data<T>(dv);
    delta_kernel<T><<<ceil_div(lse.numel(), 8), 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        p.d_out, data<T>(out), lse.numel(), p.v_dim, data<Compute<T>>(delta));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    dispatch_slabs<T>(p.k_dim, [&](auto slabs) {
      constexpr int kSlabs = decltype(slabs)::value;
      launch(dq_kernel<T, kSlabs>, p, sequences, p.heads, p.k_dim, kSlabs);
      launch(dkv_kernel<T, kSlabs, Weight::kDs>, p, sequences, k.size(1), p.k_dim, kSlabs);
    });
    dispatch_slabs<T>(p.v_dim, [&](auto slabs) {
      constexpr int kSlabs = decltype(slabs)::value;
      launch(dkv_kernel<T, kSlabs, Weight::kP>, p, sequences, k.size(1), p.v_dim, kSlabs);
    });
  });
  return {dq, dk, dv};
}

}  // namespace

TORCH_LIBRARY_IMPL(grpo, CUDA, m) {
  m.impl("attention_forward", attention_forward);
  m.impl("attention_backward", attention_backward);
}

}  // namespace grpo::cuda

// Attention of single query tokens over a paged cache on CUDA, the decode step, in any type: bfloat16 goes to
// the tensor cores where its rows are aligned, everything else to the kernel here.
//
// One block per token, key/value head and slice of its query heads; its keys are dealt out to the warps, each
// with an online softmax of its own, and the warps' results are merged at the end. Every key and value is
// read once per block, 16 bytes at a time.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "policy/kernels/cuda/paged_attention.cuh"

namespace grpo::cuda {
namespace {

constexpr int kWarps = 8;

// One lane's share of a row: packs part, part + lanes, ...
template <class T, int kRounds>
struct Share {
  Pack<T> at[kRounds];

  __device__ void read(const T* row, int part, int lanes, int dim, bool aligned) {
#pragma unroll
    for (int r = 0; r < kRounds; ++r) at[r] = load_pack(row, (part + r * lanes) * kPack<T>, dim, aligned);
  }
};

// The online softmax of one query head over the keys seen so far; `out` is not yet divided by `sum`.
template <class C, int kNumbers>
struct Softmax {
  C max = -std::numeric_limits<C>::infinity();
  C sum = 0;
  C out[kNumbers] = {};

  // The factor that brings results under this maximum under a higher one.
  __device__ static C shrink(C max, C higher) { return max == higher ? C(1) : exp(max - higher); }

  // Adds what the lane `offset` away has seen of other keys.
  __device__ void merge(int offset) {
    const C other = __shfl_xor_sync(0xffffffffu, max, offset), higher = Max()(max, other);
    const C mine = shrink(max, higher), theirs = shrink(other, higher);
    max = higher;
    sum = sum * mine + __shfl_xor_sync(0xffffffffu, sum, offset) * theirs;
#pragma unroll
    for (int e = 0; e < kNumbers; ++e)
      out[e] = out[e] * mine + __shfl_xor_sync(0xffffffffu, out[e], offset) * theirs;
  }
};

// Grid: (token, key/value head, slice of kHeads query heads). kRounds packs per lane cover a key or value; a
// step takes kKeys keys per lane group, whose loads are under way together.
template <class T, int kHeads, int kRounds, int kKeys>
__global__ void __launch_bounds__(32 * kWarps) paged_attention_kernel(PagedProblem<T> p, int lanes) {
  using C = Compute<T>;
  constexpr int kNumbers = kRounds * kPack<T>;
  const int64_t token = blockIdx.x;
  const int kv_head = blockIdx.y, first_head = blockIdx.z * kHeads, heads = min(kHeads, p.group - first_head);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, part = lane % lanes, groups = 32 / lanes;
  const int32_t* table = p.tables + p.rows[token] * p.table_row;
  const int context = static_cast<int>(p.positions[token]) + 1;

  C q[kHeads][kNumbers];
  Softmax<C, kNumbers> seen[kHeads];
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
    const int head = kv_head * p.group + first_head + min(h, heads - 1);
    Share<T, kRounds> share;
    share.read(p.q + token * p.q_token + head * p.q_head, part, lanes, p.k_dim, /*aligned=*/false);
#pragma unroll
    for (int e = 0; e < kNumbers; ++e) q[h][e] = load(share.at[e / kPack<T>].at[e % kPack<T>]) * p.scale;
  }

  for (int first = warp * groups * kKeys; first < context; first += kWarps * groups * kKeys) {
    Share<T, kRounds> key[kKeys], value[kKeys];
    bool live[kKeys];
#pragma unroll
    for (int u = 0; u < kKeys; ++u) {
      const int j = first + u * groups + lane / lanes, last = min(j, context - 1);
      live[u] = j < context;
      key[u].read(paged_row(p.k + kv_head * p.k_head, p.k_page, p.k_token, table, p.page_tokens, last), part,
                  lanes, p.k_dim, p.aligned);
      value[u].read(paged_row(p.v + kv_head * p.v_head, p.v_page, p.v_token, table, p.page_tokens, last),
                    part, lanes, p.v_dim, p.aligned);
    }
    C score[kHeads][kKeys] = {};
#pragma unroll
    for (int u = 0; u < kKeys; ++u) {
#pragma unroll
      for (int e = 0; e < kNumbers; ++e) {
        const C k = load(key[u].at[e / kPack<T>].at[e % kPack<T>]);
#pragma unroll
        for (int h = 0; h < kHeads; ++h) score[h][u] += q[h][e] * k;
      }
    }
    for (int offset = lanes / 2; offset > 0; offset /= 2) {  // all sums at once: their latencies overlap
#pragma unroll
      for (int h = 0; h < kHeads; ++h) {
#pragma unroll
        for (int u = 0; u < kKeys; ++u) score[h][u] += __shfl_xor_sync(0xffffffffu, score[h][u], offset);
      }
    }
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
      C higher = seen[h].max;
#pragma unroll
      for (int u = 0; u < kKeys; ++u) higher = live[u] ? Max()(higher, score[h][u]) : higher;
      const C shrink = Softmax<C, kNumbers>::shrink(seen[h].max, higher);
      seen[h].max = higher;
      seen[h].sum *= shrink;
#pragma unroll
      for (int u = 0; u < kKeys; ++u) {
        score[h][u] = live[u] ? exp(score[h][u] - higher) : C(0);
        seen[h].sum += score[h][u];
      }
#pragma unroll
      for (int e = 0; e < kNumbers; ++e) {
        C out = seen[h].out[e] * shrink;
#pragma unroll
        for (int u = 0; u < kKeys; ++u) out += score[h][u] * load(value[u].at[e / kPack<T>].at[e % kPack<T>]);
        seen[h].out[e] = out;
      }
    }
  }

  __shared__ C maxima[kWarps], sums[kWarps], outs[kWarps][32 * kNumbers];
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
    for (int offset = lanes; offset < 32; offset *= 2) seen[h].merge(offset);
    if (h >= heads) continue;  // the same for the whole block
    if (lane == 0) {
      maxima[warp] = seen[h].max;
      sums[warp] = seen[h].sum;
    }
    if (lane < lanes) {
#pragma unroll
      for (int e = 0; e < kNumbers; ++e) {
        outs[warp][(part + e / kPack<T> * lanes) * kPack<T> + e % kPack<T>] = seen[h].out[e];
      }
    }
    __syncthreads();
    C max = maxima[0], sum = 0, weight[kWarps];
    for (int w = 1; w < kWarps; ++w) max = Max()(max, maxima[w]);
    for (int w = 0; w < kWarps; ++w) {
      weight[w] = Softmax<C, kNumbers>::shrink(maxima[w], max);
      sum += sums[w] * weight[w];
    }
    T* to = p.out + (token * p.heads + kv_head * p.group + first_head + h) * p.v_dim;
    for (int d = threadIdx.x; d < p.v_dim; d += 32 * kWarps) {
      C total = 0;
      for (int w = 0; w < kWarps; ++w) total += outs[w][d] * weight[w];
      to[d] = static_cast<T>(total / sum);
    }
    __syncthreads();
  }
}

template <class T, int kHeads, int kRounds, int kKeys>
void launch(const PagedProblem<T>& p, int64_t tokens, int64_t kv_heads) {
  int lanes = 1;  // that share a key, each with every lanes-th pack of it
  while (lanes * kPack<T> < std::max(p.k_dim, p.v_dim) && lanes < 32) lanes *= 2;
  const dim3 grid(tokens, kv_heads, ceil_div(p.group, kHeads));
  paged_attention_kernel<T, kHeads, kRounds, kKeys>
      <<<grid, 32 * kWarps, 0, c10::cuda::getCurrentCUDAStream()>>>(p, lanes);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

// Picks the rounds a key takes at 32 lanes, and as many query heads per block as the registers hold.
template <class T>
void launch_for(const PagedProblem<T>& p, int64_t tokens, int64_t kv_heads) {
  constexpr int kWideRounds = (kWidestHead / kPack<T> + 31) / 32;
  if constexpr (sizeof(T) == 8) {
    launch<T, 1, kWideRounds, 1>(p, tokens, kv_heads);
  } else if (std::max(p.k_dim, p.v_dim) > 32 * kPack<T>) {
    launch<T, 2, kWideRounds, 1>(p, tokens, kv_heads);
  } else if (p.group == 1) {
    launch<T, 1, 1, 4>(p, tokens, kv_heads);
  } else if (p.group <= 4) {
    launch<T, 4, 1, 2>(p, tokens, kv_heads);
  } else {
    launch<T, 8, 1, 2>(p, tokens, kv_heads);
  }
}

at::Tensor paged_attention(const at::Tensor& q_in, const at::Tensor& k_cache, const at::Tensor& v_cache,
                           const at::Tensor& tables, const at::Tensor& rows_in,
                           const at::Tensor& positions_in, double scale) {
  const c10::cuda::CUDAGuard device(q_in.device());
  const at::Tensor q = unit_stride(q_in), rows = rows_in.contiguous(), positions = positions_in.contiguous();
  TORCH_CHECK(k_cache.scalar_type() == q.scalar_type() && v_cache.scalar_type() == q.scalar_type(),
              "paged_attention: q is ", q.scalar_type(), ", the cache ", k_cache.scalar_type(), " and ",
              v_cache.scalar_type());
  TORCH_CHECK(k_cache.stride(3) == 1 && v_cache.stride(3) == 1 && tables.stride(1) == 1,
              "paged_attention: a token's numbers and a row's pages must be consecutive");
  TORCH_CHECK(tables.scalar_type() == at::kInt && rows.scalar_type() == at::kInt &&
                  positions.scalar_type() == at::kLong,
              "paged_attention: block tables and rows are int32, positions int64");
  const int64_t kv_heads = k_cache.size(2);
  TORCH_CHECK(q.size(2) == k_cache.size(3) && v_cache.size(2) == kv_heads && q.size(1) % kv_heads == 0,
              "paged_attention: q ", q.sizes(), " and caches ", k_cache.sizes(), " and ", v_cache.sizes(),
              " do not fit");
  TORCH_CHECK(q.size(2) <= kWidestHead && v_cache.size(3) <= kWidestHead, "paged_attention: heads of ",
              q.size(2), " and ", v_cache.size(3), " numbers, at most ", kWidestHead, " are supported");
  at::Tensor out = at::empty({q.size(0), q.size(1), v_cache.size(3)}, q.options());
  if (q.numel() == 0) return out;
  dispatch(q.scalar_type(), [&](auto type) {
    using T = decltype(type);
    PagedProblem<T> p = {};
    p.q = data<T>(q);
    p.k = data<T>(k_cache);
    p.v = data<T>(v_cache);
    p.q_token = q.stride(0);
    p.q_head = q.stride(1);
    p.k_page = k_cache.stride(0);
    p.k_token = k_cache.stride(1);
    p.k_head = k_cache.stride(2);
    p.v_page = v_cache.stride(0);
    p.v_token = v_cache.stride(1);
    p.v_head = v_cache.stride(2);
    p.tables = data<int32_t>(tables);
    p.table_row = tables.stride(0);
    p.rows = data<int32_t>(rows);
    p.positions = data<int64_t>(positions);
    p.out = data<T>(out);
    p.page_tokens = static_cast<int>(k_cache.size(1));
    p.heads = static_cast<int>(q.size(1));
    p.group = static_cast<int>(q.size(1) / kv_heads);
    p.k_dim = static_cast<int>(q.size(2));
    p.v_dim = static_cast<int>(v_cache.size(3));
    p.scale = static_cast<Compute<T>>(scale);
    p.aligned = rows_are_aligned(k_cache) && rows_are_aligned(v_cache);
    if constexpr (std::is_same_v<T, c10::BFloat16>) {
      if (p.aligned) return launch_on_tensor_cores(p, q.size(0), kv_heads);
    }
    launch_for(p, q.size(0), kv_heads);
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(grpo, CUDA, m) {
  m.impl("paged_attention", paged_attention);
}

}  // namespace grpo::cuda

// The decode step's attention on tensor cores, bfloat16. A block of 8 warps works for one token and up to 16
// query heads of one key/value head. Each warp takes 16 keys at a time: scores of 16 heads by 16 keys, an
// online softmax of its own, then the weighted values; the warps' results are merged at the end. Sums are
// float32, the softmax weights are rounded to bfloat16 for the second product, as FlashAttention does.
//
// Keys and values go from memory straight into the registers where mma.sync m16n8k16 wants its operands, 16
// bytes per lane. Its operands pair up elements two by two, so which number of a head stands where is
// permuted: the same way for queries and keys, where the order does not matter, and undone when the output is
// written. With g = lane / 4 and t = lane % 4, the lane holds of a 16 x 16 left operand rows g and g + 8, of
// a 16 x 8 right operand column g, and of a 16 x 8 result columns 2t and 2t + 1 of rows g and g + 8.

#include <limits>

#include "policy/kernels/cuda/paged_attention.cuh"

namespace grpo::cuda {
namespace {

using Bf16 = c10::BFloat16;

constexpr int kWarps = 8;
constexpr int kHeads = 16;    // of a block
constexpr int kKeys = 16;     // of a warp's step
constexpr int kChunk = 32;    // numbers of a key that four lanes read at once
constexpr int kColumns = 64;  // numbers of a value that eight lanes read at once

// sum += a * b
__device__ void multiply(uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1,
                         float (&sum)[4]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

union Words {
  uint4 all;
  uint32_t at[4];
};

// Eight numbers of a row from `first` on, zeros past its end.
__device__ Words read(const Bf16* row, int first, int dim) {
  Words words;
  words.all = first < dim ? *reinterpret_cast<const uint4*>(row + first) : uint4{0, 0, 0, 0};
  return words;
}

__device__ uint32_t two(float low, float high) {
  return static_cast<uint32_t>(Bf16(low).x) | static_cast<uint32_t>(Bf16(high).x) << 16;
}

// The block's queries in shared memory, [chunk][heads g or g + 8][lane] of 16 bytes, heads beyond the group
// zero.
__device__ void stage_queries(const PagedProblem<Bf16>& p, const Bf16* q, int heads, uint4* staged) {
  for (int i = threadIdx.x; i < (p.k_dim + kChunk - 1) / kChunk * 64; i += blockDim.x) {
    const int lane = i % 32, head = lane / 4 + i / 32 % 2 * 8, first = i / 64 * kChunk + lane % 4 * 8;
    Pack<Bf16> pack = load_pack(q + min(head, heads - 1) * p.q_head, first, p.k_dim, /*aligned=*/false);
    staged[i] = head < heads ? *reinterpret_cast<uint4*>(&pack) : uint4{0, 0, 0, 0};
  }
  __syncthreads();
}

// What a warp has seen of its keys. out[n] holds columns 8 (2t) + n % 8 and 8 (2t + 1) + n % 8 of the n/8-th
// 64 columns, for head g (first two) and g + 8.
template <int kBlocks>
struct Seen {
  float max[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};
  float out[8 * kBlocks][4] = {};
};

// Scores of 16 heads by 16 keys: score[j] for keys first + 8j + (2t, 2t + 1).
__device__ void score_keys(const PagedProblem<Bf16>& p, const uint4* staged, const Bf16* keys,
                           const int32_t* table, int first, int context, float (&score)[2][4]) {
  const int lane = threadIdx.x % 32, t = lane % 4;
  const Bf16* row[2];
  for (int j = 0; j < 2; ++j) {
    row[j] = paged_row(keys, p.k_page, p.k_token, table, p.page_tokens,
                       min(first + 8 * j + lane / 4, context - 1));
  }
#pragma unroll 4
  for (int c = 0; c * kChunk < p.k_dim; ++c) {
    Words q[2];
    q[0].all = staged[c * 64 + lane];
    q[1].all = staged[c * 64 + 32 + lane];
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const Words k = read(row[j], c * kChunk + 8 * t, p.k_dim);
      multiply(q[0].at[0], q[1].at[0], q[0].at[1], q[1].at[1], k.at[0], k.at[1], score[j]);
      multiply(q[0].at[2], q[1].at[2], q[0].at[3], q[1].at[3], k.at[2], k.at[3], score[j]);
    }
  }
}

// Turns scores into softmax weights under the new maximum and brings what was seen before under it.
template <int kBlocks>
__device__ void weigh(float scale, int first, int context, float (&score)[2][4], Seen<kBlocks>& seen) {
  const int t = threadIdx.x % 4;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float higher = -INFINITY, sum = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& x = score[i / 2][2 * r + i % 2];
      x = first + i / 2 * 8 + 2 * t + i % 2 < context ? x * scale : -INFINITY;
      higher = Max()(higher, x);
    }
    higher = Max()(seen.max[r],
                   combine_lanes(higher, 4, Max()));  // finite: the first key of a step is never masked
    const float shrink = exp(seen.max[r] - higher);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& x = score[i / 2][2 * r + i % 2];
      x = exp(x - higher);
      sum += x;
    }
    seen.max[r] = higher;
    seen.sum[r] = seen.sum[r] * shrink + combine_lanes(sum, 4, Add());
#pragma unroll
    for (int n = 0; n < 8 * kBlocks; ++n) {
      seen.out[n][2 * r] *= shrink;
      seen.out[n][2 * r + 1] *= shrink;
    }
  }
}

template <int kBlocks>
__device__ void add_values(const PagedProblem<Bf16>& p, const Bf16* values, const int32_t* table, int first,
                           int context, int column, const float (&weight)[2][4], Seen<kBlocks>& seen) {
  const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  uint32_t a[4];
  for (int i = 0; i < 4; ++i) a[i] = two(weight[i / 2][i % 2 * 2], weight[i / 2][i % 2 * 2 + 1]);
  const Bf16* row[4];  // of keys 2t, 2t + 1, 8 + 2t, 9 + 2t
  for (int i = 0; i < 4; ++i) {
    const int key = min(first + i / 2 * 8 + 2 * t + i % 2, context - 1);
    row[i] = paged_row(values, p.v_page, p.v_token, table, p.page_tokens, key);
  }
#pragma unroll
  for (int b = 0; b < kBlocks; ++b) {
    Words v[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = read(row[i], column + b * kColumns + 8 * g, p.v_dim);
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      const int half = n % 2 ? 0x7632 : 0x5410;  // the n-th of the eight numbers of two keys, side by side
      multiply(a[0], a[1], a[2], a[3], __byte_perm(v[0].at[n / 2], v[1].at[n / 2], half),
               __byte_perm(v[2].at[n / 2], v[3].at[n / 2], half), seen.out[8 * b + n]);
    }
  }
}

// Grid: (token, key/value head, slice of 16 query heads times steps of kBlocks * 64 columns of the values).
template <int kBlocks>
__global__ void __launch_bounds__(32 * kWarps, kBlocks < 4 ? 2 : 1)
    paged_attention_mma_kernel(PagedProblem<Bf16> p, int column_steps) {
  extern __shared__ uint4 memory[];  // the queries, then the warps' results
  __shared__ float maxima[kWarps][kHeads], sums[kWarps][kHeads];
  const int64_t token = blockIdx.x;
  const int kv_head = blockIdx.y, first_head = blockIdx.z / column_steps * kHeads;
  const int column = blockIdx.z % column_steps * kBlocks * kColumns,
            heads = min(kHeads, p.group - first_head);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
  const int64_t query = kv_head * p.group + first_head;
  const int32_t* table = p.tables + p.rows[token] * p.table_row;
  const int context = static_cast<int>(p.positions[token]) + 1;
  stage_queries(p, p.q + token * p.q_token + query * p.q_head, heads, memory);

  Seen<kBlocks> seen;
  for (int first = warp * kKeys; first < context; first += kWarps * kKeys) {
    float score[2][4] = {};
    score_keys(p, memory, p.k + kv_head * p.k_head, table, first, context, score);
    weigh(p.scale, first, context, score, seen);
    add_values(p, p.v + kv_head * p.v_head, table, first, context, column, score, seen);
  }

  float(*parts)[kHeads][kColumns] = reinterpret_cast<float(*)[kHeads][kColumns]>(memory);  // [kWarps]
  for (int r = 0; r < 2; ++r) {
    if (t == 0) {
      maxima[warp][g + 8 * r] = seen.max[r];
      sums[warp][g + 8 * r] = seen.sum[r];
    }
  }
#pragma unroll
  for (int b = 0; b < kBlocks; ++b) {
    __syncthreads();  // the queries, or the parts before these, have been read
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        parts[warp][g + i / 2 * 8][8 * (2 * t + i % 2) + n] = seen.out[8 * b + n][i];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < heads * kColumns; i += blockDim.x) {
      const int h = i / kColumns, d = column + b * kColumns + i % kColumns;
      if (d >= p.v_dim) continue;
      float max = maxima[0][h], sum = 0, total = 0;
      for (int w = 1; w < kWarps; ++w) max = Max()(max, maxima[w][h]);
      for (int w = 0; w < kWarps; ++w) {
        const float weight = exp(maxima[w][h] - max);  // 0 of a warp that saw no keys
        sum += sums[w][h] * weight;
        total += parts[w][h][i % kColumns] * weight;
      }
      p.out[(token * p.heads + query + h) * p.v_dim + d] = static_cast<Bf16>(total / sum);
    }
  }
}

template <int kBlocks>
void launch(const PagedProblem<Bf16>& p, int64_t tokens, int64_t kv_heads) {
  constexpr int64_t kParts = sizeof(float) * kWarps * kHeads * kColumns;
  const int64_t queries = ceil_div(p.k_dim, kChunk) * 64 * sizeof(uint4),
                bytes = queries > kParts ? queries : kParts;
  const int64_t column_steps = ceil_div(p.v_dim, kBlocks * kColumns);
  const dim3 grid(tokens, kv_heads, ceil_div(p.group, kHeads) * column_steps);
  paged_attention_mma_kernel<kBlocks>
      <<<grid, 32 * kWarps, bytes, c10::cuda::getCurrentCUDAStream()>>>(p, static_cast<int>(column_steps));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace

void launch_on_tensor_cores(const PagedProblem<Bf16>& p, int64_t tokens, int64_t kv_heads) {
  if (p.v_dim <= kColumns) return launch<1>(p, tokens, kv_heads);
  if (p.v_dim <= 2 * kColumns) return launch<2>(p, tokens, kv_heads);
  launch<4>(p, tokens, kv_heads);
}

}  // namespace grpo::cuda

#pragma once
// Products of 64 x 64 tiles by a block of 256 threads, in the arithmetic of Compute<T>: what attention.cu is
// made of. Each thread owns a 4 x 4 patch of every tile: rows 4 ty.. and columns 4 tx.., with threadIdx.x =
// 16 ty + tx.

#include "policy/kernels/cuda/elements.cuh"

namespace grpo::cuda {

constexpr int kTile = 64;          // queries or keys of a tile, and columns of a slab
constexpr int kDepth = 32;         // head dimensions staged at once
constexpr int kThreads = 256;      // 16 x 16
constexpr int kPitch = kTile + 4;  // of a row in shared memory: no bank conflicts, still 16-byte aligned

template <class C>
struct alignas(4 * sizeof(C)) Four {
  C at[4];
};
template <class C>
using Patch = C[4][4];

template <class C>
__device__ Four<C> four(const C* from) {
  return *reinterpret_cast<const Four<C>*>(from);
}

template <class C>
__device__ void add_outer(const Four<C>& a, const Four<C>& b, Patch<C>& sum) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[i][j] += a.at[i] * b.at[j];
  }
}

// Rows of a matrix in device memory: `count` of them, `dim` long; beyond either it reads as zero.
template <class T>
struct Rows {
  const T* first;
  int64_t stride;
  int count;
  int dim;

  __device__ Compute<T> at(int row, int column) const {
    return row < count && column < dim ? load(first[row * stride + column]) : Compute<T>(0);
  }
};

template <class C>
struct Shared {
  union {
    struct {
      C a[kDepth][kPitch];  // transposed: a[d][row]
      C b[kDepth][kPitch];
    };
    C slab[kTile][kTile];  // slab[row][column]
  };
  C weights[kTile][kPitch];  // transposed: weights[inner][outer]
};

// sum[i][j] += a_row(4 ty + i) . b_row(4 tx + j)
template <class T>
__device__ void add_products(const Rows<T>& a, const Rows<T>& b, Shared<Compute<T>>& shared,
                             Patch<Compute<T>>& sum) {
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  for (int first = 0; first < a.dim; first += kDepth) {
    __syncthreads();
    for (int d = t % 8; d < kDepth; d += 8) {
      for (int row = t / 8; row < kTile; row += kThreads / 8) {
        shared.a[d][row] = a.at(row, first + d);
        shared.b[d][row] = b.at(row, first + d);
      }
    }
    __syncthreads();
    const int depth = min(kDepth, a.dim - first);
#pragma unroll 8
    for (int d = 0; d < depth; ++d) add_outer(four(&shared.a[d][4 * ty]), four(&shared.b[d][4 * tx]), sum);
  }
}

// Makes a tile of weights, weight[i][j] of outer row 4 ty + i and inner row 4 tx + j, visible to the block.
template <class C>
__device__ void share_weights(const Patch<C>& weight, Shared<C>& shared) {
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    *reinterpret_cast<Four<C>*>(&shared.weights[4 * tx + j][4 * ty]) = {weight[0][j], weight[1][j],
                                                                        weight[2][j], weight[3][j]};
  }
}

// sum[s][i][j] += sum over inner rows c of weights[c][4 ty + i] * x(c, column + 64 s + 4 tx + j)
template <int kSlabs, class T>
__device__ void add_weighted(const Rows<T>& x, int column, Shared<Compute<T>>& shared,
                             Patch<Compute<T>> (&sum)[kSlabs]) {
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
#pragma unroll
  for (int s = 0; s < kSlabs; ++s) {
    const int first = column + s * kTile;
    if (first >= x.dim) break;
    __syncthreads();
    for (int row = t / kTile; row < kTile; row += kThreads / kTile) {
      shared.slab[row][t % kTile] = x.at(row, first + t % kTile);
    }
    __syncthreads();
    const int rows = min(kTile, x.count);
#pragma unroll 8
    for (int c = 0; c < rows; ++c)
      add_outer(four(&shared.weights[c][4 * ty]), four(&shared.slab[c][4 * tx]), sum[s]);
  }
}

}  // namespace grpo::cuda

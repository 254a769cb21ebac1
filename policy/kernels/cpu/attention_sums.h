#pragma once
// What the loops of attention share: scores of tiles of keys, softmax of a row, weighed values. Included
// by files that are compiled for instruction sets of their own; what is defined here is each file's own.

#include <cstdint>

#include "policy/kernels/cpu/lanes.h"

namespace grpo::cpu {
namespace {

template <class C>
struct Row {
  C max;
  C sum;
};

template <class C>
GRPO_INLINE Row<C> softmax_row(C* scores, int64_t count) {
  constexpr int64_t w = Lanes<C>::kWidth;
  const int64_t padded = round_up<C>(count);
  for (int64_t j = count; j < padded; ++j) scores[j] = scores[0];
  Vec<C> largest = load_lanes<C>(scores);
  for (int64_t j = w; j < padded; j += w) {
    const Vec<C> next = load_lanes<C>(scores + j);
    largest = next > largest ? next : largest;
  }
  const C max = max_lanes<C>(largest);
  Vec<C> sum{};
  for (int64_t j = 0; j < padded; j += w) {
    Vec<C> p = exp_lanes(load_lanes<C>(scores + j) - max);
    if (j + w > count) p = first_lanes<C>(p, count - j);
    store_lanes<C>(scores + j, p);
    sum = sum + p;
  }
  return {max, sum_lanes<C>(sum)};
}

// out[0..padded v_dim) = sum_j p[j] * v[j][:] / sum; v has row length `stride`. Key j is added to sum j % 4, and the
// four sums at the end.
template <class C>
GRPO_INLINE void weigh_values(const C* p, const C* v, int64_t stride, int64_t v_dim, int64_t count, C sum, C* out) {
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t d = 0; d < v_dim; d += w) {
    Vec<C> acc[4] = {};
    const C* from = v + d;
    int64_t j = 0;
    for (; j + 4 <= count; j += 4, from += 4 * stride) {
      acc[0] = multiply_add(all_lanes(p[j]), load_lanes<C>(from), acc[0]);
      acc[1] = multiply_add(all_lanes(p[j + 1]), load_lanes<C>(from + stride), acc[1]);
      acc[2] = multiply_add(all_lanes(p[j + 2]), load_lanes<C>(from + 2 * stride), acc[2]);
      acc[3] = multiply_add(all_lanes(p[j + 3]), load_lanes<C>(from + 3 * stride), acc[3]);
    }
    if (j < count) acc[0] = multiply_add(all_lanes(p[j]), load_lanes<C>(from), acc[0]);
    if (j + 1 < count) acc[1] = multiply_add(all_lanes(p[j + 1]), load_lanes<C>(from + stride), acc[1]);
    if (j + 2 < count) acc[2] = multiply_add(all_lanes(p[j + 2]), load_lanes<C>(from + 2 * stride), acc[2]);
    store_lanes<C>(out + d, ((acc[0] + acc[1]) + (acc[2] + acc[3])) / sum);
  }
}

// [length, dim] with token stride -> transposed [dim, padded], zero past length.
template <class T, class C>
GRPO_INLINE void transpose_in(const T* from, int64_t token, int64_t length, int64_t dim, int64_t padded, C* to) {
  for (int64_t d = 0; d < dim; ++d) {
    for (int64_t j = 0; j < length; ++j) to[d * padded + j] = load(from[j * token + d]);
    for (int64_t j = length; j < padded; ++j) to[d * padded + j] = 0;
  }
}
// The same without transposing: [length, padded dim].
template <class T, class C>
GRPO_INLINE void copy_in(const T* from, int64_t token, int64_t length, int64_t dim, int64_t padded_dim, C* to) {
  for (int64_t j = 0; j < length; ++j) {
    for (int64_t d = 0; d < dim; ++d) to[j * padded_dim + d] = load(from[j * token + d]);
    for (int64_t d = dim; d < padded_dim; ++d) to[j * padded_dim + d] = 0;
  }
}

// How many queries share what is loaded of keys and values.
constexpr int64_t kQueries = 4;

// Scores of kTiles times w keys for kRows queries: q [kRows, k_dim], scores [kRows] rows `row` apart. The keys of a tile
// lie side by side at keys[tile], the d-th number of them `number` apart. Several tiles keep more sums going than one
// chain of additions could.
template <int kRows, int kTiles, class T, class C>
GRPO_INLINE void score_tiles(const C* q, int64_t k_dim, const T* const (&keys)[kTiles], int64_t number, C scale,
                             C* scores, int64_t row) {
  Vec<C> acc[kRows][kTiles] = {};
  for (int64_t d = 0; d < k_dim; ++d) {
    for (int t = 0; t < kTiles; ++t) {
      const Vec<C> k = load_wide(keys[t] + d * number);
      for (int r = 0; r < kRows; ++r) acc[r][t] = multiply_add(all_lanes(q[r * k_dim + d]), k, acc[r][t]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < kTiles; ++t) store_lanes<C>(scores + r * row + t * Lanes<C>::kWidth, acc[r][t] * scale);
  }
}

}  // namespace
}  // namespace grpo::cpu

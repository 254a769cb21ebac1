#pragma once
// Causal attention of one sequence. Each file that includes this is compiled for an instruction set of its own, and what
// is defined here is its own.

#include <cmath>
#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_scratch.h"
#include "policy/kernels/cpu/attention_sums.h"

namespace grpo::cpu {
namespace {

// Keys and values of one sequence as the kernels read them, and room for their work.
template <class C>
struct ForwardScratch {
  int64_t padded, padded_v;
  C *kt, *v, *scores, *q, *out;
};

// Queries i .. i + kRows - 1 of head h.
template <int kRows, class T, class C>
GRPO_INLINE void forward_rows(const SequenceAttention<T>& a, const ForwardScratch<C>& s, int64_t h, int64_t i) {
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t r = 0; r < kRows; ++r) {
    const T* q = a.q + (i + r) * a.q_token + h * a.q_head;
    for (int64_t d = 0; d < a.k_dim; ++d) s.q[r * a.k_dim + d] = load(q[d]);
  }
  const C scale = static_cast<C>(a.scale);
  int64_t first = 0;
  for (; first + 2 * w <= i + kRows; first += 2 * w) {
    score_tiles<kRows, 2, C>(s.q, a.k_dim, {s.kt + first, s.kt + first + w}, s.padded, scale, s.scores + first,
                             s.padded);
  }
  for (; first < i + kRows; first += w) {
    score_tiles<kRows, 1, C>(s.q, a.k_dim, {s.kt + first}, s.padded, scale, s.scores + first, s.padded);
  }
  C sums[kRows];
  for (int64_t r = 0; r < kRows; ++r) {
    const Row<C> row = softmax_row<C>(s.scores + r * s.padded, i + r + 1);
    sums[r] = row.sum;
    a.lse[(i + r) * a.lse_token + h] = row.max + std::log(row.sum);
  }
  // As weigh_values, the keys that all of them see together.
  const int64_t shared = (i + 1) / 4 * 4;
  for (int64_t d = 0; d < a.v_dim; d += w) {
    Vec<C> acc[kRows][4] = {};
    for (int64_t j = 0; j < shared; j += 4) {
      for (int lane = 0; lane < 4; ++lane) {
        const Vec<C> v = load_lanes<C>(s.v + (j + lane) * s.padded_v + d);
        for (int r = 0; r < kRows; ++r) acc[r][lane] = multiply_add(all_lanes(s.scores[r * s.padded + j + lane]), v, acc[r][lane]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int64_t j = shared; j <= i + r; ++j) {
        const Vec<C> weight = all_lanes(s.scores[r * s.padded + j]), v = load_lanes<C>(s.v + j * s.padded_v + d);
        const int64_t lane = j - shared;
        if (lane % 4 == 0) acc[r][0] = multiply_add(weight, v, acc[r][0]);
        if (lane % 4 == 1) acc[r][1] = multiply_add(weight, v, acc[r][1]);
        if (lane % 4 == 2) acc[r][2] = multiply_add(weight, v, acc[r][2]);
        if (lane % 4 == 3) acc[r][3] = multiply_add(weight, v, acc[r][3]);
      }
      store_lanes<C>(s.out + r * s.padded_v + d, ((acc[r][0] + acc[r][1]) + (acc[r][2] + acc[r][3])) / sums[r]);
    }
  }
  for (int64_t r = 0; r < kRows; ++r) {
    T* to = a.out + (i + r) * a.out_token + h * a.out_head;
    for (int64_t d = 0; d < a.v_dim; ++d) store(to + d, s.out[r * s.padded_v + d]);
  }
}

template <class T>
GRPO_INLINE void forward(const SequenceAttention<T>& a) {
  using C = Compute<T>;
  ForwardScratch<C> s;
  s.padded = round_up<C>(a.length + kQueries);
  s.padded_v = round_up<C>(a.v_dim);
  s.kt = scratch<C>(0, a.k_dim * s.padded);
  s.v = scratch<C>(1, a.length * s.padded_v);
  s.scores = scratch<C>(2, kQueries * s.padded);
  s.q = scratch<C>(3, kQueries * a.k_dim);
  s.out = scratch<C>(4, kQueries * s.padded_v);
  transpose_in(a.k, a.k_token, a.length, a.k_dim, s.padded, s.kt);
  copy_in(a.v, a.v_token, a.length, a.v_dim, s.padded_v, s.v);
  for (int64_t h = 0; h < a.group; ++h) {
    int64_t i = 0;
    for (; i + kQueries <= a.length; i += kQueries) forward_rows<kQueries>(a, s, h, i);
    for (; i < a.length; ++i) forward_rows<1>(a, s, h, i);
  }
}

}  // namespace
}  // namespace grpo::cpu

#pragma once
// A query token against the pages of its sequence by bfloat16 dot products, with the bits of attention_dots_forward.h.
// Included by attention_dots.cpp, under its target.

#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_ahead.h"
#include "policy/kernels/cpu/attention_dots_forward.h"
#include "policy/kernels/cpu/attention_dots_rows.h"

namespace grpo::cpu {
namespace {

// Scores of kTiles * 16 tokens from token j on for the query heads of key/value head `head`; pages hold tokens side by side
// for each number of their keys.
template <int kTiles>
GRPO_INLINE void score_page_pairs(const PagedAttention<Bf16>& a, int64_t head, const int32_t* q, int64_t j, float* to, int64_t padded) {
  const Bf16 *cache = a.k_cache + head * a.k_head, *ahead = after_keys(a, j, head);
  const Bf16* keys[kTiles];
#pragma GCC unroll 8
  for (int t = 0; t < kTiles; ++t) {
    const int64_t token = j + 16 * t;
    keys[t] = cache + a.blocks[token / a.page_tokens] * a.k_page + token % a.page_tokens;
  }
  const int64_t k_pairs = pairs(a.k_dim);
  const auto load = [&](int tile, int64_t d) GRPO_LAMBDA {
    const Bf16* from = keys[tile] + 2 * d * a.k_number;
    fetch(ahead + 32 * (d * kTiles + tile));
    return zipped(load_sixteen(from), 2 * d + 1 < a.k_dim ? load_sixteen(from + a.k_number) : _mm256_setzero_si256());
  };
  const auto scale = static_cast<float>(a.scale) * kLog2E;
  int64_t h = 0;
  for (; h + 4 <= a.group; h += 4) score_pairs<4, kTiles>(q + h * k_pairs, k_pairs, load, scale, to + h * padded, padded);
  for (; h + 2 <= a.group; h += 2) score_pairs<2, kTiles>(q + h * k_pairs, k_pairs, load, scale, to + h * padded, padded);
  if (h < a.group) score_pairs<1, kTiles>(q + h * k_pairs, k_pairs, load, scale, to + h * padded, padded);
}

// Adds the values of one page, tokens j .. end - 1 from `from` on, and what to fetch meanwhile, to 16 * kVectors numbers from d on of kHeads query heads:
// weights p of rows `row` apart, sums [kHeads][2][width], of even pairs and of odd ones.
template <int kHeads, int kVectors>
GRPO_INLINE void weigh_page_pairs(const PagedAttention<Bf16>& a, const Bf16* from, const Bf16* ahead, int64_t j, int64_t end, const Bf16* p, int64_t row,
                                  int64_t d, float* sums, int64_t width) {
  WeighedSums<kHeads, kVectors> acc;
  const auto place = [&](int h, int v, int odd) GRPO_LAMBDA { return sums + (2 * h + odd) * width + d + 16 * v; };
  acc.each([&](__m512& sum, int h, int v, int odd) GRPO_LAMBDA { sum = _mm512_loadu_ps(place(h, v, odd)); });
  const auto add = [&](__m512 (&to)[kHeads][kVectors], int64_t at, const Bf16* value) GRPO_LAMBDA {
    __m512i v[kVectors];
#pragma GCC unroll 8
    for (int n = 0; n < kVectors; ++n) {
      const __m256i next = at + 1 < a.context ? load_sixteen(value + a.v_token + 16 * n) : _mm256_setzero_si256();
      v[n] = zipped(load_sixteen(value + 16 * n), next);
    }
    acc.add(to, p + at, row, v);
  };
  from += d;
  ahead += d;
  for (; j < end; j += 4, from += 4 * a.v_token, ahead += 4 * a.v_token) {
    for (int64_t n = 0; n < 4; ++n) fetch(ahead + n * a.v_token);
    add(acc.even, j, from);
    if (j + 2 < end) add(acc.odd, j + 2, from + 2 * a.v_token);
  }
  acc.each([&](__m512& sum, int h, int v, int odd) GRPO_LAMBDA { _mm512_storeu_ps(place(h, v, odd), sum); });
}
template <int kHeads>
GRPO_INLINE void weigh_page(const PagedAttention<Bf16>& a, const Bf16* from, const Bf16* ahead, int64_t j, int64_t end, const Bf16* p, int64_t row,
                            float* sums, int64_t width) {
  int64_t d = 0;
  for (; d + 32 <= width; d += 32) weigh_page_pairs<kHeads, 2>(a, from, ahead, j, end, p, row, d, sums, width);
  for (; d < width; d += 16) weigh_page_pairs<kHeads, 1>(a, from, ahead, j, end, p, row, d, sums, width);
}

// Pages read where they lie, each with all its heads at once: memory is read fastest in long pieces.
GRPO_INLINE void paged_dots_tiled(const PagedAttention<Bf16>& a) {
  const int64_t rows = a.heads * a.group, padded = sixteens(a.context + 1), width = sixteens(a.v_dim), k_pairs = pairs(a.k_dim);
  int32_t* q = scratch<int32_t>(0, rows * k_pairs);
  float* scores = scratch<float>(0, rows * padded);
  float* sums = scratch<float>(1, rows * 2 * width);
  Bf16* p = scratch<Bf16>(0, rows * padded);
  for (int64_t r = 0; r < rows; ++r) pair_row(a.q + r * a.q_head, a.k_dim, q + r * k_pairs);
  int64_t j = 0;
  for (; j + 64 <= a.context; j += 64) {
    for (int64_t h = 0; h < a.heads; ++h) {
      score_page_pairs<4>(a, h, q + h * a.group * k_pairs, j, scores + h * a.group * padded + j, padded);
    }
  }
  for (; j < a.context; j += 16) {
    for (int64_t h = 0; h < a.heads; ++h) {
      score_page_pairs<1>(a, h, q + h * a.group * k_pairs, j, scores + h * a.group * padded + j, padded);
    }
  }
  float* weight = scratch<float>(2, rows);
  for (int64_t r = 0; r < rows; ++r) weight[r] = weights_of(scores + r * padded, a.context, p + r * padded).sum;
  std::fill(sums, sums + rows * 2 * width, 0.0f);
  for (j = 0; j < a.context; j += a.page_tokens) {
    const Bf16* page = a.v_cache + a.blocks[j / a.page_tokens] * a.v_page;
    const int64_t end = j + a.page_tokens < a.context ? j + a.page_tokens : a.context;
    for (int64_t h = 0; h < a.heads; ++h) {
      const Bf16 *from = page + h * a.v_head, *ahead = after_values(a, j, h), *weights = p + h * a.group * padded;
      float* to = sums + h * a.group * 2 * width;
      int64_t g = 0;
      for (; g + 4 <= a.group; g += 4) weigh_page<4>(a, from, ahead, j, end, weights + g * padded, padded, to + g * 2 * width, width);
      for (; g + 2 <= a.group; g += 2) weigh_page<2>(a, from, ahead, j, end, weights + g * padded, padded, to + g * 2 * width, width);
      if (g < a.group) weigh_page<1>(a, from, ahead, j, end, weights + g * padded, padded, to + g * 2 * width, width);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    float* even = sums + r * 2 * width;
    for (int64_t d = 0; d < width; d += 16) {
      store_lanes<float>(even + d, (load_lanes<float>(even + d) + load_lanes<float>(even + width + d)) / weight[r]);
    }
    store_row(even, a.v_dim, a.out + r * a.out_head);
  }
}

// Pages of one head, copied first: as a sequence that all query heads see whole.
GRPO_INLINE void paged_dots_copied(const PagedAttention<Bf16>& a) {
  DotsForward s(a.context, a.k_dim, a.v_dim, a.scale);
  Bf16* keys = scratch<Bf16>(1, a.context * a.k_dim);
  Bf16* values = scratch<Bf16>(2, a.context * a.v_dim);
  for (int64_t j = 0; j < a.context; ++j) {
    const int64_t page = a.blocks[j / a.page_tokens], offset = j % a.page_tokens;
    const Bf16* key = a.k_cache + page * a.k_page + offset * a.k_token;
    for (int64_t d = 0; d < a.k_dim; ++d) keys[j * a.k_dim + d] = key[d * a.k_number];
    std::memcpy(values + j * a.v_dim, a.v_cache + page * a.v_page + offset * a.v_token, static_cast<size_t>(a.v_dim) * sizeof(Bf16));
  }
  pair_numbers(keys, a.k_dim, a.context, a.k_dim, s.padded, s.keys);
  pair_tokens(values, a.v_dim, a.context, a.v_dim, s.values);
  for (int64_t h = 0; h < a.group; h += kScoreRows) {
    const int64_t count = a.group - h < kScoreRows ? a.group - h : kScoreRows;
    for (int64_t r = 0; r < count; ++r) pair_row(a.q + (h + r) * a.q_head, a.k_dim, s.q + r * s.k_pairs);
    attend_rows(s, count, a.context, 0);
    for (int64_t r = 0; r < count; ++r) store_row(s.out + r * s.padded_v, a.v_dim, a.out + (h + r) * a.out_head);
  }
}

GRPO_INLINE void paged_by_dots(const PagedAttention<Bf16>& a) {
  if (a.tiled()) return paged_dots_tiled(a);
  for (int64_t h = 0; h < a.heads; ++h) paged_dots_copied(a.of_head(h));
}

}  // namespace
}  // namespace grpo::cpu

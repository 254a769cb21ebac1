#pragma once
// A query token against the pages of its sequence by bfloat16 dot products, with the bits of attention_dots_forward.h.
// Included by attention_dots.cpp, under its target.

#include <cstdint>

#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/attention_dots_forward.h"
#include "policy/kernels/cpu/attention_dots_rows.h"

namespace grpo::cpu {
namespace {

// Asks for what lies at a page, which is wanted soon: pages lie too far apart for the processor to foresee.
GRPO_INLINE void expect(const Bf16* page, int64_t numbers) {
  const char* from = reinterpret_cast<const char*>(page);
  for (int64_t b = 0; b < numbers * static_cast<int64_t>(sizeof(Bf16)); b += 64) __builtin_prefetch(from + b);
}

// Scores of kTiles * 16 tokens from token j on, for all query heads; pages hold tokens side by side for each number of their keys.
template <int kTiles>
GRPO_INLINE void score_page_pairs(const PagedAttention<Bf16>& a, const int32_t* q, int64_t j, float* scores, int64_t padded) {
  const Bf16* keys[kTiles];
  for (int64_t t = 0; t < kTiles; ++t) {
    const int64_t token = j + 16 * t, page = token / a.page_tokens, ahead = token + kTiles * 16;
    keys[t] = a.k_cache + a.blocks[page] * a.k_page + token % a.page_tokens;
    if (token % a.page_tokens == 0) {
      expect(a.v_cache + a.blocks[page] * a.v_page, a.v_token * a.page_tokens);
      if (ahead < a.context) expect(a.k_cache + a.blocks[ahead / a.page_tokens] * a.k_page, a.k_dim * a.page_tokens);
    }
  }
  const int64_t k_pairs = pairs(a.k_dim);
  const auto load = [&](int tile, int64_t d) GRPO_LAMBDA {
    const Bf16* from = keys[tile] + 2 * d * a.k_number;
    return zipped(load_sixteen(from), 2 * d + 1 < a.k_dim ? load_sixteen(from + a.k_number) : _mm256_setzero_si256());
  };
  const auto scale = static_cast<float>(a.scale);
  float* to = scores + j;
  int64_t h = 0;
  for (; h + 4 <= a.group; h += 4) score_pairs<4, kTiles>(q + h * k_pairs, k_pairs, load, scale, to + h * padded, padded);
  for (; h + 2 <= a.group; h += 2) score_pairs<2, kTiles>(q + h * k_pairs, k_pairs, load, scale, to + h * padded, padded);
  if (h < a.group) score_pairs<1, kTiles>(q + h * k_pairs, k_pairs, load, scale, to + h * padded, padded);
}

// 16 * kVectors numbers of the outputs of kHeads query heads: values out of the pages, weights p of rows `row` apart.
template <int kHeads, int kVectors>
GRPO_INLINE void weigh_page_pairs(const PagedAttention<Bf16>& a, const Bf16* p, int64_t row, int64_t d, const float* sums,
                                  float* out, int64_t out_row) {
  WeighedSums<kHeads, kVectors> acc;
  const auto add = [&](__m512 (&to)[kHeads][kVectors], int64_t j, const Bf16* from) GRPO_LAMBDA {
    __m512i v[kVectors];
#pragma GCC unroll 8
    for (int n = 0; n < kVectors; ++n) {
      const __m256i next = j + 1 < a.context ? load_sixteen(from + a.v_token + 16 * n) : _mm256_setzero_si256();
      v[n] = zipped(load_sixteen(from + 16 * n), next);
    }
    acc.add(to, p + j, row, v);
  };
  for (int64_t j = 0; j < a.context; j += a.page_tokens) {
    const Bf16* from = a.v_cache + a.blocks[j / a.page_tokens] * a.v_page + d;
    const int64_t end = j + a.page_tokens < a.context ? j + a.page_tokens : a.context;
    for (int64_t at = j; at < end; at += 4, from += 4 * a.v_token) {
      add(acc.even, at, from);
      if (at + 2 < end) add(acc.odd, at + 2, from + 2 * a.v_token);
    }
  }
  acc.store(sums, out + d, out_row);
}
template <int kHeads>
GRPO_INLINE void weigh_pages_of(const PagedAttention<Bf16>& a, const Bf16* p, int64_t row, const float* sums, float* out,
                                int64_t out_row) {
  int64_t d = 0;
  for (; d + 32 <= out_row; d += 32) weigh_page_pairs<kHeads, 2>(a, p, row, d, sums, out, out_row);
  for (; d < out_row; d += 16) weigh_page_pairs<kHeads, 1>(a, p, row, d, sums, out, out_row);
}

// Pages read where they lie.
GRPO_INLINE void paged_dots_tiled(const PagedAttention<Bf16>& a) {
  const int64_t padded = sixteens(a.context + 1), padded_v = sixteens(a.v_dim), k_pairs = pairs(a.k_dim);
  int32_t* q = scratch<int32_t>(0, a.group * k_pairs);
  float* scores = scratch<float>(0, a.group * padded);
  float* sums = scratch<float>(1, a.group);
  float* out = scratch<float>(2, a.group * padded_v);
  Bf16* p = scratch<Bf16>(0, a.group * padded);
  for (int64_t h = 0; h < a.group; ++h) pair_row(a.q + h * a.q_head, a.k_dim, q + h * k_pairs);
  int64_t j = 0;
  for (; j + 64 <= a.context; j += 64) score_page_pairs<4>(a, q, j, scores, padded);
  for (; j < a.context; j += 16) score_page_pairs<1>(a, q, j, scores, padded);
  for (int64_t h = 0; h < a.group; ++h) sums[h] = weights_of(scores + h * padded, a.context, p + h * padded).sum;
  int64_t h = 0;
  for (; h + 4 <= a.group; h += 4) weigh_pages_of<4>(a, p + h * padded, padded, sums + h, out + h * padded_v, padded_v);
  for (; h + 2 <= a.group; h += 2) weigh_pages_of<2>(a, p + h * padded, padded, sums + h, out + h * padded_v, padded_v);
  if (h < a.group) weigh_pages_of<1>(a, p + h * padded, padded, sums + h, out + h * padded_v, padded_v);
  for (h = 0; h < a.group; ++h) store_row(out + h * padded_v, a.v_dim, a.out + h * a.out_head);
}

// Pages copied first: as a sequence that all query heads see whole.
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

GRPO_INLINE void paged_by_dots(const PagedAttention<Bf16>& a) { a.tiled() ? paged_dots_tiled(a) : paged_dots_copied(a); }

}  // namespace
}  // namespace grpo::cpu

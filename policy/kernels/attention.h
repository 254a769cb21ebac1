#pragma once
// Causal attention over packed sequences, and over a paged cache. Operators grpo::attention_forward,
// grpo::attention_backward and grpo::paged_attention of LibTorch's dispatcher; CPU here, CUDA in the plug-in.
//
// Legend: N packed tokens, S sequences, H query heads, K key/value heads (H a multiple of K), P pages.

#include <ATen/ATen.h>

#include "policy/kv_view.h"

namespace grpo {

// q [N, H, Dk], k [N, K, Dk], v [N, K, Dv] -> [N, H, Dv]. Token i of a sequence attends to tokens 0..i of the
// same sequence (cu_seqlens [S+1] int32); softmax in float32 (float64 for float64). Differentiable in q, k, v.
// max_seqlen: the longest sequence.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& cu_seqlens,
                     int64_t max_seqlen, double scale);

// Keys and values of `pages` pages of one layer, not yet set, laid out as paged_attention of the device `layout` reads them
// fastest: shapes are those of LayerKv, strides may be any.
LayerKv make_cache(const KvShape& shape, int64_t pages, int64_t page_tokens, const at::TensorOptions& options,
                   c10::DeviceType layout);

// Writes keys [N, K, Dk] and values [N, K, Dv], undefined where the cache has none, to the slots [N] int64 (page *
// page_tokens + offset, no two equal) of a cache from make_cache.
void write_cache(const LayerKv& cache, const at::Tensor& slots, const at::Tensor& k, const at::Tensor& v);

// q [N, H, Dk] against cached keys and values [P, page, K, Dk], [P, page, K, Dv]: token n attends to cache
// positions 0..positions[n] of row rows[n] of block_tables [S, B] int32. v_cache may be a view of k_cache
// (MLA: the first Dv numbers of the latent). Returns [N, H, Dv]. Not differentiable. On the CPU a token's
// result has the same bits as attention() gives it.
at::Tensor paged_attention(const at::Tensor& q, const at::Tensor& k_cache, const at::Tensor& v_cache,
                           const at::Tensor& block_tables, const at::Tensor& rows, const at::Tensor& positions,
                           double scale);

}  // namespace grpo

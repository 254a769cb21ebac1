#pragma once
// Packed causal attention by the FlashAttention-2 kernels in LibTorch: bfloat16 on tensor cores. What they
// cannot do (other types, head dimensions that are odd or large) is done by the tiles of attention.cu.

#include <ATen/core/Tensor.h>

#include <tuple>

namespace grpo::cuda {

// bfloat16, key dimension a multiple of 8 up to 256, value dimension no larger (smaller values are padded).
bool flash_attention_takes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// As grpo::attention_forward: out [N, H, Dv] and lse [N, H] float32.
std::tuple<at::Tensor, at::Tensor> flash_attention_forward(const at::Tensor& q, const at::Tensor& k,
                                                           const at::Tensor& v, const at::Tensor& cu_seqlens,
                                                           int64_t max_seqlen, double scale);

// As grpo::attention_backward, with the same bits at every call.
std::tuple<at::Tensor, at::Tensor, at::Tensor> flash_attention_backward(
    const at::Tensor& d_out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const at::Tensor& out, const at::Tensor& lse, const at::Tensor& cu_seqlens, int64_t max_seqlen,
    double scale);

}  // namespace grpo::cuda

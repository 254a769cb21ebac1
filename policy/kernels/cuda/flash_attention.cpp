#include "policy/kernels/cuda/flash_attention.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

namespace grpo::cuda {
namespace {

// Asks LibTorch for its deterministic algorithms while it lives: FlashAttention adds dQ by atomics otherwise.
class Deterministic {
 public:
  Deterministic()
      : before_(at::globalContext().deterministicAlgorithms()),
        warn_only_(at::globalContext().deterministicAlgorithmsWarnOnly()) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  }
  ~Deterministic() { at::globalContext().setDeterministicAlgorithms(before_, warn_only_); }
  Deterministic(const Deterministic&) = delete;
  Deterministic& operator=(const Deterministic&) = delete;

 private:
  const bool before_;
  const bool warn_only_;
};

// The kernels read 16 bytes at a time: rows must start at multiples of that.
at::Tensor readable(const at::Tensor& t) {
  bool aligned = t.stride(2) == 1 && reinterpret_cast<uintptr_t>(t.data_ptr()) % 16 == 0;
  for (const int64_t d : {0, 1}) aligned = aligned && t.stride(d) % 8 == 0;
  return aligned ? t : t.clone(at::MemoryFormat::Contiguous);
}

// Values and what is shaped like them, widened to the key dimension the kernels want them in.
at::Tensor widened(const at::Tensor& t, int64_t dim) {
  return t.size(2) == dim ? readable(t) : at::constant_pad_nd(t, {0, dim - t.size(2)});
}

}  // namespace

bool flash_attention_takes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t dim = q.size(2);
  return q.scalar_type() == at::kBFloat16 && k.scalar_type() == at::kBFloat16 &&
         v.scalar_type() == at::kBFloat16 && dim % 8 == 0 && dim <= 256 && v.size(2) <= dim;
}

std::tuple<at::Tensor, at::Tensor> flash_attention_forward(const at::Tensor& q, const at::Tensor& k,
                                                           const at::Tensor& v, const at::Tensor& cu_seqlens,
                                                           int64_t max_seqlen, double scale) {
  const int64_t dim = q.size(2), v_dim = v.size(2);
  const auto result =
      at::_flash_attention_forward(readable(q), readable(k), widened(v, dim), cu_seqlens, cu_seqlens,
                                   max_seqlen, max_seqlen, /*dropout_p=*/0.0, /*is_causal=*/true,
                                   /*return_debug_mask=*/false, scale);
  const at::Tensor lse = std::get<1>(result).t();  // LibTorch's is [H, N]
  return {std::get<0>(result).narrow(2, 0, v_dim).contiguous(), lse};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> flash_attention_backward(
    const at::Tensor& d_out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const at::Tensor& out, const at::Tensor& lse, const at::Tensor& cu_seqlens, int64_t max_seqlen,
    double scale) {
  const int64_t dim = q.size(2), v_dim = v.size(2);
  const at::Tensor no_dropout = at::empty({2}, q.options().dtype(at::kLong));
  const Deterministic deterministic;
  const auto [dq, dk, dv] = at::_flash_attention_backward(
      widened(d_out, dim), readable(q), readable(k), widened(v, dim), widened(out, dim), lse.t().contiguous(),
      cu_seqlens, cu_seqlens, max_seqlen, max_seqlen, /*dropout_p=*/0.0, /*is_causal=*/true, no_dropout,
      no_dropout, scale);
  return {dq, dk, dv.narrow(2, 0, v_dim)};
}

}  // namespace grpo::cuda

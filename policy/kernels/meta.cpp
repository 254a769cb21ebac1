#include "policy/kernels/meta.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <torch/library.h>

namespace grpo {
namespace {

at::DeviceType stands_for = at::kCUDA;

bool cuda() {
  return stands_for == at::kCUDA;
}

at::TensorOptions wide(const at::Tensor& t) {
  return t.options().dtype(t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

at::Tensor unit_stride(const at::Tensor& t) {
  return t.stride(-1) == 1 ? t : t.contiguous();
}

// Whether the GPU takes FlashAttention (cuda/flash_attention.h), whose values are as wide as its keys.
bool is_flash(const at::Tensor& q, const at::Tensor& v) {
  return cuda() && q.scalar_type() == at::kBFloat16 && q.size(2) % 8 == 0 && q.size(2) <= 256 &&
         v.size(2) <= q.size(2);
}

at::Tensor readable(const at::Tensor& t) {
  const bool aligned = t.stride(2) == 1 && t.stride(0) % 8 == 0 && t.stride(1) % 8 == 0;
  return aligned ? t : t.clone(at::MemoryFormat::Contiguous);
}

at::Tensor widened(const at::Tensor& t, int64_t dim) {
  return t.size(2) == dim ? readable(t) : at::empty({t.size(0), t.size(1), dim}, t.options());
}

std::tuple<at::Tensor, at::Tensor> attention_forward(const at::Tensor& q, const at::Tensor& k,
                                                     const at::Tensor& v, const at::Tensor& /*cu_seqlens*/,
                                                     int64_t /*max_seqlen*/, double /*scale*/) {
  const int64_t rows = q.size(0), heads = q.size(1), dim = q.size(2);
  if (!is_flash(q, v)) {
    const at::Tensor copies[] = {unit_stride(q), unit_stride(k), unit_stride(v)};
    return {at::empty({rows, heads, v.size(2)}, q.options()), at::empty({rows, heads}, wide(q))};
  }
  const at::Tensor copies[] = {readable(q), readable(k), widened(v, dim)};
  const at::Tensor out = at::empty({rows, heads, dim}, q.options()), lse = at::empty({heads, rows}, wide(q));
  return {out.narrow(2, 0, v.size(2)).contiguous(), lse.t()};
}

// The gradients of FlashAttention, with dQ summed in a fixed order: one float32 copy of it per wave of
// blocks.
std::tuple<at::Tensor, at::Tensor, at::Tensor> flash_backward(const at::Tensor& d_out, const at::Tensor& q,
                                                              const at::Tensor& k, const at::Tensor& v,
                                                              const at::Tensor& out, const at::Tensor& lse,
                                                              int64_t sequences) {
  constexpr int64_t kMultiprocessors = 132;  // of an H100 or H200; fewer elsewhere
  const int64_t heads = q.size(1), dim = q.size(2), padded_rows = q.size(0) + 128 * sequences;
  const int64_t splits = (kMultiprocessors + sequences * heads - 1) / std::max<int64_t>(1, sequences * heads);
  const at::Tensor inputs[] = {widened(d_out, dim), readable(q),       readable(k),
                               widened(v, dim),     widened(out, dim), lse.t().contiguous()};
  const at::Tensor dq = at::empty(q.sizes(), q.options()), dk = at::empty(k.sizes(), k.options()),
                   dv = at::empty({v.size(0), v.size(1), dim}, v.options());
  const int64_t rounded = dim <= 192 ? (dim + 31) / 32 * 32 : 256;
  const at::Tensor sums = at::empty({splits, padded_rows, heads, rounded}, wide(q)),
                   delta = at::empty({heads, padded_rows}, wide(q));
  if (heads != k.size(1)) {  // one gradient per query head before they are added up
    const at::Tensor expanded[] = {at::empty({k.size(0), heads, dim}, k.options()),
                                   at::empty({k.size(0), heads, dim}, k.options())};
  }
  return {dq, dk, dv.narrow(2, 0, v.size(2))};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_backward(const at::Tensor& d_out,
                                                                  const at::Tensor& q, const at::Tensor& k,
                                                                  const at::Tensor& v, const at::Tensor& out,
                                                                  const at::Tensor& lse,
                                                                  const at::Tensor& cu_seqlens,
                                                                  int64_t /*max_seqlen*/, double /*scale*/) {
  if (is_flash(q, v)) return flash_backward(d_out, q, k, v, out, lse, cu_seqlens.size(0) - 1);
  const auto input = [](const at::Tensor& t) { return cuda() ? unit_stride(t) : t.contiguous(); };
  const at::Tensor copies[] = {input(q), input(k), input(v), d_out.contiguous()};
  const at::Tensor delta = cuda() ? at::empty_like(lse) : at::Tensor();
  return {at::empty(q.sizes(), q.options()), at::empty(k.sizes(), k.options()),
          at::empty(v.sizes(), v.options())};
}

at::Tensor paged_attention(const at::Tensor& q, const at::Tensor& /*k_cache*/, const at::Tensor& v_cache,
                           const at::Tensor& /*block_tables*/, const at::Tensor& /*rows*/,
                           const at::Tensor& /*positions*/, double /*scale*/) {
  const at::Tensor copy = unit_stride(q);
  return at::empty({q.size(0), q.size(1), v_cache.size(3)}, q.options());
}

std::tuple<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& /*weight*/,
                                                    double /*eps*/) {
  return {at::empty(x.sizes(), x.options()), at::empty({x.numel() / x.size(-1)}, wide(x))};
}

std::tuple<at::Tensor, at::Tensor> rms_norm_backward(const at::Tensor& dy, const at::Tensor& x,
                                                     const at::Tensor& weight, const at::Tensor& rstd) {
  const at::Tensor copy = dy.contiguous();
  const int64_t rows_per_partial = cuda() ? 256 : 512;
  const at::Tensor dx = at::empty(x.sizes(), x.options());
  const at::Tensor partial =
      at::empty({(rstd.size(0) + rows_per_partial - 1) / rows_per_partial, x.size(-1)}, rstd.options());
  return {dx, partial.sum(0).to(weight.scalar_type())};
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& /*cos*/, const at::Tensor& /*sin*/,
                bool /*interleaved*/, double /*sign*/) {
  const at::Tensor copy = unit_stride(x);
  return at::empty(x.sizes(), x.options());
}

at::Tensor swiglu_forward(const at::Tensor& x) {
  const at::Tensor copy = x.contiguous();
  return at::empty({x.size(0), x.size(1) / 2}, x.options());
}

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& x) {
  const at::Tensor copies[] = {x.contiguous(), dy.contiguous()};
  return at::empty(x.sizes(), x.options());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> logprob_rows(const at::Tensor& logits,
                                                            const at::Tensor& /*targets*/,
                                                            double /*temperature*/) {
  const at::Tensor out = at::empty({3, logits.size(0)}, logits.options());
  return {out[0], out[1], out[2]};
}

at::Tensor logprob_rows_backward(const at::Tensor& logits, const at::Tensor& /*targets*/,
                                 const at::Tensor& /*lse*/, const at::Tensor& /*grad*/,
                                 const std::optional<at::Tensor>& /*entropy*/,
                                 const std::optional<at::Tensor>& /*entropy_grad*/, double /*temperature*/) {
  return at::empty(logits.sizes(), logits.options());
}

at::Tensor embedding_backward(const at::Tensor& grad, const at::Tensor& /*tokens*/, int64_t rows) {
  const at::Tensor copy = grad.contiguous();
  return at::empty({rows, grad.size(1)}, grad.options());
}

// LibTorch has these on the meta device in Python only.
at::Tensor index_select(const at::Tensor& self, int64_t dim, const at::Tensor& index) {
  std::vector<int64_t> shape = self.sizes().vec();
  if (!shape.empty()) shape[static_cast<size_t>(dim < 0 ? dim + self.dim() : dim)] = index.numel();
  return at::empty(shape, self.options());
}

at::Tensor roll(const at::Tensor& self, at::IntArrayRef /*shifts*/, at::IntArrayRef /*dims*/) {
  return at::empty_like(self);
}

at::Tensor searchsorted(const at::Tensor& /*sorted*/, const at::Tensor& self, bool int32, bool /*right*/,
                        std::optional<std::string_view> /*side*/,
                        const std::optional<at::Tensor>& /*sorter*/) {
  return at::empty(self.sizes(), self.options().dtype(int32 ? at::kInt : at::kLong));
}

at::Tensor where(const at::Tensor& condition, const at::Tensor& self, const at::Tensor& other) {
  return at::empty(at::infer_size(condition.sizes(), at::infer_size(self.sizes(), other.sizes())), self.options());
}

at::Tensor like(const at::Tensor& self) {
  return at::empty(self.sizes(), self.options());
}

at::Tensor logical_of_one(const at::Tensor& self) {
  return at::empty(self.sizes(), self.options().dtype(at::kBool));
}

at::Tensor logical_of_two(const at::Tensor& self, const at::Tensor& other) {
  return at::empty(at::infer_size(self.sizes(), other.sizes()), self.options().dtype(at::kBool));
}

}  // namespace

void set_meta_stands_for(c10::DeviceType device) {
  stands_for = device;
}

TORCH_LIBRARY_IMPL(grpo, Meta, m) {
  m.impl("attention_forward", attention_forward);
  m.impl("attention_backward", attention_backward);
  m.impl("paged_attention", paged_attention);
  m.impl("rms_norm_forward", rms_norm_forward);
  m.impl("rms_norm_backward", rms_norm_backward);
  m.impl("rope", rope);
  m.impl("swiglu_forward", swiglu_forward);
  m.impl("swiglu_backward", swiglu_backward);
  m.impl("logprob_rows", logprob_rows);
  m.impl("logprob_rows_backward", logprob_rows_backward);
  m.impl("embedding_backward", embedding_backward);
}

TORCH_LIBRARY_IMPL(aten, Meta, m) {
  m.impl("index_select", index_select);
  m.impl("roll", roll);
  m.impl("searchsorted.Tensor", searchsorted);
  m.impl("where.self", where);
  m.impl("abs", like);
  m.impl("logical_not", logical_of_one);
  m.impl("logical_and", logical_of_two);
  m.impl("logical_or", logical_of_two);
}

}  // namespace grpo

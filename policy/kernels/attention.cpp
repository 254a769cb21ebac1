#include "policy/kernels/attention.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>

#include "core/error.h"
#include "policy/kernels/cpu/attention.h"
#include "policy/kernels/cpu/dispatch.h"

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::ScalarType compute_dtype(const at::Tensor& t) { return t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

// Fills what forward and backward share for sequence s and key/value head h.
template <class T>
cpu::SequenceAttention<T> sequence(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
                                   const at::Tensor& lse, const int32_t* cu_seqlens, int64_t s, int64_t h,
                                   double scale) {
  const int64_t first = cu_seqlens[s], group = q.size(1) / k.size(1);
  cpu::SequenceAttention<T> a;
  a.length = cu_seqlens[s + 1] - first;
  a.group = group;
  a.k_dim = q.size(2);
  a.v_dim = v.size(2);
  a.scale = scale;
  a.q_token = q.stride(0);
  a.q_head = q.stride(1);
  a.k_token = k.stride(0);
  a.v_token = v.stride(0);
  a.out_token = out.stride(0);
  a.out_head = out.stride(1);
  a.lse_token = lse.stride(0);
  a.q = cpu::data<T>(q) + first * a.q_token + h * group * a.q_head;
  a.k = cpu::data<T>(k) + first * a.k_token + h * k.stride(1);
  a.v = cpu::data<T>(v) + first * a.v_token + h * v.stride(1);
  a.out = cpu::data<T>(out) + first * a.out_token + h * group * a.out_head;
  a.lse = lse.data_ptr<cpu::Compute<T>>() + first * a.lse_token + h * group;
  return a;
}

// Runs f(s, h) over all sequences and heads of each, in parallel.
template <class F>
void over_heads(int64_t sequences, int64_t heads, F f) {
  at::parallel_for(0, sequences * heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / heads, i % heads);
  });
}

std::tuple<at::Tensor, at::Tensor> forward_cpu(const at::Tensor& q_in, const at::Tensor& k_in, const at::Tensor& v_in,
                                               const at::Tensor& cu_seqlens, int64_t /*max_seqlen*/, double scale) {
  const at::Tensor q = cpu::unit_stride(q_in), k = cpu::unit_stride(k_in), v = cpu::unit_stride(v_in);
  at::Tensor out = at::empty({q.size(0), q.size(1), v.size(2)}, q.options());
  at::Tensor lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(compute_dtype(q)));
  const int32_t* cu = cu_seqlens.data_ptr<int32_t>();
  cpu::dispatch(q.scalar_type(), [&](auto type) {
    using T = decltype(type);
    over_heads(cu_seqlens.size(0) - 1, k.size(1), [&](int64_t s, int64_t h) {
      cpu::attention_forward(sequence<T>(q, k, v, out, lse, cu, s, h, scale));
    });
  });
  return {out, lse};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> backward_cpu(const at::Tensor& d_out_in, const at::Tensor& q_in,
                                                            const at::Tensor& k_in, const at::Tensor& v_in,
                                                            const at::Tensor& out, const at::Tensor& lse,
                                                            const at::Tensor& cu_seqlens, int64_t /*max_seqlen*/,
                                                            double scale) {
  // Gradients share the strides of q, k and v, so these are made contiguous first.
  const at::Tensor q = q_in.contiguous(), k = k_in.contiguous(), v = v_in.contiguous(), d_out = d_out_in.contiguous();
  at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
  const int32_t* cu = cu_seqlens.data_ptr<int32_t>();
  cpu::dispatch(q.scalar_type(), [&](auto type) {
    using T = decltype(type);
    over_heads(cu_seqlens.size(0) - 1, k.size(1), [&](int64_t s, int64_t h) {
      auto a = sequence<T>(q, k, v, out, lse, cu, s, h, scale);
      a.d_out = cpu::data<T>(d_out) + (a.out - cpu::data<T>(out));
      a.dq = cpu::data<T>(dq) + (a.q - cpu::data<T>(q));
      a.dk = cpu::data<T>(dk) + (a.k - cpu::data<T>(k));
      a.dv = cpu::data<T>(dv) + (a.v - cpu::data<T>(v));
      cpu::attention_backward(a);
    });
  });
  return {dq, dk, dv};
}

at::Tensor paged_cpu(const at::Tensor& q_in, const at::Tensor& k_cache, const at::Tensor& v_cache,
                     const at::Tensor& block_tables, const at::Tensor& rows, const at::Tensor& positions,
                     double scale) {
  const at::Tensor q = cpu::unit_stride(q_in);
  const int64_t heads = k_cache.size(2), group = q.size(1) / heads;
  at::Tensor out = at::empty({q.size(0), q.size(1), v_cache.size(3)}, q.options());
  const int32_t* row = rows.data_ptr<int32_t>();
  const int64_t* position = positions.data_ptr<int64_t>();
  cpu::dispatch(q.scalar_type(), [&](auto type) {
    using T = decltype(type);
    cpu::PagedAttention<T> a;
    a.heads = heads;
    a.group = group;
    a.k_dim = q.size(2);
    a.v_dim = v_cache.size(3);
    a.scale = scale;
    a.q_head = q.stride(1);
    a.k_cache = cpu::data<T>(k_cache);
    a.v_cache = cpu::data<T>(v_cache);
    a.page_tokens = k_cache.size(1);
    a.k_page = k_cache.stride(0);
    a.k_head = k_cache.stride(2);
    a.k_token = k_cache.stride(1);
    a.k_number = k_cache.stride(3);
    a.v_page = v_cache.stride(0);
    a.v_head = v_cache.stride(2);
    a.v_token = v_cache.stride(1);
    a.out_head = out.stride(1);
    const auto of_row = [&](int64_t n) {
      cpu::PagedAttention<T> one = a;
      one.context = position[n] + 1;
      one.q = cpu::data<T>(q) + n * q.stride(0);
      one.blocks = block_tables.data_ptr<int32_t>() + row[n] * block_tables.stride(0);
      one.out = cpu::data<T>(out) + n * out.stride(0);
      return one;
    };
    // A row's heads together read memory in longer pieces; apart they are work for more threads. The same bits.
    if (q.size(0) >= 4 * at::get_num_threads()) {
      at::parallel_for(0, q.size(0), 1, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
          cpu::PagedAttention<T> one = of_row(n);
          if (n + 1 < end) one.next_keys = a.k_cache + *of_row(n + 1).blocks * a.k_page;
          cpu::paged_attention(one);
        }
      });
    } else {
      over_heads(q.size(0), heads, [&](int64_t n, int64_t h) { cpu::paged_attention(of_row(n).of_head(h)); });
    }
  });
  return out;
}

// One tensor of a cache and what goes into it, whatever the strides.
template <class T>
struct CacheWriter {
  T* cache;
  const T* rows;
  int64_t page_tokens, heads, dim, page, token, head, number, row, row_head, row_number;

  CacheWriter(const at::Tensor& to, const at::Tensor& from)
      : cache(cpu::data<T>(to)), rows(cpu::data<T>(from)), page_tokens(to.size(1)), heads(to.size(2)), dim(to.size(3)),
        page(to.stride(0)), token(to.stride(1)), head(to.stride(2)), number(to.stride(3)), row(from.stride(0)),
        row_head(from.stride(1)), row_number(from.stride(2)) {}

  T* at(int64_t slot) const { return cache + slot / page_tokens * page + slot % page_tokens * token; }
  // A number lies far from the next one of its key; so many writes are fast only if all are under way together.
  void fetch(int64_t slot) const {
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t d = 0; d < dim; ++d) __builtin_prefetch(at(slot) + h * head + d * number, /*write=*/1);
    }
  }
  void write(int64_t n, int64_t slot) const {
    for (int64_t h = 0; h < heads; ++h) {
      T* to = at(slot) + h * head;
      const T* from = rows + n * row + h * row_head;
      for (int64_t d = 0; d < dim; ++d) to[d * number] = from[d * row_number];
    }
  }
};

template <class T>
void write_rows(const LayerKv& cache, const at::Tensor& slots, const at::Tensor& k, const at::Tensor& v) {
  const CacheWriter<T> keys(cache.k, k), values = v.defined() ? CacheWriter<T>(cache.v, v) : keys;
  const int64_t* slot = slots.data_ptr<int64_t>();
  const int64_t grain = std::max<int64_t>(1, 4096 / (keys.heads * keys.dim));
  at::parallel_for(0, k.size(0), grain, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) GRPO_CHECK(slot[n] >= 0 && slot[n] < cache.k.size(0) * keys.page_tokens);
    for (int64_t n = begin; n < end; ++n) {
      if (keys.number > 1 && n + 1 < end) keys.fetch(slot[n + 1]);
      keys.write(n, slot[n]);
      if (v.defined()) values.write(n, slot[n]);
    }
  });
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& cu_seqlens, int64_t max_seqlen, double scale) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("grpo::attention_forward", "")
                               .typed<decltype(forward_cpu)>();
    auto [out, lse] = op.call(q, k, v, cu_seqlens, max_seqlen, scale);
    ctx->save_for_backward({q, k, v, out, lse, cu_seqlens});
    ctx->saved_data["max_seqlen"] = max_seqlen;
    ctx->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("grpo::attention_backward", "")
                               .typed<decltype(backward_cpu)>();
    const auto saved = ctx->get_saved_variables();
    auto [dq, dk, dv] = op.call(grads[0], saved[0], saved[1], saved[2], saved[3], saved[4], saved[5],
                                ctx->saved_data["max_seqlen"].toInt(), ctx->saved_data["scale"].toDouble());
    return {dq, dk, dv, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& cu_seqlens,
                     int64_t max_seqlen, double scale) {
  return AttentionFunction::apply(q, k, v, cu_seqlens, max_seqlen, scale);
}

LayerKv make_cache(const KvShape& shape, int64_t pages, int64_t page_tokens, const at::TensorOptions& options,
                   c10::DeviceType layout) {
  const int64_t heads = shape.heads, tile = cpu::kTile;
  // MLA reads values out of its keys.
  if (layout != at::kCPU || shape.v_dim == 0 || page_tokens % tile != 0) {
    LayerKv cache{at::empty({pages, page_tokens, heads, shape.k_dim}, options), {}};
    if (shape.v_dim > 0) cache.v = at::empty({pages, page_tokens, heads, shape.v_dim}, options);
    return cache;
  }
  const int64_t room = (shape.v_dim + tile - 1) / tile * tile;
  return {at::empty({pages, heads, shape.k_dim, page_tokens}, options).permute({0, 3, 1, 2}),
          at::empty({pages, heads, page_tokens, room}, options).permute({0, 2, 1, 3}).narrow(3, 0, shape.v_dim)};
}

void write_cache(const LayerKv& cache, const at::Tensor& slots, const at::Tensor& k, const at::Tensor& v) {
  GRPO_CHECK(v.defined() == cache.v.defined());
  if (cache.k.is_cpu()) {
    GRPO_CHECK(k.scalar_type() == cache.k.scalar_type() && (!v.defined() || v.scalar_type() == k.scalar_type()));
    cpu::dispatch(k.scalar_type(), [&](auto type) { write_rows<decltype(type)>(cache, slots, k, v); });
    return;
  }
  const auto write = [&](at::Tensor to, const at::Tensor& rows) {
    if (to.is_contiguous()) {
      to.view({-1, to.size(2), to.size(3)}).index_copy_(0, slots, rows);
    } else {
      to.index_put_({slots.div(to.size(1), "floor"), slots.remainder(to.size(1))}, rows);
    }
  };
  write(cache.k, k);
  if (v.defined()) write(cache.v, v);
}

at::Tensor paged_attention(const at::Tensor& q, const at::Tensor& k_cache, const at::Tensor& v_cache,
                           const at::Tensor& block_tables, const at::Tensor& rows, const at::Tensor& positions,
                           double scale) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("grpo::paged_attention", "").typed<decltype(paged_cpu)>();
  return op.call(q, k_cache, v_cache, block_tables, rows, positions, scale);
}

TORCH_LIBRARY_FRAGMENT(grpo, m) {
  m.def("attention_forward(Tensor q, Tensor k, Tensor v, Tensor cu_seqlens, int max_seqlen, float scale) -> (Tensor, Tensor)");
  m.def(
      "attention_backward(Tensor d_out, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, Tensor cu_seqlens, "
      "int max_seqlen, float scale) -> (Tensor, Tensor, Tensor)");
  m.def(
      "paged_attention(Tensor q, Tensor k_cache, Tensor v_cache, Tensor block_tables, Tensor rows, "
      "Tensor positions, float scale) -> Tensor");
}

TORCH_LIBRARY_IMPL(grpo, CPU, m) {
  m.impl("attention_forward", forward_cpu);
  m.impl("attention_backward", backward_cpu);
  m.impl("paged_attention", paged_cpu);
}

}  // namespace grpo

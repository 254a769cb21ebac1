#include "policy/kernels/logprobs.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "policy/kernels/cpu/dispatch.h"
#include "policy/kernels/cpu/elementwise.h"
#include "policy/kernels/linear.h"

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Rows = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

template <class F>
void over_rows(const at::Tensor& logits, F f) {
  const int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(1, logits.size(1)));
  at::parallel_for(0, logits.size(0), grain, f);
}

Rows logprob_rows_cpu(const at::Tensor& logits_in, const at::Tensor& targets, double temperature) {
  const at::Tensor logits = logits_in.contiguous();
  const int64_t vocab = logits.size(1);
  at::Tensor out = at::empty({3, logits.size(0)}, logits.options());
  const int64_t* target = targets.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "logprob_rows", [&] {
    scalar_t* to = out.data_ptr<scalar_t>();
    const int64_t rows = logits.size(0);
    over_rows(logits, [&](int64_t begin, int64_t end) {
      cpu::logprob_rows(logits.data_ptr<scalar_t>() + begin * vocab, target + begin, temperature, end - begin, vocab,
                        to + begin, to + rows + begin, to + 2 * rows + begin);
    });
  });
  return {out[0], out[1], out[2]};
}

at::Tensor logprob_rows_backward_cpu(const at::Tensor& logits_in, const at::Tensor& targets, const at::Tensor& lse,
                                     const at::Tensor& grad_in, double temperature) {
  at::Tensor d_logits = logits_in.clone(at::MemoryFormat::Contiguous);
  const at::Tensor grad = grad_in.contiguous();
  const int64_t vocab = d_logits.size(1);
  const int64_t* target = targets.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(d_logits.scalar_type(), "logprob_rows_backward", [&] {
    over_rows(d_logits, [&](int64_t begin, int64_t end) {
      cpu::logprob_rows_backward(d_logits.data_ptr<scalar_t>() + begin * vocab, target + begin,
                                 lse.data_ptr<scalar_t>() + begin, grad.data_ptr<scalar_t>() + begin, temperature,
                                 end - begin, vocab);
    });
  });
  return d_logits;
}

// Elsewhere than on the CPU, until a plug-in brings a fused kernel: the same formulas out of LibTorch's own.
Rows logprob_rows_composite(const at::Tensor& logits, const at::Tensor& targets, double temperature) {
  const at::Tensor scaled = logits / temperature;
  const at::Tensor lse = scaled.logsumexp(-1);
  const at::Tensor all = scaled - lse.unsqueeze(-1);
  const at::Tensor p = all.exp();
  const at::Tensor entropy = -at::where(p > 0, p * all, at::zeros({}, p.options())).sum(-1);
  const at::Tensor poison = at::where(lse.isfinite(), at::zeros_like(lse), at::full_like(lse, NAN));
  return {all.gather(-1, targets.unsqueeze(-1)).squeeze(-1) + poison, entropy + poison, lse + poison};
}

at::Tensor logprob_rows_backward_composite(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& lse,
                                           const at::Tensor& grad, double temperature) {
  at::Tensor d = (logits / temperature - lse.unsqueeze(-1)).exp_().neg_();
  d.scatter_add_(-1, targets.unsqueeze(-1), at::ones_like(targets, d.options()).unsqueeze(-1));
  return d.mul_((grad / temperature).unsqueeze(-1));
}

Rows call_rows(const at::Tensor& logits, const at::Tensor& targets, double temperature) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("grpo::logprob_rows", "").typed<decltype(logprob_rows_cpu)>();
  return op.call(logits, targets, temperature);
}

at::ScalarType score_dtype(const at::Tensor& hidden) {
  return hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

class HeadLogprobsFunction : public torch::autograd::Function<HeadLogprobsFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                               const at::Tensor& targets, double temperature, int64_t rows_per_chunk) {
    const int64_t rows = hidden.size(0);
    at::Tensor out = at::empty({3, rows}, hidden.options().dtype(score_dtype(hidden)));
    for (int64_t first = 0; first < rows; first += rows_per_chunk) {
      const int64_t count = std::min(rows_per_chunk, rows - first);
      const at::Tensor logits = packed_linear(hidden.narrow(0, first, count), head).to(out.scalar_type());
      auto [logprobs, entropy, lse] = call_rows(logits, targets.narrow(0, first, count), temperature);
      out.narrow(1, first, count).copy_(at::stack({logprobs, entropy, lse}));
    }
    ctx->save_for_backward({hidden, head, targets, out[2]});
    ctx->saved_data["temperature"] = temperature;
    ctx->saved_data["rows_per_chunk"] = rows_per_chunk;
    const at::Tensor logprobs = out[0].clone(), entropy = out[1].clone();
    ctx->mark_non_differentiable({entropy});
    return {logprobs, entropy};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("grpo::logprob_rows_backward", "")
                               .typed<decltype(logprob_rows_backward_cpu)>();
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &hidden = saved[0], &head = saved[1], &targets = saved[2], &lse = saved[3];
    const double temperature = ctx->saved_data["temperature"].toDouble();
    const int64_t rows_per_chunk = ctx->saved_data["rows_per_chunk"].toInt(), rows = hidden.size(0);
    at::Tensor d_hidden, d_head;
    if (ctx->needs_input_grad(0)) d_hidden = at::empty_like(hidden);
    // The head's gradient is summed over chunks in the score dtype, then rounded once.
    if (ctx->needs_input_grad(1)) d_head = at::zeros(head.sizes(), head.options().dtype(score_dtype(head)));
    for (int64_t first = 0; first < rows; first += rows_per_chunk) {
      const int64_t count = std::min(rows_per_chunk, rows - first);
      const at::Tensor part = hidden.narrow(0, first, count);
      const at::Tensor logits = packed_linear(part, head).to(lse.scalar_type());
      const at::Tensor d_logits = op.call(logits, targets.narrow(0, first, count), lse.narrow(0, first, count),
                                          grads[0].narrow(0, first, count), temperature)
                                      .to(hidden.scalar_type());
      if (d_hidden.defined()) d_hidden.narrow(0, first, count).copy_(at::mm(d_logits, head));
      if (d_head.defined()) d_head.add_(at::mm(d_logits.t(), part));
    }
    if (d_head.defined()) d_head = d_head.to(head.scalar_type());
    return {d_hidden, d_head, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

LogprobRows logprob_rows(const at::Tensor& logits, const at::Tensor& targets, double temperature) {
  auto [logprobs, entropy, lse] = call_rows(logits, targets, temperature);
  return {logprobs, entropy, lse};
}

HeadLogprobs head_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                           double temperature, int64_t rows_per_chunk) {
  auto out = HeadLogprobsFunction::apply(hidden, head, targets, temperature, rows_per_chunk);
  return {out[0], out[1]};
}

TORCH_LIBRARY_FRAGMENT(grpo, m) {
  m.def("logprob_rows(Tensor logits, Tensor targets, float temperature) -> (Tensor, Tensor, Tensor)");
  m.def("logprob_rows_backward(Tensor logits, Tensor targets, Tensor lse, Tensor grad, float temperature) -> Tensor");
}

TORCH_LIBRARY_IMPL(grpo, CPU, m) {
  m.impl("logprob_rows", logprob_rows_cpu);
  m.impl("logprob_rows_backward", logprob_rows_backward_cpu);
}

TORCH_LIBRARY_IMPL(grpo, CompositeExplicitAutograd, m) {
  m.impl("logprob_rows", logprob_rows_composite);
  m.impl("logprob_rows_backward", logprob_rows_backward_composite);
}

}  // namespace grpo

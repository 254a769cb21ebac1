#include "policy/kernels/logprobs.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <limits>
#include <optional>

#include "policy/kernels/cpu/dispatch.h"
#include "policy/kernels/cpu/elementwise.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/product.h"

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Rows = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using MaybeTensor = std::optional<at::Tensor>;

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

// `entropy` and the gradient of it: both or neither.
at::Tensor logprob_rows_backward_cpu(const at::Tensor& logits_in, const at::Tensor& targets, const at::Tensor& lse,
                                     const at::Tensor& grad_in, const MaybeTensor& entropy,
                                     const MaybeTensor& entropy_grad_in, double temperature) {
  at::Tensor d_logits = logits_in.clone(at::MemoryFormat::Contiguous);
  const at::Tensor grad = grad_in.contiguous();
  const at::Tensor entropy_grad = entropy_grad_in ? entropy_grad_in->contiguous() : at::Tensor();
  const int64_t vocab = d_logits.size(1);
  const int64_t* target = targets.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(d_logits.scalar_type(), "logprob_rows_backward", [&] {
    over_rows(d_logits, [&](int64_t begin, int64_t end) {
      cpu::EntropyGradient<scalar_t> of_entropy;
      if (entropy_grad.defined()) {
        of_entropy = {entropy->data_ptr<scalar_t>() + begin, entropy_grad.data_ptr<scalar_t>() + begin};
      }
      cpu::logprob_rows_backward(d_logits.data_ptr<scalar_t>() + begin * vocab, target + begin,
                                 lse.data_ptr<scalar_t>() + begin, grad.data_ptr<scalar_t>() + begin, of_entropy,
                                 temperature, end - begin, vocab);
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
                                           const at::Tensor& grad, const MaybeTensor& entropy,
                                           const MaybeTensor& entropy_grad, double temperature) {
  // Above -1e4, so that a token excluded by -inf contributes 0 and not 0 * inf.
  const at::Tensor all = (logits / temperature - lse.unsqueeze(-1)).clamp_min_(-1e4);
  at::Tensor d = all.exp().neg_();
  if (entropy_grad) {
    d.mul_((all + entropy->unsqueeze(-1)).mul_(entropy_grad->unsqueeze(-1)).add_(grad.unsqueeze(-1)));
  } else {
    d.mul_(grad.unsqueeze(-1));
  }
  d.scatter_add_(-1, targets.unsqueeze(-1), grad.unsqueeze(-1));
  return d.div_(temperature);
}

Rows call_rows(const at::Tensor& logits, const at::Tensor& targets, double temperature) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("grpo::logprob_rows", "").typed<decltype(logprob_rows_cpu)>();
  return op.call(logits, targets, temperature);
}

at::ScalarType score_dtype(const at::Tensor& hidden) {
  return hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// Sets logits to -inf where a row has kept tokens and this is none of them.
class KeptMask {
 public:
  KeptMask() = default;
  // On the device of `like`; `kept` may be null.
  KeptMask(const KeptTokens* kept, int64_t vocab, const at::Tensor& like) : vocab_(vocab) {
    if (kept == nullptr) return;
    begin = kept->begin;
    const at::Tensor counts = begin.diff();
    const at::Tensor rows = at::repeat_interleave(counts);
    places = (rows * vocab + kept->ids).to(like.device());
    restricted = (counts > 0).to(like.device());
  }
  KeptMask(at::Tensor begin_in, at::Tensor places_in, at::Tensor restricted_in, int64_t vocab)
      : begin(std::move(begin_in)), places(std::move(places_in)), restricted(std::move(restricted_in)), vocab_(vocab) {}

  // logits [rows, V] of rows first .. first + rows.
  void apply(at::Tensor& logits, int64_t first) const {
    if (!begin.defined()) return;
    const int64_t rows = logits.size(0), *bounds = begin.const_data_ptr<int64_t>();
    const at::Tensor closed =
        restricted.narrow(0, first, rows).unsqueeze(1).expand({rows, vocab_}).clone(at::MemoryFormat::Contiguous);
    const at::Tensor open = places.narrow(0, bounds[first], bounds[first + rows] - bounds[first]) - first * vocab_;
    closed.view(-1).index_fill_(0, open, false);
    logits.masked_fill_(closed, -std::numeric_limits<double>::infinity());
  }

  at::Tensor begin;       // [N+1] int64 on the CPU; undefined: nothing is masked
  at::Tensor places;      // row * V + id of every kept token
  at::Tensor restricted;  // [N] bool: rows that have kept tokens

 private:
  int64_t vocab_ = 0;
};

class HeadLogprobsFunction : public torch::autograd::Function<HeadLogprobsFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                               const at::Tensor& targets, const HeadLogprobOptions& options) {
    const int64_t rows = hidden.size(0), chunk = options.rows_per_chunk;
    const KeptMask mask(options.kept, head.size(0), hidden);
    at::Tensor out = at::empty({3, rows}, hidden.options().dtype(score_dtype(hidden)));
    for (int64_t first = 0; first < rows; first += chunk) {
      const int64_t count = std::min(chunk, rows - first);
      at::Tensor logits = packed_linear(hidden.narrow(0, first, count), head).to(out.scalar_type());
      mask.apply(logits, first);
      auto [logprobs, entropy, lse] = call_rows(logits, targets.narrow(0, first, count), options.temperature);
      out.narrow(1, first, count).copy_(at::stack({logprobs, entropy, lse}));
    }
    const at::Tensor logprobs = out[0].clone(), entropy = out[1].clone();
    ctx->save_for_backward({hidden, head, targets, out[1], out[2], mask.begin, mask.places, mask.restricted});
    ctx->saved_data["temperature"] = options.temperature;
    ctx->saved_data["rows_per_chunk"] = chunk;
    if (!options.train_entropy) ctx->mark_non_differentiable({entropy});
    ctx->set_materialize_grads(false);
    return {logprobs, entropy};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("grpo::logprob_rows_backward", "")
                               .typed<decltype(logprob_rows_backward_cpu)>();
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &hidden = saved[0], &head = saved[1], &targets = saved[2], &entropy = saved[3], &lse = saved[4];
    const KeptMask mask(saved[5], saved[6], saved[7], head.size(0));
    const double temperature = ctx->saved_data["temperature"].toDouble();
    const int64_t chunk = ctx->saved_data["rows_per_chunk"].toInt(), rows = hidden.size(0);
    const at::Tensor grad = grads[0].defined() ? grads[0] : at::zeros_like(lse);
    const bool of_entropy = grads[1].defined();
    at::Tensor d_hidden, d_head;
    if (ctx->needs_input_grad(0)) d_hidden = at::empty_like(hidden);
    // The head's gradient is summed over chunks in the score dtype, then rounded once.
    if (ctx->needs_input_grad(1)) d_head = at::zeros(head.sizes(), head.options().dtype(score_dtype(head)));
    for (int64_t first = 0; first < rows; first += chunk) {
      const int64_t count = std::min(chunk, rows - first);
      const auto part = [&](const at::Tensor& t) { return t.narrow(0, first, count); };
      at::Tensor logits = packed_linear(part(hidden), head).to(lse.scalar_type());
      mask.apply(logits, first);
      const at::Tensor d_logits =
          op.call(logits, part(targets), part(lse), part(grad),
                  of_entropy ? MaybeTensor(part(entropy)) : std::nullopt,
                  of_entropy ? MaybeTensor(part(grads[1])) : std::nullopt, temperature)
              .to(hidden.scalar_type());
      logits = at::Tensor();
      if (d_hidden.defined()) product_into(d_hidden.narrow(0, first, count), d_logits, head.t());
      if (d_head.defined()) d_head.add_(product(d_logits.t(), part(hidden).t()));
    }
    if (d_head.defined()) d_head = d_head.to(head.scalar_type());
    return {d_hidden, d_head, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

LogprobRows logprob_rows(const at::Tensor& logits, const at::Tensor& targets, double temperature) {
  auto [logprobs, entropy, lse] = call_rows(logits, targets, temperature);
  return {logprobs, entropy, lse};
}

HeadLogprobs head_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                           const HeadLogprobOptions& options) {
  auto out = HeadLogprobsFunction::apply(hidden, head, targets, options);
  return {out[0], out[1]};
}

TORCH_LIBRARY_FRAGMENT(grpo, m) {
  m.def("logprob_rows(Tensor logits, Tensor targets, float temperature) -> (Tensor, Tensor, Tensor)");
  m.def(
      "logprob_rows_backward(Tensor logits, Tensor targets, Tensor lse, Tensor grad, Tensor? entropy, Tensor? "
      "entropy_grad, float temperature) -> Tensor");
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

#include "grpo/distill_loss.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/logprobs.h"

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Two distributions of the same events, row by row, as log-probabilities: [C, V], or [C, k + 1] with the rest as the last
// event.
struct Pair {
  at::Tensor student, teacher;
};

// log(M / S), given d = log(T / S). Finite for any d, and exactly 0 where d is 0.
at::Tensor log_mixture(const at::Tensor& d, double beta) {
  const at::Tensor share = at::where(d > 0, at::full({}, 1.0 - beta, d.options()), at::full({}, beta, d.options()));
  return (-d.abs()).expm1_().mul_(share).log1p_().add_(d.clamp_min(0));
}

// The mean of `values` under exp(log_p), row by row.
at::Tensor expect(const at::Tensor& log_p, const at::Tensor& values) { return (log_p.exp() * values).sum(-1); }

at::Tensor divergence_rows(const Pair& pair, double beta) {
  const at::Tensor d = pair.teacher - pair.student;
  if (beta == 0.0) return expect(pair.teacher, d);
  if (beta == 1.0) return expect(pair.student, d).neg_();
  const at::Tensor mixture = log_mixture(d, beta);
  return (expect(pair.teacher, mixture - d) * -beta).sub_(expect(pair.student, mixture) * (1.0 - beta));
}

// Of divergence_rows in the logits whose softmax the student's distribution is. For beta > 0 that is the gradient of
// KL(S || Q) for a fixed Q, which is T or M: what D changes through M comes to a constant, which softmax ignores.
at::Tensor divergence_gradient(const Pair& pair, double beta) {
  const at::Tensor p = pair.student.exp();
  if (beta == 0.0) return p - pair.teacher.exp();
  at::Tensor lead = pair.teacher - pair.student;  // log(Q / S)
  if (beta < 1.0) lead = log_mixture(lead, beta);
  const at::Tensor mean = (p * lead).sum(-1, /*keepdim=*/true);
  return (mean - lead).mul_(p).mul_(beta == 1.0 ? 1.0 : 1.0 - beta);
}

// Log-probability of all that `ids` [C, k] leave of each row. Overwrites log_p.
at::Tensor rest_of(at::Tensor& log_p, const at::Tensor& ids) {
  log_p.scatter_(-1, ids, -std::numeric_limits<double>::infinity());
  return log_p.logsumexp(-1, /*keepdim=*/true);
}

// One model's share of the work: its logits, `count` rows from `first` on.
struct Model {
  at::Tensor hidden, head;
  double temperature;
  at::ScalarType dtype;

  at::Tensor logits(int64_t first, int64_t count) const {
    return packed_linear(hidden.narrow(0, first, count), head).to(dtype);
  }
  // [C, V]; lse [C] as logprob_rows gives it.
  at::Tensor logprobs(int64_t first, const at::Tensor& lse) const {
    return logits(first, lse.size(0)).div_(temperature).sub_(lse.unsqueeze(-1));
  }
};

// What a chunk leaves for the backward pass.
struct Kept {
  at::Tensor student_lse, teacher_lse;              // [N]
  at::Tensor ids, student_events, teacher_events;  // top_k: [N, k] int32, [N, k + 1], [N, k + 1]
};

class DistillFunction : public torch::autograd::Function<DistillFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                               const at::Tensor& teacher_hidden, const at::Tensor& teacher_head,
                               const DistillLossOptions& options) {
    const int64_t rows = hidden.size(0), k = options.top_k;
    const auto [student, teacher] = models(hidden, head, teacher_hidden, teacher_head, options.temperature);
    at::Tensor out = at::empty({5, rows}, hidden.options().dtype(student.dtype));
    Kept kept{out[3], out[4], {}, {}, {}};
    if (k > 0) {
      kept.ids = at::empty({rows, k}, hidden.options().dtype(at::kInt));
      kept.student_events = at::empty({rows, k + 1}, out.options());
      kept.teacher_events = at::empty({rows, k + 1}, out.options());
    }
    for (int64_t first = 0; first < rows; first += options.rows_per_chunk) {
      const int64_t count = std::min(options.rows_per_chunk, rows - first);
      at::Tensor to = out.narrow(1, first, count);
      Pair pair;
      for (const Model* model : {&student, &teacher}) {
        at::Tensor logits = model->logits(first, count);
        const LogprobRows of = logprob_rows(logits, at::zeros({count}, logits.options().dtype(at::kLong)), options.temperature);
        to[model == &student ? 3 : 4].copy_(of.lse);
        if (model == &student) to[2].copy_(of.entropy);
        (model == &student ? pair.student : pair.teacher) = logits.div_(options.temperature).sub_(of.lse.unsqueeze(-1));
      }
      if (k > 0) {
        pair = likeliest(pair, k, kept.ids.narrow(0, first, count));
        kept.student_events.narrow(0, first, count).copy_(pair.student);
        kept.teacher_events.narrow(0, first, count).copy_(pair.teacher);
      }
      to[0].copy_(divergence_rows(pair, options.beta));
      to[1].copy_(options.beta == 1.0 ? to[0] : divergence_rows(pair, 1.0));
    }
    const at::Tensor divergence = out[0].clone(), kl = out[1].clone(), entropy = out[2].clone();
    ctx->save_for_backward({hidden, head, teacher_hidden, teacher_head, kept.student_lse, kept.teacher_lse, kept.ids,
                            kept.student_events, kept.teacher_events});
    ctx->saved_data["beta"] = options.beta;
    ctx->saved_data["temperature"] = options.temperature;
    ctx->saved_data["rows_per_chunk"] = options.rows_per_chunk;
    ctx->mark_non_differentiable({kl, entropy});
    ctx->set_materialize_grads(false);
    return {divergence, kl, entropy};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &hidden = saved[0], &head = saved[1];
    const Kept kept{saved[4], saved[5], saved[6], saved[7], saved[8]};
    const double beta = ctx->saved_data["beta"].toDouble(), temperature = ctx->saved_data["temperature"].toDouble();
    const int64_t chunk = ctx->saved_data["rows_per_chunk"].toInt(), rows = hidden.size(0);
    const auto [student, teacher] = models(hidden, head, saved[2], saved[3], temperature);
    at::Tensor d_hidden, d_head;
    if (ctx->needs_input_grad(0)) d_hidden = at::empty_like(hidden);
    // Summed over chunks in the wider dtype, then rounded once.
    if (ctx->needs_input_grad(1)) d_head = at::zeros(head.sizes(), head.options().dtype(student.dtype));
    for (int64_t first = 0; first < rows && grads[0].defined(); first += chunk) {
      const int64_t count = std::min(chunk, rows - first);
      const auto part = [&](const at::Tensor& t) { return t.defined() ? t.narrow(0, first, count) : t; };
      const at::Tensor logprobs = student.logprobs(first, part(kept.student_lse));
      at::Tensor d_logits;
      if (kept.ids.defined()) {
        d_logits = spread({part(kept.student_events), part(kept.teacher_events)}, beta, logprobs, part(kept.ids));
      } else {
        d_logits = divergence_gradient({logprobs, teacher.logprobs(first, part(kept.teacher_lse))}, beta);
      }
      d_logits = d_logits.mul_((part(grads[0]) / temperature).unsqueeze(-1)).to(hidden.scalar_type());
      if (d_hidden.defined()) d_hidden.narrow(0, first, count).copy_(at::mm(d_logits, student.head));
      if (d_head.defined()) d_head.narrow(0, 0, student.head.size(0)).add_(at::mm(d_logits.t(), part(hidden)));
    }
    if (d_hidden.defined() && !grads[0].defined()) d_hidden.zero_();
    if (d_head.defined()) d_head = d_head.to(head.scalar_type());
    return {d_hidden, d_head, at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  // Both with the ids that both have.
  static std::pair<Model, Model> models(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& teacher_hidden,
                                        const at::Tensor& teacher_head, double temperature) {
    const int64_t vocab = std::min(head.size(0), teacher_head.size(0));
    const at::ScalarType dtype = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    return {Model{hidden, head.narrow(0, 0, vocab), temperature, dtype},
            Model{teacher_hidden, teacher_head.narrow(0, 0, vocab), temperature, dtype}};
  }

  // The teacher's k likeliest tokens and the rest. Overwrites the pair; `ids` is filled.
  static Pair likeliest(Pair& pair, int64_t k, const at::Tensor& ids) {
    const auto [teacher, places] = pair.teacher.topk(k, -1);
    const at::Tensor student = pair.student.gather(-1, places);
    ids.copy_(places);
    return {at::cat({student, rest_of(pair.student, places)}, -1), at::cat({teacher, rest_of(pair.teacher, places)}, -1)};
  }

  // The gradient of events [C, k + 1] in the logits [C, V]: what the rest gets is shared out as the student does.
  static at::Tensor spread(const Pair& events, double beta, const at::Tensor& logprobs, const at::Tensor& ids) {
    const int64_t k = ids.size(1);
    const at::Tensor of_events = divergence_gradient(events, beta);
    at::Tensor d = (logprobs - events.student.narrow(-1, k, 1)).exp_().mul_(of_events.narrow(-1, k, 1));
    return d.scatter_(-1, ids.to(at::kLong), of_events.narrow(-1, 0, k));
  }
};

}  // namespace

DistillLoss distill_loss(const HeadRows& student, const HeadRows& teacher, const DistillLossOptions& options) {
  constexpr int64_t logits_per_chunk = int64_t{1} << 23;
  const int64_t vocab = std::min(student.head.size(0), teacher.head.size(0));
  GRPO_CHECK(student.hidden.size(0) == teacher.hidden.size(0));
  GRPO_CHECK(options.beta >= 0.0 && options.beta <= 1.0 && options.temperature > 0.0 && options.top_k >= 0);
  DistillLossOptions used = options;
  if (used.top_k >= vocab) used.top_k = 0;
  if (used.rows_per_chunk == 0) used.rows_per_chunk = std::max<int64_t>(8, logits_per_chunk / vocab);
  auto out = DistillFunction::apply(student.hidden, student.head, teacher.hidden.detach(), teacher.head.detach(), used);
  return {out[0], out[1], out[2]};
}

}  // namespace grpo

#pragma once
// The divergence that distillation minimises, from whole softmaxes and straight from its definition: the oracle of
// grpo/distill_loss.h. Gradients are LibTorch's own.

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace grpo::reference {

// sum p log(p / q) of two distributions, a scalar.
inline at::Tensor naive_kl(const at::Tensor& p, const at::Tensor& q) { return (p * (p / q).log()).sum(); }

// The events that are compared: every token, or the teacher's k likeliest and the sum of all others.
inline at::Tensor naive_events(const at::Tensor& p, const at::Tensor& teacher, int64_t k) {
  if (k == 0 || k >= p.size(0)) return p;
  std::vector<int64_t> order(static_cast<size_t>(p.size(0)));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return teacher[a].item<double>() > teacher[b].item<double>(); });
  std::vector<at::Tensor> events;
  at::Tensor rest = at::zeros({}, p.options());
  for (size_t i = 0; i < order.size(); ++i) {
    if (static_cast<int64_t>(i) < k) {
      events.push_back(p[order[i]]);
    } else {
      rest = rest + p[order[i]];
    }
  }
  events.push_back(rest);
  return at::stack(events);
}

struct NaiveDivergence {
  at::Tensor divergence, kl, entropy;  // [N]
};

// logits [N, V] of both; differentiable in both.
inline NaiveDivergence naive_divergence(const at::Tensor& student, const at::Tensor& teacher, double beta,
                                        double temperature, int64_t top_k) {
  std::vector<at::Tensor> divergence, kl, entropy;
  for (int64_t row = 0; row < student.size(0); ++row) {
    const at::Tensor all_s = (student[row] / temperature).softmax(0), all_t = (teacher[row] / temperature).softmax(0);
    const at::Tensor s = naive_events(all_s, all_t, top_k), t = naive_events(all_t, all_t, top_k);
    const at::Tensor m = beta * t + (1.0 - beta) * s;
    divergence.push_back(beta == 0.0   ? naive_kl(t, s)
                         : beta == 1.0 ? naive_kl(s, t)
                                       : beta * naive_kl(t, m) + (1.0 - beta) * naive_kl(s, m));
    kl.push_back(naive_kl(s, t));
    entropy.push_back(-(all_s * all_s.log()).sum());
  }
  return {at::stack(divergence), at::stack(kl), at::stack(entropy)};
}

}  // namespace grpo::reference

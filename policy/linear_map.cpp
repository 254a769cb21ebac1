#include "policy/linear_map.h"

#include "policy/kernels/linear.h"

namespace grpo {

at::Tensor LinearMap::operator()(const at::Tensor& x) const {
  at::Tensor y = packed_linear(x, weight, bias);
  for (const LowRankTerm& term : terms) {
    const at::Tensor delta = packed_linear(packed_linear(x, term.a), term.b) * term.scale;
    y = delta.size(1) == y.size(1)
            ? y + delta
            : at::cat({y.narrow(1, 0, term.first_row), y.narrow(1, term.first_row, delta.size(1)) + delta,
                       y.narrow(1, term.first_row + delta.size(1), y.size(1) - term.first_row - delta.size(1))},
                      1);
  }
  return y;
}

at::Tensor LinearMap::full_weight() const {
  if (terms.empty()) return weight;
  at::Tensor full = weight.clone();
  for (const LowRankTerm& term : terms) {
    full.narrow(0, term.first_row, term.b.size(0)).add_(at::matmul(term.b, term.a), term.scale);
  }
  return full;
}

}  // namespace grpo

#include "policy/linear_map.h"

#include <torch/csrc/autograd/custom_function.h>

#include "policy/kernels/linear.h"
#include "policy/kernels/product.h"

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// y += scale * h B^T, where y may be some columns of a wider matrix.
void add_product(at::Tensor y, const at::Tensor& h, const at::Tensor& b, double scale = 1.0) {
  if (y.device().is_cpu()) {
    // Not addmm_: its rows would depend on how many there are.
    y.add_(packed_linear(h, b), scale);
  } else {
    y.addmm_(h, b.t(), 1.0, scale);
  }
}

// x W^T + bias plus all terms; x A^T of each is appended to `inner`.
at::Tensor sum_of_terms(const at::Tensor& x, const LinearMap& map, std::vector<at::Tensor>& inner) {
  const at::Tensor y = packed_linear(x, map.weight, map.bias);
  for (const LowRankTerm& term : map.terms) {
    inner.push_back(packed_linear(x, term.a));
    add_product(y.narrow(1, term.first_row, term.b.size(0)), inner.back(), term.b, term.scale);
  }
  return y;
}

// The same as one node of the graph: the sum is made in place, and backward keeps x and x A^T, nothing as
// wide as the output. `inputs` are A and B of every term in turn, then the bias where there is one.
class TermsFunction : public torch::autograd::Function<TermsFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            at::TensorList inputs, const LinearMap& map) {
    std::vector<at::Tensor> inner;
    const at::Tensor y = sum_of_terms(x, map, inner);
    variable_list saved = {x, weight};
    saved.insert(saved.end(), inputs.begin(), inputs.begin() + 2 * static_cast<int64_t>(map.terms.size()));
    saved.insert(saved.end(), inner.begin(), inner.end());
    ctx->save_for_backward(saved);
    std::vector<int64_t> first_rows;
    std::vector<double> scales;
    for (const LowRankTerm& term : map.terms) {
      first_rows.push_back(term.first_row);
      scales.push_back(term.scale);
    }
    ctx->saved_data["first_rows"] = first_rows;
    ctx->saved_data["scales"] = scales;
    ctx->saved_data["bias"] = map.bias.defined();
    return y.is_view() ? y.clone() : y;  // few rows are a view of those they were filled up with
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &dy = grads[0];
    const std::vector<int64_t> first_rows = ctx->saved_data["first_rows"].toIntVector();
    const std::vector<double> scales = ctx->saved_data["scales"].toDoubleVector();
    const size_t count = scales.size();
    const at::Tensor dx = ctx->needs_input_grad(0) ? product(dy, weight.t()) : at::Tensor();
    variable_list out = {dx, ctx->needs_input_grad(1) ? product(dy.t(), x.t()) : at::Tensor()};
    for (size_t t = 0; t < count; ++t) {
      const at::Tensor &a = saved[2 + 2 * t], &b = saved[3 + 2 * t], &inner = saved[2 + 2 * count + t];
      const bool wants_a = ctx->needs_input_grad(2 + 2 * t), wants_b = ctx->needs_input_grad(3 + 2 * t);
      const at::Tensor part = dy.narrow(1, first_rows[t], b.size(0));
      at::Tensor d_inner;
      if (dx.defined() || wants_a) d_inner = product(part, b.t()).mul_(scales[t]);
      if (dx.defined()) add_product(dx, d_inner, a.t());
      out.push_back(wants_a ? product(d_inner.t(), x.t()) : at::Tensor());
      out.push_back(wants_b ? product(part.t(), inner.t()).mul_(scales[t]) : at::Tensor());
    }
    if (ctx->saved_data["bias"].toBool()) {
      out.push_back(ctx->needs_input_grad(2 + 2 * count) ? dy.sum(0) : at::Tensor());
    }
    out.push_back(at::Tensor());  // the map
    return out;
  }
};

}  // namespace

at::Tensor LinearMap::operator()(const at::Tensor& x) const {
  if (terms.empty()) return packed_linear(x, weight, bias);
  if (!at::GradMode::is_enabled()) {
    std::vector<at::Tensor> inner;
    return sum_of_terms(x, *this, inner);
  }
  std::vector<at::Tensor> inputs;
  for (const LowRankTerm& term : terms) {
    inputs.push_back(term.a);
    inputs.push_back(term.b);
  }
  if (bias.defined()) inputs.push_back(bias);
  return TermsFunction::apply(x, weight, at::TensorList(inputs), *this);
}

at::Tensor LinearMap::full_weight() const {
  if (terms.empty()) return weight;
  const at::NoGradGuard no_grad;
  at::Tensor full = weight.clone();
  for (const LowRankTerm& term : terms) {
    full.narrow(0, term.first_row, term.b.size(0)).addmm_(term.b, term.a, 1.0, term.scale);
  }
  return full;
}

}  // namespace grpo

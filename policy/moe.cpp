#include "policy/moe.h"

#include <torch/csrc/autograd/custom_function.h>

#include "policy/kernels/linear.h"
#include "policy/kernels/router_scores.h"
#include "policy/kernels/swiglu.h"

namespace grpo {
namespace {

// x.index_select(0, index), where index takes every row of x `copies` times and inverse [rows * copies] says where:
// copy c of row n is entry inverse[n * copies + c]. The gradient is a sum in that order; that of index_select would
// be added in any order by a GPU.
class TakeRowsFunction : public torch::autograd::Function<TakeRowsFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& index,
                            const at::Tensor& inverse, int64_t copies) {
    ctx->save_for_backward({inverse});
    ctx->saved_data["copies"] = copies;
    return x.index_select(0, index);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const at::Tensor by_row = grads[0].index_select(0, ctx->get_saved_variables()[0]);
    const int64_t copies = ctx->saved_data["copies"].toInt();
    const at::Tensor dx = copies == 1 ? by_row : by_row.view({by_row.size(0) / copies, copies, by_row.size(1)}).sum(1);
    return {dx, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor feed_forward(const DenseWeights& weights, const at::Tensor& x) {
  return weights.down(swiglu(weights.gate_up(x)));
}

Routes route(const MoeConfig& config, const at::Tensor& router, const at::Tensor& bias, const at::Tensor& x) {
  const at::ScalarType wide = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor logits = packed_linear(x.to(wide), router.to(wide));
  const at::Tensor scores =
      config.scoring == RouterScoring::kSigmoid ? router_sigmoid(logits) : logits.softmax(-1);
  at::Tensor choice = scores.detach();
  if (bias.defined()) choice = choice + bias.to(wide);
  if (config.num_groups > 1) {
    const int64_t rows = x.size(0), members = config.num_experts / config.num_groups;
    const at::Tensor grouped = choice.view({rows, config.num_groups, members});
    const at::Tensor group_scores = config.correction_bias ? std::get<0>(grouped.topk(2, -1)).sum(-1)
                                                           : std::get<0>(grouped.max(-1));
    const at::Tensor best = std::get<1>(group_scores.topk(config.topk_groups, -1));
    const at::Tensor open = at::zeros_like(group_scores, group_scores.options().dtype(at::kBool)).scatter_(1, best, true);
    choice = grouped.masked_fill(open.logical_not().unsqueeze(-1), -std::numeric_limits<double>::infinity())
                 .view({rows, config.num_experts});
  }
  Routes routes;
  routes.experts = std::get<1>(choice.topk(config.top_k, -1));
  routes.weights = scores.gather(1, routes.experts);
  if (config.norm_topk_prob) routes.weights = routes.weights / (routes.weights.sum(-1, true) + 1e-20);
  if (config.routed_scaling_factor != 1.0) routes.weights = routes.weights * config.routed_scaling_factor;
  return routes;
}

at::Tensor feed_forward(const MoeConfig& config, const MoeWeights& weights, const at::Tensor& x) {
  const int64_t rows = x.size(0), width = x.size(1);
  const Routes routes = route(config, weights.router, weights.bias, x);
  // Token copies sorted by expert, so that each expert's rows are consecutive.
  const at::Tensor flat = routes.experts.reshape(-1);
  auto [sorted, order] = flat.sort(/*stable=*/true, 0, false);
  const at::Tensor counts =
      at::zeros({config.num_experts}, flat.options()).scatter_add_(0, flat, at::ones_like(flat));
  if (weights.load.defined()) at::Tensor(weights.load).add_(counts);
  const at::Tensor offsets = counts.cumsum(0).to(at::kInt);
  const at::Tensor tokens = order.div(config.top_k, "floor");
  const at::Tensor inverse = at::empty_like(order).scatter_(
      0, order, at::arange(order.size(0), order.options()));
  const at::Tensor gathered = TakeRowsFunction::apply(x, tokens, inverse, config.top_k);
  const at::Tensor expert_out =
      grouped_linear(swiglu(grouped_linear(gathered, weights.gate_up, offsets)), weights.down, offsets);
  // Back to token order, and the weighted sum over each token's experts.
  const at::Tensor by_token =
      TakeRowsFunction::apply(expert_out, inverse, order, 1).view({rows, config.top_k, width});
  at::Tensor y = (by_token * routes.weights.to(x.scalar_type()).unsqueeze(-1)).sum(1);
  if (weights.shared.gate_up.defined()) y = y + feed_forward(weights.shared, x);
  return y;
}

}  // namespace grpo

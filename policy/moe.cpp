#include "policy/moe.h"

#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
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

SequenceRows sequence_rows(const at::Tensor& cu_seqlens, int64_t rows, const at::Tensor& counted) {
  const at::Tensor bounds = cu_seqlens.to(at::kLong);
  SequenceRows out;
  out.count = bounds.size(0) - 1;
  out.sequence = at::searchsorted(bounds.slice(0, 1), at::arange(rows, bounds.options()), false, /*right=*/true);
  at::Tensor lengths = bounds.diff();
  if (counted.defined()) {
    const at::Tensor before = at::constant_pad_nd(counted.to(at::kLong).cumsum(0), {1, 0});
    lengths = before.index_select(0, bounds).diff();
  }
  out.share = lengths.index_select(0, out.sequence).to(at::kFloat).reciprocal();
  if (counted.defined()) out.share = out.share.masked_fill(counted.logical_not(), 0.0);
  return out;
}

Routes route(const MoeConfig& config, const at::Tensor& router, const at::Tensor& bias, const at::Tensor& x,
             const at::Tensor& replay) {
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
  routes.scores = scores;
  routes.experts = std::get<1>(choice.topk(config.top_k, -1));
  if (replay.defined()) routes.experts = at::where(replay < 0, routes.experts, replay);
  routes.weights = scores.gather(1, routes.experts);
  if (config.norm_topk_prob) routes.weights = routes.weights / (routes.weights.sum(-1, true) + 1e-20);
  if (config.routed_scaling_factor != 1.0) routes.weights = routes.weights * config.routed_scaling_factor;
  return routes;
}

at::Tensor sequence_balance_loss(const MoeConfig& config, const Routes& routes, const SequenceRows& sequences) {
  const bool sigmoid = config.scoring == RouterScoring::kSigmoid;
  const at::Tensor& scores = routes.scores;
  const at::Tensor experts = sigmoid ? std::get<1>(scores.detach().topk(config.top_k, -1)) : routes.experts;
  // f_i of each sequence; a row that does not count adds nothing.
  const at::Tensor slots = sequences.sequence.unsqueeze(1) * config.num_experts + experts;
  const at::Tensor counted = (sequences.share > 0).to(at::kLong).unsqueeze(1).expand_as(slots);
  const at::Tensor counts = at::zeros({sequences.count * config.num_experts}, slots.options())
                                .scatter_add_(0, slots.reshape(-1), counted.reshape(-1))
                                .view({sequences.count, config.num_experts});
  const at::Tensor share = sequences.share.to(scores.scalar_type());
  const double uniform = static_cast<double>(config.num_experts) / static_cast<double>(config.top_k);
  const at::Tensor f =
      counts.index_select(0, sequences.sequence).to(scores.scalar_type()) * (share * uniform).unsqueeze(1);
  // sum_s sum_i f_si P_si, row by row: nothing is added up in an order that could change.
  const at::Tensor p = sigmoid ? scores / (scores.sum(-1, true) + 1e-20) : scores;
  return ((p * f).sum(-1) * share).sum();
}

namespace {

// Rows of ids [N, top_k] that cannot be replayed: an id that is no expert's, one given twice, -1 in part of a row.
at::Tensor unusable_rows(const at::Tensor& ids, int64_t num_experts) {
  const at::Tensor sorted = std::get<0>(ids.sort(1)), missing = ids < 0;
  const at::Tensor foreign = (ids < -1).logical_or(ids >= num_experts).any(1);
  const at::Tensor partial = missing.any(1).logical_and(missing.all(1).logical_not());
  const at::Tensor twice = (sorted.diff(1, 1) == 0).logical_and(sorted.slice(1, 1) >= 0).any(1);
  return foreign.logical_or(partial).logical_or(twice);
}

std::string text_of(const at::Tensor& row) {
  std::string text;
  for (int64_t k = 0; k < row.size(0); ++k) text += fmt::format("{}{}", k == 0 ? "" : ", ", row[k].item<int64_t>());
  return text;
}

[[noreturn]] void refuse_routes(const std::string& what, size_t layer) {
  throw Error(what, fmt::format("recorded routes of model.layers.{}.mlp", layer),
              "replay the routes that this very model recorded for these tokens");
}

}  // namespace

std::vector<at::Tensor> check_routes(const ModelConfig& config, const std::vector<at::Tensor>& routes, int64_t rows,
                                     const at::Device& device) {
  std::vector<at::Tensor> checked, unusable;
  std::vector<size_t> layers;
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const auto* moe = std::get_if<MoeConfig>(&config.layers[i].mlp);
    if (moe == nullptr) continue;
    const size_t m = layers.size();
    layers.push_back(i);
    if (m >= routes.size()) continue;
    const at::Tensor& given = routes[m];
    const std::vector<int64_t> shape = {rows, moe->top_k};
    if (!given.defined() || !at::isIntegralType(given.scalar_type(), false) || given.sizes() != at::IntArrayRef(shape)) {
      refuse_routes(fmt::format("expected integers of shape [{}, {}]", rows, moe->top_k), i);
    }
    checked.push_back(given.to(at::TensorOptions(at::kLong).device(device)));
    unusable.push_back(unusable_rows(checked.back(), moe->num_experts));
  }
  if (routes.size() != layers.size()) {
    throw Error(fmt::format("routes of {} layers for a model with {} MoE layers", routes.size(), layers.size()),
                "recorded routes", "replay the routes that this very model recorded");
  }
  if (layers.empty() || rows == 0) return checked;
  const at::Tensor bad = at::stack(unusable).to(at::kCPU);  // [layers, N]
  if (!bad.any().item<bool>()) return checked;
  const int64_t first = bad.view(-1).to(at::kByte).argmax().item<int64_t>(), m = first / rows, row = first % rows;
  refuse_routes(fmt::format("token {} cannot go to experts {}: expected {} different ones below {}, or -1 throughout",
                            row, text_of(checked[m][row]), checked[m].size(1),
                            std::get<MoeConfig>(config.layers[layers[m]].mlp).num_experts),
                layers[m]);
}

at::Tensor feed_forward(const MoeConfig& config, const MoeWeights& weights, RouterContext& context,
                        const at::Tensor& x) {
  const int64_t rows = x.size(0), width = x.size(1);
  const at::Tensor replay = context.replay.empty() ? at::Tensor() : context.replay[context.layer];
  const Routes routes = route(config, weights.router, weights.bias, x, replay);
  if (context.record_routes) context.routes.push_back(routes.experts.to(at::kShort));
  if (context.sequences) {
    const at::Tensor loss = sequence_balance_loss(config, routes, *context.sequences);
    context.balance_loss = context.balance_loss.defined() ? context.balance_loss + loss : loss;
  }
  ++context.layer;
  // Token copies sorted by expert, so that each expert's rows are consecutive.
  const at::Tensor flat = routes.experts.reshape(-1);
  auto [sorted, order] = flat.sort(/*stable=*/true, 0, false);
  auto count = [&](const at::Tensor& each) {
    return at::zeros({config.num_experts}, flat.options()).scatter_add_(0, flat, each);
  };
  const at::Tensor counts = count(at::ones_like(flat));
  if (weights.load.defined()) {
    context.loads.push_back(context.counted.defined() ? count(context.counted.to(at::kLong).repeat_interleave(config.top_k))
                                                      : counts);
  }
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

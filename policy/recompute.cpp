#include "policy/recompute.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace grpo {

// The context and what it refers to.
struct RecomputedLayers::Pass {
  Pass(std::shared_ptr<const Policy::Weights> weights_in, const ForwardContext& of)
      : weights(std::move(weights_in)), config(of.config), batch(of.batch), context{config, batch, of.angles} {}

  const std::shared_ptr<const Policy::Weights> weights;
  const ModelConfig config;
  const PackedTokens batch;
  const ForwardContext context;
};

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What backward needs of one layer beside tensors.
struct Layer : torch::CustomClassHolder {
  std::shared_ptr<const RecomputedLayers::Pass> pass;
  LayerConfig config;
  const LayerWeights* weights = nullptr;  // of pass->weights
  size_t number = 0;
  std::optional<SequenceRows> sequences;
  at::Tensor counted;

  at::Tensor run(RouterContext& router, const at::Tensor& x) const {
    return run_layer(config, *weights, pass->context, number, router, x);
  }
};

void add_tensors(const LinearMap& map, std::vector<at::Tensor>& out) {
  out.push_back(map.weight);
  out.push_back(map.bias);
  for (const LowRankTerm& term : map.terms) {
    out.push_back(term.a);
    out.push_back(term.b);
  }
}

// Everything in a layer that a gradient can be asked of.
std::vector<at::Tensor> tensors_of(const LayerWeights& layer) {
  std::vector<at::Tensor> out = {layer.attention_norm, layer.mlp_norm};
  if (const auto* gqa = std::get_if<GqaWeights>(&layer.attention)) {
    for (const at::Tensor& t : {gqa->q_norm, gqa->k_norm}) out.push_back(t);
    for (const LinearMap* map : {&gqa->qkv, &gqa->o}) add_tensors(*map, out);
  } else {
    const auto& mla = std::get<MlaWeights>(layer.attention);
    for (const at::Tensor& t : {mla.q_norm, mla.kv_norm}) out.push_back(t);
    for (const LinearMap* map : {&mla.q, &mla.q_a, &mla.q_b, &mla.kv_a, &mla.kv_b, &mla.o}) add_tensors(*map, out);
  }
  if (const auto* dense = std::get_if<DenseWeights>(&layer.mlp)) {
    for (const LinearMap* map : {&dense->gate_up, &dense->down}) add_tensors(*map, out);
  } else {
    const auto& moe = std::get<MoeWeights>(layer.mlp);
    for (const at::Tensor& t : {moe.router, moe.gate_up, moe.down}) out.push_back(t);
    for (const LinearMap* map : {&moe.shared.gate_up, &moe.shared.down}) add_tensors(*map, out);
  }
  std::erase_if(out, [](const at::Tensor& t) { return !t.defined(); });
  return out;
}

// Inputs are x and the layer's tensors; outputs the layer's, and the balance loss where there is one.
class LayerFunction : public torch::autograd::Function<LayerFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& x, at::TensorList /*tensors*/,
                               const c10::intrusive_ptr<Layer>& layer, RouterContext* router) {
    RouterContext own;
    own.record_routes = true;
    own.sequences = layer->sequences;
    own.counted = layer->counted;
    if (!router->replay.empty() && router->layer < router->replay.size()) own.replay = {router->replay[router->layer]};
    const at::Tensor y = layer->run(own, x);
    router->layer += own.layer;
    const at::Tensor routes = own.routes.empty() ? at::Tensor() : own.routes.front();
    if (router->record_routes && routes.defined()) router->routes.push_back(routes);
    router->loads.insert(router->loads.end(), own.loads.begin(), own.loads.end());
    ctx->save_for_backward({x, routes});
    ctx->saved_data["layer"] = c10::IValue::make_capsule(layer);
    ctx->set_materialize_grads(false);
    return own.balance_loss.defined() ? variable_list{y, own.balance_loss} : variable_list{y};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const auto layer = c10::static_intrusive_pointer_cast<Layer>(ctx->saved_data["layer"].toCapsule());
    const variable_list tensors = tensors_of(*layer->weights);
    const at::Tensor x = saved[0].detach().set_requires_grad(ctx->needs_input_grad(0));
    RouterContext router;
    router.sequences = layer->sequences;
    router.counted = layer->counted;
    if (saved[1].defined()) router.replay = {saved[1].to(at::kLong)};

    const at::AutoGradMode record(true);
    variable_list outputs = {layer->run(router, x)}, inputs;
    if (grads.size() > 1) outputs.push_back(router.balance_loss);
    std::vector<size_t> places;  // of `inputs` among x and the tensors
    for (size_t i = 0; i <= tensors.size(); ++i) {
      if (!ctx->needs_input_grad(i)) continue;
      inputs.push_back(i == 0 ? x : tensors[i - 1]);
      places.push_back(i);
    }
    for (size_t i = grads.size(); i-- > 0;) {
      if (grads[i].defined()) continue;
      grads.erase(grads.begin() + static_cast<int64_t>(i));
      outputs.erase(outputs.begin() + static_cast<int64_t>(i));
    }
    const variable_list found = torch::autograd::grad(outputs, inputs, grads, /*retain_graph=*/false,
                                                      /*create_graph=*/false, /*allow_unused=*/true);
    variable_list out(tensors.size() + 3);  // x, the tensors, the layer, the router
    for (size_t i = 0; i < found.size(); ++i) out[places[i]] = found[i];
    return out;
  }
};

}  // namespace

RecomputedLayers::RecomputedLayers(std::shared_ptr<const Policy::Weights> weights, const ForwardContext& context)
    : pass_(std::make_shared<const Pass>(std::move(weights), context)) {}

at::Tensor RecomputedLayers::run(const LayerConfig& config, const LayerWeights& layer_weights, size_t layer,
                                 RouterContext& router, const at::Tensor& x) const {
  const auto held = c10::make_intrusive<Layer>();
  held->pass = pass_;
  held->config = config;
  held->weights = &layer_weights;
  held->number = layer;
  held->sequences = router.sequences;
  held->counted = router.counted;
  const std::vector<at::Tensor> tensors = tensors_of(layer_weights);
  const variable_list out = LayerFunction::apply(x, at::TensorList(tensors), held, &router);
  if (out.size() > 1) router.balance_loss = router.balance_loss.defined() ? router.balance_loss + out[1] : out[1];
  return out[0];
}

}  // namespace grpo

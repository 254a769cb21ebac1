#include "policy/kernels/embedding.h"

#include <torch/csrc/autograd/custom_function.h>

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class EmbeddingFunction : public torch::autograd::Function<EmbeddingFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& weight, const at::Tensor& tokens) {
    ctx->save_for_backward({tokens});
    ctx->saved_data["rows"] = weight.size(0);
    return at::embedding(weight, tokens);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor tokens = ctx->get_saved_variables()[0], grad = grads[0].contiguous();
    const int64_t rows = ctx->saved_data["rows"].toInt();
    // index_put sorts the tokens first. It would round after every addition, so narrow types go elsewhere.
    if (grad.element_size() < 4)
      return {at::embedding_dense_backward(grad, tokens, rows, -1, false), at::Tensor()};
    at::Tensor sum = at::zeros({rows, grad.size(1)}, grad.options());
    return {sum.index_put_({tokens}, grad, /*accumulate=*/true), at::Tensor()};
  }
};

}  // namespace

at::Tensor embed(const at::Tensor& weight, const at::Tensor& tokens) {
  return weight.is_cuda() ? EmbeddingFunction::apply(weight, tokens) : at::embedding(weight, tokens);
}

}  // namespace grpo

#include "policy/kernels/embedding.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor embedding_backward_cpu(const at::Tensor& grad, const at::Tensor& tokens, int64_t rows) {
  return at::embedding_dense_backward(grad, tokens, rows, /*padding_idx=*/-1, /*scale_grad_by_freq=*/false);
}

class EmbeddingFunction : public torch::autograd::Function<EmbeddingFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& weight, const at::Tensor& tokens) {
    ctx->save_for_backward({tokens});
    ctx->saved_data["rows"] = weight.size(0);
    return at::embedding(weight, tokens);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("grpo::embedding_backward", "")
                               .typed<decltype(embedding_backward_cpu)>();
    return {op.call(grads[0], ctx->get_saved_variables()[0], ctx->saved_data["rows"].toInt()), at::Tensor()};
  }
};

}  // namespace

at::Tensor embed(const at::Tensor& weight, const at::Tensor& tokens) {
  return EmbeddingFunction::apply(weight, tokens);
}

TORCH_LIBRARY_FRAGMENT(grpo, m) {
  m.def("embedding_backward(Tensor grad, Tensor tokens, int rows) -> Tensor");
}

TORCH_LIBRARY_IMPL(grpo, CPU, m) {
  m.impl("embedding_backward", embedding_backward_cpu);
}

}  // namespace grpo

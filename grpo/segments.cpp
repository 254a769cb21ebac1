#include "grpo/segments.h"

#include <torch/csrc/autograd/custom_function.h>

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor add_up(const at::Tensor& values, const at::Tensor& lengths) {
  // unsafe: skips a check of lengths that would wait for the device.
  return at::segment_reduce(values.contiguous(), "sum", lengths, {}, {}, /*axis=*/0, /*unsafe=*/true);
}

at::Tensor repeat(const at::Tensor& values, const at::Tensor& lengths, int64_t num_tokens) {
  return at::repeat_interleave(values, lengths, /*dim=*/0, num_tokens);
}

// The gradient of each is the other. The library's own gradient of repeating adds with atomics on a GPU.
struct SumFunction : public torch::autograd::Function<SumFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& values, const at::Tensor& lengths) {
    context->save_for_backward({lengths});
    context->saved_data["tokens"] = values.numel();
    return add_up(values, lengths);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto lengths = context->get_saved_variables()[0];
    return {repeat(gradients[0], lengths, context->saved_data["tokens"].toInt()), {}};
  }
};

struct SpreadFunction : public torch::autograd::Function<SpreadFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& values, const at::Tensor& lengths,
                            int64_t num_tokens) {
    context->save_for_backward({lengths});
    return repeat(values, lengths, num_tokens);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {add_up(gradients[0], context->get_saved_variables()[0]), {}, {}};
  }
};

}  // namespace

at::Tensor segment_sum(const at::Tensor& values, const at::Tensor& lengths) { return SumFunction::apply(values, lengths); }

at::Tensor segment_mean(const at::Tensor& values, const at::Tensor& lengths) {
  return segment_sum(values, lengths) / lengths;
}

at::Tensor spread(const at::Tensor& values, const at::Tensor& lengths, int64_t num_tokens) {
  return SpreadFunction::apply(values, lengths, num_tokens);
}

}  // namespace grpo

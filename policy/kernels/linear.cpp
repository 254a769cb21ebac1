#include "policy/kernels/linear.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdlib>

#include "policy/kernels/product.h"

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Below these the BLAS switches kernels, for narrow outputs later than for wide ones, and the later the more threads
// it has to keep busy (found by comparing all sizes, for 1 to 24 threads; the tests that pin it are
// Linear.ARowHasTheSameBitsInAnyBatch and LoraRollout.ARowOfAMapOfAnyShapeHasTheSameBitsInAnyBatch).
int64_t rows_min(int64_t outputs) {
  const int64_t threads = at::get_num_threads();
  return outputs <= 32 || outputs < 12 * threads ? std::max<int64_t>({32, outputs, 4 * threads}) : 8;
}

// Pins MKL to one code path. It reads the variable at its first call, so this has to come before any.
[[maybe_unused]] const int kPinnedCodePath =
    setenv("MKL_CBWR", __builtin_cpu_supports("avx512f") ? "AVX512" : "AVX2", /*overwrite=*/0);

bool needs_filling(const at::Tensor& x, int64_t outputs) {
  return x.device().is_cpu() && x.size(-2) < rows_min(outputs);
}

at::Tensor fill_rows(const at::Tensor& x, int64_t outputs) {
  return at::constant_pad_nd(x, {0, 0, 0, rows_min(outputs) - x.size(-2)});
}

// Calls f(group, first row, rows) for every group that has rows.
template <class F>
void over_groups(const at::Tensor& offsets, F f) {
  const at::Tensor host = offsets.to(at::kCPU);
  int64_t first = 0;
  for (int64_t g = 0; g < host.size(0); ++g) {
    const int64_t end = host.data_ptr<int32_t>()[g];
    if (end > first) f(g, first, end - first);
    first = end;
  }
}

// Whether LibTorch's grouped GEMM can do it; it reads 16 bytes at a time. The meta device, which has no offsets to
// loop over, takes the same path.
bool grouped_gemm_takes(const at::Tensor& x, const at::Tensor& weight) {
  if (x.is_meta()) return true;
  return x.is_cuda() && x.scalar_type() == at::kBFloat16 && weight.size(1) % 8 == 0 && weight.size(2) % 8 == 0;
}

// at::_grouped_mm, which LibTorch has for the meta device in Python only.
at::Tensor grouped_mm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& offsets) {
  if (!a.is_meta()) return at::_grouped_mm(a, b, offsets);
  if (b.dim() == 3) return at::empty({a.size(0), b.size(2)}, a.options());
  return at::empty({offsets.size(0), a.size(0), b.size(1)}, a.options());
}

class GroupedGemmFunction : public torch::autograd::Function<GroupedGemmFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& offsets) {
    ctx->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight, offsets});
    return grouped_mm(x.contiguous(), weight.transpose(1, 2), offsets);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &offsets = saved[2], dy = grads[0].contiguous();
    at::Tensor dx, dweight;
    if (ctx->needs_input_grad(0)) dx = grouped_mm(dy, weight, offsets);
    if (ctx->needs_input_grad(1)) {
      const at::Tensor rows = at::diff(offsets, 1, 0, at::zeros({1}, offsets.options()));
      // A group without rows gets an unwritten gradient on some GPUs (pytorch/pytorch#172439).
      dweight = grouped_mm(dy.t(), x.contiguous(), offsets).masked_fill_((rows == 0).view({-1, 1, 1}), 0.0);
    }
    return {dx, dweight, at::Tensor()};
  }
};

// x W^T + bias by product(), which LibTorch cannot differentiate.
class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    ctx->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    ctx->saved_data["bias"] = bias.has_value();
    return product(x, weight, bias.value_or(at::Tensor()));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor& dy = grads[0];
    return {ctx->needs_input_grad(0) ? product(dy, saved[1].t()) : at::Tensor(),
            ctx->needs_input_grad(1) ? product(dy.t(), saved[0].t()) : at::Tensor(),
            ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2) ? dy.sum(0) : at::Tensor()};
  }
};

class GroupedLinearFunction : public torch::autograd::Function<GroupedLinearFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& offsets) {
    ctx->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight, offsets});
    at::Tensor y = at::empty({x.size(0), weight.size(1)}, x.options());
    over_groups(offsets, [&](int64_t g, int64_t first, int64_t rows) {
      const at::Tensor part = x.narrow(0, first, rows), out = y.narrow(0, first, rows);
      if (product_is_ours(part, weight[g])) {
        product_into(out, part, weight[g]);
      } else {
        at::Tensor(out).copy_(packed_linear(part, weight[g]));
      }
    });
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], dy = grads[0].contiguous();
    at::Tensor dx, dweight;
    if (ctx->needs_input_grad(0)) dx = at::empty({dy.size(0), weight.size(2)}, dy.options());
    if (ctx->needs_input_grad(1)) dweight = at::zeros_like(weight);
    over_groups(saved[2], [&](int64_t g, int64_t first, int64_t rows) {
      const at::Tensor part = dy.narrow(0, first, rows);
      if (dx.defined()) product_into(dx.narrow(0, first, rows), part, weight[g].t());
      if (dweight.defined()) product_into(dweight[g], part.t(), x.narrow(0, first, rows).t());
    });
    return {dx, dweight, at::Tensor()};
  }
};

}  // namespace

at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto optional_bias = bias.defined() ? std::optional(bias) : std::nullopt;
  if (product_is_ours(x, weight)) {
    const bool differentiable = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() ||
                                                               (bias.defined() && bias.requires_grad()));
    return differentiable ? LinearFunction::apply(x, weight, optional_bias) : product(x, weight, bias);
  }
  if (weight.size(0) == 1 && x.device().is_cpu()) {
    // One output is a matrix times a vector to the BLAS, and no number of rows is safe there.
    const at::Tensor y = packed_linear(x, at::constant_pad_nd(weight, {0, 0, 0, 1})).narrow(1, 0, 1);
    return bias.defined() ? y + bias : y;
  }
  if (!needs_filling(x, weight.size(0))) return at::linear(x, weight, optional_bias);
  return at::linear(fill_rows(x, weight.size(0)), weight, optional_bias).narrow(0, 0, x.size(0));
}

at::Tensor headwise_linear(const at::Tensor& x, const at::Tensor& weight) {
  if (!needs_filling(x, weight.size(2))) return at::bmm(x, weight);
  return at::bmm(fill_rows(x, weight.size(2)), weight).narrow(1, 0, x.size(1));
}

at::Tensor grouped_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& offsets) {
  if (grouped_gemm_takes(x, weight)) return GroupedGemmFunction::apply(x, weight, offsets);
  return GroupedLinearFunction::apply(x, weight, offsets);
}

}  // namespace grpo

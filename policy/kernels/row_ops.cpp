// The row-wise operators: rms_norm, rope, swiglu, router_sigmoid.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "policy/kernels/cpu/dispatch.h"
#include "policy/kernels/cpu/elementwise.h"
#include "policy/kernels/rms_norm.h"
#include "policy/kernels/rope.h"
#include "policy/kernels/router_scores.h"
#include "policy/kernels/swiglu.h"

namespace grpo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kElementsPerTask = 16384;

int64_t rows_per_task(int64_t dim) { return std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, dim)); }

// x as rows of one stride, copied only where its leading dimensions do not flatten.
at::Tensor as_rows(const at::Tensor& x) {
  const at::Tensor unit = cpu::unit_stride(x);
  return unit.dim() == 2 ? unit : unit.reshape({-1, x.size(-1)});
}

std::tuple<at::Tensor, at::Tensor> rms_norm_forward_cpu(const at::Tensor& x_in, const at::Tensor& weight, double eps) {
  const at::Tensor x = as_rows(x_in);
  const int64_t rows = x.size(0), dim = x.size(1);
  at::Tensor y = at::empty(x_in.sizes(), x_in.options());
  at::Tensor rstd = at::empty({rows}, x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat));
  cpu::dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    at::parallel_for(0, rows, rows_per_task(dim), [&](int64_t begin, int64_t end) {
      cpu::rms_norm_forward<T>(cpu::data<T>(x) + begin * x.stride(0), x.stride(0), cpu::data<T>(weight), eps,
                               end - begin, dim, cpu::data<T>(y) + begin * dim,
                               cpu::data<cpu::Compute<T>>(rstd) + begin);
    });
  });
  return {y, rstd};
}

std::tuple<at::Tensor, at::Tensor> rms_norm_backward_cpu(const at::Tensor& dy_in, const at::Tensor& x_in,
                                                         const at::Tensor& weight, const at::Tensor& rstd) {
  const at::Tensor x = as_rows(x_in), dy = dy_in.contiguous();
  const int64_t rows = x.size(0), dim = x.size(1);
  at::Tensor dx = at::empty(x_in.sizes(), x_in.options());
  // One partial sum per fixed block of rows, added in order: the same bits for any number of threads.
  const int64_t block = 512, blocks = (rows + block - 1) / block;
  at::Tensor partial = at::zeros({blocks, dim}, rstd.options());
  cpu::dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    using C = cpu::Compute<T>;
    at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t first = b * block, count = std::min(block, rows - first);
        cpu::rms_norm_backward<T>(cpu::data<T>(dy) + first * dim, cpu::data<T>(x) + first * x.stride(0), x.stride(0),
                                  cpu::data<T>(weight), cpu::data<C>(rstd) + first, count, dim,
                                  cpu::data<T>(dx) + first * dim, cpu::data<C>(partial) + b * dim);
      }
    });
  });
  return {dx, partial.sum(0).to(weight.scalar_type())};
}

at::Tensor rope_cpu(const at::Tensor& x_in, const at::Tensor& cos, const at::Tensor& sin, bool interleaved,
                    double sign) {
  const at::Tensor x = cpu::unit_stride(x_in);
  at::Tensor y = at::empty(x.sizes(), x.options());
  const int64_t heads = x.size(1), dim = x.size(2);
  cpu::dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    at::parallel_for(0, x.size(0), rows_per_task(heads * dim), [&](int64_t begin, int64_t end) {
      cpu::rope<T>(cpu::data<T>(x) + begin * x.stride(0), x.stride(0), x.stride(1),
                   cos.data_ptr<float>() + begin * dim / 2, sin.data_ptr<float>() + begin * dim / 2, end - begin, heads,
                   dim, interleaved, sign, cpu::data<T>(y) + begin * heads * dim);
    });
  });
  return y;
}

at::Tensor swiglu_forward_cpu(const at::Tensor& x_in) {
  const at::Tensor x = x_in.contiguous();
  const int64_t dim = x.size(1) / 2;
  at::Tensor y = at::empty({x.size(0), dim}, x.options());
  cpu::dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    at::parallel_for(0, x.size(0), rows_per_task(dim), [&](int64_t begin, int64_t end) {
      cpu::swiglu_forward<T>(cpu::data<T>(x) + begin * 2 * dim, end - begin, dim, cpu::data<T>(y) + begin * dim);
    });
  });
  return y;
}

at::Tensor swiglu_backward_cpu(const at::Tensor& dy_in, const at::Tensor& x_in) {
  const at::Tensor x = x_in.contiguous(), dy = dy_in.contiguous();
  const int64_t dim = x.size(1) / 2;
  at::Tensor dx = at::empty(x.sizes(), x.options());
  cpu::dispatch(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    at::parallel_for(0, x.size(0), rows_per_task(dim), [&](int64_t begin, int64_t end) {
      cpu::swiglu_backward<T>(cpu::data<T>(dy) + begin * dim, cpu::data<T>(x) + begin * 2 * dim, end - begin, dim,
                              cpu::data<T>(dx) + begin * 2 * dim);
    });
  });
  return dx;
}

std::tuple<at::Tensor, at::Tensor> rope_angles_cpu(const at::Tensor& positions, const at::Tensor& frequencies) {
  const int64_t rows = positions.size(0), half = frequencies.size(0);
  at::Tensor cos = at::empty({rows, half}, frequencies.options()), sin = at::empty_like(cos);
  at::parallel_for(0, rows, 256, [&](int64_t begin, int64_t end) {
    cpu::rope_angles(positions.data_ptr<int64_t>() + begin, frequencies.data_ptr<float>(), end - begin, half,
                     cos.data_ptr<float>() + begin * half, sin.data_ptr<float>() + begin * half);
  });
  return {cos, sin};
}

std::tuple<at::Tensor, at::Tensor> rope_angles_composite(const at::Tensor& positions, const at::Tensor& frequencies) {
  const at::Tensor angle = positions.to(at::kFloat).unsqueeze(1) * frequencies;
  return {angle.cos(), angle.sin()};
}

at::Tensor sigmoid_cpu(const at::Tensor& x_in) {
  const at::Tensor x = x_in.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "sigmoid", [&] {
    at::parallel_for(0, x.numel(), kElementsPerTask, [&](int64_t begin, int64_t end) {
      cpu::sigmoid(x.data_ptr<scalar_t>() + begin, end - begin, y.data_ptr<scalar_t>() + begin);
    });
  });
  return y;
}

at::Tensor sigmoid_composite(const at::Tensor& x) { return x.sigmoid(); }

template <class Signature>
auto find_op(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight, double eps) {
    static const auto op = find_op<decltype(rms_norm_forward_cpu)>("grpo::rms_norm_forward");
    auto [y, rstd] = op.call(x, weight, eps);
    ctx->save_for_backward({x, weight, rstd});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    static const auto op = find_op<decltype(rms_norm_backward_cpu)>("grpo::rms_norm_backward");
    const auto saved = ctx->get_saved_variables();
    auto [dx, dweight] = op.call(grads[0], saved[0], saved[1], saved[2]);
    return {dx, dweight, at::Tensor()};
  }
};

at::Tensor call_rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved, double sign) {
  static const auto op = find_op<decltype(rope_cpu)>("grpo::rope");
  return op.call(x, cos, sin, interleaved, sign);
}

class RopeFunction : public torch::autograd::Function<RopeFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                            bool interleaved) {
    ctx->save_for_backward({cos, sin});
    ctx->saved_data["interleaved"] = interleaved;
    return call_rope(x, cos, sin, interleaved, 1.0);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    return {call_rope(grads[0], saved[0], saved[1], ctx->saved_data["interleaved"].toBool(), -1.0), at::Tensor(),
            at::Tensor(), at::Tensor()};
  }
};

class SwigluFunction : public torch::autograd::Function<SwigluFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    static const auto op = find_op<decltype(swiglu_forward_cpu)>("grpo::swiglu_forward");
    ctx->save_for_backward({x});
    return op.call(x);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    static const auto op = find_op<decltype(swiglu_backward_cpu)>("grpo::swiglu_backward");
    return {op.call(grads[0], ctx->get_saved_variables()[0])};
  }
};

class SigmoidFunction : public torch::autograd::Function<SigmoidFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    static const auto op = find_op<decltype(sigmoid_cpu)>("grpo::sigmoid");
    const at::Tensor y = op.call(x);
    ctx->save_for_backward({y});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor y = ctx->get_saved_variables()[0];
    return {grads[0] * y * (1 - y)};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNormFunction::apply(x, weight, eps);
}

RopeAngles rope_angles(const at::Tensor& positions, const at::Tensor& frequencies) {
  static const auto op = find_op<decltype(rope_angles_cpu)>("grpo::rope_angles");
  auto [cos, sin] = op.call(positions, frequencies);
  return {cos, sin};
}

at::Tensor rope(const at::Tensor& x, const RopeAngles& angles, bool interleaved) {
  return RopeFunction::apply(x, angles.cos, angles.sin, interleaved);
}

at::Tensor swiglu(const at::Tensor& x) { return SwigluFunction::apply(x); }

at::Tensor router_sigmoid(const at::Tensor& x) { return SigmoidFunction::apply(x); }

TORCH_LIBRARY_FRAGMENT(grpo, m) {
  m.def("rms_norm_forward(Tensor x, Tensor weight, float eps) -> (Tensor, Tensor)");
  m.def("rms_norm_backward(Tensor dy, Tensor x, Tensor weight, Tensor rstd) -> (Tensor, Tensor)");
  m.def("rope(Tensor x, Tensor cos, Tensor sin, bool interleaved, float sign) -> Tensor");
  m.def("rope_angles(Tensor positions, Tensor frequencies) -> (Tensor, Tensor)");
  m.def("sigmoid(Tensor x) -> Tensor");
  m.def("swiglu_forward(Tensor x) -> Tensor");
  m.def("swiglu_backward(Tensor dy, Tensor x) -> Tensor");
}

TORCH_LIBRARY_IMPL(grpo, CPU, m) {
  m.impl("rms_norm_forward", rms_norm_forward_cpu);
  m.impl("rms_norm_backward", rms_norm_backward_cpu);
  m.impl("rope", rope_cpu);
  m.impl("swiglu_forward", swiglu_forward_cpu);
  m.impl("swiglu_backward", swiglu_backward_cpu);
  m.impl("rope_angles", rope_angles_cpu);
  m.impl("sigmoid", sigmoid_cpu);
}

TORCH_LIBRARY_IMPL(grpo, CompositeExplicitAutograd, m) {
  m.impl("rope_angles", rope_angles_composite);
  m.impl("sigmoid", sigmoid_composite);
}

}  // namespace grpo

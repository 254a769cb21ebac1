#pragma once
// From tensors to the raw kernels of this folder: element type, data pointers, strides.

#include <ATen/ATen.h>

#include "policy/kernels/cpu/element.h"

namespace grpo::cpu {

// Calls f(T{}) with T the kernel's element type for a dtype. Throws c10::Error for other dtypes.
template <class F>
void dispatch(at::ScalarType dtype, F f) {
  switch (dtype) {
    case at::kFloat: f(float{}); return;
    case at::kDouble: f(double{}); return;
    case at::kBFloat16: f(Bf16{}); return;
    default: TORCH_CHECK(false, "no CPU kernel for dtype ", dtype);
  }
}

template <class T>
T* data(const at::Tensor& t) {
  return static_cast<T*>(t.data_ptr());
}

// The tensor itself if its last dimension is contiguous, else a contiguous copy.
inline at::Tensor unit_stride(const at::Tensor& t) { return t.stride(-1) == 1 ? t : t.contiguous(); }

}  // namespace grpo::cpu

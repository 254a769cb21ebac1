#include "policy/kernels/product.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "policy/kernels/cpu/dispatch.h"
#include "policy/kernels/cpu/product.h"

namespace grpo {
namespace {

using cpu::Bf16;
using cpu::kProductLanes;
using cpu::Product;

// Sums over more terms than this are made piece by piece, so that the lanes of a piece stay in the cache.
constexpr int64_t kDepthMax = 4096;
// Likewise where a factor has to be packed before.
constexpr int64_t kPackedDepthMax = 1024;
// Up to this many rows they run along lanes and the other factor, a weight that is then read where it lies, along rows.
constexpr int64_t kFewRows = 128;
constexpr size_t kLine = 64;

template <class T, class Out>
void run(const Product<T, Out>& p) {
  const int64_t threads = at::get_num_threads(), parts = (p.num_lanes + kProductLanes - 1) / kProductLanes,
                blocks = cpu::product_blocks(p.num_rows);
  const bool small = p.num_rows * p.num_lanes * p.depth < 100'000;  // not worth waking the other threads
  // Each piece of the rows gathers its lanes anew.
  const int64_t pieces =
      small || parts >= 4 * threads ? 1 : std::clamp<int64_t>(blocks / 2, 1, threads);
  const int64_t tasks = parts * pieces;
  at::parallel_for(0, tasks, small ? tasks : 1, [&](int64_t begin, int64_t end) {
    thread_local std::vector<char> scratch;
    scratch.resize(
        std::max(scratch.size(), sizeof(T) * static_cast<size_t>(kProductLanes * (p.depth + 1)) + kLine));
    // From a multiple of 64 bytes on, so that no vector of lanes lies on two lines of the cache.
    const auto address = reinterpret_cast<uintptr_t>(scratch.data());
    T* lanes = reinterpret_cast<T*>((address + kLine - 1) / kLine * kLine);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t piece = task / parts;
      cpu::product_part(p, task % parts * kProductLanes, blocks * piece / pieces, blocks * (piece + 1) / pieces, lanes);
    }
  });
}

bool depth_side_by_side(const at::Tensor& t) {
  return t.stride(1) == 1 || t.size(1) == 1;
}
bool rows_side_by_side(const at::Tensor& t) {
  return t.stride(0) == 1 || t.size(0) == 1;
}

// The tensor itself if one of its strides is 1, else a copy.
at::Tensor readable(const at::Tensor& t) {
  return depth_side_by_side(t) || rows_side_by_side(t) ? t : t.contiguous();
}

// As the rows of a product: two numbers of Bf16 are read at a time.
at::Tensor even_depth(const at::Tensor& t) {
  if (t.scalar_type() != at::kBFloat16 || t.size(1) % 2 == 0) return t;
  return at::constant_pad_nd(t, {0, 1});
}

template <class T>
void set_lanes(const at::Tensor& t, auto& p) {
  p.lanes = cpu::data<T>(t);
  p.num_lanes = t.size(0);
  p.lane_stride = depth_side_by_side(t) ? t.stride(0) : 1;
  p.depth_stride = depth_side_by_side(t) ? 1 : t.stride(1);
}

// A piece of a transposed view, [M, depth], as rows of a product.
template <class T>
at::Tensor packed(const at::Tensor& t) {
  const int64_t rows = t.size(0), depth = t.size(1);
  at::Tensor out = at::empty({rows * (depth + depth % 2)}, t.options());
  at::parallel_for(0, cpu::product_blocks(rows), 4, [&](int64_t begin, int64_t end) {
    cpu::pack_rows(cpu::data<T>(t), t.stride(1), rows, depth, begin, end, cpu::data<T>(out));
  });
  return out;
}

// out [M, N] (T or float) = a [M, K] b [N, K]^T + bias, piece by piece of K.
template <class T, class Out>
void multiply(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  const bool few = a.size(0) <= kFewRows && depth_side_by_side(b);
  const bool pack_a = !few && !depth_side_by_side(a);
  const at::Tensor row_factor = few           ? even_depth(b)
                                : pack_a ? a
                                              : even_depth(a),
                   &lane_factor = few ? a : b;
  const int64_t depth = a.size(1), most = pack_a ? kPackedDepthMax : kDepthMax;
  for (int64_t first = 0; first == 0 || first < depth; first += most) {
    const int64_t count = std::min(most, depth - first);
    at::Tensor rows = row_factor.narrow(1, first, std::min(most, row_factor.size(1) - first));
    Product<T, Out> p;
    p.depth = count;
    p.num_rows = rows.size(0);
    p.row = rows.stride(0);
    p.packed = pack_a;
    if (pack_a) rows = packed<T>(rows);
    p.rows = cpu::data<T>(rows);
    set_lanes<T>(lane_factor.narrow(1, first, count), p);
    p.out = cpu::data<Out>(out);
    p.out_row = few ? 1 : out.stride(0);
    p.out_lane = few ? out.stride(0) : 1;
    if (bias.defined() && first == 0) p.bias = cpu::data<T>(bias);
    p.add = first > 0;
    run(p);
  }
}

void multiply(at::Tensor out, const at::Tensor& a_in, const at::Tensor& b_in, const at::Tensor& bias_in) {
  if (out.numel() == 0) return;
  const at::Tensor a = readable(a_in), b = readable(b_in),
                   bias = bias_in.defined() ? bias_in.contiguous() : bias_in;
  if (a.scalar_type() == at::kFloat) {
    multiply<float, float>(out, a, b, bias);
  } else if (a.size(1) <= (depth_side_by_side(a) ? kDepthMax : kPackedDepthMax)) {
    multiply<Bf16, Bf16>(out, a, b, bias);
  } else {
    const at::Tensor sums = at::empty(out.sizes(), out.options().dtype(at::kFloat));
    multiply<Bf16, float>(sums, a, b, bias);
    out.copy_(sums);
  }
}

}  // namespace

bool product_is_ours(const at::Tensor& a, const at::Tensor& b) {
  static const bool runs = cpu::product_runs();
  return runs && a.is_cpu() && a.dim() == 2 && b.dim() == 2 && a.scalar_type() == b.scalar_type() &&
         (a.scalar_type() == at::kFloat || a.scalar_type() == at::kBFloat16);
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  if (!product_is_ours(a, b)) return at::linear(a, b, bias.defined() ? std::optional(bias) : std::nullopt);
  GRPO_CHECK(a.size(1) == b.size(1));
  at::Tensor out = at::empty({a.size(0), b.size(0)}, a.options());
  multiply(out, a, b, bias);
  return out;
}

void product_into(at::Tensor out, const at::Tensor& a, const at::Tensor& b) {
  if (!product_is_ours(a, b)) {
    at::mm_out(out, a, b.t());
    return;
  }
  GRPO_CHECK(a.size(1) == b.size(1) && out.size(0) == a.size(0) && out.size(1) == b.size(0) &&
             out.stride(1) == 1);
  multiply(out, a, b, {});
}

}  // namespace grpo

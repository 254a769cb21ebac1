// Every operator on CUDA against the CPU's in float64. Tolerances are on |got - want| / |want|: what a
// different order of sums costs in float64 and float32, a few roundings in bfloat16.
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "policy/kernels/attention.h"
#include "policy/kernels/embedding.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/logprobs.h"
#include "policy/kernels/rms_norm.h"
#include "policy/kernels/rope.h"
#include "policy/rope_scaling.h"
#include "policy/kernels/swiglu.h"
#include "tests/policy/cuda_test.h"

namespace grpo {
namespace {

using testing::relative_error;
using Tensors = std::vector<at::Tensor>;

class CudaKernels : public testing::CudaTest {};

constexpr at::ScalarType kTypes[] = {at::kDouble, at::kFloat, at::kBFloat16};

double tolerance(at::ScalarType dtype) {
  return dtype == at::kDouble ? 1e-12 : dtype == at::kFloat ? 3e-6 : 1e-2;
}

double gradient_tolerance(at::ScalarType dtype) {
  return (dtype == at::kBFloat16 ? 2 : 10) * tolerance(dtype);
}

// Values that every dtype holds exactly, so that the reference sees the same inputs.
at::Tensor draw(at::IntArrayRef shape, at::ScalarType dtype) {
  return at::randn(shape, at::kFloat).to(at::kBFloat16).to(dtype);
}

// A result and its gradients for a random gradient of the result, drawn once by `seed`.
Tensors with_gradients(const at::Tensor& out, const Tensors& inputs, int64_t seed) {
  at::manual_seed(static_cast<uint64_t>(seed));
  const at::Tensor g = draw(out.sizes(), at::kDouble).to(out.options());
  Tensors all = {out};
  for (const at::Tensor& t : torch::autograd::grad({out}, inputs, {g})) all.push_back(t);
  return all;
}

Tensors leaves(const Tensors& inputs, const at::TensorOptions& options) {
  Tensors out;
  for (const at::Tensor& t : inputs) out.push_back(t.to(options).detach().set_requires_grad(true));
  return out;
}

// Runs f on CUDA in every dtype and on the CPU in float64, and compares results and gradients.
template <class F>
void expect_like_the_cpu(const Tensors& inputs, F f, const std::string& what) {
  for (const auto dtype : kTypes) {
    const Tensors here = leaves(inputs, at::TensorOptions(at::kDouble)),
                  there = leaves(inputs, at::TensorOptions(dtype).device(at::kCUDA));
    const Tensors want = with_gradients(f(here), here, 99), got = with_gradients(f(there), there, 99);
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(got[i].scalar_type(), dtype);
      EXPECT_LT(relative_error(got[i], want[i]), i == 0 ? tolerance(dtype) : gradient_tolerance(dtype))
          << what << ", " << dtype << ", " << (i == 0 ? "result" : "gradient") << " " << i;
    }
  }
}

struct AttentionShape {
  int64_t heads, kv_heads, k_dim, v_dim;
};

const std::vector<AttentionShape> kAttentionShapes = {
    {4, 2, 24, 16},   {3, 3, 7, 5},     {8, 1, 64, 64},   {1, 1, 1, 33},   {4, 1, 192, 128}, {2, 2, 128, 128},
    {2, 1, 576, 512}, {2, 1, 256, 256}, {2, 2, 100, 200}, {14, 2, 64, 64}, {2, 1, 80, 80},   {1, 1, 264, 72}};

std::string name(const AttentionShape& s) {
  return std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + " heads of " + std::to_string(s.k_dim) +
         ", " + std::to_string(s.v_dim);
}

// Sequences of less than, exactly and more than a tile of 64, and an empty one.
const std::vector<int32_t> kBounds = {0, 1, 18, 148, 148, 212, 277, 340};
constexpr int64_t kTokens = 340, kLongest = 130;

Tensors draw_qkv(const AttentionShape& s, int64_t tokens, at::ScalarType dtype = at::kDouble) {
  return {draw({tokens, s.heads, s.k_dim}, dtype), draw({tokens, s.kv_heads, s.k_dim}, dtype),
          draw({tokens, s.kv_heads, s.v_dim}, dtype)};
}

TEST_F(CudaKernels, AttentionAndItsGradientsEqualTheCpus) {
  at::manual_seed(1);
  for (const AttentionShape& s : kAttentionShapes) {
    const double scale = 1.0 / std::sqrt(static_cast<double>(s.k_dim));
    expect_like_the_cpu(
        draw_qkv(s, kTokens),
        [&](const Tensors& in) {
          const at::Tensor cu = at::tensor(kBounds, at::kInt).to(in[0].device());
          return attention(in[0], in[1], in[2], cu, kLongest, scale);
        },
        name(s));
  }
}

TEST_F(CudaKernels, AttentionReadsStridedInputs) {
  at::manual_seed(2);
  for (const auto dtype : kTypes) {
    for (const int64_t dim : {12, 32}) {
      const at::Tensor qkv = draw({90, 8, dim}, dtype), cu = at::tensor({0, 90}, at::kInt);
      const auto run = [&](const at::Tensor& t, const at::Tensor& bounds) {
        return attention(t.narrow(1, 0, 4), t.narrow(1, 4, 2), t.narrow(1, 6, 2).narrow(2, 3, 5), bounds, 90,
                         0.5);
      };
      const at::Tensor want = run(qkv.to(at::kDouble), cu), got = run(qkv.to(cuda_), cu.to(cuda_));
      EXPECT_LT(relative_error(got, want), tolerance(dtype)) << dtype << " " << dim;
    }
  }
}

TEST_F(CudaKernels, AttentionGivesASequenceTheSameBitsAloneAndPacked) {
  at::manual_seed(3);
  for (const auto dtype : kTypes) {
    for (const AttentionShape& s : {AttentionShape{4, 2, 24, 16}, {4, 4, 64, 64}, {2, 1, 7, 70}}) {
      Tensors in = draw_qkv(s, kTokens, dtype), part;
      for (at::Tensor& t : in) t = t.to(cuda_);
      for (const at::Tensor& t : in) part.push_back(t.narrow(0, 18, 130));
      const at::Tensor all =
          attention(in[0], in[1], in[2], at::tensor(kBounds, at::kInt).to(cuda_), kLongest, 0.3);
      const at::Tensor alone =
          attention(part[0], part[1], part[2], at::tensor({0, 130}, at::kInt).to(cuda_), 130, 0.3);
      EXPECT_TRUE(at::equal(all.narrow(0, 18, 130), alone)) << name(s) << " " << dtype;
    }
  }
}

TEST_F(CudaKernels, AttentionGivesTheSameBitsAtEveryCall) {
  at::manual_seed(4);
  for (const auto dtype : kTypes) {
    for (const AttentionShape& s : {AttentionShape{4, 2, 24, 16}, {8, 2, 64, 64}, {2, 1, 7, 70}}) {
      const Tensors in = leaves(draw_qkv(s, 1000), at::TensorOptions(dtype).device(cuda_));
      const at::Tensor cu = at::tensor({0, 1000}, at::kInt).to(cuda_);
      const auto run = [&] { return with_gradients(attention(in[0], in[1], in[2], cu, 1000, 0.3), in, 5); };
      const Tensors first = run();
      for (int repeat = 0; repeat < 3; ++repeat) {
        const Tensors again = run();
        for (size_t i = 0; i < first.size(); ++i)
          EXPECT_TRUE(at::equal(first[i], again[i])) << name(s) << dtype << i;
      }
    }
  }
}

TEST_F(CudaKernels, AttentionOfOneSequenceNeverSeesTheNaNsOfAnother) {
  at::manual_seed(5);
  for (const auto dtype : kTypes) {
    for (const int64_t dim : {20, 64}) {
      Tensors in = draw_qkv({2, 2, dim, dim}, 100, dtype);
      for (at::Tensor& t : in) {
        t.narrow(0, 40, 30).fill_(NAN);
        t = t.to(cuda_);
      }
      const at::Tensor out =
          attention(in[0], in[1], in[2], at::tensor({0, 40, 70, 100}, at::kInt).to(cuda_), 40, 0.3);
      EXPECT_TRUE(out.narrow(0, 0, 40).isfinite().all().item<bool>()) << dtype << dim;
      EXPECT_TRUE(out.narrow(0, 70, 30).isfinite().all().item<bool>()) << dtype << dim;
      EXPECT_TRUE(out.narrow(0, 40, 30).isnan().all().item<bool>()) << dtype << dim;
    }
  }
}

TEST_F(CudaKernels, NothingIsDoneForNoTokens) {
  const at::Tensor none = at::empty({0, 2, 8}, cuda_),
                   cu = at::zeros({1}, at::TensorOptions(at::kInt).device(cuda_));
  EXPECT_EQ(attention(none, none, none, cu, 0, 1.0).size(0), 0);
  EXPECT_EQ(rms_norm(at::empty({0, 8}, cuda_), at::ones({8}, cuda_), 1e-6).size(0), 0);
  EXPECT_EQ(swiglu(at::empty({0, 8}, cuda_)).size(1), 4);
  const at::Tensor logits = at::empty({0, 8}, cuda_),
                   targets = at::empty({0}, at::TensorOptions(at::kLong).device(cuda_));
  EXPECT_EQ(logprob_rows(logits, targets, 1.0).logprobs.size(0), 0);
}

struct PagedShape {
  int64_t heads, kv_heads, k_dim, v_dim;
  bool latent;  // values are the first v_dim numbers of the key
};

// Caches whose pages lie scattered, NaN wherever no token was written, and one query per row at its last
// position.
TEST_F(CudaKernels, PagedAttentionEqualsTheCpus) {
  at::manual_seed(6);
  const std::vector<PagedShape> shapes = {
      {4, 2, 24, 16, false},   {6, 2, 10, 10, false},   {14, 2, 64, 64, false},   {28, 4, 128, 128, false},
      {8, 8, 128, 128, false}, {2, 1, 7, 5, false},     {21, 1, 40, 72, false},   {16, 1, 576, 512, true},
      {3, 1, 24, 18, true},    {5, 5, 256, 256, false}, {128, 1, 576, 512, true}, {32, 2, 96, 200, false},
      {6, 3, 8, 8, false}};
  const std::vector<int64_t> contexts = {1, 300, 3, 64, 65, 2, 128, 17};
  for (const PagedShape& s : shapes) {
    for (const int64_t page : {1, 4, 16}) {
      const int64_t rows = static_cast<int64_t>(contexts.size()), blocks = (300 + page - 1) / page;
      const at::Tensor order = at::randperm(rows * blocks, at::kLong);
      const at::Tensor tables = order.to(at::kInt).view({rows, blocks});
      at::Tensor k = at::full({rows * blocks, page, s.kv_heads, s.k_dim}, NAN, at::kDouble);
      at::Tensor v = s.latent ? k.narrow(3, 0, s.v_dim)
                              : at::full({rows * blocks, page, s.kv_heads, s.v_dim}, NAN, at::kDouble);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t t = 0; t < contexts[static_cast<size_t>(r)]; ++t) {
          const int64_t at_page = order[r * blocks + t / page].item<int64_t>();
          k[at_page][t % page].copy_(draw({s.kv_heads, s.k_dim}, at::kDouble));
          if (!s.latent) v[at_page][t % page].copy_(draw({s.kv_heads, s.v_dim}, at::kDouble));
        }
      }
      const at::Tensor q = draw({rows, s.heads, s.k_dim}, at::kDouble),
                       positions = at::tensor(contexts, at::kLong) - 1;
      const at::Tensor row_of = at::arange(rows, at::kInt);
      const at::Tensor want = paged_attention(q, k, v, tables, row_of, positions, 0.2);
      for (const auto dtype : kTypes) {
        const at::Tensor k_there = k.to(cuda_).to(dtype);
        const at::Tensor v_there = s.latent ? k_there.narrow(3, 0, s.v_dim) : v.to(cuda_).to(dtype);
        const at::Tensor got = paged_attention(q.to(cuda_).to(dtype), k_there, v_there, tables.to(cuda_),
                                               row_of.to(cuda_), positions.to(cuda_), 0.2);
        EXPECT_LT(relative_error(got, want), tolerance(dtype))
            << name({s.heads, s.kv_heads, s.k_dim, s.v_dim}) << ", page " << page << ", " << dtype;
      }
    }
  }
}

TEST_F(CudaKernels, PagedAttentionOfARowDoesNotDependOnItsPagesOrTheOtherRows) {
  at::manual_seed(7);
  const at::TensorOptions ints = at::TensorOptions(at::kInt).device(cuda_), longs = ints.dtype(at::kLong);
  for (const auto dtype : kTypes) {
    const at::Tensor k = draw({40, 4, 2, 64}, dtype).to(cuda_), v = draw({40, 4, 2, 64}, dtype).to(cuda_);
    const at::Tensor q = draw({3, 8, 64}, dtype).to(cuda_);
    const at::Tensor tables = at::arange(30, ints).view({3, 10}),
                     positions = at::tensor({39, 20, 5}, at::kLong).to(cuda_);
    const at::Tensor all = paged_attention(q, k, v, tables, at::arange(3, ints), positions, 0.3);
    // The pages of row 1, copied elsewhere and read by a batch of that row alone.
    const at::Tensor moved = at::randperm(40, at::kLong).to(cuda_);
    const at::Tensor k2 = at::empty_like(k).index_copy_(0, moved, k),
                     v2 = at::empty_like(v).index_copy_(0, moved, v);
    const at::Tensor table = moved.index_select(0, tables[1].to(at::kLong)).to(at::kInt).unsqueeze(0);
    const at::Tensor alone = paged_attention(q.narrow(0, 1, 1), k2, v2, table, at::zeros({1}, ints),
                                             at::full({1}, 20, longs), 0.3);
    EXPECT_TRUE(at::equal(all.narrow(0, 1, 1), alone)) << dtype;
  }
}

TEST_F(CudaKernels, RmsNormAndItsGradientsEqualTheCpus) {
  at::manual_seed(8);
  for (const int64_t dim : {13, 64, 512, 2048, 8192}) {
    for (const int64_t rows : {1, 5, 700}) {
      const Tensors in = {draw({rows, dim}, at::kDouble), draw({dim}, at::kDouble)};
      expect_like_the_cpu(
          in, [](const Tensors& t) { return rms_norm(t[0], t[1], 1e-5); },
          std::to_string(rows) + " rows of " + std::to_string(dim));
    }
  }
  // Rows with a stride: a part of wider ones, as MLA's latent is.
  expect_like_the_cpu(
      {draw({50, 40}, at::kDouble), draw({24}, at::kDouble)},
      [](const Tensors& t) { return rms_norm(t[0].narrow(1, 3, 24), t[1], 1e-6); }, "strided");
}

TEST_F(CudaKernels, RmsNormRoundsWhereTheCpuDoes) {
  at::manual_seed(9);
  const at::Tensor x = draw({64, 256}, at::kBFloat16), w = draw({256}, at::kBFloat16);
  const at::Tensor same = rms_norm(x.to(cuda_), w.to(cuda_), 1e-6).to(at::kCPU) == rms_norm(x, w, 1e-6);
  EXPECT_GT(same.to(at::kFloat).mean().item<double>(), 0.999);
}

TEST_F(CudaKernels, RopeAndItsGradientEqualTheCpus) {
  at::manual_seed(10);
  const at::Tensor positions = at::randint(0, 4000, {33}, at::kLong),
                   frequencies = at::tensor(rope_frequencies({.theta = 1e4, .dim = 12}));
  const RopeAngles angles = rope_angles(positions, frequencies);
  for (const bool interleaved : {false, true}) {
    expect_like_the_cpu(
        {draw({33, 5, 20}, at::kDouble)},
        [&](const Tensors& t) {
          const RopeAngles there = {angles.cos.to(t[0].device()), angles.sin.to(t[0].device())};
          return rope(t[0].narrow(1, 1, 3).narrow(2, 8, 12), there, interleaved);
        },
        interleaved ? "interleaved" : "split");
  }
}

TEST_F(CudaKernels, RopeAnglesEqualTheCpus) {
  const at::Tensor positions = at::arange(0, 130000, 37, at::kLong);
  const RopeAngles here = rope_angles(positions, at::tensor(rope_frequencies({.theta = 1e6, .dim = 128})));
  const RopeAngles there = rope_angles(positions.to(cuda_), at::tensor(rope_frequencies({.theta = 1e6, .dim = 128})).to(cuda_));
  EXPECT_LT((here.cos - there.cos.to(at::kCPU)).abs().max().item<double>(), 1e-6);
  EXPECT_LT((here.sin - there.sin.to(at::kCPU)).abs().max().item<double>(), 1e-6);
}

TEST_F(CudaKernels, SwigluAndItsGradientEqualTheCpus) {
  at::manual_seed(11);
  for (const int64_t dim : {1, 11, 64, 1000, 4864}) {
    expect_like_the_cpu(
        {draw({37, 2 * dim}, at::kDouble) * 3}, [](const Tensors& t) { return swiglu(t[0]); },
        std::to_string(dim));
  }
}

// Many tokens on few rows, as a small vocabulary has, and few on many.
TEST_F(CudaKernels, EmbeddingAndItsGradientEqualTheCpus) {
  at::manual_seed(16);
  for (const int64_t vocab : {3, 1000}) {
    for (const int64_t tokens : {1, 50, 9000}) {
      const at::Tensor ids = at::randint(0, vocab, {tokens}, at::kLong);
      expect_like_the_cpu(
          {draw({vocab, 24}, at::kDouble)},
          [&](const Tensors& t) { return embed(t[0], ids.to(t[0].device())); },
          std::to_string(tokens) + " tokens of " + std::to_string(vocab));
    }
  }
}

TEST_F(CudaKernels, LogprobRowsAndTheirGradientEqualTheCpus) {
  at::manual_seed(12);
  static const auto backward = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("grpo::logprob_rows_backward", "")
                                   .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                                     const at::Tensor&, const std::optional<at::Tensor>&,
                                                     const std::optional<at::Tensor>&, double)>();
  for (const int64_t vocab : {2, 9, 77, 4096, 50257, 151936}) {
    const at::Tensor logits = draw({6, vocab}, at::kDouble) * 5,
                     targets = at::randint(0, vocab, {6}, at::kLong);
    logits[2][(targets[2].item<int64_t>() + 1) % vocab] = -INFINITY;
    const at::Tensor g = draw({6}, at::kDouble), h = draw({6}, at::kDouble);
    const LogprobRows want = logprob_rows(logits, targets, 0.7);
    const at::Tensor want_gradient = backward.call(logits, targets, want.lse, g, {}, {}, 0.7);
    const at::Tensor want_both = backward.call(logits, targets, want.lse, g, want.entropy, h, 0.7);
    for (const auto dtype : {at::kDouble, at::kFloat}) {
      const at::Tensor there = logits.to(cuda_).to(dtype), ids = targets.to(cuda_);
      const LogprobRows got = logprob_rows(there, ids, 0.7);
      EXPECT_LT(relative_error(got.logprobs, want.logprobs), tolerance(dtype)) << vocab << dtype;
      EXPECT_LT(relative_error(got.entropy, want.entropy), 10 * tolerance(dtype)) << vocab << dtype;
      EXPECT_LT(relative_error(got.lse, want.lse), tolerance(dtype)) << vocab << dtype;
      const at::Tensor g_there = g.to(cuda_).to(dtype), h_there = h.to(cuda_).to(dtype);
      const at::Tensor gradient = backward.call(there, ids, got.lse, g_there, {}, {}, 0.7);
      EXPECT_LT(relative_error(gradient, want_gradient), 10 * tolerance(dtype)) << vocab << dtype;
      const at::Tensor both = backward.call(there, ids, got.lse, g_there, got.entropy, h_there, 0.7);
      EXPECT_LT(relative_error(both, want_both), 20 * tolerance(dtype)) << vocab << dtype;
    }
  }
}

TEST_F(CudaKernels, APoisonedRowOfLogitsGivesNanAndLeavesTheOthersAlone) {
  at::manual_seed(13);
  at::Tensor logits = at::randn({5, 3000});
  logits[1][2999] = NAN;
  logits[2][5] = INFINITY;
  logits[3].fill_(-INFINITY);
  logits[4].narrow(0, 0, 2980).fill_(-INFINITY);  // 20 tokens are left, equally likely
  logits[4].narrow(0, 2980, 20).fill_(1.0);
  const at::Tensor targets = at::full({5}, 2990, at::kLong);
  const LogprobRows rows = logprob_rows(logits.to(cuda_), targets.to(cuda_), 1.0);
  const at::Tensor logprobs = rows.logprobs.to(at::kCPU), entropy = rows.entropy.to(at::kCPU);
  for (int64_t r = 0; r < 5; ++r) EXPECT_EQ(logprobs[r].isfinite().item<bool>(), r == 0 || r == 4) << r;
  EXPECT_NEAR(logprobs[4].item<double>(), -std::log(20.0), 1e-5);
  EXPECT_NEAR(entropy[4].item<double>(), std::log(20.0), 1e-5);
}

TEST_F(CudaKernels, GroupedLinearAndItsGradientsEqualTheCpus) {
  at::manual_seed(14);
  // Empty groups first, in the middle and last; rows of 12 numbers are too short a stride for the grouped
  // GEMM.
  const at::Tensor offsets = at::tensor({0, 3, 3, 70, 71, 203, 203}, at::kInt);
  for (const int64_t in : {12, 24, 64}) {
    for (const int64_t out : {20, 48}) {
      expect_like_the_cpu(
          {draw({203, in}, at::kDouble), draw({7, out, in}, at::kDouble)},
          [&](const Tensors& t) { return grouped_linear(t[0], t[1], offsets.to(t[0].device())); },
          std::to_string(in) + " -> " + std::to_string(out));
    }
  }
}

TEST_F(CudaKernels, AGroupWithoutRowsHasNoGradient) {
  at::manual_seed(15);
  const at::Tensor offsets = at::tensor({0, 8, 8, 20}, at::kInt).to(cuda_);
  // Memory full of NaN goes back to the allocator first: what is not written shows.
  for (int i = 0; i < 4; ++i) at::full({4, 128, 64}, NAN, at::TensorOptions(at::kBFloat16).device(cuda_));
  const Tensors in = leaves({draw({20, 64}, at::kFloat), draw({4, 128, 64}, at::kFloat)},
                            at::TensorOptions(at::kBFloat16).device(cuda_));
  const at::Tensor dweight = with_gradients(grouped_linear(in[0], in[1], offsets), in, 1)[2].to(at::kCPU);
  for (const int64_t group : {0, 2}) EXPECT_EQ(dweight[group].count_nonzero().item<int64_t>(), 0) << group;
  for (const int64_t group : {1, 3}) EXPECT_GT(dweight[group].count_nonzero().item<int64_t>(), 0) << group;
}

}  // namespace
}  // namespace grpo

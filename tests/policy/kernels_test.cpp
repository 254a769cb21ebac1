// The operators one by one, against a few lines of plain tensor arithmetic.
#include "policy/kernels/attention.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/logprobs.h"
#include "policy/kernels/rms_norm.h"
#include "policy/kernels/rope.h"
#include "policy/rope_scaling.h"
#include "policy/kernels/swiglu.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "policy/layers.h"
#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_policy.h"

namespace grpo {
namespace {

using testing::max_difference;

at::Tensor naive_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) {
  const int64_t t = q.size(0), group = q.size(1) / k.size(1);
  const at::Tensor scores = at::einsum("ihd,jhd->hij", {q, k.repeat_interleave(group, 1)}) * scale;
  const at::Tensor p = scores.masked_fill(at::ones({t, t}, at::kBool).triu(1), -INFINITY).softmax(-1);
  return at::einsum("hij,jhd->ihd", {p, v.repeat_interleave(group, 1)});
}

struct AttentionShape {
  int64_t heads, kv_heads, k_dim, v_dim;
};

TEST(Attention, ForwardAndGradientsEqualPlainTensorArithmetic) {
  at::manual_seed(1);
  for (const AttentionShape s : {AttentionShape{4, 2, 24, 16}, {3, 3, 7, 5}, {8, 1, 64, 64}, {1, 1, 1, 33}}) {
    for (const auto dtype : {at::kDouble, at::kFloat}) {
      const double tolerance = dtype == at::kDouble ? 1e-12 : 2e-5;
      at::Tensor q = at::randn({21, s.heads, s.k_dim}, dtype).set_requires_grad(true);
      at::Tensor k = at::randn({21, s.kv_heads, s.k_dim}, dtype).set_requires_grad(true);
      at::Tensor v = at::randn({21, s.kv_heads, s.v_dim}, dtype).set_requires_grad(true);
      const at::Tensor g = at::randn({21, s.heads, s.v_dim}, dtype);
      const at::Tensor out = attention(q, k, v, at::tensor({0, 1, 18, 21}, at::kInt), 17, 0.3);
      const auto grads = torch::autograd::grad({out}, {q, k, v}, {g});
      int64_t first = 0;
      std::vector<at::Tensor> parts;
      for (const int64_t length : {1, 17, 3}) {
        parts.push_back(naive_attention(q.narrow(0, first, length), k.narrow(0, first, length),
                                        v.narrow(0, first, length), 0.3));
        first += length;
      }
      const at::Tensor expected = at::cat(parts);
      const auto expected_grads = torch::autograd::grad({expected}, {q, k, v}, {g});
      EXPECT_LT(max_difference(out, expected), tolerance);
      for (size_t i = 0; i < 3; ++i) EXPECT_LT(max_difference(grads[i], expected_grads[i]), 10 * tolerance) << i;
    }
  }
}

TEST(Attention, ReadsStridedInputs) {
  at::manual_seed(2);
  const at::Tensor qkv = at::randn({9, 8, 12}, at::kDouble);
  const at::Tensor cu = at::tensor({0, 9}, at::kInt);
  const at::Tensor q = qkv.narrow(1, 0, 4), k = qkv.narrow(1, 4, 2), v = qkv.narrow(1, 6, 2).narrow(2, 3, 5);
  EXPECT_LT(max_difference(attention(q, k, v, cu, 9, 0.5), naive_attention(q, k, v, 0.5)), 1e-12);
}

TEST(Attention, LargeScoresDoNotOverflow) {
  const at::Tensor q = at::full({3, 1, 4}, 100.0f), v = at::rand({3, 1, 4});
  EXPECT_TRUE(attention(q, q, v, at::tensor({0, 3}, at::kInt), 3, 1.0).isfinite().all().item<bool>());
}

TEST(RmsNorm, ForwardAndGradientsEqualTheFormula) {
  at::manual_seed(3);
  at::Tensor x = at::randn({1100, 13}, at::kDouble).set_requires_grad(true);
  at::Tensor w = at::randn({13}, at::kDouble).set_requires_grad(true);
  const at::Tensor g = at::randn({1100, 13}, at::kDouble);
  const at::Tensor y = rms_norm(x, w, 1e-5), expected = x / (x * x).mean(-1, true).add(1e-5).sqrt() * w;
  EXPECT_LT(max_difference(y, expected), 1e-12);
  const auto got = torch::autograd::grad({y}, {x, w}, {g}), want = torch::autograd::grad({expected}, {x, w}, {g});
  for (size_t i = 0; i < 2; ++i) EXPECT_LT(max_difference(got[i], want[i]), 1e-10);
}

TEST(RmsNorm, RoundsBeforeTheWeightAsHuggingFaceDoes) {
  at::manual_seed(4);
  const at::Tensor x = at::randn({5, 32}).to(at::kBFloat16), w = at::randn({32}).to(at::kBFloat16);
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor expected = w * (wide * (wide * wide).mean(-1, true).add(1e-6).rsqrt()).to(at::kBFloat16);
  EXPECT_GT((rms_norm(x, w, 1e-6) == expected).to(at::kFloat).mean().item<double>(), 0.99);
}

TEST(Rope, TurnsPairsByPositionTimesFrequency) {
  const at::Tensor positions = at::tensor({0, 1, 7}, at::kLong);
  const RopeAngles angles = rope_angles(positions, at::tensor(rope_frequencies({.theta = 10000.0, .dim = 4})));
  const at::Tensor x = at::arange(1, 13, at::kFloat).view({3, 1, 4});
  const at::Tensor split = rope(x, angles, false), pairs = rope(x, angles, true);
  EXPECT_TRUE(at::equal(split[0], x[0]));
  for (int64_t t = 0; t < 3; ++t) {
    const double p = positions[t].item<double>(), slow = p * 0.01;
    auto at_index = [&](int64_t i) { return x[t][0][i].item<double>(); };
    EXPECT_NEAR(split[t][0][0].item<double>(), at_index(0) * std::cos(p) - at_index(2) * std::sin(p), 1e-5);
    EXPECT_NEAR(split[t][0][3].item<double>(), at_index(3) * std::cos(slow) + at_index(1) * std::sin(slow), 1e-5);
    EXPECT_NEAR(pairs[t][0][1].item<double>(), at_index(1) * std::cos(p) + at_index(0) * std::sin(p), 1e-5);
    EXPECT_NEAR(pairs[t][0][2].item<double>(), at_index(2) * std::cos(slow) - at_index(3) * std::sin(slow), 1e-5);
  }
}

TEST(Swiglu, ForwardAndGradientEqualTheFormula) {
  at::manual_seed(5);
  at::Tensor x = (at::randn({9, 22}, at::kDouble) * 3).set_requires_grad(true);
  const at::Tensor gate = x.narrow(1, 0, 11), expected = gate * gate.sigmoid() * x.narrow(1, 11, 11), y = swiglu(x);
  const at::Tensor g = at::randn({9, 11}, at::kDouble);
  EXPECT_LT(max_difference(y, expected), 1e-13);
  EXPECT_LT(max_difference(torch::autograd::grad({y}, {x}, {g})[0], torch::autograd::grad({expected}, {x}, {g})[0]), 1e-12);
}

TEST(Linear, ARowHasTheSameBitsInAnyBatch) {
  at::manual_seed(6);
  for (const int64_t in : {24, 96, 333}) {
    const at::Tensor x = at::randn({300, in}), w = at::randn({64, in}), b = at::randn({64});
    const at::Tensor all = packed_linear(x, w, b);
    for (const int64_t rows : {1, 2, 3, 5, 7, 8, 9, 30, 100}) {
      EXPECT_TRUE(at::equal(packed_linear(x.narrow(0, 11, rows), w, b), all.narrow(0, 11, rows))) << in << " " << rows;
    }
  }
}

TEST(GroupedLinear, ForwardAndGradientsEqualALoopOverGroups) {
  at::manual_seed(7);
  at::Tensor x = at::randn({10, 6}, at::kDouble).set_requires_grad(true);
  at::Tensor w = at::randn({4, 5, 6}, at::kDouble).set_requires_grad(true);
  const at::Tensor g = at::randn({10, 5}, at::kDouble);
  const at::Tensor y = grouped_linear(x, w, at::tensor({3, 3, 4, 10}, at::kInt));
  const at::Tensor expected = at::cat({x.narrow(0, 0, 3).matmul(w[0].t()), x.narrow(0, 3, 1).matmul(w[2].t()),
                                       x.narrow(0, 4, 6).matmul(w[3].t())});
  EXPECT_LT(max_difference(y, expected), 1e-12);
  const auto got = torch::autograd::grad({y}, {x, w}, {g}), want = torch::autograd::grad({expected}, {x, w}, {g});
  for (size_t i = 0; i < 2; ++i) EXPECT_LT(max_difference(got[i], want[i]), 1e-12);
}

TEST(Moe, EqualsALoopOverTokensAndExperts) {
  for (const Json& json : {testing::deepseek_json(), testing::deepseek_softmax_json(), testing::deepseek_v2_json()}) {
    const Policy policy = testing::random_policy(json);
    const reference::NaivePolicy naive(policy);
    const auto& config = std::get<MoeConfig>(policy.config().layers[1].mlp);
    MoeWeights weights;
    for (const Parameter& p : policy.parameters()) {
      if (p.name == "model.layers.1.mlp.gate.weight") weights.router = p.tensor;
      if (p.name == "model.layers.1.mlp.experts.gate_up_proj") weights.gate_up = p.tensor;
      if (p.name == "model.layers.1.mlp.experts.down_proj") weights.down = p.tensor;
      if (p.name == "model.layers.1.mlp.shared_experts.gate_up_proj.weight") weights.shared.gate_up.weight = p.tensor;
      if (p.name == "model.layers.1.mlp.shared_experts.down_proj.weight") weights.shared.down.weight = p.tensor;
    }
    for (const Parameter& b : policy.buffers()) {
      if (b.name == "model.layers.1.mlp.gate.e_score_correction_bias") weights.bias = b.tensor;
    }
    at::manual_seed(8);
    const at::Tensor x = at::randn({40, policy.config().hidden_size}) * 0.5;
    const at::Tensor expected = naive.moe(config, "model.layers.1.mlp", x.to(at::kDouble));
    const double size = expected.abs().max().item<double>();
    RouterContext context;
    EXPECT_LT(max_difference(feed_forward(config, weights, context, x), expected), 1e-6 * std::max(1.0, size));
  }
}

TEST(LogprobRows, EqualLogSoftmaxAndEntropy) {
  at::manual_seed(9);
  const at::Tensor logits = at::randn({33, 77}, at::kDouble) * 8, targets = at::randint(0, 77, {33}, at::kLong);
  const at::Tensor all = (logits / 1.3).log_softmax(-1);
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const LogprobRows rows = logprob_rows(logits.to(dtype), targets, 1.3);
    const double tolerance = dtype == at::kDouble ? 1e-12 : 2e-5;
    EXPECT_LT(max_difference(rows.logprobs, all.gather(1, targets.unsqueeze(1)).squeeze(1)), tolerance);
    EXPECT_LT(max_difference(rows.entropy, -(all.exp() * all).sum(-1)), tolerance);
  }
}

TEST(LogprobRows, APoisonedRowGivesNanAndLeavesTheOthersAlone) {
  at::Tensor logits = at::randn({4, 9});
  logits[1][3] = NAN;
  logits[2][5] = INFINITY;
  const at::Tensor targets = at::zeros({4}, at::kLong);
  const LogprobRows rows = logprob_rows(logits, targets, 1.0);
  EXPECT_TRUE(rows.logprobs[1].isnan().item<bool>() && rows.logprobs[2].isnan().item<bool>());
  EXPECT_TRUE(rows.logprobs[0].isfinite().item<bool>() && rows.logprobs[3].isfinite().item<bool>());
}

TEST(LogprobRows, ALogitOfMinusInfinityHasProbabilityZero) {
  at::Tensor logits = at::zeros({1, 20});
  logits[0][4] = -INFINITY;
  const LogprobRows rows = logprob_rows(logits, at::tensor({1}, at::kLong), 1.0);
  EXPECT_NEAR(rows.logprobs[0].item<double>(), -std::log(19.0), 1e-6);
  EXPECT_NEAR(rows.entropy[0].item<double>(), std::log(19.0), 1e-5);
}

TEST(HeadLogprobs, GradientsDoNotDependOnTheChunk) {
  at::manual_seed(10);
  at::Tensor h = at::randn({23, 8}, at::kDouble).set_requires_grad(true), w = at::randn({31, 8}, at::kDouble).set_requires_grad(true);
  const at::Tensor targets = at::randint(0, 31, {23}, at::kLong), g = at::randn({23}, at::kDouble);
  const at::Tensor expected = (h.matmul(w.t()) / 0.6).log_softmax(-1).gather(1, targets.unsqueeze(1)).squeeze(1);
  const auto want = torch::autograd::grad({expected}, {h, w}, {g});
  for (const int64_t chunk : {1, 7, 23, 100}) {
    const at::Tensor got = head_logprobs(h, w, targets, {.temperature = 0.6, .rows_per_chunk = chunk}).logprobs;
    const auto grads = torch::autograd::grad({got}, {h, w}, {g});
    EXPECT_LT(max_difference(got, expected), 1e-12);
    for (size_t i = 0; i < 2; ++i) EXPECT_LT(max_difference(grads[i], want[i]), 1e-12) << chunk;
  }
}

}  // namespace
}  // namespace grpo

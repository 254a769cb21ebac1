// The divergence of distillation against its definition, against differences of itself, and at its edges.

#include "grpo/distill_loss.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <string>

#include "policy/kernels/logprobs.h"
#include "policy/memory_meter.h"
#include "tests/counting_allocator.h"
#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_distill.h"

namespace grpo {
namespace {

using testing::max_difference;

constexpr int64_t kRows = 9, kVocab = 23, kWidth = 5, kTeacherWidth = 8;

// Two models that disagree, the teacher wider than the student.
struct Case {
  HeadRows student, teacher;
  at::Tensor weights;  // [N] of the divergences in the loss
};

Case make_case(int64_t student_vocab = kVocab, int64_t teacher_vocab = kVocab, at::ScalarType dtype = at::kDouble) {
  at::manual_seed(5);
  const auto draw = [&](at::IntArrayRef sizes) { return at::randn(sizes, at::kDouble).to(dtype); };
  Case c{{draw({kRows, kWidth}), draw({student_vocab, kWidth})},
         {draw({kRows, kTeacherWidth}), draw({teacher_vocab, kTeacherWidth})},
         draw({kRows})};
  for (at::Tensor* t : {&c.student.hidden, &c.student.head}) t->set_requires_grad(true);
  return c;
}

std::vector<at::Tensor> gradients(const at::Tensor& divergence, const Case& c) {
  return torch::autograd::grad({(divergence * c.weights).sum()}, {c.student.hidden, c.student.head});
}

TEST(DistillLoss, InAnyChunksEqualsItsDefinitionInValueAndGradients) {
  for (const auto& [student_vocab, teacher_vocab] : {std::pair(kVocab, kVocab), {kVocab, kVocab + 4}, {kVocab + 3, kVocab}}) {
    const Case c = make_case(student_vocab, teacher_vocab);
    const int64_t vocab = std::min(student_vocab, teacher_vocab);
    const auto logits = [vocab](const HeadRows& of) { return of.hidden.matmul(of.head.narrow(0, 0, vocab).t()); };
    for (const double beta : {0.0, 0.2, 0.5, 0.9, 1.0}) {
      for (const int64_t top_k : {0, 1, 6, 22}) {
        const double temperature = top_k == 6 ? 0.7 : 1.3;
        const auto expected = reference::naive_divergence(logits(c.student), logits(c.teacher), beta, temperature, top_k);
        const auto want = gradients(expected.divergence, c);
        for (const int64_t chunk : {1, 4, 100}) {
          const DistillLoss got = distill_loss(
              c.student, c.teacher,
              {.beta = beta, .temperature = temperature, .top_k = top_k, .rows_per_chunk = chunk});
          const std::string which = fmt::format("beta {} top_k {} chunk {} vocabulary {}", beta, top_k, chunk, vocab);
          EXPECT_LT(max_difference(got.divergence, expected.divergence), 1e-12) << which;
          EXPECT_LT(max_difference(got.kl, expected.kl), 1e-12) << which;
          EXPECT_LT(max_difference(got.entropy, expected.entropy), 1e-12) << which;
          const auto grads = gradients(got.divergence, c);
          for (size_t i = 0; i < 2; ++i) EXPECT_LT(max_difference(grads[i], want[i]), 1e-12) << which;
        }
      }
    }
  }
}

TEST(DistillLoss, GradientsEqualFiniteDifferences) {
  Case c = make_case();
  for (const double beta : {0.0, 0.3, 1.0}) {
    for (const int64_t top_k : {0, 5}) {
      const DistillLossOptions options{.beta = beta, .temperature = 0.8, .top_k = top_k, .rows_per_chunk = 4};
      const auto value = [&] { return (distill_loss(c.student, c.teacher, options).divergence * c.weights).sum(); };
      const auto got = gradients(distill_loss(c.student, c.teacher, options).divergence, c);
      const at::NoGradGuard no_grad;
      at::manual_seed(6);
      for (size_t i = 0; i < 2; ++i) {
        at::Tensor& x = i == 0 ? c.student.hidden : c.student.head;
        const at::Tensor original = x.clone(), draw = at::randn_like(x), direction = draw / draw.norm();
        constexpr double step = 1e-6;
        x.copy_(original + step * direction);
        const double up = value().item<double>();
        x.copy_(original - step * direction);
        const double down = value().item<double>();
        x.copy_(original);
        EXPECT_NEAR((got[i] * direction).sum().item<double>(), (up - down) / (2 * step), 1e-8) << beta << " " << top_k;
      }
    }
  }
}

TEST(DistillLoss, IsExactlyZeroWithItsGradientWhereBothModelsAreTheSame) {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16}) {
    Case c = make_case(kVocab, kVocab, dtype);
    c.teacher = c.student;
    for (const double beta : {0.0, 0.1, 0.5, 0.7, 1.0}) {
      for (const int64_t top_k : {0, 4}) {
        const DistillLoss loss =
            distill_loss(c.student, c.teacher, {.beta = beta, .temperature = 0.9, .top_k = top_k, .rows_per_chunk = 4});
        EXPECT_EQ(loss.divergence.abs().max().item<double>(), 0.0) << beta << " " << top_k;
        EXPECT_EQ(loss.kl.abs().max().item<double>(), 0.0);
        for (const at::Tensor& g : gradients(loss.divergence, c)) {
          EXPECT_EQ(g.abs().max().item<double>(), 0.0) << beta << " " << top_k;
        }
      }
    }
  }
}

TEST(DistillLoss, OfATeacherWithoutDoubtIsCrossEntropy) {
  Case c = make_case();
  const at::Tensor targets = at::randint(0, kVocab, {kRows}, at::kLong);
  // Rows of the identity pick a column of the head: 1e4 for the target, 0 for all others.
  c.teacher.hidden = at::eye(kRows, at::kDouble);
  c.teacher.head = at::zeros({kVocab, kRows}, at::kDouble);
  for (int64_t row = 0; row < kRows; ++row) c.teacher.head.index_put_({targets[row], at::tensor(row)}, at::tensor(1e4, at::kDouble));
  const at::Tensor expected = -head_logprobs(c.student.hidden, c.student.head, targets, {}).logprobs;
  const auto want = gradients(expected, c);
  for (const int64_t top_k : {0, 1}) {
    const at::Tensor got = distill_loss(c.student, c.teacher, {.beta = 0.0, .top_k = top_k}).divergence;
    EXPECT_LT(max_difference(got, expected), 1e-12) << top_k;
    const auto grads = gradients(got, c);
    for (size_t i = 0; i < 2; ++i) EXPECT_LT(max_difference(grads[i], want[i]), 1e-12) << top_k;
  }
}

TEST(DistillLoss, DividedByItsBetaTendsToTheForwardAndTheReverseDivergence) {
  const Case c = make_case();
  const auto of = [&](double beta) {
    return distill_loss(c.student, c.teacher, {.beta = beta, .temperature = 4.0}).divergence.detach();
  };
  constexpr double small = 1e-6;
  const at::Tensor forward = of(0.0), reverse = of(1.0);
  EXPECT_GT(max_difference(forward, reverse), 0.01);
  EXPECT_LT(((of(small) / small - forward) / forward).abs().max().item<double>(), 1e-3);
  EXPECT_LT(((of(1.0 - small) / small - reverse) / reverse).abs().max().item<double>(), 1e-3);
}

TEST(DistillLoss, OfTheLikeliestTokensGrowsWithTheirNumberTowardsThatOfAll) {
  const Case c = make_case();
  for (const double beta : {0.0, 0.5, 1.0}) {
    const auto of = [&](int64_t k) {
      return distill_loss(c.student, c.teacher, {.beta = beta, .top_k = k}).divergence.detach();
    };
    at::Tensor before = at::zeros({kRows}, at::kDouble);
    for (int64_t k = 1; k < kVocab; ++k) {
      const at::Tensor now = of(k);
      EXPECT_GE((now - before).min().item<double>(), -1e-12) << k;
      before = now;
    }
    EXPECT_TRUE(at::equal(of(kVocab), of(0)) && at::equal(of(kVocab + 7), of(0)));
    EXPECT_LT(max_difference(before, of(0)), 1e-12);
  }
}

TEST(DistillLoss, StaysFiniteWhereModelsAreCertainOfDifferentThings) {
  Case c = make_case(kVocab, kVocab, at::kFloat);
  {
    const at::NoGradGuard no_grad;
    c.student.head.mul_(80);
    c.teacher.head.mul_(80);
  }
  Case wide = c;
  for (at::Tensor* t : {&wide.student.hidden, &wide.student.head}) *t = t->detach().to(at::kDouble).set_requires_grad(true);
  wide.weights = c.weights.to(at::kDouble);
  for (const double beta : {0.0, 0.5, 1.0}) {
    for (const int64_t top_k : {0, 3}) {
      const DistillLossOptions options{.beta = beta, .top_k = top_k};
      const DistillLoss got = distill_loss(c.student, c.teacher, options), want = distill_loss(wide.student, wide.teacher, options);
      EXPECT_GT(want.kl.max().item<double>(), 200.0);
      EXPECT_LT(max_difference(got.divergence, want.divergence), 1e-5 * (1.0 + want.divergence.abs().max().item<double>()));
      const auto g = gradients(got.divergence, c), w = gradients(want.divergence, wide);
      for (size_t i = 0; i < 2; ++i) {
        // Logits of several hundred are known to 1e-5 in float32.
        EXPECT_LT(max_difference(g[i], w[i]), 3e-3 * w[i].abs().max().item<double>()) << beta << " " << top_k;
      }
    }
  }
}

TEST(DistillLoss, GivesAGradientToTheStudentAlone) {
  Case c = make_case();
  for (at::Tensor* t : {&c.teacher.hidden, &c.teacher.head}) t->set_requires_grad(true);
  const DistillLoss loss = distill_loss(c.student, c.teacher, {});
  EXPECT_TRUE(loss.divergence.requires_grad());
  EXPECT_FALSE(loss.kl.requires_grad() || loss.entropy.requires_grad());
  loss.divergence.sum().backward();
  EXPECT_FALSE(c.teacher.hidden.grad().defined() || c.teacher.head.grad().defined());
  c.student.head = c.student.head.detach();
  const auto hidden_alone = torch::autograd::grad({distill_loss(c.student, c.teacher, {}).divergence.sum()}, {c.student.hidden});
  EXPECT_TRUE(at::equal(hidden_alone[0], c.student.hidden.grad()));
}

// Bytes that forward and backward of `rows` rows take beyond their inputs, at the most.
template <class Meter>
int64_t peak_of(Meter& meter, int64_t rows, int64_t vocab, int64_t top_k, const at::TensorOptions& options) {
  constexpr int64_t width = 64, teacher_width = 96;
  HeadRows student{at::empty({rows, width}, options), at::empty({vocab, width}, options)};
  HeadRows teacher{at::empty({rows, teacher_width}, options), at::empty({vocab + 128, teacher_width}, options)};
  for (at::Tensor* t : {&student.hidden, &student.head, &teacher.hidden, &teacher.head}) {
    if (!options.device().is_meta()) t->normal_();
  }
  for (at::Tensor* t : {&student.hidden, &student.head}) t->set_requires_grad(true);
  const int64_t before = meter.live_bytes();
  meter.reset_peak();
  distill_loss(student, teacher, {.beta = 0.5, .top_k = top_k, .rows_per_chunk = options.device().is_meta() ? 0 : 64})
      .divergence.sum()
      .backward();
  return meter.peak_bytes() - before;
}

TEST(DistillLoss, MemoryDoesNotGrowWithTheVocabularyTimesTheRows) {
  constexpr int64_t kLarge = 151936, kSmall = 10000, width = 64, few = 1024, many = 32768;
  for (const int64_t top_k : {0, 64}) {
    const auto planned = [&](int64_t rows, int64_t vocab) {
      MemoryMeter meter(at::kCUDA);
      return peak_of(meter, rows, vocab, top_k, at::TensorOptions(at::kBFloat16).device(at::kMeta));
    };
    for (const int64_t vocab : {kSmall, kLarge}) {
      EXPECT_LE(planned(many, vocab) - planned(few, vocab), (many - few) * (2 * width + 64 + 16 * top_k)) << top_k;
    }
    // Less than a tenth of one [rows, vocabulary] tensor of 16 bits, the gradient of the student's head included.
    EXPECT_LT(planned(many, kLarge), many * kLarge / 5) << top_k;
  }
  const auto measured = [&](int64_t rows) {
    CountingAllocator meter;
    return peak_of(meter, rows, 3000, 0, at::TensorOptions(at::kFloat));
  };
  EXPECT_LE(measured(2048) - measured(512), 1536 * (4 * width + 64));
}

}  // namespace
}  // namespace grpo

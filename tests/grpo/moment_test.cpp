// Moments in fewer bits: what rounding does to a number, and to a running mean of thousands of steps.
#include "grpo/moment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/seed.h"

namespace grpo {
namespace {

constexpr MomentDtype kNarrow[] = {MomentDtype::kBfloat16, MomentDtype::kInt8};
constexpr MomentKind kKinds[] = {MomentKind::kFirst, MomentKind::kSecond};

// Largest distance of neighbouring numbers of a code, relative to the number.
double spacing(MomentDtype dtype) { return dtype == MomentDtype::kBfloat16 ? std::ldexp(1.0, -7) : 0.125; }

// Numbers of many sizes, with signs where there are signs; the ratio of the largest to the smallest is `range`.
at::Tensor numbers(int64_t count, MomentKind kind, double range, uint64_t seed = 1) {
  Stream random(seed);
  at::Tensor out = at::empty({count}, at::kFloat);
  for (int64_t i = 0; i < count; ++i) {
    const double size = 3.0 * std::pow(range, -random.uniform());
    const bool negative = kind == MomentKind::kFirst && random.uniform() < 0.5;
    out[i] = negative ? -size : size;
  }
  return out;
}

at::Tensor stored(MomentKind kind, MomentDtype dtype, const at::Tensor& values, int64_t step) {
  Moment moment(kind, dtype, values, at::kCPU);
  moment.write(0, values, step);
  return moment.read(0, values.numel()).clone();
}

TEST(Moment, RoundsToANeighbour) {
  for (const MomentDtype dtype : kNarrow) {
    for (const MomentKind kind : kKinds) {
      const at::Tensor x = numbers(3000, kind, 1e4);
      for (const int64_t step : {1, 2, 77}) {
        const at::Tensor error = (stored(kind, dtype, x, step) - x).abs() / x.abs();
        EXPECT_LE(error.max().item<double>(), spacing(dtype) * 1.00001);
        EXPECT_GT(error.mean().item<double>(), spacing(dtype) / 10) << "narrow numbers cannot be this good";
      }
    }
  }
}

// The sequence that decides fills [0, 1] so evenly that 4096 steps give the value to about one part in 4096 of the
// distance of its neighbours; 12 parts are allowed.
TEST(Moment, MeansOverStepsAreTheValues) {
  constexpr int64_t steps = 4096;
  for (const MomentDtype dtype : kNarrow) {
    for (const MomentKind kind : kKinds) {
      // First moments reach below the smallest number of the 8-bit code, where they are that or 0.
      const double range = kind == MomentKind::kFirst ? 1e6 : 1e8;
      const at::Tensor x = numbers(600, kind, range);
      at::Tensor sum = at::zeros({600}, at::kDouble);
      for (int64_t step = 0; step < steps; ++step) sum.add_(stored(kind, dtype, x, step));
      const double least = dtype == MomentDtype::kInt8 && kind == MomentKind::kFirst ? 3.0 * 1.9e-5 : 0.0;
      const at::Tensor distance = at::maximum(x.abs() * spacing(dtype), at::full({}, least)).to(at::kDouble);
      const at::Tensor error = (sum / static_cast<double>(steps) - x).abs() / distance;
      EXPECT_LT(error.max().item<double>(), 12.0 / steps);
    }
  }
}

TEST(Moment, KeepsTheLargestOfABlockAndZeros) {
  for (const MomentKind kind : kKinds) {
    at::Tensor x = numbers(700, kind, 1e3);
    x.narrow(0, 256, 256).zero_();
    x[600] = 12.5;
    const at::Tensor y = stored(kind, MomentDtype::kInt8, x, 5);
    EXPECT_TRUE(at::equal(y.narrow(0, 256, 256), x.narrow(0, 256, 256)));
    EXPECT_EQ(y[600].item<float>(), 12.5F);
    for (const int64_t first : {0, 512}) {
      const int64_t count = std::min<int64_t>(256, 700 - first);
      EXPECT_TRUE(at::equal(y.narrow(0, first, count).abs().max(), x.narrow(0, first, count).abs().max()));
    }
    EXPECT_TRUE(at::equal(y.sign(), x.sign()));
  }
}

TEST(Moment, ASecondMomentThatIsNotZeroNeverBecomesZero) {
  at::Tensor x = at::full({256}, 1e-30F);
  x[0] = 1.0F;
  for (int64_t step = 0; step < 50; ++step) {
    const at::Tensor y = stored(MomentKind::kSecond, MomentDtype::kInt8, x, step);
    EXPECT_GT(y.min().item<double>(), 2e-10);
    EXPECT_LT(y[1].item<double>(), 4e-10);
  }
}

TEST(Moment, PartsAreTheWhole) {
  const at::Tensor x = numbers(1000, MomentKind::kFirst, 1e4);
  for (const MomentDtype dtype : kNarrow) {
    Moment parts(MomentKind::kFirst, dtype, x.view({10, 100}), at::kCPU);
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{768, 232}, {0, 256}, {256, 512}}) {
      parts.write(first, x.narrow(0, first, count), 9);
    }
    EXPECT_TRUE(at::equal(parts.read(0, 1000), stored(MomentKind::kFirst, dtype, x, 9)));
    EXPECT_TRUE(at::equal(parts.read(512, 300), parts.read(0, 1000).narrow(0, 512, 300)));
  }
}

TEST(Moment, TakesAByteOrTwoANumber) {
  const at::Tensor like = at::zeros({40, 250}, at::kDouble);
  const auto bytes = [&](MomentDtype dtype) {
    int64_t total = 0;
    for (const NamedTensor& t : Moment(MomentKind::kFirst, dtype, like, at::kCPU).tensors("m")) total += t.tensor.nbytes();
    return total;
  };
  EXPECT_EQ(bytes(MomentDtype::kFloat32), 80000) << "float64 for a float64 master";
  EXPECT_EQ(bytes(MomentDtype::kBfloat16), 20000);
  EXPECT_EQ(bytes(MomentDtype::kInt8), 10000 + 40 * 4);
}

// A running mean of squares whose gradients shrink to a tenth: rounded to the nearest, a second moment in bfloat16
// would stay 22 times too large, for a 1000th of itself is less than half of its steps.
TEST(Moment, ARunningMeanFollowsWhatShrinks) {
  constexpr double beta = 0.999;
  const double allowed[] = {0.06, 0.3};  // of a number, root mean square; the mean over 512 of them is nearer
  for (size_t d = 0; d < 2; ++d) {
    at::Tensor exact = at::zeros({512}, at::kDouble);
    Moment moment(MomentKind::kSecond, kNarrow[d], at::zeros({512}, at::kFloat), at::kCPU);
    at::manual_seed(1);
    const at::Tensor sizes = at::logspace(-2.0, 0.0, 512, 10.0);
    for (int64_t step = 1; step <= 6000; ++step) {
      const at::Tensor g = at::randn({512}) * sizes * (step <= 2000 ? 1.0 : 0.1);
      exact.mul_(beta).add_(g * g, 1.0 - beta);
      moment.write(0, moment.read(0, 512).clone().mul_(beta).add_(g * g, 1.0 - beta), step);
    }
    const at::Tensor ratio = moment.read(0, 512) / exact;
    EXPECT_NEAR(ratio.mean().item<double>(), 1.0, 0.05);
    EXPECT_LT((ratio - 1.0).square().mean().sqrt().item<double>(), allowed[d]);
  }
}

}  // namespace
}  // namespace grpo

#include "policy/kernels/product.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "policy/kernels/linear.h"

namespace grpo {
namespace {

// Sets LibTorch's number of threads for as long as it lives.
struct Threads {
  explicit Threads(int count) : before(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before); }
  int before;
};

class Sizes {
 public:
  int64_t operator()(int64_t most) { return std::uniform_int_distribution<int64_t>(1, most)(random_); }

 private:
  std::mt19937_64 random_{7};
};

enum class Form { kPlain, kTransposed, kColumnsOfAWiderOne, kStrided };

// Random [rows, columns] that lies in memory as `form` says.
at::Tensor random_matrix(int64_t rows, int64_t columns, at::ScalarType dtype, Form form) {
  switch (form) {
    case Form::kPlain:
      return at::randn({rows, columns}).to(dtype);
    case Form::kTransposed:
      return at::randn({columns, rows}).to(dtype).t();
    case Form::kColumnsOfAWiderOne:
      return at::randn({rows, columns + 5}).to(dtype).narrow(1, 3, columns);
    case Form::kStrided:
      return at::randn({2 * rows, 3 * columns})
          .to(dtype)
          .slice(0, 0, 2 * rows, 2)
          .slice(1, 0, 3 * columns, 3);
  }
  return {};
}

// Whether every number of got is the sum that double precision gives, up to the rounding of K additions in float32 (a
// few times what is to be expected of random signs, against the sum of magnitudes) and of the result in its own type.
void expect_sums(const at::Tensor& got, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias,
                 const std::string& what) {
  at::Tensor want = a.to(at::kDouble).mm(b.to(at::kDouble).t());
  at::Tensor size = a.to(at::kDouble).abs().mm(b.to(at::kDouble).abs().t());
  if (bias.defined()) {
    want = want + bias.to(at::kDouble);
    size = size + bias.to(at::kDouble).abs();
  }
  const double terms = std::sqrt(static_cast<double>(a.size(1)) + 4.0);
  at::Tensor allowed = size * (3 * terms * std::ldexp(1.0, -24));
  if (got.scalar_type() == at::kBFloat16) allowed = allowed + want.abs() * std::ldexp(1.0, -8);
  const at::Tensor off = (got.to(at::kDouble) - want).abs();
  EXPECT_EQ((off > allowed + 1e-30).sum().item<int64_t>(), 0)
      << what << ": worst " << off.max().item<double>();
}

std::string shape(int64_t m, int64_t k, int64_t n) {
  return fmt::format("{} x {} x {}", m, k, n);
}

TEST(Product, EqualsDoublePrecisionAtRaggedSizesInAnyForm) {
  at::manual_seed(1);
  Sizes sizes;
  const Form forms[] = {Form::kPlain, Form::kTransposed, Form::kColumnsOfAWiderOne, Form::kStrided};
  for (int i = 0; i < 96; ++i) {
    const Threads threads(1 + i % 2);
    const int64_t m = i % 3 == 0 ? sizes(400) : sizes(70), k = sizes(800), n = sizes(i % 5 == 0 ? 20 : 800);
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      const at::Tensor a = random_matrix(m, k, dtype, forms[i % 4]),
                       b = random_matrix(n, k, dtype, forms[i / 4 % 4]);
      const at::Tensor bias = i % 2 == 0 ? at::randn({n}).to(dtype) : at::Tensor();
      expect_sums(product(a, b, bias), a, b, bias, shape(m, k, n));
    }
  }
}

TEST(Product, EqualsDoublePrecisionAtTheSizesWhereItChangesItsWay) {
  at::manual_seed(2);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t m : {1, 16, 17, 128, 129}) {
      for (const int64_t k : {1, 2, 1024, 1025, 2049, 4096, 4097, 9001}) {
        for (const Form form : {Form::kPlain, Form::kTransposed}) {
          const at::Tensor a = random_matrix(m, k, dtype, form), b = random_matrix(33, k, dtype, form),
                           bias = at::randn({33}).to(dtype);
          expect_sums(product(a, b, bias), a, b, bias, shape(m, k, 33));
        }
      }
    }
  }
}

TEST(Product, TakesEmptyFactors) {
  EXPECT_EQ(product(at::ones({0, 5}), at::ones({3, 5})).sizes(), (at::IntArrayRef{0, 3}));
  EXPECT_EQ(product(at::ones({2, 5}), at::ones({0, 5})).sizes(), (at::IntArrayRef{2, 0}));
  EXPECT_TRUE(at::equal(product(at::ones({2, 0}), at::ones({3, 0})), at::zeros({2, 3})));
  EXPECT_TRUE(at::equal(product(at::ones({200, 0}), at::ones({3, 0}), at::ones({3})), at::ones({200, 3})));
}

TEST(Product, PassesOnWhatIsNotFinite) {
  at::Tensor a = at::ones({40, 7}), b = at::ones({5, 7});
  a[3][6] = std::numeric_limits<float>::quiet_NaN();
  b[2][0] = std::numeric_limits<float>::infinity();
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor y = product(a.to(dtype), b.to(dtype)).to(at::kFloat);
    EXPECT_EQ(y.isnan().sum().item<int64_t>(), 5);
    EXPECT_EQ(y.isinf().sum().item<int64_t>(), 39);
  }
}

TEST(Product, WritesIntoRowsThatLieApart) {
  at::manual_seed(3);
  for (const int64_t rows : {5, 200}) {
    const at::Tensor a = at::randn({rows, 48}), b = at::randn({21, 48}), wide = at::full({rows, 40}, 7.0f);
    product_into(wide.narrow(1, 9, 21), a, b);
    expect_sums(wide.narrow(1, 9, 21), a, b, {}, "columns 9 to 29");
    EXPECT_TRUE(wide.narrow(1, 0, 9).eq(7.0).all().item<bool>() &&
                wide.narrow(1, 30, 10).eq(7.0).all().item<bool>());
  }
}

TEST(Product, ARowHasTheSameBitsInAnyBatchAndOnAnyNumberOfThreads) {
  if (!product_is_ours(at::ones({1, 1}), at::ones({1, 1})))
    GTEST_SKIP() << "this processor has none of our kernels";
  at::manual_seed(4);
  Sizes sizes;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t k : {1, 31, 256, 799, 5000}) {
      const int64_t n = sizes(300);
      const at::Tensor a = random_matrix(300, k, dtype, Form::kPlain),
                       b = random_matrix(n, k, dtype, Form::kPlain);
      const at::Tensor bias = at::randn({n}).to(dtype), all = product(a, b, bias);
      for (const int count : {1, 2, 3}) {
        const Threads threads(count);
        for (const int64_t rows : {1, 2, 7, 15, 16, 17, 33, 70, 128, 129, 300}) {
          const int64_t first = sizes(301 - rows) - 1;
          EXPECT_TRUE(at::equal(product(a.narrow(0, first, rows), b, bias), all.narrow(0, first, rows)))
              << shape(rows, k, n) << " on " << count << " threads";
        }
      }
    }
  }
}

TEST(Product, ATransposedFactorGivesTheSameBitsOnAnyNumberOfThreads) {
  if (!product_is_ours(at::ones({1, 1}), at::ones({1, 1})))
    GTEST_SKIP() << "this processor has none of our kernels";
  at::manual_seed(5);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor a = random_matrix(172, 2500, dtype, Form::kTransposed),
                     b = random_matrix(96, 2500, dtype, Form::kTransposed);
    const at::Tensor expected = product(a, b);
    for (const int count : {1, 2, 3}) {
      const Threads threads(count);
      EXPECT_TRUE(at::equal(product(a, b), expected)) << count;
    }
  }
}

TEST(Product, HoldsNoMoreMemoryTheLongerItIsUsed) {
  if (!product_is_ours(at::ones({1, 1}), at::ones({1, 1})))
    GTEST_SKIP() << "this processor has none of our kernels";
  const auto resident = [] {
    std::ifstream file("/proc/self/statm");
    int64_t size = 0, pages = 0;
    file >> size >> pages;
    return pages * sysconf(_SC_PAGESIZE);
  };
  Sizes sizes;
  const auto use = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const at::ScalarType dtype = i % 2 == 0 ? at::kFloat : at::kBFloat16;
      const int64_t m = sizes(200), k = sizes(300), n = sizes(300);
      product(at::ones({m, k}, dtype), at::ones({n, k}, dtype));
      product(at::ones({k, m}, dtype).t(), at::ones({k, n}, dtype).t());
    }
  };
  use(300);
  const int64_t before = resident();
  use(3000);
  EXPECT_LT(resident() - before, int64_t{4} << 20);
}

TEST(Linear, GradientsEqualDoublePrecisionAtRaggedSizes) {
  at::manual_seed(6);
  Sizes sizes;
  for (int i = 0; i < 40; ++i) {
    const Threads threads(1 + i % 2);
    const int64_t m = sizes(70), k = sizes(800), n = sizes(800);
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      at::Tensor x = at::randn({m, k}).to(dtype).set_requires_grad(true),
                 w = at::randn({n, k}).to(dtype).set_requires_grad(true);
      at::Tensor bias = at::randn({n}).to(dtype).set_requires_grad(true);
      const at::Tensor dy = at::randn({m, n}).to(dtype);
      const auto grads = torch::autograd::grad({packed_linear(x, w, bias)}, {x, w, bias}, {dy});
      const at::NoGradGuard no_grad;
      expect_sums(grads[0], dy, w.t(), {}, "x " + shape(m, k, n));
      expect_sums(grads[1], dy.t(), x.t(), {}, "weight " + shape(m, k, n));
      expect_sums(grads[2].unsqueeze(0), at::ones({1, m}), dy.t(), {}, "bias " + shape(m, k, n));
    }
  }
}

TEST(Linear, AFrozenWeightGetsNoGradient) {
  const at::Tensor x = at::randn({20, 6}).set_requires_grad(true), w = at::randn({5, 6});
  const at::Tensor y = packed_linear(x, w);
  ASSERT_TRUE(y.requires_grad());
  expect_sums(torch::autograd::grad({y}, {x}, {at::ones({20, 5})})[0], at::ones({20, 5}), w.t(), {}, "x");
  EXPECT_FALSE(packed_linear(x.detach(), w).requires_grad());
  const at::Tensor trained = w.clone().set_requires_grad(true);
  const auto grads =
      torch::autograd::grad({packed_linear(x.detach(), trained)}, {trained}, {at::ones({20, 5})});
  expect_sums(grads[0].detach(), at::ones({5, 20}), x.detach().t(), {}, "weight");
}

}  // namespace
}  // namespace grpo

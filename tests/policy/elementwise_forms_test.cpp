// The forms of the row-wise CPU kernels against plain arithmetic in double. A process takes the wide one where the
// processor has AVX-512, so each is tested here by name.

#include "policy/kernels/cpu/elementwise_forms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "policy/kernels/cpu/attention_forms.h"

namespace grpo::cpu {
namespace {

template <class T>
std::vector<T> numbers(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<T> out(static_cast<size_t>(count));
  for (T& x : out) store(&x, static_cast<Compute<T>>(normal(random)));
  return out;
}
template <class T>
double number(const std::vector<T>& from, int64_t i) {
  return static_cast<double>(load(from[static_cast<size_t>(i)]));
}
template <class T>
double largest_difference(const std::vector<double>& want, const std::vector<T>& got) {
  double most = want.size() == got.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(want.size(), got.size()); ++i) most = std::max(most, std::abs(want[i] - number(got, static_cast<int64_t>(i))));
  return most;
}

// The kernels of one form; each test goes through all.
template <class T>
struct RowForm {
  const char* name;
  void (*norm)(const T*, int64_t, const T*, double, int64_t, int64_t, T*, Compute<T>*);
  void (*norm_backward)(const T*, const T*, int64_t, const T*, const Compute<T>*, int64_t, int64_t, T*, Compute<T>*);
  void (*rope)(const T*, int64_t, int64_t, const float*, const float*, int64_t, int64_t, int64_t, bool, double, T*);
  void (*swiglu)(const T*, int64_t, int64_t, T*);
  void (*swiglu_backward)(const T*, const T*, int64_t, int64_t, T*);
};
template <class T>
std::vector<RowForm<T>> row_forms() {
  std::vector<RowForm<T>> forms = {
      {"narrow", narrow_rms_norm_forward, narrow_rms_norm_backward, narrow_rope, narrow_swiglu_forward, narrow_swiglu_backward}};
  if (middle_attention_runs()) {
    forms.push_back({"middle", middle_rms_norm_forward, middle_rms_norm_backward, middle_rope, middle_swiglu_forward, middle_swiglu_backward});
  }
  if (wide_attention_runs()) {
    forms.push_back({"wide", wide_rms_norm_forward, wide_rms_norm_backward, wide_rope, wide_swiglu_forward, wide_swiglu_backward});
  }
  return forms;
}

constexpr int64_t kRows = 3;

template <class T>
class RowForms : public ::testing::Test {
 public:
  static constexpr double kTolerance = std::is_same_v<T, double> ? 1e-12 : std::is_same_v<T, float> ? 4e-6 : 4e-2;
};
using Types = ::testing::Types<float, double, Bf16>;
TYPED_TEST_SUITE(RowForms, Types);

TYPED_TEST(RowForms, Normalise) {
  using T = TypeParam;
  for (const RowForm<T>& form : row_forms<T>()) {
    for (const int64_t dim : {1, 5, 16, 37, 64}) {
      const auto x = numbers<T>(kRows * (dim + 3), 1), weight = numbers<T>(dim, 2), dy = numbers<T>(kRows * dim, 3);
      std::vector<T> y(static_cast<size_t>(kRows * dim)), dx(y);
      std::vector<Compute<T>> rstd(kRows), dweight(static_cast<size_t>(dim), Compute<T>(0.25));
      form.norm(x.data(), dim + 3, weight.data(), 1e-5, kRows, dim, y.data(), rstd.data());
      form.norm_backward(dy.data(), x.data(), dim + 3, weight.data(), rstd.data(), kRows, dim, dx.data(), dweight.data());
      std::vector<double> want_y, want_dx, want_dweight(static_cast<size_t>(dim), 0.25);
      for (int64_t r = 0; r < kRows; ++r) {
        double square = 0, along = 0;
        for (int64_t i = 0; i < dim; ++i) square += std::pow(number(x, r * (dim + 3) + i), 2);
        const double inverse = 1 / std::sqrt(square / double(dim) + 1e-5);
        for (int64_t i = 0; i < dim; ++i) along += number(dy, r * dim + i) * number(weight, i) * number(x, r * (dim + 3) + i);
        for (int64_t i = 0; i < dim; ++i) {
          const double in = number(x, r * (dim + 3) + i), g = number(dy, r * dim + i);
          want_y.push_back(number(weight, i) * in * inverse);
          want_dx.push_back(g * number(weight, i) * inverse - in * along * std::pow(inverse, 3) / double(dim));
          want_dweight[static_cast<size_t>(i)] += g * in * inverse;
        }
      }
      EXPECT_LT(largest_difference(want_y, y), this->kTolerance) << form.name << ' ' << dim;
      EXPECT_LT(largest_difference(want_dx, dx), 2 * this->kTolerance) << form.name << ' ' << dim;
      EXPECT_LT(largest_difference(want_dweight, dweight), this->kTolerance) << form.name << ' ' << dim;
    }
  }
}

TYPED_TEST(RowForms, Turn) {
  using T = TypeParam;
  constexpr int64_t kHeads = 2;
  for (const RowForm<T>& form : row_forms<T>()) {
    for (const int64_t half : {1, 5, 16, 24}) {
      for (const bool interleaved : {false, true}) {
        for (const double sign : {1.0, -1.0}) {
          const int64_t dim = 2 * half, head = dim + 1, row = kHeads * head + 2;
          const auto x = numbers<T>(kRows * row, 1);
          const auto cos = numbers<float>(kRows * half, 2), sin = numbers<float>(kRows * half, 3);
          std::vector<T> y(static_cast<size_t>(kRows * kHeads * dim));
          form.rope(x.data(), row, head, cos.data(), sin.data(), kRows, kHeads, dim, interleaved, sign, y.data());
          std::vector<double> want(y.size());
          for (int64_t r = 0; r < kRows; ++r) {
            for (int64_t h = 0; h < kHeads; ++h) {
              for (int64_t i = 0; i < half; ++i) {
                const int64_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + half, at = r * row + h * head;
                const double a = number(x, at + first), b = number(x, at + second), c = number(cos, r * half + i), s = sign * number(sin, r * half + i);
                want[static_cast<size_t>((r * kHeads + h) * dim + first)] = a * c - b * s;
                want[static_cast<size_t>((r * kHeads + h) * dim + second)] = b * c + a * s;
              }
            }
          }
          EXPECT_LT(largest_difference(want, y), this->kTolerance) << form.name << ' ' << half << ' ' << interleaved << ' ' << sign;
        }
      }
    }
  }
}

TYPED_TEST(RowForms, Gate) {
  using T = TypeParam;
  for (const RowForm<T>& form : row_forms<T>()) {
    for (const int64_t dim : {1, 5, 16, 37}) {
      const auto x = numbers<T>(kRows * 2 * dim, 1), dy = numbers<T>(kRows * dim, 2);
      std::vector<T> y(static_cast<size_t>(kRows * dim)), dx(x.size());
      form.swiglu(x.data(), kRows, dim, y.data());
      form.swiglu_backward(dy.data(), x.data(), kRows, dim, dx.data());
      std::vector<double> want_y, want_dx(x.size());
      for (int64_t r = 0; r < kRows; ++r) {
        for (int64_t i = 0; i < dim; ++i) {
          const double gate = number(x, r * 2 * dim + i), up = number(x, r * 2 * dim + dim + i), g = number(dy, r * dim + i), s = 1 / (1 + std::exp(-gate));
          want_y.push_back(gate * s * up);
          want_dx[static_cast<size_t>(r * 2 * dim + i)] = g * up * (s + gate * s * (1 - s));
          want_dx[static_cast<size_t>(r * 2 * dim + dim + i)] = g * gate * s;
        }
      }
      EXPECT_LT(largest_difference(want_y, y), this->kTolerance) << form.name << ' ' << dim;
      EXPECT_LT(largest_difference(want_dx, dx), this->kTolerance) << form.name << ' ' << dim;
    }
  }
}

template <class C>
struct NumberForm {
  const char* name;
  void (*sigmoid)(const C*, int64_t, C*);
  void (*rows)(const C*, const int64_t*, double, int64_t, int64_t, C*, C*, C*);
  void (*backward)(C*, const int64_t*, const C*, const C*, EntropyGradient<C>, double, int64_t, int64_t);
};
template <class C>
std::vector<NumberForm<C>> number_forms() {
  std::vector<NumberForm<C>> forms = {{"narrow", narrow_sigmoid, narrow_logprob_rows, narrow_logprob_rows_backward}};
  if (middle_attention_runs()) forms.push_back({"middle", middle_sigmoid, middle_logprob_rows, middle_logprob_rows_backward});
  if (wide_attention_runs()) forms.push_back({"wide", wide_sigmoid, wide_logprob_rows, wide_logprob_rows_backward});
  return forms;
}

template <class C>
class NumberForms : public ::testing::Test {
 public:
  static constexpr double kTolerance = std::is_same_v<C, double> ? 1e-12 : 4e-6;
};
using Numbers = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NumberForms, Numbers);

TYPED_TEST(NumberForms, SquashToTheEnds) {
  using C = TypeParam;
  for (const NumberForm<C>& form : number_forms<C>()) {
    std::vector<C> x = numbers<C>(37, 1), y(x.size());
    x[3] = C(-80), x[4] = C(80), x[36] = C(-1000);
    form.sigmoid(x.data(), static_cast<int64_t>(x.size()), y.data());
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(1 / (1 + std::exp(-double(x[i]))), double(y[i]), this->kTolerance) << form.name << ' ' << i;
  }
}

TYPED_TEST(NumberForms, ScoreTargets) {
  using C = TypeParam;
  constexpr double kTemperature = 0.7;
  constexpr C kInfinity = std::numeric_limits<C>::infinity();
  for (const NumberForm<C>& form : number_forms<C>()) {
    for (const int64_t vocab : {2, 16, 37, 50}) {
      std::vector<C> logits = numbers<C>(4 * vocab, 1);
      logits[0] = -kInfinity;                            // a token that cannot come
      logits[static_cast<size_t>(vocab)] = C(300);       // one that hardly leaves room for others
      logits[static_cast<size_t>(3 * vocab)] = kInfinity;  // a broken row
      const std::vector<int64_t> targets = {1, 1, 0, 1};
      std::vector<C> logprobs(4), entropy(4), lse(4), grad = numbers<C>(4, 2), entropy_grad = numbers<C>(4, 3);
      form.rows(logits.data(), targets.data(), kTemperature, 4, vocab, logprobs.data(), entropy.data(), lse.data());
      EXPECT_TRUE(std::isnan(logprobs[3]) && std::isnan(entropy[3]) && std::isnan(lse[3])) << form.name;
      std::vector<C> d = logits;
      form.backward(d.data(), targets.data(), lse.data(), grad.data(), {entropy.data(), entropy_grad.data()}, kTemperature, 3, vocab);
      for (int64_t r = 0; r < 3; ++r) {
        const auto logit = [&](int64_t i) { return number(logits, r * vocab + i) / kTemperature; };
        double largest = -INFINITY, sum = 0, h = 0;
        for (int64_t i = 0; i < vocab; ++i) largest = std::max(largest, logit(i));
        for (int64_t i = 0; i < vocab; ++i) sum += std::exp(logit(i) - largest);
        const auto log_p = [&](int64_t i) { return logit(i) - largest - std::log(sum); };
        for (int64_t i = 0; i < vocab; ++i) h -= std::exp(log_p(i)) > 0 ? std::exp(log_p(i)) * log_p(i) : 0;
        const double scale = std::max(1.0, std::abs(log_p(targets[static_cast<size_t>(r)])));
        EXPECT_NEAR(log_p(targets[static_cast<size_t>(r)]), number(logprobs, r), this->kTolerance * scale) << form.name << ' ' << r;
        EXPECT_NEAR(h, number(entropy, r), this->kTolerance) << form.name << ' ' << r;
        EXPECT_NEAR(largest + std::log(sum), number(lse, r), this->kTolerance * std::max(1.0, std::abs(largest))) << form.name << ' ' << r;
        for (int64_t i = 0; i < vocab; ++i) {
          const double p = std::exp(log_p(i)), one = i == targets[static_cast<size_t>(r)] ? 1 : 0;
          const double share = p > 0 ? p * (log_p(i) + h) : 0;
          // The second row has logarithms of some 430, of which a float keeps five digits.
          const double want = (number(grad, r) * (one - p) - number(entropy_grad, r) * share) / kTemperature;
          EXPECT_NEAR(want, number(d, r * vocab + i), 200 * this->kTolerance) << form.name << ' ' << r << ' ' << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace grpo::cpu

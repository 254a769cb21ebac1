#include "rollout/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/seed.h"

namespace grpo {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The distribution by its definition, in double, over a sorted list.
std::vector<double> reference_distribution(const std::vector<double>& logits, const SamplingOptions& o) {
  const size_t size = logits.size();
  const double max = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p(size);
  for (size_t i = 0; i < size; ++i) p[i] = std::exp((logits[i] - max) / o.temperature);
  const auto normalise = [&p] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
  };
  normalise();
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  if (o.top_k > 0 && o.top_k < static_cast<int64_t>(size)) {
    const double kth = logits[order[static_cast<size_t>(o.top_k - 1)]];
    for (size_t i = 0; i < size; ++i) {
      if (logits[i] < kth) p[i] = 0.0;
    }
    normalise();
  }
  double before = 0.0;
  for (const size_t i : order) {
    const double mass = p[i];
    if (o.top_p < 1.0 && before >= o.top_p) p[i] = 0.0;
    before += mass;
  }
  normalise();
  const double likeliest = *std::max_element(p.begin(), p.end());
  for (double& x : p) {
    if (x < o.min_p * likeliest) x = 0.0;
  }
  normalise();
  return p;
}

std::vector<double> random_logits(int64_t size, uint64_t seed, double spread) {
  Stream random(seed);
  std::vector<double> logits(static_cast<size_t>(size));
  for (double& x : logits) x = spread * (random.uniform() + random.uniform() + random.uniform() - 1.5);
  return logits;
}

at::Tensor rows_of(const std::vector<double>& logits, int64_t rows, at::ScalarType dtype) {
  return at::tensor(logits).to(dtype).unsqueeze(0).repeat({rows, 1});
}

at::Tensor uniforms_of(int64_t rows, uint64_t seed) {
  std::vector<float> u(static_cast<size_t>(rows));
  for (size_t i = 0; i < u.size(); ++i) u[i] = uniform_at(seed, i);
  return at::tensor(u);
}

using Sampler = std::function<SampledTokens(const at::Tensor&, const at::Tensor&, const SamplingOptions&, bool)>;

struct Case {
  std::string name;
  Sampler sampler;
  at::ScalarType dtype;
};

class EverySampler : public testing::TestWithParam<Case> {
 protected:
  SampledTokens draw(const at::Tensor& logits, const at::Tensor& uniforms, const SamplingOptions& options,
                     bool record_kept = false) {
    return GetParam().sampler(logits.to(GetParam().dtype), uniforms, options, record_kept);
  }
};

INSTANTIATE_TEST_SUITE_P(Sampler, EverySampler,
                         testing::Values(Case{"RowsFloat", sample, at::kFloat}, Case{"RowsDouble", sample, at::kDouble},
                                         Case{"TensorOpsFloat", sample_with_tensor_ops, at::kFloat},
                                         Case{"TensorOpsDouble", sample_with_tensor_ops, at::kDouble}),
                         [](const auto& info) { return info.param.name; });

// The 1 - 1e-6 quantile of chi-square, Wilson and Hilferty's approximation.
double chi_square_limit(double degrees) {
  const double z = 4.753, a = 2.0 / (9.0 * degrees);
  return degrees * std::pow(1.0 - a + z * std::sqrt(a), 3.0);
}

std::vector<SamplingOptions> distributions() {
  return {{.temperature = 1.0},
          {.temperature = 0.7},
          {.temperature = 2.5},
          {.temperature = 1.0, .top_k = 5},
          {.temperature = 1.3, .top_p = 0.8},
          {.temperature = 1.0, .min_p = 0.2},
          {.temperature = 0.9, .top_k = 12, .top_p = 0.9, .min_p = 0.05},
          {.temperature = 1.0, .top_k = 1},
          {.temperature = 1.0, .top_p = 1e-6}};
}

TEST_P(EverySampler, DrawsFromTheCutAndRenormalisedSoftmax) {
  const int64_t draws = 20000;
  uint64_t seed = 11;
  for (const SamplingOptions& options : distributions()) {
    const std::vector<double> logits = random_logits(23, ++seed, 4.0);
    const std::vector<double> expected = reference_distribution(logits, options);
    const SampledTokens out = draw(rows_of(logits, draws, at::kDouble), uniforms_of(draws, seed), options);
    const at::Tensor counts = out.tokens.bincount({}, 23);
    double chi = 0.0;
    double kinds = -1.0;
    for (int64_t i = 0; i < 23; ++i) {
      const double count = counts[i].item<double>();
      const double mean = expected[static_cast<size_t>(i)] * static_cast<double>(draws);
      if (mean == 0.0) {
        EXPECT_EQ(count, 0.0) << "a token outside the kept set was drawn: " << i;
        continue;
      }
      chi += (count - mean) * (count - mean) / mean;
      kinds += 1.0;
    }
    if (kinds == 0.0) {
      EXPECT_EQ(chi, 0.0);
    } else {
      EXPECT_LT(chi, chi_square_limit(kinds)) << "top_k " << options.top_k << " top_p " << options.top_p;
    }
  }
}

TEST_P(EverySampler, GivesTheLogProbabilityUnderTheDistributionItDrewFrom) {
  uint64_t seed = 40;
  for (const SamplingOptions& options : distributions()) {
    const std::vector<double> logits = random_logits(300, ++seed, 6.0);
    const std::vector<double> expected = reference_distribution(logits, options);
    const SampledTokens out = draw(rows_of(logits, 200, at::kDouble), uniforms_of(200, seed), options);
    for (int64_t r = 0; r < 200; ++r) {
      const auto token = static_cast<size_t>(out.tokens[r].item<int64_t>());
      EXPECT_NEAR(out.logprobs[r].item<double>(), std::log(expected[token]), 2e-6);
    }
  }
}

TEST_P(EverySampler, UntruncatedLogProbabilitiesAreOfTheWholeSoftmax) {
  SamplingOptions options{.temperature = 0.8, .top_k = 7, .top_p = 0.9, .untruncated_logprobs = true};
  const std::vector<double> logits = random_logits(100, 3, 5.0);
  const std::vector<double> whole = reference_distribution(logits, {.temperature = 0.8});
  const SampledTokens out = draw(rows_of(logits, 100, at::kDouble), uniforms_of(100, 5), options);
  for (int64_t r = 0; r < 100; ++r) {
    const auto token = static_cast<size_t>(out.tokens[r].item<int64_t>());
    EXPECT_NEAR(out.logprobs[r].item<double>(), std::log(whole[token]), 2e-6);
  }
}

TEST_P(EverySampler, InvertsTheCumulativeDistributionInTheOrderOfIds) {
  // Four equal tokens: a quarter each, boundaries included on the left.
  const at::Tensor logits = at::zeros({6, 4}, at::kDouble);
  const at::Tensor uniforms = at::tensor(std::vector<float>{0.0f, 0.2499999f, 0.25f, 0.5f, 0.75f, 0.99999994f});
  const SampledTokens out = draw(logits, uniforms, {});
  EXPECT_TRUE(out.tokens.equal(at::tensor(std::vector<int64_t>{0, 0, 1, 2, 3, 3}))) << out.tokens;
}

TEST_P(EverySampler, NeverDrawsATokenWithoutProbability) {
  // Everything but one token in the middle of a later block underflows to 0; the largest and smallest uniforms.
  at::Tensor logits = at::full({2, 1000}, -1e4, at::kDouble);
  logits.select(1, 700).fill_(5.0);
  const SampledTokens out = draw(logits, at::tensor(std::vector<float>{0.0f, 1.0f - 0x1.0p-24f}), {});
  EXPECT_TRUE(out.tokens.eq(700).all().item<bool>()) << out.tokens;
  EXPECT_TRUE(out.logprobs.eq(0.0).all().item<bool>());
}

TEST_P(EverySampler, GreedyTakesTheFirstLargestLogitAndItsProbabilityAtTemperatureOne) {
  const std::vector<double> logits = {0.5, 2.0, -1.0, 2.0};
  const SampledTokens out = draw(rows_of(logits, 1, at::kDouble), at::zeros({1}), {.temperature = 0.0});
  EXPECT_EQ(out.tokens.item<int64_t>(), 1);
  EXPECT_NEAR(out.logprobs.item<double>(), std::log(reference_distribution(logits, {})[1]), 1e-6);
}

TEST_P(EverySampler, TopKKeepsEveryTokenThatTiesWithTheKth) {
  const std::vector<double> logits = {1.0, 0.0, 1.0, 1.0, -1.0};
  const SampledTokens out = draw(rows_of(logits, 4000, at::kDouble), uniforms_of(4000, 9), {.top_k = 2});
  const at::Tensor counts = out.tokens.bincount({}, 5);
  EXPECT_EQ(counts[1].item<int64_t>() + counts[4].item<int64_t>(), 0);
  for (const int64_t id : {0, 2, 3}) EXPECT_GT(counts[id].item<int64_t>(), 1000);
}

TEST_P(EverySampler, TopPKeepsTheTokenThatCrossesTheMass) {
  // Probabilities 0.5, 0.25, 0.125, 0.125: mass 0.6 needs the first two; 0.5 is reached by the first alone.
  const std::vector<double> logits = {std::log(0.25), std::log(0.5), std::log(0.125), std::log(0.125)};
  const at::Tensor crossing = draw(rows_of(logits, 2000, at::kDouble), uniforms_of(2000, 2), {.top_p = 0.6}).tokens;
  EXPECT_TRUE(crossing.le(1).all().item<bool>());
  EXPECT_GT(crossing.eq(0).sum().item<int64_t>(), 500);
}

TEST_P(EverySampler, PoisonedRowsGiveNoTokenAndLeaveTheOthersAlone) {
  for (const double poison : {kNan, kInfinity, -kInfinity}) {
    for (const int64_t place : {0, 17, 49}) {
      for (const SamplingOptions& options : {SamplingOptions{}, SamplingOptions{.temperature = 0.0},
                                             SamplingOptions{.top_k = 3, .top_p = 0.9, .min_p = 0.1}}) {
        at::Tensor logits = rows_of(random_logits(50, 4, 3.0), 5, at::kDouble).clone();
        const at::Tensor uniforms = uniforms_of(5, 21);
        const SampledTokens clean = draw(logits, uniforms, options);
        logits[2][place] = poison;
        const SampledTokens out = draw(logits, uniforms, options);
        EXPECT_TRUE(clean.finite.all().item<bool>());
        EXPECT_TRUE(out.finite.equal(at::tensor(std::vector<int64_t>{1, 1, 0, 1, 1}).to(at::kBool)));
        EXPECT_EQ(out.tokens[2].item<int64_t>(), 0);
        EXPECT_EQ(out.logprobs[2].item<float>(), 0.0f);
        for (const int64_t row : {0, 1, 3, 4}) {
          EXPECT_EQ(out.tokens[row].item<int64_t>(), clean.tokens[row].item<int64_t>());
          EXPECT_EQ(out.logprobs[row].item<float>(), clean.logprobs[row].item<float>());
        }
      }
    }
  }
}

std::vector<int64_t> ids_of(const at::Tensor& bits) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < bits.size(0) * 8; ++i) {
    if (bits[i / 8].item<int64_t>() >> i % 8 & 1) ids.push_back(i);
  }
  return ids;
}

TEST_P(EverySampler, RecordsTheTokensThatTheCutLeaves) {
  uint64_t seed = 70;
  for (const SamplingOptions& options : distributions()) {
    for (const int64_t size : {23, 64, 65}) {
      const std::vector<double> logits = random_logits(size, ++seed, 4.0);
      const std::vector<double> expected = reference_distribution(logits, options);
      std::vector<int64_t> left;
      for (int64_t i = 0; i < size; ++i) {
        if (expected[static_cast<size_t>(i)] > 0.0) left.push_back(i);
      }
      const SampledTokens out = draw(rows_of(logits, 3, at::kDouble), uniforms_of(3, seed), options, true);
      ASSERT_EQ(out.kept.defined(), truncates(options));
      if (!out.kept.defined()) continue;
      ASSERT_EQ(out.kept.sizes(), (std::vector<int64_t>{3, (size + 7) / 8}));
      for (int64_t r = 0; r < 3; ++r) EXPECT_EQ(ids_of(out.kept[r]), left) << "top_k " << options.top_k << " top_p " << options.top_p;
    }
  }
}

TEST_P(EverySampler, RecordsTokensWithoutProbabilityWhereTheCutLeavesThem) {
  const at::Tensor logits = at::tensor(std::vector<double>{-1e4, 3.0, -1e5, -2e4, 2.0}).unsqueeze(0);
  EXPECT_EQ(ids_of(draw(logits, at::zeros({1}), {.top_k = 3}, true).kept[0]), (std::vector<int64_t>{0, 1, 4}));
  EXPECT_EQ(ids_of(draw(logits, at::zeros({1}), {.top_k = 99}, true).kept[0]), (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST_P(EverySampler, RecordsNothingOfAPoisonedRow) {
  at::Tensor logits = rows_of(random_logits(20, 4, 3.0), 2, at::kDouble).clone();
  logits[1][7] = kNan;
  const SampledTokens out = draw(logits, uniforms_of(2, 1), {.top_k = 3}, true);
  EXPECT_EQ(ids_of(out.kept[0]).size(), 3u);
  EXPECT_TRUE(ids_of(out.kept[1]).empty());
}

TEST(Sampler, ARowGivesTheSameBitsAloneAndInABatch) {
  const at::Tensor logits = at::tensor(random_logits(64 * 500, 77, 5.0)).to(at::kFloat).view({64, 500});
  const at::Tensor uniforms = uniforms_of(64, 31);
  for (const SamplingOptions& options : distributions()) {
    const SampledTokens together = sample(logits, uniforms, options);
    for (int64_t r = 0; r < 64; ++r) {
      const SampledTokens alone = sample(logits.narrow(0, r, 1), uniforms.narrow(0, r, 1), options);
      EXPECT_EQ(alone.tokens.item<int64_t>(), together.tokens[r].item<int64_t>());
      EXPECT_EQ(alone.logprobs.item<float>(), together.logprobs[r].item<float>());
    }
  }
}

TEST(Sampler, TensorOpsAgreeWithTheRowLoop) {
  const at::Tensor logits = at::tensor(random_logits(512 * 1111, 5, 6.0)).view({512, 1111});
  const at::Tensor uniforms = uniforms_of(512, 8);
  for (const SamplingOptions& options : distributions()) {
    const SampledTokens a = sample(logits, uniforms, options);
    const SampledTokens b = sample_with_tensor_ops(logits, uniforms, options);
    EXPECT_TRUE(a.tokens.equal(b.tokens));
    EXPECT_LE((a.logprobs - b.logprobs).abs().max().item<double>(), 1e-6);
  }
}

// What is refused, with the field in the message.
class SamplingOptionsAreRefused : public testing::Test {
 protected:
  void expect_refused(const SamplingOptions& options, const std::string& field) {
    try {
      validate(options, 100, "sampling");
      ADD_FAILURE() << field << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.where(), "sampling." + field);
    }
  }
};

TEST_F(SamplingOptionsAreRefused, OutsideTheirRange) {
  expect_refused({.max_tokens = 0}, "max_tokens");
  expect_refused({.temperature = -0.1}, "temperature");
  expect_refused({.temperature = kNan}, "temperature");
  expect_refused({.temperature = kInfinity}, "temperature");
  expect_refused({.top_k = -1}, "top_k");
  expect_refused({.top_p = 0.0}, "top_p");
  expect_refused({.top_p = 1.1}, "top_p");
  expect_refused({.min_p = -0.1}, "min_p");
  expect_refused({.min_p = kNan}, "min_p");
  expect_refused({.eos_ids = {100}}, "eos_ids");
  expect_refused({.stop_ids = {-1}}, "stop_ids");
  expect_refused({.stop_strings = {""}}, "stop_strings");
}

TEST_F(SamplingOptionsAreRefused, WhereGreedyDecodingWouldIgnoreThem) {
  expect_refused({.temperature = 0.0, .top_k = 4}, "temperature");
  expect_refused({.temperature = 0.0, .top_p = 0.5}, "temperature");
  expect_refused({.temperature = 0.0, .min_p = 0.5}, "temperature");
}

TEST(SamplingOptions, AtTheEndsOfTheirRangeAreAccepted) {
  EXPECT_NO_THROW(validate({}, 100, "sampling"));
  EXPECT_NO_THROW(validate({.max_tokens = 1, .temperature = 0.0, .eos_ids = {0, 99}}, 100, "sampling"));
  EXPECT_NO_THROW(validate({.top_k = 1000, .top_p = 1.0, .min_p = 1.0}, 100, "sampling"));
}

}  // namespace
}  // namespace grpo

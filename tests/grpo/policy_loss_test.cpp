#include "grpo/policy_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/seed.h"
#include "tests/reference/naive_grpo.h"

namespace grpo {
namespace {

using Numbers = std::vector<double>;

at::Tensor tensor(const Numbers& values, at::ScalarType dtype = at::kDouble) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble)).to(dtype);
}

Numbers list(const at::Tensor& t) {
  const at::Tensor flat = t.to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

// The tokens of a test, in plain numbers.
struct Tokens {
  Numbers logp, old_logp, ref_logp, advantage, weight;

  PolicyLossInputs inputs() const {
    return {.logprobs = tensor(logp).requires_grad_(true),
            .old_logprobs = tensor(old_logp),
            .ref_logprobs = tensor(ref_logp),
            .behaviour_logprobs = {},
            .entropy = {},
            .advantages = tensor(advantage),
            .weights = tensor(weight)};
  }
};

Tokens random_tokens(uint64_t seed, int count) {
  Stream random(seed);
  Tokens t;
  for (int i = 0; i < count; ++i) {
    t.logp.push_back(-3.0 * random.uniform());
    t.old_logp.push_back(t.logp.back() + 1.6 * random.uniform() - 0.8);  // ratios 0.45 .. 2.2
    t.ref_logp.push_back(t.logp.back() + 4.0 * random.uniform() - 2.0);
    t.advantage.push_back(i % 7 == 0 ? 0.0 : 4.0 * random.uniform() - 2.0);
    t.weight.push_back(random.uniform());
  }
  return t;
}

double naive_loss(const Tokens& t, const reference::LossKnobs& knobs) {
  double total = 0.0;
  for (size_t i = 0; i < t.logp.size(); ++i) {
    total +=
        t.weight[i] * reference::token_loss(t.logp[i], t.old_logp[i], t.ref_logp[i], t.advantage[i], knobs);
  }
  return total;
}

std::vector<reference::LossKnobs> knob_grid() {
  std::vector<reference::LossKnobs> grid;
  for (double beta : {0.0, 0.04}) {
    for (double high : {0.2, 0.28}) {
      for (std::optional<double> delta : {std::optional<double>(), std::optional<double>(1.5)}) {
        grid.push_back({.low = 0.2, .high = high, .delta = delta, .beta = beta});
      }
    }
  }
  grid.push_back({.low = 10.0, .high = 10.0, .delta = std::nullopt, .beta = 0.001});  // DeepSeek-R1
  return grid;
}

PolicyLossOptions options_of(const reference::LossKnobs& knobs) {
  return {.epsilon = knobs.low, .epsilon_high = knobs.high, .delta = knobs.delta, .beta = knobs.beta};
}

// Loss and d loss / d logprob of a single token of weight 1.
std::pair<double, double> one_token(double ratio, double advantage, const PolicyLossOptions& options) {
  const Tokens t{{std::log(ratio)}, {0.0}, {0.0}, {advantage}, {1.0}};
  const auto inputs = t.inputs();
  const auto result = policy_loss(inputs, options);
  result.loss.backward();
  return {result.loss.item<double>(), inputs.logprobs.grad().item<double>()};
}

TEST(PolicyLoss, EqualsTheNaiveFormulaOverTheKnobs) {
  const Tokens t = random_tokens(1, 300);
  for (const auto& knobs : knob_grid()) {
    const auto result = policy_loss(t.inputs(), options_of(knobs));
    EXPECT_NEAR(result.loss.item<double>(), naive_loss(t, knobs), 1e-11);
    EXPECT_NEAR(result.sums.loss, naive_loss(t, knobs), 1e-11);
  }
}

TEST(PolicyLoss, GradientEqualsFiniteDifferencesOfTheNaiveFormula) {
  const Tokens t = random_tokens(2, 200);
  constexpr double h = 1e-6;
  for (const auto& knobs : knob_grid()) {
    const auto inputs = t.inputs();
    policy_loss(inputs, options_of(knobs)).loss.backward();
    const Numbers gradient = list(inputs.logprobs.grad());
    for (size_t i = 0; i < t.logp.size(); ++i) {
      const auto at_token = [&](double step) {
        return t.weight[i] *
               reference::token_loss(t.logp[i] + step, t.old_logp[i], t.ref_logp[i], t.advantage[i], knobs);
      };
      EXPECT_NEAR(gradient[i], (at_token(h) - at_token(-h)) / (2 * h), 1e-7) << "token " << i;
    }
  }
}

TEST(PolicyLoss, PositiveAdvantageAboveTheUpperClipHasNoGradient) {
  EXPECT_EQ(one_token(1.5, 2.0, {.epsilon = 0.2}), std::make_pair(-2.4, 0.0));
  EXPECT_NEAR(one_token(1.25, 2.0, {.epsilon = 0.2, .epsilon_high = 0.28}).second, -2.5, 1e-12);
}

TEST(PolicyLoss, NegativeAdvantageBelowTheLowerClipHasNoGradient) {
  EXPECT_EQ(one_token(0.5, -2.0, {.epsilon = 0.2}), std::make_pair(1.6, 0.0));
}

TEST(PolicyLoss, NegativeAdvantageAboveTheUpperClipIsNotClipped) {
  const auto [loss, gradient] = one_token(5.0, -2.0, {.epsilon = 0.2});
  EXPECT_NEAR(loss, 10.0, 1e-12);
  EXPECT_NEAR(gradient, 10.0, 1e-12);
}

TEST(PolicyLoss, DeltaBoundsTheUnclippedBranch) {
  EXPECT_EQ(one_token(5.0, -2.0, {.epsilon = 0.2, .delta = 4.0}), std::make_pair(8.0, 0.0));
  EXPECT_NEAR(one_token(3.0, -2.0, {.epsilon = 0.2, .delta = 4.0}).second, 6.0, 1e-12);
  EXPECT_EQ(one_token(5.0, 2.0, {.epsilon = 0.2, .delta = 4.0}).first, -2.4);  // the clip was lower already
}

TEST(PolicyLoss, WithEpsilonTenOnlyRatiosAboveElevenAreCut) {
  const PolicyLossOptions r1{.epsilon = 10.0};
  EXPECT_NEAR(one_token(0.001, -1.0, r1).second, 0.001, 1e-12);
  EXPECT_NEAR(one_token(10.9, 1.0, r1).second, -10.9, 1e-12);
  EXPECT_EQ(one_token(11.1, 1.0, r1).second, 0.0);
}

TEST(PolicyLoss, FirstUpdateHasRatioOneKlZeroAndAGradient) {
  Tokens t = random_tokens(3, 40);
  t.ref_logp = t.logp;
  auto inputs = t.inputs();
  inputs.old_logprobs = at::Tensor();
  inputs.behaviour_logprobs = inputs.logprobs.detach();
  const auto result = policy_loss(inputs, {.beta = 0.04});
  result.loss.backward();
  EXPECT_EQ(result.sums.ratio_min, 1.0);
  EXPECT_EQ(result.sums.ratio_max, 1.0);
  EXPECT_EQ(result.sums.ratio, 40.0);
  EXPECT_EQ(result.sums.kl, 0.0);
  EXPECT_EQ(result.sums.sampling_logp_difference_max, 0.0);
  EXPECT_EQ(result.sums.clipped_low + result.sums.clipped_high, 0.0);
  const Numbers gradient = list(inputs.logprobs.grad());
  for (size_t i = 0; i < gradient.size(); ++i) EXPECT_EQ(gradient[i], -t.weight[i] * t.advantage[i]);
}

TEST(PolicyLoss, WithoutOldLogprobsEqualsOldEqualToNew) {
  Tokens t = random_tokens(4, 50);
  t.old_logp = t.logp;
  const auto with = t.inputs();
  auto without = t.inputs();
  without.old_logprobs = at::Tensor();
  policy_loss(with, {.beta = 0.1}).loss.backward();
  policy_loss(without, {.beta = 0.1}).loss.backward();
  EXPECT_TRUE(with.logprobs.grad().equal(without.logprobs.grad()));
}

TEST(PolicyLoss, ZeroAdvantageHasABitZeroGradient) {
  Tokens t = random_tokens(5, 30);
  t.advantage.assign(30, 0.0);
  const auto inputs = t.inputs();
  policy_loss(inputs, {}).loss.backward();
  EXPECT_EQ(inputs.logprobs.grad().count_nonzero().item<int64_t>(), 0);
}

TEST(PolicyLoss, OnlyThePolicysLogprobsCarryAGradient) {
  auto inputs = random_tokens(6, 20).inputs();
  for (at::Tensor* t : {&inputs.old_logprobs, &inputs.ref_logprobs, &inputs.advantages, &inputs.weights}) {
    t->requires_grad_(true);
  }
  policy_loss(inputs, {.beta = 0.1}).loss.backward();
  EXPECT_TRUE(inputs.logprobs.grad().defined());
  for (const at::Tensor* t :
       {&inputs.old_logprobs, &inputs.ref_logprobs, &inputs.advantages, &inputs.weights}) {
    EXPECT_FALSE(t->grad().defined());
  }
}

TEST(PolicyLoss, MeasuresKlWithoutDifferentiatingItWhenBetaIsZero) {
  const Tokens t = random_tokens(7, 25);
  const auto measured = t.inputs();
  auto absent = t.inputs();
  absent.ref_logprobs = at::Tensor();
  const auto result = policy_loss(measured, {});
  result.loss.backward();
  policy_loss(absent, {}).loss.backward();
  EXPECT_GT(result.sums.kl, 0.0);
  EXPECT_TRUE(measured.logprobs.grad().equal(absent.logprobs.grad()));
}

TEST(PolicyLoss, SumsCountWhatTheNaiveLoopCounts) {
  const Tokens t = random_tokens(8, 120);
  auto inputs = t.inputs();
  Numbers behaviour, entropy;
  for (size_t i = 0; i < t.logp.size(); ++i) {
    behaviour.push_back(t.old_logp[i] + 0.01 * std::sin(static_cast<double>(i)));
    entropy.push_back(0.1 * static_cast<double>(i));
  }
  inputs.behaviour_logprobs = tensor(behaviour);
  inputs.entropy = tensor(entropy);
  PolicyLossSums expected;
  for (size_t i = 0; i < t.logp.size(); ++i) {
    const double r = std::exp(t.logp[i] - t.old_logp[i]);
    const double d = t.ref_logp[i] - t.logp[i];
    const double difference = t.old_logp[i] - behaviour[i];
    expected.kl += std::exp(d) - d - 1.0;
    expected.entropy += entropy[i];
    expected.clipped_low += r < 0.8 && t.advantage[i] < 0;
    expected.clipped_high += r > 1.28 && t.advantage[i] > 0;
    expected.ratio += r;
    expected.ratio_min = std::min(expected.ratio_min, r);
    expected.ratio_max = std::max(expected.ratio_max, r);
    expected.sampling_logp_difference += std::abs(difference);
    expected.sampling_logp_difference_max =
        std::max(expected.sampling_logp_difference_max, std::abs(difference));
    expected.sampling_ratio += std::exp(difference);
    expected.sampling_ratio_min = std::min(expected.sampling_ratio_min, std::exp(difference));
    expected.sampling_ratio_max = std::max(expected.sampling_ratio_max, std::exp(difference));
  }
  ASSERT_GT(expected.clipped_low, 0.0);
  ASSERT_GT(expected.clipped_high, 0.0);
  const auto sums = policy_loss(inputs, {.epsilon = 0.2, .epsilon_high = 0.28}).sums;
  EXPECT_EQ(sums.tokens, 120.0);
  EXPECT_NEAR(sums.kl, expected.kl, 1e-10);
  EXPECT_NEAR(sums.entropy, expected.entropy, 1e-10);
  EXPECT_EQ(sums.clipped_low, expected.clipped_low);
  EXPECT_EQ(sums.clipped_high, expected.clipped_high);
  EXPECT_NEAR(sums.ratio, expected.ratio, 1e-10);
  EXPECT_NEAR(sums.ratio_min, expected.ratio_min, 1e-12);
  EXPECT_NEAR(sums.ratio_max, expected.ratio_max, 1e-12);
  EXPECT_NEAR(sums.sampling_logp_difference, expected.sampling_logp_difference, 1e-12);
  EXPECT_NEAR(sums.sampling_logp_difference_max, expected.sampling_logp_difference_max, 1e-12);
  EXPECT_NEAR(sums.sampling_ratio, expected.sampling_ratio, 1e-10);
  EXPECT_NEAR(sums.sampling_ratio_min, expected.sampling_ratio_min, 1e-12);
  EXPECT_NEAR(sums.sampling_ratio_max, expected.sampling_ratio_max, 1e-12);
}

TEST(PolicyLoss, SumsOfPartsAddUpToTheSumsOfTheWhole) {
  auto whole = random_tokens(9, 90).inputs();
  whole.behaviour_logprobs = whole.old_logprobs + 0.1;
  whole.entropy = whole.old_logprobs.neg();
  const auto expected = policy_loss(whole, {.beta = 0.1}).sums;
  PolicyLossSums added;
  for (const auto& [begin, end] :
       std::vector<std::pair<int64_t, int64_t>>{{0, 1}, {1, 50}, {50, 50}, {50, 90}}) {
    const auto part = [&](const at::Tensor& t) { return t.slice(0, begin, end); };
    added.add(policy_loss({part(whole.logprobs), part(whole.old_logprobs), part(whole.ref_logprobs),
                           part(whole.behaviour_logprobs), part(whole.entropy), part(whole.advantages),
                           part(whole.weights)},
                          {.beta = 0.1})
                  .sums);
  }
  EXPECT_EQ(added.tokens, expected.tokens);
  EXPECT_NEAR(added.loss, expected.loss, 1e-12);
  EXPECT_NEAR(added.kl, expected.kl, 1e-11);
  EXPECT_NEAR(added.entropy, expected.entropy, 1e-11);
  EXPECT_EQ(added.clipped_low, expected.clipped_low);
  EXPECT_EQ(added.clipped_high, expected.clipped_high);
  EXPECT_EQ(added.ratio_min, expected.ratio_min);
  EXPECT_EQ(added.ratio_max, expected.ratio_max);
  EXPECT_NEAR(added.ratio, expected.ratio, 1e-11);
  EXPECT_NEAR(added.sampling_ratio, expected.sampling_ratio, 1e-11);
  EXPECT_EQ(added.sampling_logp_difference_max, expected.sampling_logp_difference_max);
}

TEST(PolicyLoss, StaysFiniteForHugeLogRatios) {
  for (at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    for (double gap : {-200.0, 200.0}) {
      for (double advantage : {-1.0, 1.0}) {
        const auto logprobs = tensor({gap}, dtype).requires_grad_(true);
        const PolicyLossInputs inputs{.logprobs = logprobs,
                                      .old_logprobs = tensor({0.0}, dtype),
                                      .ref_logprobs = tensor({0.0}, dtype),
                                      .behaviour_logprobs = tensor({gap}, dtype),
                                      .entropy = {},
                                      .advantages = tensor({advantage}, dtype),
                                      .weights = tensor({1.0}, dtype)};
        const auto result = policy_loss(inputs, {.beta = 1.0});
        result.loss.backward();
        EXPECT_TRUE(result.sums.finite());
        EXPECT_TRUE(std::isfinite(result.sums.ratio_max));
        EXPECT_TRUE(std::isfinite(result.sums.sampling_ratio_max));
        EXPECT_TRUE(std::isfinite(logprobs.grad().item<double>()));
      }
    }
  }
}

TEST(PolicyLoss, ANotANumberAnywhereMakesTheSumsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (int field = 0; field < 3; ++field) {
    Tokens t = random_tokens(10, 5);
    (field == 0 ? t.logp : field == 1 ? t.old_logp : t.advantage)[2] = nan;
    EXPECT_FALSE(policy_loss(t.inputs(), {}).sums.finite()) << "field " << field;
  }
  EXPECT_TRUE(policy_loss(random_tokens(10, 5).inputs(), {}).sums.finite());
}

TEST(PolicyLoss, OfNoTokensIsZeroAndCanBeDifferentiated) {
  const auto inputs = Tokens{}.inputs();
  const auto result = policy_loss(inputs, {.beta = 0.1});
  result.loss.backward();
  EXPECT_EQ(result.loss.item<double>(), 0.0);
  EXPECT_EQ(result.sums.tokens, 0.0);
  EXPECT_TRUE(result.sums.finite());
}

TEST(Kl, K3IsFiniteAndNeverNegative) {
  Numbers gaps;
  for (double g = 1e-10; g < 300.0; g *= 1.001) {
    gaps.push_back(g);
    gaps.push_back(-g);
  }
  for (double extreme : {0.0, 200.0, -200.0}) gaps.push_back(extreme);
  for (at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const auto ref = tensor(gaps, dtype);
    const auto logprobs = at::zeros_like(ref).requires_grad_(true);
    const auto k3 = kl_per_token(logprobs, ref, KlEstimator::kK3);
    k3.sum().backward();
    EXPECT_TRUE(k3.isfinite().all().item<bool>());
    EXPECT_TRUE((k3 >= 0).all().item<bool>());
    EXPECT_TRUE(logprobs.grad().isfinite().all().item<bool>());
    EXPECT_EQ(k3[-3].item<double>(), 0.0);
    EXPECT_NEAR(k3[-1].item<double>(), 199.0, 1e-4);             // e^-200 + 200 - 1
    EXPECT_NEAR(logprobs.grad()[-1].item<double>(), 1.0, 1e-6);  // still pulled back to the reference
  }
}

TEST(Kl, GradientsEqualFiniteDifferences) {
  constexpr double h = 1e-6;
  for (KlEstimator estimator : {KlEstimator::kK3, KlEstimator::kK2}) {
    const auto value = [&](double logp, double ref) {
      const double d = ref - logp;
      return estimator == KlEstimator::kK3 ? std::exp(d) - d - 1.0 : d * d / 2.0;
    };
    const Numbers logp{-1.0, -1.0, -2.0, -0.3, -5.0}, ref{-1.0, -3.0, -0.1, -0.31, -1.5};
    const auto logprobs = tensor(logp).requires_grad_(true);
    kl_per_token(logprobs, tensor(ref), estimator).sum().backward();
    const Numbers gradient = list(logprobs.grad());
    for (size_t i = 0; i < logp.size(); ++i) {
      EXPECT_NEAR(gradient[i], (value(logp[i] + h, ref[i]) - value(logp[i] - h, ref[i])) / (2 * h), 1e-7);
    }
  }
}

// A policy over five tokens, every one of which is sampled with its own probability: expectations are sums.
struct Categorical {
  at::Tensor theta = tensor({0.3, -1.2, 0.8, 0.0, -0.4}).requires_grad_(true);
  at::Tensor ref = tensor({-0.5, 0.1, 0.4, -1.0, 0.9}).log_softmax(0);

  Numbers gradient_of(const std::function<at::Tensor(const at::Tensor& logprobs)>& objective) {
    theta.mutable_grad() = at::Tensor();
    objective(theta.log_softmax(0)).backward();
    return list(theta.grad());
  }

  // The on-policy expected gradient of a KL term in the loss.
  Numbers expected_gradient(KlEstimator estimator) {
    return gradient_of([&](const at::Tensor& logprobs) {
      return policy_loss({.logprobs = logprobs,
                          .old_logprobs = {},
                          .ref_logprobs = ref,
                          .behaviour_logprobs = {},
                          .entropy = {},
                          .advantages = at::zeros_like(ref),
                          .weights = logprobs.detach().exp()},
                         {.beta = 1.0, .kl_estimator = estimator})
          .loss;
    });
  }
};

void expect_near(const Numbers& actual, const Numbers& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12);
}

TEST(Kl, ExpectedGradientOfK2IsThatOfPolicyToReference) {
  Categorical c;
  const auto exact = c.gradient_of([&](const at::Tensor& l) { return (l.exp() * (l - c.ref)).sum(); });
  expect_near(c.expected_gradient(KlEstimator::kK2), exact);
}

TEST(Kl, ExpectedGradientOfK3IsThatOfReferenceToPolicy) {
  Categorical c;
  const auto exact = c.gradient_of([&](const at::Tensor& l) { return (c.ref.exp() * (c.ref - l)).sum(); });
  expect_near(c.expected_gradient(KlEstimator::kK3), exact);
}

TEST(Kl, ExpectedGradientOfK1IsZeroWhichIsWhyItIsRefused) {
  Categorical c;
  expect_near(c.gradient_of([&](const at::Tensor& l) { return (l.detach().exp() * (l - c.ref)).sum(); }),
              Numbers(5, 0.0));
}

PolicyLossOptions read(const std::string& text) {
  const Json json = parse_json(text, "recipe.json");
  ObjectReader reader(json, "recipe.json");
  const auto options = read_policy_loss_options(reader);
  reader.finish();
  return options;
}

TEST(PolicyLossOptions, AreReadUnderTheirNames) {
  const auto defaults = read("{}");
  EXPECT_EQ(defaults.epsilon, 0.2);
  EXPECT_EQ(defaults.upper(), 1.2);
  EXPECT_FALSE(defaults.delta);
  EXPECT_EQ(defaults.beta, 0.0);
  const auto set =
      read(R"({"epsilon": 0.1, "epsilon_high": 0.28, "delta": 4, "beta": 0.001, "kl_estimator": "k2"})");
  EXPECT_EQ(set.epsilon, 0.1);
  EXPECT_EQ(set.upper(), 1.28);
  EXPECT_EQ(set.delta, 4.0);
  EXPECT_EQ(set.beta, 0.001);
  EXPECT_EQ(set.kl_estimator, KlEstimator::kK2);
  EXPECT_FALSE(read(R"({"epsilon_high": null, "delta": null})").delta);
  EXPECT_EQ(read(R"({"epsilon": 10})").upper(), 11.0);
}

TEST(PolicyLossOptions, RefuseWhatIsOutOfRange) {
  EXPECT_THROW(read(R"({"epsilon": 0})"), Error);
  EXPECT_THROW(read(R"({"epsilon": 0.2, "epsilon_high": 0.1})"), Error);
  EXPECT_THROW(read(R"({"delta": 1.2})"), Error);
  EXPECT_THROW(read(R"({"beta": -0.04})"), Error);
  EXPECT_THROW(read(R"({"kl_estimator": "k4"})"), Error);
}

TEST(PolicyLossOptions, RefuseK1WithItsReason) {
  try {
    read(R"({"kl_estimator": "k1"})");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "recipe.json: kl_estimator");
    EXPECT_NE(e.summary().find("expected gradient"), std::string::npos);
    EXPECT_NE(e.fix().find("k3"), std::string::npos);
  }
}

}  // namespace
}  // namespace grpo

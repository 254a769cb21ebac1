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
  return {.surrogate = {.epsilon = knobs.low, .epsilon_high = knobs.high, .delta = knobs.delta}, .beta = knobs.beta};
}

// Loss and d loss / d logprob of a single token of weight 1.
std::pair<double, double> one_token(double ratio, double advantage, const SurrogateOptions& surrogate) {
  const Tokens t{{std::log(ratio)}, {0.0}, {0.0}, {advantage}, {1.0}};
  const auto inputs = t.inputs();
  const auto result = policy_loss(inputs, {.surrogate = surrogate});
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
  const SurrogateOptions r1{.epsilon = 10.0};
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
  const auto sums = policy_loss(inputs, {.surrogate = {.epsilon = 0.2, .epsilon_high = 0.28}}).sums;
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

}  // namespace
}  // namespace grpo

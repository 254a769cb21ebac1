// KL to the reference: values, and what its gradients are gradients of.

#include "grpo/kl.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "grpo/policy_loss.h"

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

  // The expected gradient of a KL term in the loss, of samples drawn from `old`, or on policy.
  Numbers expected_gradient(const PolicyLossOptions& options, const at::Tensor& old = {}) {
    return gradient_of([&](const at::Tensor& logprobs) {
      return policy_loss({.logprobs = logprobs,
                          .old_logprobs = old,
                          .ref_logprobs = ref,
                          .advantages = at::zeros_like(ref),
                          .weights = (old.defined() ? old : logprobs.detach()).exp()},
                         options)
          .loss;
    });
  }
  // The exact gradient of KL(policy || reference).
  Numbers gradient_of_kl() {
    return gradient_of([&](const at::Tensor& l) { return (l.exp() * (l - ref)).sum(); });
  }
};

void expect_near(const Numbers& actual, const Numbers& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12);
}

TEST(Kl, ExpectedGradientOfK2IsThatOfPolicyToReference) {
  Categorical c;
  expect_near(c.expected_gradient({.beta = 1.0, .kl_estimator = KlEstimator::kK2}), c.gradient_of_kl());
}

TEST(Kl, ExpectedGradientOfK3IsThatOfReferenceToPolicy) {
  Categorical c;
  const auto exact = c.gradient_of([&](const at::Tensor& l) { return (c.ref.exp() * (c.ref - l)).sum(); });
  expect_near(c.expected_gradient({.beta = 1.0}), exact);
}

TEST(Kl, ExpectedGradientOfK1IsZeroWhichIsWhyItIsRefused) {
  Categorical c;
  expect_near(c.gradient_of([&](const at::Tensor& l) { return (l.detach().exp() * (l - c.ref)).sum(); }),
              Numbers(5, 0.0));
}

TEST(Kl, ExpectedGradientOfCorrectedK3IsThatOfPolicyToReferenceWhoeverDrewTheSamples) {
  Categorical c;
  const PolicyLossOptions corrected{.beta = 1.0, .use_bias_correction_kl = true};
  const auto exact = c.gradient_of_kl();
  expect_near(c.expected_gradient(corrected), exact);
  const at::Tensor old = tensor({0.0, -0.7, 1.1, 0.4, -1.0}).log_softmax(0);
  expect_near(c.expected_gradient(corrected, old), exact);
  // Without the correction it is another gradient.
  EXPECT_GT(std::abs(c.expected_gradient({.beta = 1.0}, old)[0] - exact[0]), 0.01);
}

TEST(Kl, MeansOfK1AndK3UnderThePolicyAreTheDivergence) {
  const Categorical c;
  const at::Tensor logprobs = c.theta.detach().log_softmax(0);
  const double exact = (logprobs.exp() * (logprobs - c.ref)).sum().item<double>();
  for (const KlEstimator estimator : {KlEstimator::kK1, KlEstimator::kK3}) {
    EXPECT_NEAR((logprobs.exp() * kl_per_token(logprobs, c.ref, estimator)).sum().item<double>(), exact, 1e-14);
  }
}

TEST(Kl, OfOneTokenEqualsThatOfTensors) {
  const Numbers logp{-1.0, -1.0, -2.0, -0.3, -500.0, -0.0}, ref{-1.0, -3.0, -0.1, -0.31, -1.5, -300.0};
  for (const KlEstimator estimator : {KlEstimator::kK1, KlEstimator::kK2, KlEstimator::kK3}) {
    const Numbers all = list(kl_per_token(tensor(logp), tensor(ref), estimator));
    for (size_t i = 0; i < logp.size(); ++i) EXPECT_DOUBLE_EQ(kl_of_token(logp[i], ref[i], estimator), all[i]);
  }
}

TEST(Kl, InTheRewardLeavesTheLossAndIsStillMeasured) {
  Categorical c;
  expect_near(c.expected_gradient({.beta = 1.0, .kl_estimator = KlEstimator::kK1, .use_kl_in_reward = true}), Numbers(5, 0.0));
}

}  // namespace
}  // namespace grpo

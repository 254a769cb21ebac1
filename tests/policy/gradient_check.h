#pragma once
// Gradients of a scalar in a policy's parameters against differences of the scalar itself.

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <vector>

#include "policy/policy.h"

namespace grpo::testing {

// One random direction per parameter: gradient times direction against the difference quotient along it. For
// a float64 policy whose parameters require gradients; a parameter that the loss does not use has gradient 0.
inline void expect_gradients(const Policy& policy, const std::function<at::Tensor()>& loss) {
  std::vector<at::Tensor> parameters;
  for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
  const auto analytic = torch::autograd::grad({loss()}, parameters, {}, {}, false, /*allow_unused=*/true);
  const at::NoGradGuard no_grad;
  at::manual_seed(11);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor original = parameters[i].clone(), draw = at::randn_like(original),
                     direction = draw / draw.norm();
    constexpr double step = 1e-6;
    parameters[i].copy_(original + step * direction);
    const double up = loss().item<double>();
    parameters[i].copy_(original - step * direction);
    const double down = loss().item<double>();
    parameters[i].copy_(original);
    const double expected = (up - down) / (2 * step);
    const double got = analytic[i].defined() ? (analytic[i] * direction).sum().item<double>() : 0.0;
    EXPECT_NEAR(got, expected, 2e-6 * std::max(1.0, std::abs(expected))) << policy.parameters()[i].name;
  }
}

}  // namespace grpo::testing

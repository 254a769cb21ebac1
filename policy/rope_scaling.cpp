#include "policy/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace grpo {
namespace {

using Frequencies = std::vector<float>;

void stretch(Frequencies& f, const RopeConfig&, const LinearRope& rope) {
  for (float& frequency : f) frequency /= static_cast<float>(rope.factor);
}

void stretch(Frequencies& f, const RopeConfig&, const Llama3Rope& rope) {
  const auto original = static_cast<double>(rope.original_max_position_embeddings);
  const auto longest = static_cast<float>(original / rope.low_freq_factor),
             shortest = static_cast<float>(original / rope.high_freq_factor),
             factor = static_cast<float>(rope.factor);
  for (float& frequency : f) {
    const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
    if (wavelength < shortest) continue;
    if (wavelength > longest) {
      frequency /= factor;
      continue;
    }
    const float smooth =
        (static_cast<float>(original) / wavelength - static_cast<float>(rope.low_freq_factor)) /
        static_cast<float>(rope.high_freq_factor - rope.low_freq_factor);
    frequency = (1 - smooth) * frequency / factor + smooth * frequency;
  }
}

void stretch(Frequencies& f, const RopeConfig& config, const YarnRope& rope) {
  const auto dim = static_cast<double>(config.dim);
  // The dimension that turns `rotations` times over the original context.
  auto dimension = [&](double rotations) {
    const auto original = static_cast<double>(rope.original_max_position_embeddings);
    return dim * std::log(original / (rotations * 2 * std::numbers::pi)) / (2 * std::log(config.theta));
  };
  double low = dimension(rope.beta_fast), high = dimension(rope.beta_slow);
  if (rope.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < f.size(); ++i) {
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f, 1.0f);
    f[i] = f[i] / static_cast<float>(rope.factor) * ramp + f[i] * (1 - ramp);
  }
}

void stretch(Frequencies&, const RopeConfig&, std::monostate) {}

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& config) {
  Frequencies f;
  for (int64_t i = 0; i < config.dim / 2; ++i) {
    f.push_back(1.0f / std::pow(static_cast<float>(config.theta),
                                static_cast<float>(2 * i) / static_cast<float>(config.dim)));
  }
  std::visit([&](const auto& scaling) { stretch(f, config, scaling); }, config.scaling);
  return f;
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

}  // namespace grpo

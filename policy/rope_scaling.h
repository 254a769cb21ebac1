#pragma once
// The rotary frequencies of a model, with the scalings by which checkpoints reach longer contexts.

#include <vector>

#include "policy/config.h"

namespace grpo {

// dim/2 frequencies, in float32 step by step as transformers' modeling_rope_utils computes them.
std::vector<float> rope_frequencies(const RopeConfig& config);

// YaRN's g(factor, mscale) = 0.1 * mscale * ln(factor) + 1, and 1 where nothing is stretched (arXiv 2309.00071,
// section 3.4; mscale is DeepSeek's).
double yarn_mscale(double factor, double mscale);

}  // namespace grpo

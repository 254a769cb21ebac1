#include "grpo/entropy_mask.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace grpo {
namespace {

// Linearly interpolated between the two nearest values, as torch.quantile does.
double quantile_of(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace

EntropyMasks mask_low_entropy(std::vector<TrainSequence>& sequences, double top_entropy_quantile) {
  std::vector<double> values;
  for (const TrainSequence& s : sequences) {
    for (size_t t = 0; t < s.completion_ids.size(); ++t) {
      if (!trained_at(s, t)) continue;
      GRPO_CHECK(s.entropy.size() == s.completion_ids.size());
      if (!std::isnan(s.entropy[t])) values.push_back(s.entropy[t]);
    }
  }
  EntropyMasks out;
  out.threshold = quantile_of(std::move(values), 1.0 - top_entropy_quantile);
  for (const TrainSequence& s : sequences) {
    auto& mask = out.masks.emplace_back(s.completion_ids.size(), uint8_t{0});
    for (size_t t = 0; t < mask.size(); ++t) mask[t] = trained_at(s, t) && s.entropy[t] >= out.threshold;
  }
  for (size_t i = 0; i < sequences.size(); ++i) sequences[i].policy_mask = out.masks[i];
  return out;
}

}  // namespace grpo

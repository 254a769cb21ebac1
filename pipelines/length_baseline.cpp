#include "pipelines/length_baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace grpo {
namespace {

double pairs_right(std::span<const AnswerLengths> samples, bool longer) {
  double right = 0;
  for (const AnswerLengths& s : samples) right += s.chosen == s.rejected ? 0.5 : (s.chosen > s.rejected) == longer;
  return right;
}

LengthRule best_threshold(std::span<const AnswerLengths> samples) {
  std::vector<AnswerLengths> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.chosen < b.chosen; });
  const auto good = std::count_if(sorted.begin(), sorted.end(), [](const auto& s) { return s.good; });
  const auto count = static_cast<std::ptrdiff_t>(sorted.size());
  // Below every threshold nothing: all are longer.
  LengthRule best{.pairs = false, .longer_is_better = 2 * good >= count, .threshold = -1};
  std::ptrdiff_t best_right = std::max<std::ptrdiff_t>(good, count - good), good_below = 0;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    good_below += sorted[static_cast<size_t>(i)].good;
    if (i + 1 < count && sorted[static_cast<size_t>(i + 1)].chosen == sorted[static_cast<size_t>(i)].chosen) continue;
    const std::ptrdiff_t longer = (i + 1 - good_below) + (good - good_below);
    const std::ptrdiff_t right = std::max(longer, count - longer);
    if (right <= best_right) continue;
    best_right = right;
    best.threshold = sorted[static_cast<size_t>(i)].chosen;
    best.longer_is_better = longer >= count - longer;
  }
  return best;
}

}  // namespace

std::string LengthRule::text() const {
  if (pairs) return longer_is_better ? "the longer answer is better" : "the shorter answer is better";
  return fmt::format("an answer of more than {} tokens is {}", threshold, longer_is_better ? "good" : "bad");
}

LengthRule best_length_rule(std::span<const AnswerLengths> samples) {
  if (samples.empty() || samples.front().pair()) {
    return {.pairs = true, .longer_is_better = pairs_right(samples, true) >= pairs_right(samples, false)};
  }
  return best_threshold(samples);
}

double length_accuracy(const LengthRule& rule, std::span<const AnswerLengths> samples) {
  if (samples.empty()) return std::numeric_limits<double>::quiet_NaN();
  double right = 0;
  if (rule.pairs) {
    right = pairs_right(samples, rule.longer_is_better);
  } else {
    for (const AnswerLengths& s : samples) right += ((s.chosen > rule.threshold) == rule.longer_is_better) == s.good;
  }
  return right / static_cast<double>(samples.size());
}

std::vector<size_t> length_balanced(std::span<const AnswerLengths> samples) {
  std::vector<size_t> longer, shorter, kept;
  for (size_t i = 0; i < samples.size(); ++i) {
    const AnswerLengths& s = samples[i];
    if (!s.pair() || s.chosen == s.rejected) kept.push_back(i);
    else (s.chosen > s.rejected ? longer : shorter).push_back(i);
  }
  const size_t each = std::min(longer.size(), shorter.size());
  for (std::vector<size_t>* side : {&longer, &shorter}) {
    std::stable_sort(side->begin(), side->end(), [&](size_t a, size_t b) {
      return std::abs(samples[a].chosen - samples[a].rejected) < std::abs(samples[b].chosen - samples[b].rejected);
    });
    kept.insert(kept.end(), side->begin(), side->begin() + static_cast<std::ptrdiff_t>(each));
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace grpo

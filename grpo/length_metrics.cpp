#include "grpo/length_metrics.h"

#include <cmath>
#include <limits>

namespace grpo {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double per(double sum, double count) { return count > 0 ? sum / count : kNan; }

}  // namespace

void add_length_metrics(const std::vector<Group>& groups, Json& metrics) {
  double sum = 0, terminated_sum = 0, count = 0, terminated = 0;
  double min = kNan, max = kNan, terminated_min = kNan, terminated_max = kNan;
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) {
      if (episode.finish_reason == FinishReason::kError) continue;
      const double length = static_cast<double>(episode.completion_ids.size());
      ++count;
      sum += length;
      min = std::fmin(min, length);
      max = std::fmax(max, length);
      if (truncated(episode)) continue;
      ++terminated;
      terminated_sum += length;
      terminated_min = std::fmin(terminated_min, length);
      terminated_max = std::fmax(terminated_max, length);
    }
  }
  metrics["completions/mean_length"] = per(sum, count);
  metrics["completions/min_length"] = min;
  metrics["completions/max_length"] = max;
  metrics["completions/mean_terminated_length"] = per(terminated_sum, terminated);
  metrics["completions/min_terminated_length"] = terminated_min;
  metrics["completions/max_terminated_length"] = terminated_max;
  metrics["completions/clipped_ratio"] = per(count - terminated, count);
}

}  // namespace grpo

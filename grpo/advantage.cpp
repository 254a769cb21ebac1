#include "grpo/advantage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace grpo {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool usable(const Episode& episode) {
  return episode.finish_reason != FinishReason::kError && episode.reward && std::isfinite(*episode.reward);
}

struct Moments {
  double mean = kNan;
  double std = kNan;       // NaN for fewer than two values
  bool all_equal = false;  // exactly; a rounded mean would leave noise where there must be none
};

// Sorted first, so that the sums do not depend on the order in which samples arrived.
Moments moments(std::vector<double> values, int64_t ddof) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  Moments m;
  double sum = 0.0;
  for (double v : values) sum += v;
  m.mean = sum / n;
  m.all_equal = values.front() == values.back();
  if (values.size() < 2) return m;
  double squares = 0.0;
  for (double v : values) squares += (v - m.mean) * (v - m.mean);
  m.std = m.all_equal ? 0.0 : std::sqrt(squares / (n - static_cast<double>(ddof)));
  return m;
}

std::vector<double> usable_rewards(const Group& group) {
  std::vector<double> rewards;
  for (const Episode& episode : group.episodes) {
    if (usable(episode)) rewards.push_back(*episode.reward);
  }
  return rewards;
}

double divisor(const AdvantageOptions& options, double group_std, double batch_std) {
  switch (options.scale_rewards) {
    case ScaleRewards::kGroup:
      return group_std + options.epsilon;
    case ScaleRewards::kBatch:
      return batch_std + options.epsilon;
    case ScaleRewards::kNone:
      break;
  }
  return 1.0;
}

void mask(Episode& episode) {
  std::fill(episode.loss_mask.begin(), episode.loss_mask.end(), uint8_t{0});
}

double mean_of_sorted(std::vector<double> values) {
  return moments(std::move(values), 0).mean;
}

}  // namespace

AdvantageOptions read_advantage_options(ObjectReader& reader) {
  AdvantageOptions options;
  const std::string scale = reader.choice("scale_rewards", {"group", "batch", "none"}, "group");
  options.scale_rewards = scale == "group"   ? ScaleRewards::kGroup
                          : scale == "batch" ? ScaleRewards::kBatch
                                             : ScaleRewards::kNone;
  if (scale == "none" && reader.has("advantage_epsilon")) {
    reader.fail("advantage_epsilon", "has no effect: scale_rewards is \"none\"",
                "remove it, or scale by \"group\" or \"batch\"");
  }
  options.ddof = reader.integer("advantage_ddof", options.ddof, {.min = 0, .max = 1});
  options.epsilon = reader.number("advantage_epsilon", options.epsilon, {.min = 0.0, .max = 1.0});
  return options;
}

void check_num_generations(int64_t num_generations, const std::string& where) {
  if (num_generations >= 2) return;
  throw Error(
      fmt::format("num_generations is {}: an advantage compares the samples of one problem", num_generations),
      where, "use at least 2 samples per problem");
}

AdvantageStats assign_advantages(std::vector<Group>& groups, const AdvantageOptions& options) {
  AdvantageStats stats;
  std::vector<double> all_rewards;
  std::vector<double> group_stds;
  for (const Group& group : groups) {
    const std::vector<double> rewards = usable_rewards(group);
    all_rewards.insert(all_rewards.end(), rewards.begin(), rewards.end());
  }
  const Moments batch = moments(all_rewards, options.ddof);

  for (Group& group : groups) {
    const Moments own = moments(usable_rewards(group), options.ddof);
    const bool lone = std::isnan(own.std);
    const bool flat = lone || own.all_equal;
    for (Episode& episode : group.episodes) {
      episode.advantage = 0.0;
      if (!usable(episode)) {
        mask(episode);
        ++stats.num_masked;
      } else if (!flat) {
        episode.advantage = (*episode.reward - own.mean) / divisor(options, own.std, batch.std);
      }
    }
    stats.num_episodes += static_cast<int64_t>(group.episodes.size());
    stats.num_lone_groups += lone;
    stats.num_zero_std += !lone && own.all_equal;
    if (!lone) group_stds.push_back(own.std);
  }

  stats.num_groups = static_cast<int64_t>(groups.size());
  stats.reward = batch.mean;
  stats.frac_reward_zero_std =
      group_stds.empty() ? kNan
                         : static_cast<double>(stats.num_zero_std) / static_cast<double>(group_stds.size());
  stats.reward_std = mean_of_sorted(std::move(group_stds));
  return stats;
}

int64_t mask_truncated_completions(std::vector<Group>& groups) {
  int64_t masked = 0;
  for (Group& group : groups) {
    for (Episode& episode : group.episodes) {
      const bool trained =
          std::find(episode.loss_mask.begin(), episode.loss_mask.end(), 1) != episode.loss_mask.end();
      if (!truncated(episode) || !trained) continue;
      mask(episode);
      ++masked;
    }
  }
  return masked;
}

}  // namespace grpo

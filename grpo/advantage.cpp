#include "grpo/advantage.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "grpo/deviation.h"
#include "grpo/reward_kl.h"
#include "grpo/trained_tokens.h"

namespace grpo {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool scored(const Episode& episode) {
  return episode.finish_reason != FinishReason::kError && episode.reward && std::isfinite(*episode.reward);
}

// The rewards of a group as they are compared: with what KL they lost. Without a value where there is no usable one.
struct Rewards {
  std::vector<std::optional<double>> of_episode;
  std::vector<std::vector<double>> kl;  // per token, before kl_coef; empty without KL

  std::vector<double> usable() const {
    std::vector<double> values;
    for (const auto& reward : of_episode) {
      if (reward) values.push_back(*reward);
    }
    return values;
  }
};

AdvantageOptions without_kl(AdvantageOptions options) {
  options.kl_coef = 0.0;
  return options;
}

Rewards rewards_of(const Group& group, const AdvantageOptions& options) {
  Rewards out;
  for (const Episode& episode : group.episodes) {
    std::optional<double> reward = scored(episode) ? episode.reward : std::nullopt;
    if (options.kl_coef != 0.0) {
      auto& kl = out.kl.emplace_back();
      if (reward) kl = reward_kl(episode, options.kl_estimator);
      double sum = 0.0;
      for (const double k : kl) sum += k;
      if (reward) *reward -= options.kl_coef * sum;
      if (reward && !std::isfinite(*reward)) reward.reset();
    }
    out.of_episode.push_back(reward);
  }
  return out;
}

// What of its reward each episode is ahead of its group, before any scale; 0 for unusable ones.
struct Lead {
  std::vector<double> of_episode;
  Moments rewards;    // of the group's usable rewards
  bool flat = false;  // all of it exactly 0

  bool lone() const { return std::isnan(rewards.std); }
};

// Adds weight * (value - mean) / (std + epsilon) over the group's values; nothing where they do not differ.
void add_objective(const Group& group, const Rewards& rewards, size_t index, const AdvantageOptions& options,
                   std::vector<double>& lead) {
  std::vector<std::optional<double>> values;
  std::vector<double> present;
  for (size_t e = 0; e < group.episodes.size(); ++e) {
    values.push_back(rewards.of_episode[e] ? counted_value(group.episodes[e].scores[index]) : std::nullopt);
    if (values.back()) present.push_back(*values.back());
  }
  const Moments own = moments(std::move(present), options.ddof);
  if (std::isnan(own.std) || own.all_equal) return;
  for (size_t e = 0; e < values.size(); ++e) {
    if (!values[e]) continue;
    lead[e] += group.episodes[e].scores[index].weight * ((*values[e] - own.mean) / (own.std + options.epsilon));
  }
}

Lead lead_of(const Group& group, const Rewards& rewards, const AdvantageOptions& options) {
  Lead lead{.of_episode = std::vector<double>(group.episodes.size(), 0.0),
            .rewards = moments(rewards.usable(), options.ddof)};
  if (options.aggregation == RewardAggregation::kSumThenNormalize) {
    lead.flat = lead.lone() || lead.rewards.all_equal;
    for (size_t e = 0; e < group.episodes.size() && !lead.flat; ++e) {
      if (rewards.of_episode[e]) lead.of_episode[e] = *rewards.of_episode[e] - lead.rewards.mean;
    }
    return lead;
  }
  GRPO_CHECK(options.estimator == AdvantageEstimator::kGroup && options.kl_coef == 0.0);
  size_t objectives = 0;
  for (size_t e = 0; e < group.episodes.size(); ++e) {
    if (rewards.of_episode[e]) objectives = std::max(objectives, group.episodes[e].scores.size());
  }
  for (size_t e = 0; e < group.episodes.size(); ++e) {
    GRPO_CHECK(!rewards.of_episode[e] || group.episodes[e].scores.size() == objectives);
  }
  for (size_t k = 0; k < objectives && !lead.lone(); ++k) add_objective(group, rewards, k, options, lead.of_episode);
  lead.flat = std::all_of(lead.of_episode.begin(), lead.of_episode.end(), [](double x) { return x == 0.0; });
  return lead;
}

double divisor(const AdvantageOptions& options, double group_std, double batch_std) {
  if (options.aggregation == RewardAggregation::kNormalizeThenSum) return batch_std + options.epsilon;
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

void mask(Episode& episode) { std::fill(episode.loss_mask.begin(), episode.loss_mask.end(), uint8_t{0}); }

// All groups of a call, with what was found out about them.
struct Batch {
  std::vector<Group>& groups;
  std::vector<Rewards> rewards;
  std::vector<Lead> leads;
};

void scale_leads(Batch& batch, const AdvantageOptions& options) {
  std::vector<double> scaled;  // what the deviation of the batch is taken of
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    for (size_t e = 0; e < batch.groups[g].episodes.size(); ++e) {
      const std::optional<double>& reward = batch.rewards[g].of_episode[e];
      if (!reward) continue;
      const bool sum_first = options.aggregation == RewardAggregation::kSumThenNormalize;
      scaled.push_back(sum_first ? *reward : batch.leads[g].of_episode[e]);
    }
  }
  const double batch_std = moments(std::move(scaled), options.ddof).std;
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const Lead& lead = batch.leads[g];
    for (size_t e = 0; e < batch.groups[g].episodes.size(); ++e) {
      batch.groups[g].episodes[e].advantage =
          lead.flat ? 0.0 : lead.of_episode[e] / divisor(options, lead.rewards.std, batch_std);
    }
  }
}

void leave_one_out(Batch& batch) {
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const Lead& lead = batch.leads[g];
    const double n = static_cast<double>(batch.rewards[g].usable().size());
    for (size_t e = 0; e < batch.groups[g].episodes.size(); ++e) {
      batch.groups[g].episodes[e].advantage = lead.flat ? 0.0 : n / (n - 1.0) * lead.of_episode[e];
    }
  }
}

// The returns of an episode's trained tokens, one per completion id; one value for all of them without KL.
struct Returns {
  Episode* episode;
  double whole;                 // of the first token
  std::vector<double> by_token;  // empty: all as whole
};

std::vector<Returns> returns_of(Batch& batch, const AdvantageOptions& options) {
  std::vector<Returns> out;
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const Rewards& rewards = batch.rewards[g];
    const bool by_group = options.estimator == AdvantageEstimator::kGroupThenBatch;
    for (size_t e = 0; e < batch.groups[g].episodes.size(); ++e) {
      if (!rewards.of_episode[e] || (by_group && batch.leads[g].lone())) continue;
      Episode& episode = batch.groups[g].episodes[e];
      Returns returns{.episode = &episode, .whole = by_group ? batch.leads[g].of_episode[e] : *rewards.of_episode[e],
                      .by_token = {}};
      if (!by_group && !rewards.kl.empty()) {
        returns.by_token = rewards.kl[e];
        double rest = *episode.reward;
        for (size_t t = returns.by_token.size(); t-- > 0;) {
          rest -= options.kl_coef * returns.by_token[t];
          returns.by_token[t] = rest;
        }
      }
      out.push_back(std::move(returns));
    }
  }
  return out;
}

void whiten(Batch& batch, const AdvantageOptions& options) {
  for (Group& group : batch.groups) {
    for (Episode& episode : group.episodes) episode.advantage = 0.0;
  }
  std::vector<Returns> all = returns_of(batch, options);
  std::vector<CountedValue> values;
  for (const Returns& returns : all) {
    int64_t count = 0;
    for (size_t t = 0; t < returns.episode->completion_ids.size(); ++t) {
      if (!trained_at(*returns.episode, t)) continue;
      ++count;
      if (!returns.by_token.empty()) values.push_back({.value = returns.by_token[t]});
    }
    if (returns.by_token.empty()) values.push_back({.value = returns.whole, .count = count});
  }
  const Moments m = moments(std::move(values), options.ddof);
  if (m.all_equal || std::isnan(m.std)) return;
  const auto white = [&](double value) { return (value - m.mean) / (m.std + options.epsilon); };
  for (const Returns& returns : all) {
    Episode& episode = *returns.episode;
    if (returns.by_token.empty()) {
      episode.advantage = white(returns.whole);
      continue;
    }
    double sum = 0.0, count = 0.0;
    std::vector<double> advantages(returns.by_token.size(), 0.0);
    for (size_t t = 0; t < advantages.size(); ++t) {
      if (!trained_at(episode, t)) continue;
      advantages[t] = white(returns.by_token[t]);
      sum += advantages[t];
      ++count;
    }
    episode.advantage = count > 0.0 ? sum / count : 0.0;  // what is reported of it
    episode.token_advantages = std::move(advantages);
  }
}

double mean_kl(const Batch& batch) {
  std::vector<double> values;
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    for (size_t e = 0; e < batch.rewards[g].kl.size(); ++e) {
      const Episode& episode = batch.groups[g].episodes[e];
      for (size_t t = 0; t < batch.rewards[g].kl[e].size(); ++t) {
        if (batch.rewards[g].of_episode[e] && trained_at(episode, t)) values.push_back(batch.rewards[g].kl[e][t]);
      }
    }
  }
  return moments(std::move(values), 0).mean;
}

AdvantageStats stats_of(const Batch& batch, const AdvantageOptions& options) {
  const AdvantageOptions plain = without_kl(options);
  AdvantageStats stats;
  std::vector<double> rewards, group_stds;
  for (const Group& group : batch.groups) {
    const Rewards given = rewards_of(group, plain);
    const Lead lead = lead_of(group, given, plain);
    for (const double reward : given.usable()) rewards.push_back(reward);
    stats.num_lone_groups += lead.lone();
    stats.num_zero_std += !lead.lone() && lead.flat;
    if (!lead.lone()) group_stds.push_back(lead.rewards.std);
    stats.num_episodes += static_cast<int64_t>(group.episodes.size());
  }
  stats.num_groups = static_cast<int64_t>(batch.groups.size());
  stats.reward = moments(std::move(rewards), 0).mean;
  stats.frac_reward_zero_std =
      group_stds.empty() ? kNan : static_cast<double>(stats.num_zero_std) / static_cast<double>(group_stds.size());
  stats.reward_std = moments(std::move(group_stds), 0).mean;
  stats.kl = mean_kl(batch);
  return stats;
}

}  // namespace

AdvantageStats assign_advantages(std::vector<Group>& groups, const AdvantageOptions& options) {
  Batch batch{.groups = groups, .rewards = {}, .leads = {}};
  for (Group& group : groups) {
    for (Episode& episode : group.episodes) episode.token_advantages.clear();
    batch.rewards.push_back(rewards_of(group, options));
    batch.leads.push_back(lead_of(group, batch.rewards.back(), options));
  }
  AdvantageStats stats = stats_of(batch, options);
  switch (options.estimator) {
    case AdvantageEstimator::kGroup:
      scale_leads(batch, options);
      break;
    case AdvantageEstimator::kLeaveOneOut:
      leave_one_out(batch);
      break;
    case AdvantageEstimator::kBatch:
    case AdvantageEstimator::kGroupThenBatch:
      whiten(batch, options);
      break;
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t e = 0; e < groups[g].episodes.size(); ++e) {
      if (batch.rewards[g].of_episode[e]) continue;
      groups[g].episodes[e].advantage = 0.0;
      mask(groups[g].episodes[e]);
      ++stats.num_masked;
    }
  }
  return stats;
}

bool informative(const Group& group, const AdvantageOptions& options) {
  const AdvantageOptions plain = without_kl(options);
  const Rewards rewards = rewards_of(group, plain);
  if (options.estimator == AdvantageEstimator::kBatch) return !rewards.usable().empty();
  return !lead_of(group, rewards, plain).flat;
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

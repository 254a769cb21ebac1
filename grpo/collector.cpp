#include "grpo/collector.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "core/seed.h"
#include "grpo/length_metrics.h"
#include "grpo/reward_errors.h"
#include "rewards/reward_summary.h"

namespace grpo {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double per(double sum, double count) { return count > 0 ? sum / count : kNan; }

}  // namespace

bool all_failed(const Group& group) {
  return std::all_of(group.episodes.begin(), group.episodes.end(), [](const Episode& episode) {
    return episode.finish_reason == FinishReason::kError;
  });
}

std::vector<Group*> step_share(std::vector<Group>& rollout, int64_t step, int64_t steps_per_generation) {
  const auto count = static_cast<int64_t>(rollout.size());
  const int64_t part = step % steps_per_generation;
  std::vector<Group*> groups;
  for (int64_t i = count * part / steps_per_generation; i < count * (part + 1) / steps_per_generation; ++i) {
    groups.push_back(&rollout[static_cast<size_t>(i)]);
  }
  return groups;
}

Collector::Collector(const Policy& policy, const Tokenizer* tokenizer, const Rubric& rubric,
                     const TrainerOptions& options, uint64_t seed)
    : rubric_(rubric),
      options_(options),
      seed_(seed),
      engine_(policy, tokenizer, options_.engine),
      pool_(rubric_, options_.reward_workers) {}

ScoredRollout Collector::sample_round(const DrawProblem& draw, int64_t num_groups, int64_t step,
                                      int64_t round) {
  constexpr uint64_t round_stream = 0x726f756e64;
  std::vector<Problem> problems;
  for (int64_t i = 0; i < num_groups; ++i) problems.push_back(draw(problems_drawn_++));
  GenerateOptions generate;
  generate.num_generations = options_.num_generations;
  generate.sampling = options_.sampling;
  // A problem of a small set may come again within a rollout, and must not give the same samples again.
  generate.seed = round == 0 ? seed_ : derive_seed({seed_, round_stream, static_cast<uint64_t>(round)});
  generate.step = static_cast<uint64_t>(step);
  generate.policy_version = step;
  generate.record_routes = options_.router_replay;
  generate.record_kept = options_.keep_sampling_mask;
  generate.stop_request = options_.stop_request;
  ScoredRollout rollout = generate_and_score(engine_, pool_, problems, generate);
  check_reward_errors(rubric_, rollout.groups, options_.reward_error_rate_max, options_.rewards_log);
  return rollout;
}

Collector::Rollout Collector::collect(const DrawProblem& draw, int64_t step, StepTimes& times) {
  const int64_t wanted = options_.prompts_per_step * options_.steps_per_generation;
  const int64_t rounds_max = options_.dynamic_sampling ? options_.dynamic_sampling_rounds : 1;
  Rollout out;
  std::vector<Group>& groups = out.groups;
  Json& metrics = out.metrics = Json::object();
  std::vector<Group> dropped;
  ScoredRollout total;
  int64_t rounds = 0, errors = 0, tokens = 0;
  do {
    ScoredRollout rollout = sample_round(draw, wanted - static_cast<int64_t>(groups.size()), step, rounds++);
    out.failed = std::all_of(rollout.groups.begin(), rollout.groups.end(), all_failed);
    for (Group& group : rollout.groups) {
      const bool kept = !options_.dynamic_sampling || informative(group, options_.advantage);
      (kept ? groups : dropped).push_back(std::move(group));
    }
    total.generate_seconds += rollout.generate_seconds;
    total.wait_seconds += rollout.wait_seconds;
    total.busy_seconds += rollout.busy_seconds;
    errors += engine_.stats().errors;
    tokens += engine_.stats().tokens_generated;
  } while (static_cast<int64_t>(groups.size()) < wanted && rounds < rounds_max && !out.failed);

  // Metrics are of all that was sampled: of the groups kept alone, the reward would hardly ever move.
  const auto num_kept = static_cast<int64_t>(groups.size()), num_dropped = static_cast<int64_t>(dropped.size());
  std::move(dropped.begin(), dropped.end(), std::back_inserter(groups));
  RewardSummary summary(rubric_);
  for (const Group& group : groups) summary.add(group);
  if (options_.mask_truncated_completions) mask_truncated_completions(groups);
  AdvantageOptions before_kl = options_.advantage;  // what KL takes off is known once tokens are scored
  before_kl.kl_coef = 0.0;
  const AdvantageStats stats = assign_advantages(groups, before_kl);
  metrics["reward"] = stats.reward;
  metrics["reward_std"] = stats.reward_std;
  metrics["frac_reward_zero_std"] = stats.frac_reward_zero_std;
  metrics.update(summary.metrics());
  add_length_metrics(groups, metrics);
  if (num_dropped > 0) {
    groups.erase(groups.begin() + num_kept, groups.end());
    assign_advantages(groups, before_kl);
  }

  if (options_.dynamic_sampling) {
    metrics["rollout/rounds"] = rounds;
    metrics["rollout/groups"] = num_kept;
    metrics["rollout/filtered_groups"] = num_dropped;
  }
  metrics["rollout/errors"] = errors;
  metrics["rollout/tokens_per_second"] = per(static_cast<double>(tokens), total.generate_seconds);
  metrics["rollout/score_busy_seconds"] = total.busy_seconds;
  times.add("generate", total.generate_seconds);
  times.add("score", total.wait_seconds);
  return out;
}

}  // namespace grpo

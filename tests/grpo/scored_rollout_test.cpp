// Scores from worker threads, while other groups are still being sampled.

#include "grpo/scored_rollout.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "grpo/evaluate.h"
#include "tests/grpo/tiny_training.h"

namespace grpo {
namespace {

using namespace testing;

// Rewards that take different times on different samples, one of them relative to the group.
Rubric uneven_rubric() {
  Rubric rubric = rubric_of([](const Episode& episode) {
    volatile double sum = 0.0;
    for (uint64_t i = 0; i < episode.seed % 20000; ++i) sum = sum + 1.0;
    return static_cast<double>(episode.completion_ids.front());
  });
  Reward shortest{.name = "shortest", .score_group = [](const Group& group, std::span<const Score>) {
                    size_t least = SIZE_MAX;
                    for (const Episode& e : group.episodes) least = std::min(least, e.completion_ids.size());
                    std::vector<Score> scores;
                    for (const Episode& e : group.episodes) {
                      scores.push_back(score_of(e.completion_ids.size() == least ? 1.0 : 0.0, ""));
                    }
                    return scores;
                  }};
  rubric.items.push_back({.reward = std::move(shortest), .weight = 0.3, .label = "shortest"});
  return rubric;
}

TEST(ScoredRollout, AnyNumberOfWorkersTrainsTheSameBits) {
  const Policy start = character_policy(llama_json());
  std::vector<std::vector<Json>> metrics;
  std::vector<std::vector<NamedTensor>> weights;
  for (const int64_t workers : {1, 2, 8}) {
    Policy policy = start.clone();
    TrainerOptions options = tiny_options();
    options.prompts_per_step = 6;
    options.reward_workers = workers;
    options.advantage.aggregation = RewardAggregation::kNormalizeThenSum;
    Trainer trainer(policy, &characters(), uneven_rubric(), options, 41);
    metrics.emplace_back();
    for (int step = 0; step < 4; ++step) metrics.back().push_back(without_times(trainer.step(sum_problem)));
    weights.push_back(weights_of(policy));
  }
  for (const size_t other : {1u, 2u}) {
    EXPECT_EQ(metrics[0], metrics[other]);
    EXPECT_EQ(changed(weights[0], weights[other]), "");
  }
}

TEST(ScoredRollout, AnyNumberOfWorkersEvaluatesTheSame) {
  const Policy policy = character_policy(llama_json());
  std::vector<Problem> problems;
  for (int64_t n = 0; n < 8; ++n) problems.push_back(sum_problem(n));
  Json first;
  for (const int64_t workers : {1, 2, 8}) {
    EvalOptions options;
    options.num_samples = 3;
    options.sampling.max_tokens = 10;
    options.reward_workers = workers;
    const Json metrics =
        eval_metrics(evaluate(policy, &characters(), uneven_rubric(), problems, options), "");
    if (workers == 1) first = metrics;
    EXPECT_EQ(metrics, first);
  }
}

TEST(ScoredRollout, ScoringBeginsBeforeTheLastSampleHasEnded) {
  using Clock = std::chrono::steady_clock;
  const Policy policy = character_policy(llama_json());
  std::atomic<Clock::time_point> first{Clock::time_point::max()};
  const Rubric rubric = rubric_of([&](const Episode&) {
    Clock::time_point none = Clock::time_point::max();
    first.compare_exchange_strong(none, Clock::now());
    return 1.0;
  });
  std::vector<Problem> problems;
  for (int64_t n = 0; n < 40; ++n) problems.push_back(sum_problem(n));
  Engine engine(policy, &characters(), {.max_running = 4});  // group after group
  ScoringPool pool(rubric, 1);
  GenerateOptions options;
  options.num_generations = 4;
  options.sampling.max_tokens = 10;
  const auto start = Clock::now();
  const ScoredRollout rollout = generate_and_score(engine, pool, problems, options);
  EXPECT_LT(std::chrono::duration<double>(first.load() - start).count(), rollout.generate_seconds);
  EXPECT_GT(rollout.busy_seconds, 0.0);
  ASSERT_EQ(rollout.groups.size(), 40u);
  for (size_t g = 0; g < 40; ++g) {
    EXPECT_EQ(rollout.groups[g].problem.id, static_cast<int64_t>(g));
    for (const Episode& episode : rollout.groups[g].episodes) EXPECT_EQ(episode.reward, 1.0);
  }
}

TEST(ScoredRollout, TimesWaitingAndWorkAreToldApart) {
  Policy policy = character_policy(llama_json());
  const Rubric rubric = rubric_of([](const Episode& episode) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return static_cast<double>(episode.completion_ids.front());
  });
  TrainerOptions options = tiny_options();
  options.reward_workers = 3;  // 3 groups of 4 samples side by side
  Trainer trainer(policy, &characters(), rubric, options, 42);
  const Json metrics = trainer.step(sum_problem);
  EXPECT_GE(number(metrics, "rollout/score_busy_seconds"), 0.060);
  EXPECT_GT(number(metrics, "time/score"), 0.0);
  EXPECT_LT(number(metrics, "time/score"), number(metrics, "rollout/score_busy_seconds"));
}

}  // namespace
}  // namespace grpo

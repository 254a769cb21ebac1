// Advantage estimators beside the group's own, and KL in the reward.

#include <gtest/gtest.h>

#include <cmath>

#include "core/seed.h"
#include "grpo/advantage.h"

namespace grpo {
namespace {

using Numbers = std::vector<double>;

constexpr AdvantageEstimator kAll[] = {AdvantageEstimator::kGroup, AdvantageEstimator::kLeaveOneOut,
                                       AdvantageEstimator::kBatch, AdvantageEstimator::kGroupThenBatch};

// A sample with `trained` tokens after one that is not trained on.
Episode episode_of(std::optional<double> reward, size_t trained) {
  Episode e;
  e.prompt_ids = {1};
  e.completion_ids.assign(trained + 1, 7);
  e.loss_mask.assign(trained + 1, 1);
  e.loss_mask[0] = 0;
  e.finish_reason = FinishReason::kEos;
  e.reward = reward;
  return e;
}

std::vector<Group> random_groups(uint64_t seed, bool with_scores) {
  Stream random(seed);
  std::vector<Group> groups(5);
  for (size_t g = 0; g < groups.size(); ++g) {
    groups[g].problem.id = static_cast<int64_t>(g);
    for (int64_t i = 0; i < 6; ++i) {
      std::optional<double> reward = random.uniform();
      if (g == 1) reward = 0.1;
      if (random.below(6) == 0) reward.reset();
      Episode e = episode_of(reward, static_cast<size_t>(1 + random.below(7)));
      e.sample_index = i;
      for (size_t t = 0; t < e.completion_ids.size() && with_scores; ++t) {
        e.old_logprobs.push_back(-2.0 * random.uniform());
        e.ref_logprobs.push_back(-2.0 * random.uniform());
      }
      groups[g].episodes.push_back(e);
    }
  }
  return groups;
}

double kl_of(const Episode& e, size_t t) { return e.loss_mask[t] ? e.old_logprobs[t] - e.ref_logprobs[t] : 0.0; }

// The sum of KL from token t on, k1.
double kl_from(const Episode& e, size_t t) {
  double sum = 0.0;
  for (; t < e.completion_ids.size(); ++t) sum += kl_of(e, t);
  return sum;
}

struct MeanAndStd {
  double mean = 0.0, std = 0.0;

  explicit MeanAndStd(const Numbers& values) {
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) std += (v - mean) * (v - mean) / static_cast<double>(values.size() - 1);
    std = std::sqrt(std);
  }
};

TEST(LeaveOneOut, IsTheRewardLessTheMeanOfTheOthers) {
  std::vector<Group> groups(1);
  for (const double r : {1.0, 0.0, 0.0, 1.0, 0.5}) groups[0].episodes.push_back(episode_of(r, 3));
  groups[0].episodes.push_back(episode_of(std::nullopt, 3));
  assign_advantages(groups, {.estimator = AdvantageEstimator::kLeaveOneOut});
  const double sum = 2.5;
  for (size_t i = 0; i < 5; ++i) {
    const double r = *groups[0].episodes[i].reward;
    EXPECT_NEAR(groups[0].episodes[i].advantage, r - (sum - r) / 4.0, 1e-15);
    EXPECT_TRUE(groups[0].episodes[i].token_advantages.empty());
  }
  EXPECT_EQ(groups[0].episodes[5].advantage, 0.0);
}

TEST(Estimators, GroupsWithKlInTheRewardEqualGroupsOfWhatIsLeftOfIt) {
  for (const AdvantageEstimator estimator : {AdvantageEstimator::kGroup, AdvantageEstimator::kLeaveOneOut}) {
    auto groups = random_groups(3, true), shaped = groups;
    for (Group& group : shaped) {
      for (Episode& e : group.episodes) {
        if (e.reward) *e.reward -= 0.3 * kl_from(e, 0);
      }
    }
    assign_advantages(groups, {.estimator = estimator, .kl_coef = 0.3});
    assign_advantages(shaped, {.estimator = estimator});
    for (size_t g = 0; g < groups.size(); ++g) {
      for (size_t e = 0; e < groups[g].episodes.size(); ++e) {
        EXPECT_NEAR(groups[g].episodes[e].advantage, shaped[g].episodes[e].advantage, 1e-12);
      }
    }
  }
}

TEST(Estimators, KlInTheRewardLeavesTheRewardAsTheRubricGaveItAndIsReported) {
  auto groups = random_groups(4, true);
  const auto before = groups;
  const auto with = assign_advantages(groups, {.kl_coef = 0.5});
  double kl = 0.0, tokens = 0.0;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < groups[g].episodes.size(); ++i) {
      const Episode& e = before[g].episodes[i];
      EXPECT_EQ(groups[g].episodes[i].reward, e.reward);
      if (!e.reward) continue;
      kl += kl_from(e, 0);
      tokens += static_cast<double>(e.completion_ids.size() - 1);
    }
  }
  EXPECT_NEAR(with.kl, kl / tokens, 1e-12);
  auto without = before;
  const auto plain = assign_advantages(without, {});
  EXPECT_TRUE(std::isnan(plain.kl));
  EXPECT_EQ(plain.reward, with.reward);
  EXPECT_EQ(plain.reward_std, with.reward_std);
  EXPECT_EQ(plain.num_zero_std, with.num_zero_std);
}

TEST(BatchEstimator, WhitensReturnsOverAllTrainedTokens) {
  for (const double coef : {0.0, 0.4}) {
    auto groups = random_groups(5, true);
    Numbers returns;
    for (const Group& group : groups) {
      for (const Episode& e : group.episodes) {
        for (size_t t = 1; e.reward && t < e.completion_ids.size(); ++t) returns.push_back(*e.reward - coef * kl_from(e, t));
      }
    }
    const MeanAndStd batch(returns);
    assign_advantages(groups, {.estimator = AdvantageEstimator::kBatch, .kl_coef = coef});
    size_t next = 0;
    for (const Group& group : groups) {
      for (const Episode& e : group.episodes) {
        if (!e.reward) {
          EXPECT_EQ(e.advantage, 0.0);
          EXPECT_TRUE(e.token_advantages.empty());
          continue;
        }
        EXPECT_EQ(e.token_advantages.empty(), coef == 0.0);
        double sum = 0.0;
        for (size_t t = 1; t < e.completion_ids.size(); ++t) {
          const double expected = (returns[next++] - batch.mean) / (batch.std + 1e-4);
          EXPECT_NEAR(e.token_advantages.empty() ? e.advantage : e.token_advantages[t], expected, 1e-11);
          sum += expected;
        }
        EXPECT_NEAR(e.advantage, sum / static_cast<double>(e.completion_ids.size() - 1), 1e-11);
        if (coef != 0.0) {
          EXPECT_EQ(e.token_advantages[0], 0.0);
        }
      }
    }
  }
}

TEST(GroupThenBatchEstimator, WhitensWhatTheGroupLeaves) {
  for (const double coef : {0.0, 0.4}) {
    auto groups = random_groups(6, true);
    Numbers tokens;
    std::vector<Numbers> leads(groups.size());
    for (size_t g = 0; g < groups.size(); ++g) {
      Numbers rewards;
      for (const Episode& e : groups[g].episodes) {
        if (e.reward) rewards.push_back(*e.reward - coef * kl_from(e, 0));
      }
      const double mean = MeanAndStd(rewards).mean;
      for (const Episode& e : groups[g].episodes) {
        leads[g].push_back(e.reward ? *e.reward - coef * kl_from(e, 0) - mean : 0.0);
        for (size_t t = 1; e.reward && t < e.completion_ids.size(); ++t) tokens.push_back(leads[g].back());
      }
    }
    const MeanAndStd batch(tokens);
    assign_advantages(groups, {.estimator = AdvantageEstimator::kGroupThenBatch, .kl_coef = coef});
    for (size_t g = 0; g < groups.size(); ++g) {
      for (size_t i = 0; i < groups[g].episodes.size(); ++i) {
        const Episode& e = groups[g].episodes[i];
        EXPECT_TRUE(e.token_advantages.empty());
        EXPECT_NEAR(e.advantage, e.reward ? (leads[g][i] - batch.mean) / (batch.std + 1e-4) : 0.0, 1e-11);
      }
    }
  }
}

TEST(BatchEstimator, TakesOneSamplePerProblem) {
  std::vector<Group> groups(3);
  for (size_t g = 0; g < 3; ++g) groups[g].episodes.push_back(episode_of(static_cast<double>(g), 2));
  assign_advantages(groups, {.estimator = AdvantageEstimator::kBatch, .epsilon = 0.0});
  const double std = std::sqrt(4.0 / 5.0);  // 0 0 1 1 2 2
  EXPECT_NEAR(groups[0].episodes[0].advantage, -1.0 / std, 1e-12);
  EXPECT_EQ(groups[1].episodes[0].advantage, 0.0);
  EXPECT_NEAR(groups[2].episodes[0].advantage, 1.0 / std, 1e-12);
  // With a baseline there is nothing to compare a lone sample with.
  assign_advantages(groups, {.estimator = AdvantageEstimator::kGroupThenBatch});
  for (const Group& group : groups) EXPECT_EQ(group.episodes[0].advantage, 0.0);
}

TEST(Estimators, AreExactlyZeroWhereEveryRewardOfTheBatchIsEqual) {
  for (const AdvantageEstimator estimator : kAll) {
    std::vector<Group> groups(2);
    for (Group& group : groups) {
      for (size_t i = 0; i < 3; ++i) group.episodes.push_back(episode_of(0.1, 1 + i));
    }
    const auto stats = assign_advantages(groups, {.estimator = estimator, .epsilon = 0.0});
    for (const Group& group : groups) {
      for (const Episode& e : group.episodes) EXPECT_EQ(e.advantage, 0.0);
    }
    EXPECT_EQ(stats.num_zero_std, 2);
  }
}

TEST(Estimators, DoNotDependOnTheOrderOfSamplesOrGroupsToTheLastBit) {
  for (const AdvantageEstimator estimator : kAll) {
    auto groups = random_groups(8, true), shuffled = groups;
    std::reverse(shuffled.begin(), shuffled.end());
    for (Group& group : shuffled) std::rotate(group.episodes.begin(), group.episodes.begin() + 2, group.episodes.end());
    assign_advantages(groups, {.estimator = estimator, .kl_coef = 0.2});
    assign_advantages(shuffled, {.estimator = estimator, .kl_coef = 0.2});
    for (const Group& group : shuffled) {
      for (const Episode& e : group.episodes) {
        const Episode& original =
            groups[static_cast<size_t>(group.problem.id)].episodes[static_cast<size_t>(e.sample_index)];
        EXPECT_EQ(e.advantage, original.advantage);
        EXPECT_EQ(e.token_advantages, original.token_advantages);
      }
    }
  }
}

TEST(Estimators, LeaveNoTokenAdvantagesOfAnEarlierCall) {
  auto groups = random_groups(9, true);
  assign_advantages(groups, {.estimator = AdvantageEstimator::kBatch, .kl_coef = 0.2});
  ASSERT_FALSE(groups[0].episodes[0].token_advantages.empty() && groups[0].episodes[1].token_advantages.empty());
  assign_advantages(groups, {});
  for (const Group& group : groups) {
    for (const Episode& e : group.episodes) EXPECT_TRUE(e.token_advantages.empty());
  }
}

TEST(Estimators, AKlThatIsNotFiniteMasksItsSample) {
  for (const AdvantageEstimator estimator : kAll) {
    auto groups = random_groups(10, true);
    groups[0].episodes[0].reward = 1.0;
    groups[0].episodes[0].ref_logprobs[1] = std::nan("");
    assign_advantages(groups, {.estimator = estimator, .kl_coef = 0.2});
    EXPECT_EQ(groups[0].episodes[0].advantage, 0.0);
    EXPECT_EQ(groups[0].episodes[0].loss_mask[1], 0);
    for (const Group& group : groups) {
      for (const Episode& e : group.episodes) EXPECT_TRUE(std::isfinite(e.advantage));
    }
  }
}

TEST(Estimators, InformativeLooksAtRewardsBeforeAnyKl) {
  auto groups = random_groups(11, true);  // group 1 rewards everything 0.1
  for (const AdvantageEstimator estimator : {AdvantageEstimator::kGroup, AdvantageEstimator::kLeaveOneOut,
                                             AdvantageEstimator::kGroupThenBatch}) {
    EXPECT_FALSE(informative(groups[1], {.estimator = estimator, .kl_coef = 0.5}));
    EXPECT_TRUE(informative(groups[0], {.estimator = estimator, .kl_coef = 0.5}));
  }
  EXPECT_TRUE(informative(groups[1], {.estimator = AdvantageEstimator::kBatch}));
}

}  // namespace
}  // namespace grpo

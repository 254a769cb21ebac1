#include "grpo/advantage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/seed.h"
#include "tests/reference/naive_grpo.h"

namespace grpo {
namespace {

using Rewards = std::vector<std::optional<double>>;

Group group_of(const Rewards& rewards, int64_t id = 0) {
  Group group;
  group.problem.id = id;
  group.problem.prompt = "2 + 2 =";
  for (size_t i = 0; i < rewards.size(); ++i) {
    Episode episode;
    episode.problem_id = id;
    episode.sample_index = static_cast<int64_t>(i);
    episode.completion_ids = {5, 6, 7};
    episode.loss_mask = {1, 1, 1};
    episode.finish_reason = FinishReason::kEos;
    episode.reward = rewards[i];
    group.episodes.push_back(episode);
  }
  return group;
}

std::vector<double> advantages_of(const Rewards& rewards, const AdvantageOptions& options = {}) {
  std::vector<Group> groups{group_of(rewards)};
  assign_advantages(groups, options);
  std::vector<double> out;
  for (const Episode& episode : groups[0].episodes) out.push_back(episode.advantage);
  return out;
}

AdvantageOptions read(const std::string& text) {
  const Json json = parse_json(text, "recipe.json");
  ObjectReader reader(json, "recipe.json");
  const auto options = read_advantage_options(reader);
  reader.finish();
  return options;
}

TEST(Advantage, OfOneZeroZeroOneIsHalfOverStdPlusEpsilon) {
  for (double epsilon : {0.0, 1e-4, 1e-6, 0.5}) {
    const auto sample = advantages_of({1, 0, 0, 1}, {.ddof = 1, .epsilon = epsilon});
    const double expected = 0.5 / (std::sqrt(1.0 / 3.0) + epsilon);
    EXPECT_DOUBLE_EQ(sample[0], expected);
    EXPECT_DOUBLE_EQ(sample[1], -expected);
    EXPECT_DOUBLE_EQ(sample[2], -expected);
    EXPECT_DOUBLE_EQ(sample[3], expected);
    const auto population = advantages_of({1, 0, 0, 1}, {.ddof = 0, .epsilon = epsilon});
    EXPECT_DOUBLE_EQ(population[0], 0.5 / (0.5 + epsilon));
  }
}

TEST(Advantage, EqualsTheNaiveFormulaOnRandomGroups) {
  Stream random(7);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> rewards;
    for (int64_t i = 2 + random.below(15); i > 0; --i) rewards.push_back(4.0 * random.uniform() - 2.0);
    const int ddof = trial % 2;
    const auto expected = reference::advantages(rewards, ddof, 1e-4);
    const auto actual = advantages_of(Rewards(rewards.begin(), rewards.end()), {.ddof = ddof});
    for (size_t i = 0; i < rewards.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12);
  }
}

TEST(Advantage, IsZeroWhenAllRewardsAreEqual) {
  // The mean of three times 0.1 rounds to another number: a plain (r - mean) / 1e-4 would leave noise.
  ASSERT_NE((0.1 + 0.1 + 0.1) / 3.0, 0.1);
  for (ScaleRewards scale : {ScaleRewards::kGroup, ScaleRewards::kBatch, ScaleRewards::kNone}) {
    std::vector<Group> groups{group_of({0.1, 0.1, 0.1}, 1), group_of({0, 1, 0}, 2)};
    const auto stats = assign_advantages(groups, {.scale_rewards = scale, .epsilon = 0.0});
    for (const Episode& episode : groups[0].episodes) {
      EXPECT_EQ(episode.advantage, 0.0);
      EXPECT_EQ(episode.loss_mask, (std::vector<uint8_t>{1, 1, 1}));
    }
    EXPECT_GT(groups[1].episodes[1].advantage, 0.0);
    EXPECT_EQ(stats.num_zero_std, 1);
    EXPECT_DOUBLE_EQ(stats.frac_reward_zero_std, 0.5);
  }
}

TEST(Advantage, DoesNotDependOnTheOrderOfSamplesOrGroups) {
  Stream random(11);
  std::vector<Group> groups;
  for (int64_t g = 0; g < 5; ++g) {
    Rewards rewards;
    for (int i = 0; i < 9; ++i) rewards.push_back(random.uniform());
    rewards[4] = std::nullopt;
    groups.push_back(group_of(rewards, g));
  }
  for (ScaleRewards scale : {ScaleRewards::kGroup, ScaleRewards::kBatch, ScaleRewards::kNone}) {
    auto straight = groups;
    assign_advantages(straight, {.scale_rewards = scale});
    auto shuffled = groups;
    std::vector<int64_t> order{3, 0, 4, 2, 1};
    for (size_t g = 0; g < order.size(); ++g) {
      shuffled[g] = groups[order[g]];
      std::vector<int64_t> samples{8, 2, 5, 0, 7, 1, 3, 6, 4};
      random.shuffle(samples);
      for (size_t i = 0; i < samples.size(); ++i)
        shuffled[g].episodes[i] = groups[order[g]].episodes[samples[i]];
    }
    assign_advantages(shuffled, {.scale_rewards = scale});
    for (size_t g = 0; g < order.size(); ++g) {
      for (const Episode& episode : shuffled[g].episodes) {
        const double original = straight[order[g]].episodes[episode.sample_index].advantage;
        EXPECT_EQ(episode.advantage, original);  // every bit
      }
    }
  }
}

TEST(Advantage, GroupsWithTheSameTextOrIdKeepTheirOwnBaselines) {
  std::vector<Group> groups{group_of({1, 0}, 3), group_of({1, 1}, 3)};
  assign_advantages(groups, {.epsilon = 0.0});
  EXPECT_DOUBLE_EQ(groups[0].episodes[0].advantage, std::sqrt(0.5));
  EXPECT_EQ(groups[1].episodes[0].advantage, 0.0);
}

TEST(Advantage, LeavesUnscoredSamplesOutOfTheBaselineAndMasksThem) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<Group> groups{group_of({1, std::nullopt, 0, nan, 0, 1})};
  groups[0].episodes[4].finish_reason = FinishReason::kError;
  const auto stats = assign_advantages(groups, {});
  const auto expected = reference::advantages({1, 0, 1}, 1, 1e-4);
  const auto& episodes = groups[0].episodes;
  EXPECT_DOUBLE_EQ(episodes[0].advantage, expected[0]);
  EXPECT_DOUBLE_EQ(episodes[2].advantage, expected[1]);
  EXPECT_DOUBLE_EQ(episodes[5].advantage, expected[2]);
  for (size_t i : {1, 3, 4}) {
    EXPECT_EQ(episodes[i].advantage, 0.0);
    EXPECT_EQ(episodes[i].loss_mask, (std::vector<uint8_t>{0, 0, 0}));
  }
  EXPECT_EQ(episodes[0].loss_mask, (std::vector<uint8_t>{1, 1, 1}));
  EXPECT_EQ(stats.num_masked, 3);
  EXPECT_EQ(stats.num_episodes, 6);
  EXPECT_DOUBLE_EQ(stats.reward, 2.0 / 3.0);
}

TEST(Advantage, IsZeroWithFewerThanTwoScoredSamples) {
  std::vector<Group> groups{group_of({1, std::nullopt}), group_of({std::nullopt, std::nullopt}),
                            group_of({0, 1})};
  const auto stats = assign_advantages(groups, {.scale_rewards = ScaleRewards::kBatch});
  EXPECT_EQ(groups[0].episodes[0].advantage, 0.0);
  EXPECT_EQ(groups[0].episodes[0].loss_mask, (std::vector<uint8_t>{1, 1, 1}));
  EXPECT_EQ(groups[1].episodes[1].advantage, 0.0);
  EXPECT_EQ(stats.num_lone_groups, 2);
  EXPECT_EQ(stats.num_zero_std, 0);
  EXPECT_EQ(stats.frac_reward_zero_std, 0.0);
}

TEST(Advantage, ScaledByBatchSharesOneDeviationButNotTheMean) {
  std::vector<Group> groups{group_of({1, 0}), group_of({5, 9})};
  assign_advantages(groups, {.scale_rewards = ScaleRewards::kBatch, .epsilon = 0.25});
  // 1 0 5 9: mean 3.75, squared distances 7.5625 + 14.0625 + 1.5625 + 27.5625 = 50.75
  const double divisor = std::sqrt(50.75 / 3.0) + 0.25;
  EXPECT_DOUBLE_EQ(groups[0].episodes[0].advantage, 0.5 / divisor);
  EXPECT_DOUBLE_EQ(groups[1].episodes[0].advantage, -2.0 / divisor);
}

TEST(Advantage, ScaledByNothingIsTheCentredReward) {
  const auto a = advantages_of({3, 1, 2}, {.scale_rewards = ScaleRewards::kNone, .epsilon = 0.5});
  EXPECT_EQ(a, (std::vector<double>{1, -1, 0}));
}

TEST(Advantage, StatsReportRewardMeanAndMeanGroupDeviation) {
  std::vector<Group> groups{group_of({0, 2}), group_of({4, 4}), group_of({std::nullopt, 6})};
  const auto stats = assign_advantages(groups, {});
  EXPECT_EQ(stats.num_groups, 3);
  EXPECT_DOUBLE_EQ(stats.reward, 16.0 / 5.0);
  EXPECT_DOUBLE_EQ(stats.reward_std, std::sqrt(2.0) / 2.0);
  EXPECT_DOUBLE_EQ(stats.frac_reward_zero_std, 0.5);
}

TEST(Advantage, StatsOfNothingAreNotANumber) {
  std::vector<Group> groups{group_of({std::nullopt, std::nullopt})};
  const auto stats = assign_advantages(groups, {});
  EXPECT_TRUE(std::isnan(stats.reward));
  EXPECT_TRUE(std::isnan(stats.reward_std));
  EXPECT_TRUE(std::isnan(stats.frac_reward_zero_std));
}

TEST(Advantage, OneSamplePerProblemIsRefused) {
  EXPECT_NO_THROW(check_num_generations(2, "recipe.json: num_generations"));
  try {
    check_num_generations(1, "recipe.json: num_generations");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "recipe.json: num_generations");
    EXPECT_NE(e.fix().find("at least 2"), std::string::npos);
  }
}

TEST(Advantage, TruncatedCompletionsAreMaskedButCountInTheBaseline) {
  std::vector<Group> groups{group_of({1, 0, 0})};
  groups[0].episodes[1].finish_reason = FinishReason::kLength;
  EXPECT_EQ(mask_truncated_completions(groups), 1);
  EXPECT_EQ(mask_truncated_completions(groups), 0);  // nothing left to mask
  assign_advantages(groups, {});
  const auto expected = reference::advantages({1, 0, 0}, 1, 1e-4);
  EXPECT_DOUBLE_EQ(groups[0].episodes[0].advantage, expected[0]);
  EXPECT_EQ(groups[0].episodes[1].loss_mask, (std::vector<uint8_t>{0, 0, 0}));
  EXPECT_EQ(groups[0].episodes[2].loss_mask, (std::vector<uint8_t>{1, 1, 1}));
}

TEST(AdvantageOptions, AreReadUnderTheirNames) {
  const auto defaults = read("{}");
  EXPECT_EQ(defaults.scale_rewards, ScaleRewards::kGroup);
  EXPECT_EQ(defaults.ddof, 1);
  EXPECT_EQ(defaults.epsilon, 1e-4);
  const auto set = read(R"({"scale_rewards": "batch", "advantage_ddof": 0, "advantage_epsilon": 1e-6})");
  EXPECT_EQ(set.scale_rewards, ScaleRewards::kBatch);
  EXPECT_EQ(set.ddof, 0);
  EXPECT_EQ(set.epsilon, 1e-6);
  EXPECT_EQ(read(R"({"scale_rewards": "none"})").scale_rewards, ScaleRewards::kNone);
}

TEST(AdvantageOptions, RefuseWhatIsOutOfRangeOrWithoutEffect) {
  EXPECT_THROW(read(R"({"scale_rewards": "std"})"), Error);
  EXPECT_THROW(read(R"({"scale_rewards": true})"), Error);
  EXPECT_THROW(read(R"({"advantage_ddof": 2})"), Error);
  EXPECT_THROW(read(R"({"advantage_epsilon": -1e-4})"), Error);
  EXPECT_THROW(read(R"({"scale_rewards": "none", "advantage_epsilon": 1e-4})"), Error);
}

}  // namespace
}  // namespace grpo

#include "rewards/rubric.h"

#include <gtest/gtest.h>

#include <cmath>

#include "rewards/score_of.h"
#include "tests/rewards/scoring.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

Rubric rubric_of(const std::string& json) {
  return read_rubric(parse_json(json, "test"), "recipe.json", "rewards");
}

// One episode scored in a group of its own.
void score_in(const Rubric& rubric, Episode& episode, const Problem& problem) {
  Group group{.problem = problem, .episodes = {episode}};
  score_group(rubric, group);
  episode = group.episodes[0];
}

// A reward that always says the same.
RubricItem fixed(double weight, Score score) {
  return {.reward = per_episode("fixed", [score](const Episode&, const Problem&) { return score; }),
          .weight = weight,
          .label = "fixed"};
}

Score value(double x) {
  return score_of(x, "fixed");
}
Score absent() {
  return not_applicable("fixed");
}
Score skip() {
  return skipped("fixed");
}
Score error() {
  return failed("fixed");
}

std::optional<double> reward_under(std::vector<RubricItem> items) {
  Episode episode = episode_of("text");
  episode.reward = 99.0;
  score_in({.items = std::move(items)}, episode, problem_of("2"));
  return episode.reward;
}

TEST(Rubric, TheRewardIsTheWeightedSum) {
  EXPECT_EQ(reward_under({fixed(1.0, value(1.0)), fixed(0.1, value(1.0)), fixed(-0.5, value(0.5))}),
            1.0 + 0.1 - 0.25);
}

TEST(Rubric, WhatDoesNotApplyIsLeftOut) {
  EXPECT_EQ(reward_under({fixed(1.0, value(0.5)), fixed(1.0, absent())}), 0.5);
  EXPECT_EQ(reward_under({fixed(1.0, absent())}), std::nullopt);
  EXPECT_EQ(reward_under({fixed(1.0, value(0.0))}), 0.0);
}

TEST(Rubric, ASkipOrAnErrorMasksTheEpisodeAndIsNeverAZero) {
  EXPECT_EQ(reward_under({fixed(1.0, value(1.0)), fixed(1.0, skip())}), std::nullopt);
  EXPECT_EQ(reward_under({fixed(1.0, error()), fixed(1.0, value(1.0))}), std::nullopt);
}

TEST(Rubric, WeightZeroMeasuresWithoutEffect) {
  EXPECT_EQ(reward_under({fixed(1.0, value(0.5)), fixed(0.0, value(7.0))}), 0.5);
  EXPECT_EQ(reward_under({fixed(1.0, value(0.5)), fixed(0.0, error())}), 0.5);
  EXPECT_EQ(reward_under({fixed(1.0, absent()), fixed(0.0, value(1.0))}), std::nullopt);
}

TEST(Rubric, ARewardThatThrowsOrIsNotFiniteIsAnError) {
  RubricItem throwing = fixed(1.0, absent());
  throwing.reward = per_episode(
      "throwing", [](const Episode&, const Problem&) -> Score { throw std::runtime_error("broken pipe"); });
  RubricItem throwing_anything = throwing;
  throwing_anything.reward =
      per_episode("throwing", [](const Episode&, const Problem&) -> Score { throw 7; });
  const Rubric rubric{
      .items = {throwing, throwing_anything, fixed(1.0, value(NAN)), fixed(1.0, value(INFINITY))}};
  Episode episode = episode_of("text");
  score_in(rubric, episode, problem_of("2"));
  ASSERT_EQ(episode.scores.size(), 4u);
  for (const Score& score : episode.scores) {
    EXPECT_EQ(score.status, ScoreStatus::kError);
    EXPECT_FALSE(score.value);
    EXPECT_FALSE(score.reason.empty());
  }
  EXPECT_TRUE(holds(episode.scores[0].reason, "broken pipe"));
  EXPECT_FALSE(episode.reward);
}

TEST(Rubric, AnEpisodeWithoutUsableTokensIsNotShownToTheRewards) {
  bool shown = false;
  RubricItem item = fixed(1.0, absent());
  item.reward = per_episode("spy", [&](const Episode&, const Problem&) {
    shown = true;
    return value(1.0);
  });
  Episode episode = episode_of("<answer>2</answer>");
  episode.finish_reason = FinishReason::kError;
  score_in({.items = {item}}, episode, problem_of("2"));
  EXPECT_FALSE(shown);
  EXPECT_FALSE(episode.reward);
  ASSERT_EQ(episode.scores.size(), 1u);
  EXPECT_FALSE(episode.scores[0].value);
  EXPECT_EQ(episode.scores[0].status, ScoreStatus::kOk);
}

TEST(Rubric, ScoringAgainReplacesTheBreakdown) {
  const Rubric rubric = rubric_of(R"([{"name": "exact"}])");
  Episode episode = episode_of("<answer>2</answer>");
  score_in(rubric, episode, problem_of("2"));
  score_in(rubric, episode, problem_of("3"));
  EXPECT_EQ(episode.scores.size(), 1u);
  EXPECT_EQ(episode.reward, 0.0);
}

TEST(Rubric, ARecipesListKeepsItsOrderWeightsAndOptions) {
  const Rubric rubric = rubric_of(R"([
    {"name": "exact", "ignore_case": true},
    {"name": "format", "weight": 0.1},
    {"name": "format", "label": "loose_format", "weight": 0, "allow_blank_think": true}])");
  ASSERT_EQ(rubric.items.size(), 3u);
  Group group;
  group.problem = problem_of("yes");
  group.episodes = {episode_of("<think>x</think><answer>YES</answer>"),
                    episode_of("<think></think><answer>no</answer>")};
  score_group(rubric, group);
  EXPECT_EQ(group.episodes[0].reward, 1.1);
  EXPECT_EQ(group.episodes[1].reward, 0.0);
  EXPECT_EQ(group.episodes[1].scores[2].value, 1.0);
  EXPECT_EQ(rubric.items[2].label, "loose_format");
  EXPECT_EQ(rubric.items[1].label, "format");
}

// What a reward sees and says, by name of the episode's completion.
struct Spy {
  std::vector<std::string> seen;
  std::vector<std::optional<double>> correct;
};

// A reward that notes what it is shown, and says 1.
Reward spying(Spy& spy, std::string correct_label = "") {
  return {.name = "spy",
          .score_group =
              [&spy](const Group& group, std::span<const Score> correct) {
                std::vector<Score> scores;
                for (size_t e = 0; e < group.episodes.size(); ++e) {
                  spy.seen.push_back(group.episodes[e].completion);
                  if (!correct.empty()) spy.correct.push_back(correct[e].value);
                  scores.push_back(value(1.0));
                }
                return scores;
              },
          .correct_label = std::move(correct_label)};
}

// A reward that says of every completion the number it is.
Reward reading() {
  return per_episode(
      "reading", [](const Episode& episode, const Problem&) { return value(std::stod(episode.completion)); });
}

Episode cut_off(const std::string& completion) {
  Episode episode = episode_of(completion);
  episode.finish_reason = FinishReason::kLength;
  return episode;
}

Episode unusable() {
  Episode episode = episode_of("0");
  episode.finish_reason = FinishReason::kError;
  return episode;
}

// The rewards of a group of these episodes.
std::vector<std::optional<double>> rewards_under(const Rubric& rubric, const std::vector<Episode>& episodes) {
  Group group{.problem = problem_of("2"), .episodes = episodes};
  score_group(rubric, group);
  std::vector<std::optional<double>> rewards;
  for (const Episode& episode : group.episodes) rewards.push_back(episode.reward);
  return rewards;
}

using Rewards = std::vector<std::optional<double>>;

RubricItem named(const std::string& label, double weight, Score score) {
  RubricItem item = fixed(weight, std::move(score));
  item.label = label;
  return item;
}

RubricItem behind(const std::string& gate, RubricItem item, double min = 1.0) {
  item.gate = Gate{.label = gate, .min = min};
  return item;
}

TEST(Gate, AnItemCountsOnlyWhereTheOtherPassed) {
  EXPECT_EQ(reward_under({named("right", 1.0, value(1.0)), behind("right", named("short", 0.5, value(0.8)))}),
            1.4);
  EXPECT_EQ(reward_under({named("right", 1.0, value(0.9)), behind("right", named("short", 0.5, value(0.8)))}),
            0.9);
  EXPECT_EQ(
      reward_under({named("right", 1.0, value(0.0)), behind("right", named("short", 0.5, value(-7.0)))}),
      0.0);
}

TEST(Gate, ItsThresholdMayBeChosen) {
  EXPECT_EQ(
      reward_under({named("right", 0.0, value(0.5)), behind("right", named("short", 1.0, value(2.0)), 0.5)}),
      2.0);
  EXPECT_EQ(
      reward_under({named("right", 0.0, value(0.4)), behind("right", named("short", 1.0, value(2.0)), 0.5)}),
      0.0);
  EXPECT_EQ(
      reward_under({named("right", 0.0, value(-1.0)), behind("right", named("short", 1.0, value(2.0)), -1)}),
      2.0);
}

TEST(Gate, ItMayStandBehindTheItemItCloses) {
  EXPECT_EQ(reward_under({behind("right", named("short", 1.0, value(2.0))), named("right", 1.0, value(0.0))}),
            0.0);
  EXPECT_EQ(reward_under({behind("right", named("short", 1.0, value(2.0))), named("right", 1.0, value(1.0))}),
            3.0);
}

TEST(Gate, AGateWithoutAValueIsClosedAndAnItemWithoutAValueStaysOut) {
  EXPECT_EQ(reward_under({named("right", 1.0, absent()), behind("right", named("short", 1.0, value(2.0)))}),
            0.0);
  EXPECT_EQ(reward_under({named("right", 1.0, absent()), behind("right", named("short", 1.0, absent()))}),
            std::nullopt);
}

TEST(Gate, ASkipOrAnErrorOfTheGateMasksEvenIfTheGateHasNoWeight) {
  for (const Score& broken : {skip(), error()}) {
    EXPECT_EQ(reward_under({named("right", 0.0, broken), behind("right", named("short", 1.0, value(2.0)))}),
              std::nullopt);
    EXPECT_EQ(reward_under({named("right", 0.0, broken), named("other", 1.0, value(3.0)),
                            behind("right", named("short", 0.0, value(2.0)))}),
              3.0)
        << "what has no weight masks nothing";
  }
}

TEST(Gate, ItAsksForTheValueWhateverGateThatStandsBehind) {
  EXPECT_EQ(reward_under({named("a", 1.0, value(0.0)), behind("a", named("b", 1.0, value(1.0))),
                          behind("b", named("c", 1.0, value(4.0)))}),
            4.0);
}

TEST(Gate, TheBreakdownKeepsTheValueAndSaysThatItIsGated) {
  Group group{.problem = problem_of("2"), .episodes = {episode_of("x")}};
  score_group({.items = {named("right", 1.0, value(0.0)), behind("right", named("short", 0.5, value(0.8)))}},
              group);
  const std::vector<Score>& scores = group.episodes[0].scores;
  EXPECT_EQ(scores[1].value, 0.8);
  EXPECT_TRUE(scores[1].gated);
  EXPECT_EQ(counted_value(scores[1]), 0.0);
  EXPECT_EQ(scores[1].weight, 0.5);
  EXPECT_FALSE(scores[0].gated);
}

TEST(Gate, ARewardCannotCloseAGateOfItsOwn) {
  Score gated = value(1.0);
  gated.gated = true;
  gated.weight = 9.0;
  EXPECT_EQ(reward_under({fixed(1.0, gated)}), 1.0);
}

TEST(Truncated, TheFourPolicies) {
  const std::vector<Episode> episodes = {episode_of("1"), cut_off("1")};
  const auto rewards = [&](TruncatedPolicy policy) {
    const RubricItem item = {.reward = reading(), .weight = 2.0, .label = "reading", .truncated = policy};
    return rewards_under({.items = {item, named("other", 1.0, value(10.0))}}, episodes);
  };
  EXPECT_EQ(rewards(TruncatedPolicy::kScore), (Rewards{12.0, 12.0}));
  EXPECT_EQ(rewards(TruncatedPolicy::kZero), (Rewards{12.0, 10.0}));
  EXPECT_EQ(rewards(TruncatedPolicy::kNone), (Rewards{12.0, 10.0}));
  EXPECT_EQ(rewards(TruncatedPolicy::kMask), (Rewards{12.0, std::nullopt}));
}

TEST(Truncated, ZeroIsAValueAndNoneIsNot) {
  const auto reward = [&](TruncatedPolicy policy) {
    const RubricItem item = {.reward = reading(), .label = "reading", .truncated = policy};
    return rewards_under({.items = {item}}, {cut_off("1")})[0];
  };
  EXPECT_EQ(reward(TruncatedPolicy::kZero), 0.0);
  EXPECT_EQ(reward(TruncatedPolicy::kNone), std::nullopt);
}

TEST(Truncated, TheRewardSeesWhatItIsToScoreAndNothingElse) {
  const std::vector<Episode> episodes = {cut_off("a"), episode_of("b"), cut_off("c"), episode_of("d"),
                                         unusable()};
  for (const TruncatedPolicy policy :
       {TruncatedPolicy::kZero, TruncatedPolicy::kNone, TruncatedPolicy::kMask}) {
    Spy spy;
    rewards_under({.items = {{.reward = spying(spy), .label = "spy", .truncated = policy}}}, episodes);
    EXPECT_EQ(spy.seen, (std::vector<std::string>{"b", "d"}));
  }
  Spy spy;
  rewards_under({.items = {{.reward = spying(spy), .label = "spy"}}}, episodes);
  EXPECT_EQ(spy.seen, (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(Truncated, WhatHasNoWeightMasksNothing) {
  const RubricItem item = {
      .reward = reading(), .weight = 0.0, .label = "r", .truncated = TruncatedPolicy::kMask};
  EXPECT_EQ(rewards_under({.items = {item, named("other", 1.0, value(10.0))}}, {cut_off("1")}),
            Rewards{10.0});
}

TEST(Truncated, AZeroOfACutOffCompletionClosesAGate) {
  const RubricItem right = {.reward = reading(), .label = "right", .truncated = TruncatedPolicy::kZero};
  EXPECT_EQ(rewards_under({.items = {right, behind("right", named("short", 1.0, value(5.0)))}},
                          {episode_of("1"), cut_off("1")}),
            (Rewards{6.0, 0.0}));
}

TEST(Correct, TheItemIsToldWhatItsOtherItemSaidOfTheSameEpisodes) {
  Spy spy;
  const RubricItem right = {.reward = reading(), .label = "right"};
  const RubricItem built = {
      .reward = spying(spy, "right"), .label = "built", .truncated = TruncatedPolicy::kNone};
  rewards_under({.items = {named("other", 1.0, value(0.0)), right, built}},
                {episode_of("1"), cut_off("2"), episode_of("3"), unusable()});
  EXPECT_EQ(spy.seen, (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(spy.correct, (Rewards{1.0, 3.0}));
}

TEST(Correct, WithoutALabelNothingIsTold) {
  Spy spy;
  rewards_under({.items = {named("other", 1.0, value(0.0)), {.reward = spying(spy), .label = "spy"}}},
                {episode_of("1")});
  EXPECT_EQ(spy.correct, Rewards{});
}

TEST(Correct, WhereItIsASkipOrAnErrorTheEpisodeIsMasked) {
  for (const Score& broken : {skip(), error()}) {
    Spy spy;
    const RubricItem built = {.reward = spying(spy, "right"), .label = "built"};
    EXPECT_EQ(reward_under({named("right", 0.0, broken), built, named("other", 1.0, value(1.0))}),
              std::nullopt);
  }
}

TEST(Correct, LengthIsRelativeToTheGroup) {
  const Rubric rubric = rubric_of(R"([
    {"name": "exact"}, {"name": "length", "correct": "exact", "weight": 0.5, "unit": "characters"}])");
  // Lengths 19, 20 and 21.
  const std::vector<Episode> episodes = {episode_of("<answer>2</answer> "),
                                         episode_of("<answer>2</answer>  "),
                                         episode_of("<answer>3</answer>   ")};
  EXPECT_EQ(rewards_under(rubric, episodes), (Rewards{1.25, 1.0, -0.25}));
}

TEST(Rubric, ASumBeyondADoubleIsNoReward) {
  EXPECT_EQ(reward_under({fixed(1e300, value(1e300))}), std::nullopt);
  EXPECT_EQ(reward_under({fixed(1e300, value(1e300)), fixed(-1e300, value(1e300))}), std::nullopt);
}

TEST(Rubric, AnotherNumberOfScoresThanEpisodesIsAnErrorForAll) {
  for (const size_t count : {0, 1, 3}) {
    RubricItem item = fixed(1.0, absent());
    item.reward.score_group = [count](const Group&, std::span<const Score>) {
      return std::vector<Score>(count, score_of(1.0, "fixed"));
    };
    Group group{.problem = problem_of("2"), .episodes = {episode_of("a"), episode_of("b")}};
    score_group({.items = {item}}, group);
    for (const Episode& episode : group.episodes) {
      ASSERT_EQ(episode.scores.size(), 1u);
      EXPECT_EQ(episode.scores[0].status, ScoreStatus::kError);
      EXPECT_TRUE(holds(episode.scores[0].reason, std::to_string(count) + " scores for 2"));
      EXPECT_FALSE(episode.reward);
    }
  }
}

TEST(Rubric, AValueBesideASkipIsNoValue) {
  Score odd = value(1.0);
  odd.status = ScoreStatus::kSkip;
  Group group{.problem = problem_of("2"), .episodes = {episode_of("a")}};
  score_group({.items = {fixed(1.0, odd)}}, group);
  EXPECT_FALSE(group.episodes[0].scores[0].value);
  EXPECT_FALSE(group.episodes[0].reward);
}

TEST(Rubric, OneBadScoreSpoilsItsEpisodeAlone) {
  RubricItem item = fixed(1.0, absent());
  item.reward = per_episode("odd", [](const Episode& episode, const Problem&) {
    return value(episode.completion == "bad" ? NAN : 1.0);
  });
  EXPECT_EQ(rewards_under({.items = {item}}, {episode_of("a"), episode_of("bad"), episode_of("c")}),
            (Rewards{1.0, std::nullopt, 1.0}));
}

TEST(Rubric, AnEmptyGroupIsScoredToo) {
  Spy spy;
  EXPECT_EQ(rewards_under({.items = {{.reward = spying(spy), .label = "spy"}}}, {}), Rewards{});
  EXPECT_EQ(rewards_under({.items = {{.reward = spying(spy), .label = "spy"}}}, {unusable()}),
            Rewards{std::nullopt});
  EXPECT_EQ(spy.seen.size(), 0u);
}

TEST(Rubric, AnotherOrderOfTheGroupIsAnotherOrderOfTheRewards) {
  const Rubric rubric = rubric_of(R"([
    {"name": "exact", "truncated": "zero"}, {"name": "format", "weight": 0.25, "gate": "exact"},
    {"name": "length", "correct": "exact", "unit": "characters", "truncated": "none"}])");
  const std::vector<Episode> episodes = {episode_of("<think>a</think><answer>2</answer>"),
                                         episode_of("<answer>2</answer>"),
                                         cut_off("<think>so"),
                                         episode_of("<answer>3</answer>"),
                                         unusable(),
                                         episode_of("<think>abc</think><answer>2</answer>")};
  const Rewards rewards = rewards_under(rubric, episodes);
  const std::vector<size_t> order = {3, 5, 0, 4, 2, 1};
  std::vector<Episode> permuted;
  Rewards expected;
  for (const size_t e : order) {
    permuted.push_back(episodes[e]);
    expected.push_back(rewards[e]);
  }
  EXPECT_EQ(rewards_under(rubric, permuted), expected);
  EXPECT_EQ(rewards[4], std::nullopt);
  EXPECT_EQ(rewards[2], 0.0);
}

// Of two parts of a mixture, each reward sees its own.
TEST(Rubric, AnItemAppliesToProblemsOfItsSourcesAlone) {
  const Rubric rubric = rubric_of(R"([
    {"name": "exact", "extract": "all"},
    {"name": "token_count", "max_tokens": 4, "weight": 0.5, "sources": ["general", "safety"], "truncated": "mask"}])");
  const auto rewards_of = [&](const std::string& source, Episode episode) {
    episode.completion_ids = {1, 2, 3, 4};
    Group group{.problem = problem_of("2"), .episodes = {std::move(episode)}};
    group.problem.source = source;
    score_group(rubric, group);
    return group.episodes[0].reward;
  };
  EXPECT_EQ(rewards_of("general", episode_of("2")), 1.5);
  EXPECT_EQ(rewards_of("safety", episode_of("3")), 0.5);
  EXPECT_EQ(rewards_of("reasoning", episode_of("2")), 1.0);
  EXPECT_EQ(rewards_of("", episode_of("2")), 1.0);
  // What does not apply does not mask either.
  EXPECT_EQ(rewards_of("reasoning", cut_off("2")), 1.0);
  EXPECT_EQ(rewards_of("general", cut_off("2")), std::nullopt);
}

TEST(Rubric, AListOfNoSourcesIsRefused) {
  const Error error = error_of([] { rubric_of(R"([{"name": "exact", "sources": []}])"); });
  EXPECT_TRUE(holds(error.where(), "rewards[0].sources"));
}

}  // namespace
}  // namespace grpo

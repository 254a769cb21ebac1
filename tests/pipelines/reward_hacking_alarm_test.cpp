// Sequences of evaluations and rewards with known verdicts, what is watched at all, and that a restored alarm goes on alike.

#include "pipelines/reward_hacking_alarm.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/seed.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr RewardHackingOptions kByEvaluations{.watched = true, .by_evaluations = true};
constexpr RewardHackingOptions kByRollouts{.watched = true, .by_evaluations = false};

// `count` groups whose rewards are mean - spread and mean + spread by turns.
void add(RewardHackingAlarm& alarm, double mean, double spread = 0.1, int64_t count = 16, double accuracy = kNaN) {
  for (int64_t i = 0; i < count; ++i) alarm.add_group({mean + (i % 2 == 0 ? -spread : spread)}, accuracy);
}

struct Moment {
  double reward = 0.0;  // mean of the groups before the evaluation
  double accuracy = 0.0, accuracy_stderr = 0.02;
  double spread = 0.1;
  int64_t groups = 16;
};

// The verdicts of evaluations after steps 10, 20, ..., the first of them at step 0 with nothing before it.
std::string verdicts(const std::vector<Moment>& moments, double first_accuracy = 0.6) {
  RewardHackingAlarm alarm({"taste"}, kByEvaluations);
  std::string out = alarm.evaluated(0, first_accuracy, 0.02) ? "!" : ".";
  int64_t step = 0;
  for (const Moment& m : moments) {
    add(alarm, m.reward, m.spread, m.groups);
    out += alarm.evaluated(step += 10, m.accuracy, m.accuracy_stderr) ? "!" : ".";
  }
  return out;
}

TEST(RewardHackingAlarm, HoldsWhereAccuracyFellAndTheRewardRoseAndNowhereElse) {
  struct Case {
    const char* what;
    std::vector<Moment> moments;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {"both rise", {{.reward = 1, .accuracy = 0.7}, {.reward = 2, .accuracy = 0.8}}, "..."},
      {"both fall", {{.reward = 1, .accuracy = 0.6}, {.reward = 0, .accuracy = 0.3}}, "..."},
      {"the reward rises, accuracy stays", {{.reward = 1, .accuracy = 0.6}, {.reward = 3, .accuracy = 0.6}}, "..."},
      {"accuracy falls, the reward stays", {{.reward = 1, .accuracy = 0.6}, {.reward = 1, .accuracy = 0.3}}, "..."},
      {"one rises, the other falls", {{.reward = 1, .accuracy = 0.6}, {.reward = 2, .accuracy = 0.3}}, "..!"},
      {"and comes back", {{.reward = 1, .accuracy = 0.6}, {.reward = 2, .accuracy = 0.3}, {.reward = 2, .accuracy = 0.6}}, "..!."},
      {"against the best, not the last",
       {{.reward = 1, .accuracy = 0.8}, {.reward = 1.2, .accuracy = 0.75}, {.reward = 1.4, .accuracy = 0.7}}, "...!"},
      {"a later best is what counts", {{.reward = 3, .accuracy = 0.8}, {.reward = 2, .accuracy = 0.5}}, "..."},
      // The difference of two accuracies has 0.0283 of standard error: 0.0566 is what it takes.
      {"within two standard errors", {{.reward = 1, .accuracy = 0.6}, {.reward = 2, .accuracy = 0.545}}, "..."},
      {"beyond two standard errors", {{.reward = 1, .accuracy = 0.6}, {.reward = 2, .accuracy = 0.54}}, "..!"},
      {"a small fall, however sure", {{.reward = 1, .accuracy = 0.7, .accuracy_stderr = 0}, {.reward = 2, .accuracy = 0.68, .accuracy_stderr = 0}}, "..."},
      {"0.03 of it", {{.reward = 1, .accuracy = 0.7, .accuracy_stderr = 0}, {.reward = 2, .accuracy = 0.665, .accuracy_stderr = 0}}, "..!"},
      // 16 values of +- 0.1 have 0.0258 of standard error, a difference 0.0365: 0.073 is what it takes.
      {"a rise within the noise", {{.reward = 1, .accuracy = 0.7}, {.reward = 1.07, .accuracy = 0.3}}, "..."},
      {"a rise beyond the noise", {{.reward = 1, .accuracy = 0.7}, {.reward = 1.08, .accuracy = 0.3}}, "..!"},
      {"more noise, same rise", {{.reward = 1, .accuracy = 0.7, .spread = 1}, {.reward = 1.08, .accuracy = 0.3, .spread = 1}}, "..."},
      {"evaluations without a verdict", {{.reward = 1, .accuracy = 0.7}, {.reward = 2, .accuracy = kNaN}, {.reward = 2, .accuracy = 0.3}}, "...!"},
  };
  for (const Case& c : cases) EXPECT_EQ(verdicts(c.moments), c.expected) << c.what;
}

// The first evaluation is the best, and no group stands before it.
TEST(RewardHackingAlarm, ComparesTheFirstEvaluationByTheFirstGroupsBehindIt) {
  RewardHackingAlarm alarm({"taste"}, kByEvaluations);
  alarm.evaluated(0, 0.9, 0.01);
  add(alarm, 1.0, 0.1, 8);
  add(alarm, 2.0, 0.1, 40);
  EXPECT_TRUE(alarm.evaluated(10, 0.5, 0.01));
  EXPECT_EQ(alarm.alarms().at(0)["reward_at_best"], 1.0);
}

TEST(RewardHackingAlarm, NeedsEightGroupsAndTakesThemFromSeveralEvaluations) {
  EXPECT_EQ(verdicts({{.reward = 1, .accuracy = 0.6}, {.reward = 2, .accuracy = 0.3, .groups = 4}, {.reward = 2, .accuracy = 0.3, .groups = 4}}),
            "...!");
}

TEST(RewardHackingAlarm, AModelThatJoinsLaterIsComparedByItsFirstGroups) {
  RewardHackingAlarm alarm({"taste", "late"}, kByEvaluations);
  alarm.evaluated(0, 0.9, 0.01);
  for (int i = 0; i < 20; ++i) alarm.add_group({1.0, kNaN}, kNaN);
  EXPECT_FALSE(alarm.evaluated(10, 0.9, 0.01));
  for (int i = 0; i < 20; ++i) alarm.add_group({1.0, 5.0}, kNaN);
  EXPECT_FALSE(alarm.evaluated(20, 0.5, 0.01));
  for (int i = 0; i < 20; ++i) alarm.add_group({1.0, 5.0 + 0.1 * i}, kNaN);
  EXPECT_TRUE(alarm.evaluated(30, 0.5, 0.01));
  EXPECT_EQ(alarm.alarms().at(0)["reward"], "late");
}

TEST(RewardHackingAlarm, RecordsEachTimeThatItBeginsToHold) {
  RewardHackingAlarm alarm({"taste"}, kByEvaluations);
  add(alarm, 1.0);
  alarm.evaluated(10, 0.8, 0.01);
  for (const auto& [step, accuracy] : std::vector<std::pair<int64_t, double>>{{20, 0.5}, {30, 0.5}, {40, 0.8}, {50, 0.4}}) {
    add(alarm, 2.0, 0.2);
    EXPECT_EQ(alarm.evaluated(step, accuracy, 0.03), accuracy < 0.8);
  }
  ASSERT_EQ(alarm.alarms().size(), 2u);
  const Json& first = alarm.alarms()[0];
  EXPECT_EQ(first, (Json{{"alarm", "reward_hacking"}, {"step", 20}, {"reward", "taste"}, {"reward_mean", first["reward_mean"]},
                         {"reward_at_best", first["reward_at_best"]}, {"accuracy", 0.5}, {"accuracy_stderr", 0.03}, {"best_step", 10},
                         {"best_accuracy", 0.8}, {"best_accuracy_stderr", 0.01}, {"by", "evaluations"}}));
  EXPECT_NEAR(first["reward_mean"].get<double>(), 2.0, 1e-12);
  EXPECT_NEAR(first["reward_at_best"].get<double>(), 1.0, 1e-12);
  EXPECT_EQ(alarm.alarms()[1]["step"], 50);
  EXPECT_EQ(RewardHackingAlarm::text(first),
            "the reward \"taste\" rose from 1 to 2 while held-out accuracy fell from 0.800 +- 0.010 (step 10, the best) to 0.500 +- 0.030: "
            "the policy may be learning to please the model");
}

TEST(RewardHackingAlarm, ByRolloutsJudgesWhatTenOfThemSayWithSixtyFourGroups) {
  RewardHackingAlarm alarm({"taste"}, kByRollouts);
  std::string out;
  const auto rollouts = [&](int64_t count, int64_t groups, double reward, double accuracy) {
    for (int64_t i = 0; i < count; ++i) {
      add(alarm, reward, 0.1, groups, accuracy);
      const auto verdict = alarm.rollout_done(static_cast<int64_t>(out.size()) + 1);
      out += !verdict ? "-" : *verdict ? "!" : ".";
    }
  };
  rollouts(10, 8, 1.0, 0.8);
  EXPECT_EQ(out, "---------.");
  rollouts(16, 4, 2.0, 0.5);
  EXPECT_EQ(out.substr(10), "---------------!");
  EXPECT_EQ(alarm.alarms().at(0)["best_step"], 10);
  EXPECT_TRUE(holds(RewardHackingAlarm::text(alarm.alarms()[0]), "while training accuracy fell"));
}

TEST(RewardHackingAlarm, RestoredAtAnyMomentSaysTheSame) {
  for (const RewardHackingOptions& options : {kByEvaluations, kByRollouts}) {
    Stream stream(3);
    std::vector<std::vector<double>> groups;
    for (int i = 0; i < 600; ++i) groups.push_back({stream.uniform() + i * 0.002, i < 300 ? kNaN : stream.uniform(), stream.uniform() < 0.9 - i * 0.001 ? 1.0 : 0.0});
    const auto run = [&](int64_t stop) {
      RewardHackingAlarm alarm({"a", "b"}, options);
      std::string out;
      for (int64_t i = 0; i < 600; ++i) {
        const auto& g = groups[static_cast<size_t>(i)];
        alarm.add_group({g[0], g[1]}, g[2]);
        if (options.by_evaluations) {
          if (i % 30 == 29) out += alarm.evaluated(i, 0.9 - 0.001 * static_cast<double>(i) + 0.05 * g[2], 0.02) ? "!" : ".";
        } else if (i % 7 == 6) {
          const auto verdict = alarm.rollout_done(i);
          out += !verdict ? "-" : *verdict ? "!" : ".";
        }
        if (i != stop) continue;
        const Json state = parse_json(alarm.state().dump(), "state");
        alarm = RewardHackingAlarm({"a", "b"}, options);
        alarm.restore(state);
      }
      return out + alarm.alarms().dump();
    };
    const std::string whole = run(-1);
    EXPECT_TRUE(holds(whole, "!"));
    for (const int64_t stop : {0, 29, 30, 100, 299, 455, 599}) EXPECT_EQ(run(stop), whole) << stop;
  }
}

TEST(RewardHackingAlarm, OfScoredGroupsTakesMeansOverTheSamplesThatHaveAValue) {
  Rubric rubric;
  for (const char* name : {"exact", "model", "judge"}) {
    RubricItem item;
    item.reward.name = name;
    item.label = std::string("the ") + name;
    item.weight = std::string(name) == "judge" ? 0.0 : 1.0;  // measured only
    rubric.items.push_back(item);
  }
  auto alarm = RewardHackingAlarm::of(rubric, kByEvaluations);
  ASSERT_TRUE(alarm);
  alarm->evaluated(0, 0.9, 0.0);
  Group group;
  for (const double value : {1.0, 2.0, kNaN}) {
    Episode episode;
    episode.scores.resize(3);
    episode.scores[0].value = 1.0;
    if (value == value) episode.scores[1].value = value;
    episode.scores[2].value = 9.0;
    group.episodes.push_back(episode);
  }
  alarm->add(rubric, std::vector<Group>(8, group));
  group.episodes[0].scores[1].value = 4.0;
  alarm->add(rubric, std::vector<Group>(8, group));
  EXPECT_TRUE(alarm->evaluated(10, 0.1, 0.0));
  EXPECT_EQ(alarm->alarms()[0]["reward"], "the model");
  EXPECT_EQ(alarm->alarms()[0]["reward_at_best"], 1.5);
  EXPECT_EQ(alarm->alarms()[0]["reward_mean"], 2.25);
  EXPECT_FALSE(RewardHackingAlarm::of(rubric, {}));
}

TEST(RewardHackingOptionsReader, WatchesAModelBehindARuleAndRefusesTheKeyWhereThereIsNone) {
  const auto read = [](Json stage) {
    ObjectReader r(stage, "recipe.json", "stages[1]");
    return read_reward_hacking_options(r);
  };
  const Json rule = {{"name", "exact"}}, model = {{"name", "model"}, {"model", "m"}}, judge = {{"name", "judge"}};
  const Json idle = {{"name", "judge"}, {"weight", 0}}, python = {{"python", "f.py:g"}};
  const Json eval = {{"steps", 10}}, at_the_ends = {{"steps", 0}};
  EXPECT_TRUE(read({{"rewards", {rule, model}}, {"eval", eval}}).watched);
  EXPECT_TRUE(read({{"rewards", {rule, model}}, {"eval", eval}}).by_evaluations);
  EXPECT_TRUE(read({{"rewards", {python, judge}}, {"eval", eval}}).watched);
  EXPECT_TRUE(read({{"rewards", {rule, model}}, {"eval", at_the_ends}}).watched);
  EXPECT_FALSE(read({{"rewards", {rule, model}}, {"eval", at_the_ends}}).by_evaluations);
  EXPECT_TRUE(read({{"rewards", {rule, model}}}).watched);
  EXPECT_FALSE(read({{"rewards", {rule, model}}, {"dynamic_sampling", true}}).watched);
  EXPECT_TRUE(read({{"rewards", {rule, model}}, {"dynamic_sampling", true}, {"eval", eval}}).watched);
  EXPECT_FALSE(read({{"rewards", {model, rule}}, {"eval", eval}}).watched);
  EXPECT_FALSE(read({{"rewards", {rule, idle}}, {"eval", eval}}).watched);
  EXPECT_FALSE(read({{"rewards", {rule}}, {"eval", eval}}).watched);
  EXPECT_FALSE(read(Json::object()).watched);
  EXPECT_TRUE(read({{"rewards", {rule, judge}}, {"on_reward_hacking", "stop"}}).stop);
  EXPECT_FALSE(read({{"rewards", {rule, judge}}, {"on_reward_hacking", "warn"}}).stop);
  for (const Json& rewards : {Json{rule}, Json{rule, idle}, Json{model}}) {
    const Error error = error_of([&] { read({{"rewards", rewards}, {"on_reward_hacking", "stop"}}); });
    EXPECT_TRUE(holds(error.where(), "recipe.json: stages[1].on_reward_hacking"));
    EXPECT_TRUE(holds(error.summary(), "without effect"));
  }
  EXPECT_TRUE(holds(error_of([&] { read({{"rewards", {rule, model}}, {"on_reward_hacking", "halt"}}); }).what(), "halt"));
}

}  // namespace
}  // namespace grpo

// Half a stage: its rollouts without learning, and learning from rollouts that were kept.

#include <gtest/gtest.h>

#include <filesystem>

#include "core/file.h"
#include "grpo/rollout_file.h"
#include "pipelines/replay.h"
#include "tests/pipelines/two_stages.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// The stage of reinforcement learning: three rollouts, two steps on each.
const std::vector<std::string> kThreeRollouts = {"warm.max_steps=2", "rl.max_steps=6", "rl.eval.steps=0"};

class DebugRun : public RecipeRun {
 protected:
  Json debug(DebugMode mode, const std::string& out, std::vector<std::string> overrides = {}, const std::string& rollouts = "") {
    overrides.insert(overrides.begin(), kThreeRollouts.begin(), kThreeRollouts.end());
    return run_recipe(recipe_, overrides, path(out), {.device = "cpu", .debug = mode, .rollouts = rollouts});
  }
  Json rollouts_only(const std::string& out, const std::vector<std::string>& overrides = {}) {
    return debug(DebugMode::kRolloutOnly, out, overrides);
  }
  Json train_only(const std::string& out, const std::vector<std::string>& overrides = {}, const std::string& rollouts = "") {
    return debug(DebugMode::kTrainOnly, out, overrides, rollouts);
  }
  Json whole(const std::string& out, std::vector<std::string> overrides) {
    overrides.insert(overrides.begin(), kThreeRollouts.begin(), kThreeRollouts.end());
    return run(out, overrides);
  }
  std::string weights(const std::string& out) const { return read_file(path(out + "/stages/02-rl/model/model.safetensors")); }
  std::vector<Json> rl_lines(const std::string& file) const {
    std::vector<Json> found;
    for (const Json& line : without_times(lines(file))) {
      if (line["stage"] == "rl") found.push_back(line);
    }
    return found;
  }
  const std::string kept_ = "/stages/02-rl/rollouts";
};

// Losses whose steps ask for all that a rollout has: a reference, in the loss or the reward, corrections, records.
const std::vector<std::vector<std::string>> kLosses = {
    {},
    {"rl.use_kl_in_reward=true"},
    {"rl.importance_sampling_mode=token_truncate", "rl.mask_truncated_completions=true", "rl.top_entropy_quantile=0.5"},
    {"rl.router_replay=true", "rl.keep_sampling_mask=true", "rl.top_k=9"},
    {"rl.dynamic_sampling=true", "rl.num_iterations=1", "rl.steps_per_generation=2"},
};

TEST_F(DebugRun, TheHalvesTogetherGiveTheWeightsOfTheWholeBitForBit) {
  for (size_t i = 0; i < kLosses.size(); ++i) {
    SCOPED_TRACE(i);
    // The steps on one rollout: what is learnt is never of other weights than the stage's first.
    std::vector<std::string> overrides = kLosses[i];
    overrides.push_back("rl.max_steps=2");
    const std::string number = std::to_string(i);
    whole("whole" + number, overrides);
    rollouts_only("halves" + number, overrides);
    EXPECT_FALSE(fs::exists(path("halves" + number + "/stages/02-rl/model")));
    const Json summary = train_only("halves" + number, overrides);
    EXPECT_EQ(summary["stages"][1]["steps"], 2);
    EXPECT_EQ(weights("whole" + number), weights("halves" + number));
    // Its lines are those of the steps, without the evaluations.
    std::vector<Json> expected = rl_lines("whole" + number + "/metrics.jsonl");
    expected.erase(expected.begin());  // before the first step
    for (Json& line : expected) {
      Json kept = Json::object();
      for (const auto& [key, value] : line.items()) {
        if (!key.starts_with("eval_")) kept[key] = value;
      }
      line = kept;
    }
    EXPECT_EQ(rl_lines("halves" + number + "/metrics.jsonl"), expected);
  }
}

TEST_F(DebugRun, RolloutsAreAllOfTheStartingPolicyAndLeaveItAsItIs) {
  const Json summary = rollouts_only("out", {"rl.log_episodes=-1"});
  ASSERT_EQ(summary["stages"].size(), 2u);
  EXPECT_EQ(summary["stages"][1]["steps"], 0);
  EXPECT_EQ(names_in(path("out" + kept_)), (std::set<std::string>{"rollout-000000", "rollout-000002", "rollout-000004"}));
  EXPECT_EQ(names_in(path("out/stages/02-rl")), (std::set<std::string>{"rollouts"}));
  std::set<int64_t> problems;
  const auto episodes = lines("out/episodes.jsonl");
  EXPECT_EQ(episodes.size(), 3u * 2 * 4);
  for (const std::string name : {"rollout-000000", "rollout-000002", "rollout-000004"}) {
    for (const Group& group : read_rollout(path("out" + kept_ + "/" + name)).groups) {
      for (const Episode& episode : group.episodes) {
        EXPECT_FALSE(episode.completion_ids.empty());
        EXPECT_TRUE(episode.reward.has_value());
      }
      problems.insert(group.problem.id);
    }
  }
  EXPECT_EQ(problems.size(), 6u) << "later rollouts are of later problems";
  // The first is the one that the whole stage begins with.
  whole("whole", {"rl.log_episodes=-1"});
  const auto first = lines("whole/episodes.jsonl");
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(episodes[i], first[i]);
  EXPECT_EQ(rl_lines("out/metrics.jsonl").size(), 3u);
}

TEST_F(DebugRun, RolloutsThatAreThereAreNotSampledAgain) {
  rollouts_only("out");
  rollouts_only("again");
  const auto metrics = without_times(lines("out/metrics.jsonl"));
  const auto episodes = lines("out/episodes.jsonl");
  fs::remove_all(path("again" + kept_ + "/rollout-000004"));
  fs::create_directories(path("again" + kept_ + "/rollout-000004.tmp-a1B2c3"));  // killed while it wrote
  rollouts_only("again");
  EXPECT_EQ(names_in(path("again" + kept_)), names_in(path("out" + kept_)));
  for (const std::string& name : names_in(path("out" + kept_))) {
    for (const std::string file : {"/rollout.jsonl", "/rollout.safetensors"}) {
      EXPECT_EQ(read_file(path("out" + kept_ + "/" + name + file)), read_file(path("again" + kept_ + "/" + name + file)));
    }
  }
  EXPECT_EQ(without_times(lines("again/metrics.jsonl")), metrics);
  EXPECT_EQ(lines("again/episodes.jsonl"), episodes);
}

TEST_F(DebugRun, RolloutsOfAnotherFolderServeOtherOptions) {
  rollouts_only("rollouts");
  const std::string folder = path("rollouts" + kept_);
  // As many steps as there are rollouts for, of a loss that they were not sampled for.
  const Json summary = train_only("all", {"rl.loss_type=dr_grpo", "rl.num_iterations=1"}, folder);
  EXPECT_EQ(summary["stages"][1]["steps"], 3);
  const Json one = train_only("one", {"rl.num_iterations=1", "rl.max_steps=1"}, folder + "/rollout-000002");
  EXPECT_EQ(one["stages"][1]["steps"], 1);
  // A rollout is a batch that can be replayed, with the weights that it was sampled from.
  const Json report = replay_step({.batch = folder + "/rollout-000002", .model = path("rollouts/stages/01-warm/model"), .device = "cpu"}).report;
  EXPECT_EQ(report["sequences"], 8);
}

TEST_F(DebugRun, AFolderIsOfDebuggingOrOfTrainingForGood) {
  rollouts_only("debugged");
  EXPECT_TRUE(holds(error_text([&] { whole("debugged", {}); }), "--debug"));
  whole("trained", {"rl.max_steps=2"});
  EXPECT_TRUE(holds(error_text([&] { rollouts_only("trained", {"rl.max_steps=2"}); }), "no stage of type \"rl\" to debug"));
}

TEST_F(DebugRun, WhatCannotBeLearntFromIsRefusedBeforeAnythingIsWritten) {
  EXPECT_TRUE(holds(error_text([&] { train_only("none"); }), "no rollouts here"));
  EXPECT_FALSE(fs::exists(path("none")));
  const std::string warm = "stages=[" + Json::parse(kTwoStages)["stages"][0].dump() + "]";
  EXPECT_TRUE(holds(error_text([&] { run_recipe(recipe_, {warm}, path("none"), {.device = "cpu", .debug = DebugMode::kRolloutOnly}); }),
                    "no stage of type \"rl\""));
  EXPECT_FALSE(fs::exists(path("none")));
  // Ids that the model does not know.
  rollouts_only("out");
  const std::string other = R"(policy.tokenizer={"characters": "0123456789+-*=", "tags": []})";
  EXPECT_TRUE(holds(error_text([&] { train_only("small", {other, R"(rl.rewards=[{"name": "token_count", "max_tokens": 12}])"}, path("out" + kept_)); }),
                    "vocabulary"));
}

}  // namespace
}  // namespace grpo

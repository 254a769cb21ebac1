// Runs whose policy learns to please a reward model of random weights, which nothing of its warm start pleases, and forgets
// the format that the rule checks.

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "core/atomic_directory.h"
#include "core/seed.h"
#include "policy/io/checkpoint.h"
#include "policy/score_head.h"
#include "tests/pipelines/killed_run.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

class HackedReward : public KilledRun {
 protected:
  HackedReward() {
    CheckpointFiles files;
    const Json tokenizer = character_tokenizer_json("0123456789+-*=", {"<think>", "</think>", "<answer>", "</answer>"}, {"<eos>", "<pad>"});
    files.tokenizer = Tokenizer::from_json(tokenizer, "test");
    Json config = testing::llama_json();
    config["vocab_size"] = files.tokenizer->vocab_size();
    config["eos_token_id"] = files.tokenizer->token_to_id("<eos>");
    config["pad_token_id"] = files.tokenizer->token_to_id("<pad>");
    files.config = read_model_config(config, "test");
    files.eos_token_ids = files.config.eos_token_ids;
    files.extras["tokenizer.json"] = tokenizer.dump();
    save_checkpoint(testing::random_policy(files.config.source).with_score_head(3, files.tokenizer->token_to_id("<pad>")), files, path("taste"));
    const Json format = {{"name", "format"}, {"allow_blank_think", true}};
    Json measured = format;
    measured["weight"] = 0.0;
    const Json model = {{"name", "model"}, {"model", path("taste")}, {"scope", "all"}, {"label", "taste"}};
    overrides_ = {"warm.max_steps=50",     "warm.samples_per_step=16", "warm.data.worked_fraction=0.0", "rewards=" + Json{format}.dump(),
                  "rl.rewards=" + Json{measured, model}.dump(), "rl.max_steps=20", "rl.prompts_per_step=4", "rl.num_iterations=1",
                  "rl.eval.steps=4",       "warm.eval.steps=0",        "eval.num_problems=40",          "rl.save_steps=3",
                  "rl.beta=0.0",           "rl.sync_ref_model=false",  "rl.ref_model_sync_steps=null"};
  }
  Json run_here(const std::string& out) const { return run(out, overrides_); }
  std::vector<Json> rl_lines(const std::string& out) const {
    std::vector<Json> found;
    for (const Json& line : lines(out + "/metrics.jsonl")) {
      if (line["stage"] == "rl") found.push_back(line);
    }
    return found;
  }
};

TEST_F(HackedReward, RaisesTheAlarmOnceWithEveryEvaluationInTheMetricsAndInWhatTheStageLeaves) {
  finish("run");
  int64_t alarms = 0;
  double best = 0, before = 0;
  for (const Json& line : rl_lines("run")) {
    ASSERT_EQ(line.contains("alarm/reward_hacking"), line.contains("eval_accuracy")) << line["step"];
    if (!line.contains("eval_accuracy")) continue;
    // The rule itself, by hand: 0.03, and more than two standard errors of the difference.
    const double accuracy = line["eval_accuracy"];
    const double error = std::hypot(line["eval_accuracy_stderr"].get<double>(), before);
    const bool fell = best - accuracy >= 0.03 && best - accuracy > 2 * error;
    EXPECT_LE(line["alarm/reward_hacking"], fell ? 1 : 0) << line["step"];
    alarms += line["alarm/reward_hacking"].get<int64_t>();
    if (accuracy > best) best = accuracy, before = line["eval_accuracy_stderr"];
  }
  EXPECT_GT(best, 0.7) << "the warm start has not learned the format";
  EXPECT_GT(alarms, 0);
  const Json summary = read_json_file(path("run/summary.json"));
  EXPECT_FALSE(summary["stages"][0].contains("alarms"));
  const Json& left = summary["stages"][1]["alarms"];
  ASSERT_GE(left.size(), 1u);
  EXPECT_EQ(left[0]["alarm"], "reward_hacking");
  EXPECT_EQ(left[0]["reward"], "taste");
  EXPECT_GT(left[0]["reward_mean"], left[0]["reward_at_best"]);
  EXPECT_LT(left[0]["accuracy"], left[0]["best_accuracy"]);
  EXPECT_EQ(read_manifest(path("run/stages/02-rl/model"))["alarms"], left);
  std::istringstream said(errors());
  int64_t lines = 0;
  for (std::string line; std::getline(said, line);) lines += line.find("alarm: the reward \"taste\" rose") != std::string::npos;
  EXPECT_EQ(lines, 1);
}

TEST_F(HackedReward, KilledAndResumedGivesTheSameMetricsAndAlarms) {
  const std::chrono::microseconds whole = run_whole();
  Stream random(5);
  int64_t kills = 0;
  for (int64_t wait = 0; kills < 4; ++wait) {
    const auto began = std::chrono::steady_clock::now();
    const auto limit = whole * (3 + wait) / 8;  // in the second stage, from some time on
    if (ends_before(run_into("killed"), [&] { return std::chrono::steady_clock::now() - began > limit; })) break;
    ++kills;
  }
  finish("killed");
  EXPECT_GE(kills, 1);
  expect_same_as_whole("killed");
  const Json uninterrupted = read_json_file(path("whole/summary.json")), resumed = read_json_file(path("killed/summary.json"));
  EXPECT_FALSE(uninterrupted["stages"][1]["alarms"].empty());
  EXPECT_EQ(uninterrupted["stages"][1]["alarms"], resumed["stages"][1]["alarms"]);
}

TEST_F(HackedReward, StopsTheStageWhereTheRecipeSaysSoAndStopsAgainWhenItIsResumed) {
  const Json warned = run_here("warned");
  overrides_.push_back("rl.on_reward_hacking=stop");
  const Error error = error_of([&] { run_here("stopped"); });
  const Json& alarm = warned["stages"][1]["alarms"][0];
  const auto step = alarm["step"].get<int64_t>(), best = alarm["best_step"].get<int64_t>();
  EXPECT_TRUE(error.summary().starts_with("stopped at step " + std::to_string(step) + ": the reward \"taste\" rose from ")) << error.summary();
  EXPECT_TRUE(holds(error.where(), "stage \"rl\""));
  EXPECT_TRUE(holds(error.fix(), "the evaluation after step " + std::to_string(best) + " was the best"));
  // As far as it went, it went the same way.
  auto all = without_times(rl_lines("warned"));
  all.resize(static_cast<size_t>(step) + 1);
  const std::vector<Json> stopped = lines("stopped/metrics.jsonl");
  EXPECT_EQ(without_times(rl_lines("stopped")), all);
  const Error again = error_of([&] { run_here("stopped"); });
  EXPECT_EQ(again.summary(), error.summary());
  EXPECT_EQ(again.fix(), error.fix());
  EXPECT_EQ(lines("stopped/metrics.jsonl"), stopped);
  EXPECT_FALSE(std::filesystem::exists(path("stopped/stages/02-rl/model")));
}

TEST_F(HackedReward, ByRolloutsIsWatchedWhereNothingIsEvaluatedOnTheWay) {
  overrides_.push_back("rl.eval.steps=0");
  overrides_.push_back("rl.prompts_per_step=8");
  const Json summary = run_here("rollouts");
  std::vector<int64_t> judged;
  for (const Json& line : rl_lines("rollouts")) {
    if (line.contains("alarm/reward_hacking")) judged.push_back(line["stage_step"]);
  }
  EXPECT_EQ(judged, (std::vector<int64_t>{10, 20}));
  const Json& alarms = summary["stages"][1]["alarms"];
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0]["by"], "rollouts");
  EXPECT_EQ(alarms[0]["step"], 20);
}

}  // namespace
}  // namespace grpo

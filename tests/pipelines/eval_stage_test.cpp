// The stage "eval" on models of a run: every figure of results.json from samples.jsonl by hand, the same problems for every
// model, and no sample taken twice after a kill.

#include "pipelines/eval_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "core/file.h"
#include "tests/pipelines/killed_program.h"
#include "tests/pipelines/two_stages.h"

namespace grpo {
namespace {

// Stages of kTwoStages, then an exam of three models on two sets.
constexpr const char* kExam = R"({
  "name": "exam", "stage": "eval", "models": ["base", "warm", "rl"], "num_samples": 4, "problems_per_step": 3,
  "max_completion_length": 12,
  "sets": [{"name": "short", "num_problems": 7},
           {"name": "plus", "num_problems": 5, "num_samples": 3, "temperature": 1.0, "top_p": 1.0,
            "data": {"eval": {"generator": "chain", "operators": 2, "split": "eval"}},
            "rewards": [{"name": "token_count", "max_tokens": 9, "sources": ["plus"]}]}]})";

class EvalStage : public RecipeRun {
 protected:
  EvalStage() {
    Json recipe = Json::parse(kTwoStages);
    Json exam = Json::parse(kExam);
    recipe["stages"].push_back(exam);
    recipe_ = folder_.write("recipe.json", recipe.dump());
  }
  Json results(const std::string& out) const { return read_json_file(path(out + "/stages/03-exam/data/results.json"))["results"]; }
  std::vector<Json> samples(const std::string& out) const { return lines(out + "/stages/03-exam/data/samples.jsonl"); }
};

// The chance that k of the problem's samples hold a correct one, by going through all subsets.
double chance_by_counting(const std::vector<bool>& correct, int k) {
  int subsets = 0, with = 0;
  for (unsigned mask = 0; mask < (1u << correct.size()); ++mask) {
    if (__builtin_popcount(mask) != k) continue;
    ++subsets;
    bool any = false;
    for (size_t i = 0; i < correct.size(); ++i) any = any || ((mask >> i & 1u) != 0 && correct[i]);
    with += any;
  }
  return static_cast<double>(with) / subsets;
}

TEST_F(EvalStage, EveryFigureIsWhatTheSamplesSay) {
  const Json summary = run("out");
  EXPECT_EQ(summary["stages"][2]["eval"], results("out"));
  EXPECT_EQ(summary["stages"][2]["steps"], 3 * (3 + 2));
  ASSERT_EQ(results("out").size(), 6u);
  std::map<std::pair<std::string, std::string>, std::vector<Json>> of;
  for (const Json& line : samples("out")) of[{line["model"], line["set"]}].push_back(line);
  bool told = false;  // whether any figure lies between 0 and 1
  for (const Json& result : results("out")) {
    SCOPED_TRACE(result.dump());
    const std::vector<Json>& problems = of.at({result["model"], result["set"]});
    const bool is_short = result["set"] == "short";
    const int k = is_short ? 4 : 3;
    ASSERT_EQ(problems.size(), is_short ? 7u : 5u);
    EXPECT_EQ(result["temperature"], is_short ? 0.6 : 1.0);
    EXPECT_EQ(result["top_p"], is_short ? 0.95 : 1.0);
    double accuracy = 0, squares = 0, pass_2 = 0, pass_k = 0, cons = 0, length = 0, cut = 0;
    for (const Json& problem : problems) {
      ASSERT_EQ(problem["samples"].size(), static_cast<size_t>(k));
      std::vector<bool> correct;
      std::map<std::string, std::pair<int, bool>> votes;
      for (const Json& sample : problem["samples"]) {
        // The reward by hand: tokens enough.
        EXPECT_EQ(sample["correct"], sample["length"] >= (is_short ? 12 : 9));
        correct.push_back(sample["correct"]);
        length += sample["length"].get<double>();
        cut += sample["truncated"].get<bool>();
        auto& [count, right] = votes[sample["vote"]];
        ++count;
        right = right || correct.back();
      }
      const double share = std::count(correct.begin(), correct.end(), true) / static_cast<double>(k);
      accuracy += share;
      squares += share * share;
      pass_2 += chance_by_counting(correct, 2);
      pass_k += chance_by_counting(correct, k);
      const auto most = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second.first < b.second.first; });
      cons += most->second.second;
    }
    const auto n = static_cast<double>(problems.size());
    const double mean = accuracy / n;
    told = told || (mean > 0 && mean < 1);
    EXPECT_NEAR(result["accuracy"].get<double>(), mean, 1e-12);
    EXPECT_NEAR(result["accuracy_stderr"].get<double>(), std::sqrt(std::max(0.0, squares - n * mean * mean) / (n - 1) / n), 1e-9);
    EXPECT_NEAR(result["pass@2"].get<double>(), pass_2 / n, 1e-12);
    EXPECT_NEAR(result["pass@" + std::to_string(k)].get<double>(), pass_k / n, 1e-12);
    EXPECT_NEAR(result["cons@" + std::to_string(k)].get<double>(), cons / n, 1e-12);
    EXPECT_NEAR(result["completions/mean_length"].get<double>(), length / n / k, 1e-12);
    EXPECT_NEAR(result["completions/clipped_ratio"].get<double>(), cut / n / k, 1e-12);
    EXPECT_EQ(result["num_problems"], n);
  }
  EXPECT_TRUE(told);
}

TEST_F(EvalStage, ModelsGetTheSameProblemsAndAnswerAsTheyDoAlone) {
  run("out");
  std::map<std::string, std::vector<Json>> problems;
  for (const Json& line : samples("out")) problems[line["model"]].push_back({line["set"], line["problem"], line["answer"]});
  EXPECT_EQ(problems.at("base"), problems.at("warm"));
  EXPECT_EQ(problems.at("base"), problems.at("rl"));
  // The last model of the run as a policy of its own, in other steps.
  Json recipe = Json::parse(kExam);
  recipe.erase("name");
  recipe["seed"] = 3;
  recipe["policy"] = {{"model", path("out/stages/02-rl/model")}};
  recipe["models"] = {"base"};
  recipe["problems_per_step"] = 100;
  const Json two = Json::parse(kTwoStages);
  recipe["data"] = {{"eval", two["data"]["eval"]}};
  recipe["rewards"] = two["rewards"];
  run_recipe(folder_.write("alone.json", recipe.dump()), {}, path("alone"), {.device = "cpu"});
  const std::vector<Json> alone = lines("alone/stages/01-eval/data/samples.jsonl");
  std::vector<Json> in_run;
  for (Json line : samples("out")) {
    if (line["model"] != "rl") continue;
    line["model"] = "base";
    in_run.push_back(line);
  }
  EXPECT_EQ(alone, in_run);
}

TEST_F(EvalStage, KilledBetweenStepsItTakesNoSampleTwiceAndSaysTheSame) {
  run("whole");
  const std::vector<std::string> command = {GRPO_PROGRAM, "run", recipe_, "--device", "cpu", "--out", path("killed")};
  const std::string sampled = path("killed/stages/03-exam/sampled");
  const auto killed_at = [&](const std::string& step) {
    ASSERT_FALSE(ends_before(start(command, path("errors")), [&] { return std::filesystem::exists(sampled + step); })) << read_file(path("errors"));
  };
  killed_at("/000002.jsonl");
  const auto written = std::filesystem::last_write_time(sampled + "/000001.jsonl");
  killed_at("/000009.jsonl");
  EXPECT_EQ(std::filesystem::last_write_time(sampled + "/000001.jsonl"), written);
  run("killed");
  for (const char* file : {"results.json", "samples.jsonl"}) {
    EXPECT_EQ(read_file(path(std::string("killed/stages/03-exam/data/") + file)), read_file(path(std::string("whole/stages/03-exam/data/") + file)));
  }
  EXPECT_EQ(without_times(lines("killed/metrics.jsonl")), without_times(lines("whole/metrics.jsonl")));
  EXPECT_FALSE(std::filesystem::exists(sampled));
}

// The moment between a step's samples and its line of metrics: what a run killed there leaves, made by taking the line away.
TEST_F(EvalStage, AStepWhoseLineWasNotWrittenGetsItFromTheNextRun) {
  run("whole");
  const std::vector<std::string> command = {GRPO_PROGRAM, "run", recipe_, "--device", "cpu", "--out", path("killed")};
  ASSERT_FALSE(ends_before(start(command, path("errors")), [&] { return std::filesystem::exists(path("killed/stages/03-exam/sampled/000004.jsonl")); }))
      << read_file(path("errors"));
  std::vector<Json> written = lines("killed/metrics.jsonl");
  int64_t sampled = 0;
  while (std::filesystem::exists(path("killed/stages/03-exam/sampled/00000" + std::to_string(sampled + 1) + ".jsonl"))) ++sampled;
  std::ofstream cut(path("killed/metrics.jsonl"), std::ios::trunc);
  for (const Json& line : written) {
    if (line["stage"] != "exam" || line["stage_step"] < sampled) cut << line.dump() << '\n';
  }
  cut.close();
  run("killed");
  EXPECT_EQ(without_times(lines("killed/metrics.jsonl")), without_times(lines("whole/metrics.jsonl")));
}

TEST_F(EvalStage, WhatItLooksAtIsSaidBeforeAnythingRuns) {
  EXPECT_TRUE(holds(refused({R"(exam.models=["base", "nobody"])"}).summary(), "nobody"));
  EXPECT_TRUE(holds(refused({R"(exam.models=["exam"])"}).summary(), "exam"));
  EXPECT_TRUE(holds(refused({R"(exam.models=["rl", "rl"])"}).summary(), "twice"));
  EXPECT_TRUE(holds(refused({"exam.from=rl"}).fix(), "models"));
  EXPECT_TRUE(holds(refused({"rl.save_model=false"}).summary(), "save_model"));
  EXPECT_TRUE(holds(refused({"exam.sets.1.top_q=1"}).where(), "sets[1].top_q"));
  EXPECT_TRUE(holds(refused({"exam.learning_rate=1"}).where(), "learning_rate"));
  EXPECT_TRUE(holds(refused({"exam.sets.1.name=short"}).summary(), "taken"));
  EXPECT_TRUE(holds(refused({"exam.sets.0.num_problems=0"}).summary(), "size"));
  EXPECT_TRUE(holds(refused({R"(exam.sets.1.rewards=[{"name": "exactly"}])"}).where(), "sets[1].rewards"));
  EXPECT_TRUE(holds(refused({"exam.temperature=0"}).where(), "temperature"));
  const Json checked = check();
  EXPECT_EQ(checked["stages"][2]["models"], Json({"base", "warm", "rl"}));
  EXPECT_EQ(checked["stages"][2]["sets"][1], Json({{"name", "plus"}, {"problems", 5}, {"num_samples", 3}}));
}

}  // namespace
}  // namespace grpo

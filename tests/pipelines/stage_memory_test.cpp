// The memory plan of a recipe: what check and run say of it, when a run is refused, and stages without a
// model.

#include "pipelines/stage_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "core/file.h"
#include "pipelines/run.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

class StageMemory : public ::testing::Test {
 protected:
  StageMemory() {
    recipe_ = folder_.write("recipe.json", R"({
      "seed": 1,
      "policy": {"tokenizer": {"characters": "0123456789+-*=",
                               "tags": ["<think>", "</think>", "<answer>", "</answer>"]},
                 "config": {"model_type": "qwen2", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
                            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64}},
      "data": {"train": {"generator": "chain", "operators": 1}, "eval": {"generator": "chain", "operators": 1, "split": "eval"}},
      "rewards": [{"name": "token_count", "max_tokens": 8}],
      "eval": {"num_problems": 6, "max_completion_length": 8},
      "stages": [
        {"name": "warm", "stage": "sft", "max_steps": 2, "samples_per_step": 4},
        {"name": "zero", "stage": "rl", "max_steps": 2, "prompts_per_step": 2, "num_generations": 2, "beta": 0.1,
         "max_completion_length": 8}]})");
  }

  Json run(const std::vector<std::string>& overrides = {}) const {
    return run_recipe(recipe_, overrides, folder_.file("out"), {.device = "cpu"});
  }

  TemporaryFolder folder_;
  std::string recipe_;
};

std::vector<std::string> phases(const Json& memory) {
  std::vector<std::string> names;
  for (const Json& phase : memory["phases"]) names.push_back(phase["name"]);
  return names;
}

// A model that a reward scores by is there from the start, and reads while others still sample.
TEST_F(StageMemory, CountsTheModelsOfRewards) {
  const auto stage_of = [&](const std::vector<std::string>& overrides) {
    return check_recipe(recipe_, overrides, {.device = "cuda"})["stages"][1]["memory"];
  };
  const std::string taste = R"(stages.0={"name": "taste", "stage": "reward_model", "max_steps": 1, "samples_per_step": 2, "max_length": 32,
    "data": {"train": {"generator": "courtesy", "num_samples": 40}, "eval_fraction": 0.1}})";
  const std::string letters = R"(policy.tokenizer.characters="0123456789+-*=?零一二三四五六七八九영일이삼사오육칠팔구谢요哼흥")";
  const Json without = stage_of({letters, taste});
  const Json with = stage_of({letters, taste, R"(zero.rewards=[{"name": "token_count", "max_tokens": 8}, {"name": "model", "model": "taste"}])"});
  // Two equal policies but for the head: a row of 32 numbers in place of one per token.
  const int64_t policy = without["phases"][0]["weights"], both = with["phases"][0]["weights"];
  const int64_t head = 32 * 4 * 46;
  EXPECT_NEAR(static_cast<double>(both), static_cast<double>(2 * policy - head + 32 * 4), 2048.0);
  for (size_t i = 0; i < with["phases"].size(); ++i) {
    EXPECT_EQ(with["phases"][i]["weights"], both) << with["phases"][i]["name"];
    if (with["phases"][i]["name"] != "rollout") continue;
    EXPECT_GT(with["phases"][i]["passing"].get<int64_t>(), without["phases"][i]["passing"].get<int64_t>());
  }
}

TEST_F(StageMemory, CheckPlansEveryStageForAGpuThatIsNotHere) {
  const Json stages = check_recipe(recipe_, {}, {.device = "cuda", .dtype = "bfloat16"})["stages"];
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(phases(stages[0]["memory"]), (std::vector<std::string>{"load", "evaluate", "train", "update"}));
  EXPECT_EQ(phases(stages[1]["memory"]),
            (std::vector<std::string>{"load", "evaluate", "rollout", "score", "train", "update"}));
  for (const Json& stage : stages) {
    EXPECT_EQ(stage["memory"]["device"], "cuda");
    EXPECT_GT(stage["memory"]["needed_bytes"], stage["memory"]["peak_bytes"]);
  }
  EXPECT_EQ(stages[0]["memory"]["phases"].back()["reference"], 0);
  EXPECT_GT(stages[1]["memory"]["phases"].back()["reference"], 0);
}

TEST_F(StageMemory, PlansOutliveTheirJson) {
  const Json memory = check_recipe(recipe_, {}, {.device = "cpu"})["stages"][1]["memory"];
  Json again = memory_json(memory_plan(memory));
  again["free_bytes"] = memory["free_bytes"];
  EXPECT_EQ(again, memory);
}

TEST_F(StageMemory, AStageThatDoesNotFitIsRefusedWithWhatWouldHelp) {
  const Recipe recipe =
      read_recipe(recipe_, {"zero.tokens_per_micro_batch=4096", "policy.config.hidden_size=512",
                            "policy.config.intermediate_size=2048"});
  const PolicySource source = read_policy_source(recipe.policies.at(""), recipe_);
  const StageSpec& zero = recipe.stages[1];
  const StageLengths lengths{.prompt = 4, .completion = 8, .eval_prompt = 4, .eval_problems = 6};
  const MemoryPlan plan = plan_stage_memory(recipe, zero, source, lengths, at::kFloat, at::kCUDA);
  EXPECT_NO_THROW(check_memory(recipe, zero, source, plan, plan.needed_bytes()));
  const Error error = error_of([&] { check_memory(recipe, zero, source, plan, plan.needed_bytes() - 1); });
  EXPECT_NE(error.summary().find("zero needs"), std::string::npos);
  for (const char* remedy :
       {"tokens_per_micro_batch (4096 now)", "policy.lora", "beta", "--ignore-memory-plan"}) {
    EXPECT_NE(error.fix().find(remedy), std::string::npos) << remedy << " in " << error.fix();
  }
  EXPECT_NE(error.where().find("stages[1]"), std::string::npos);
}

TEST_F(StageMemory, MetricsAndSummarySetThePeakBesideThePlan) {
  const Json summary = run();
  for (const Json& stage : summary["stages"]) {
    EXPECT_GT(stage["memory"]["planned_bytes"], 0);
    EXPECT_GT(stage["memory"]["peak_bytes"], 0);
  }
  std::istringstream metrics(read_file(folder_.file("out/metrics.jsonl")));
  int64_t steps = 0;
  for (std::string line; std::getline(metrics, line);) {
    const Json row = Json::parse(line);
    if (!row.contains("loss")) continue;
    ++steps;
    EXPECT_GT(row["memory/peak_bytes"], 0);
    EXPECT_GT(row["memory/planned_bytes"], 0);
  }
  EXPECT_EQ(steps, 4);
}

TEST_F(StageMemory, AStageMayLeaveNoModelAndIsFinishedAllTheSame) {
  const std::vector<std::string> no_model = {"zero.save_model=false"};
  const Json summary = run(no_model);
  EXPECT_TRUE(fs::exists(folder_.file("out/stages/01-warm/model/model.safetensors")));
  EXPECT_FALSE(fs::exists(folder_.file("out/stages/02-zero/model")));
  EXPECT_FALSE(summary["stages"][1].contains("model"));
  EXPECT_EQ(run(no_model), summary);
}

TEST_F(StageMemory, AStageCannotStartFromOneThatLeavesNoModel) {
  const Error error = error_of([&] { run({"warm.save_model=false"}); });
  EXPECT_NE(error.summary().find("save_model"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_.file("out")));
}

}  // namespace
}  // namespace grpo

// Whole runs with a stage that trains a reward model: what it leaves, that it beats length, that being killed changes
// nothing, and that a later stage is rewarded by it.

#include <gtest/gtest.h>

#include <filesystem>

#include "core/file.h"
#include "pipelines/run.h"
#include "policy/io/checkpoint.h"
#include "policy/score_head.h"
#include "tests/pipelines/killed_program.h"
#include "tests/pipelines/preference_fixture.h"
#include "tests/pipelines/run_lines.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

constexpr const char* kRecipe = R"({
  "name": "preferences", "seed": 3,
  "policy": {
    "config": {"model_type": "deepseek_v3", "hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 32,
      "num_attention_heads": 2, "q_lora_rank": null, "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4,
      "v_head_dim": 8, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
      "moe_intermediate_size": 8, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
      "routed_scaling_factor": 1.0, "max_position_embeddings": 64},
    "initializer_range": 0.2,
    "tokenizer": {"characters": "abcdefghijklmnopqrstuvwxyz0123456789+-*= :?!", "tags": ["<think>", "</think>"]}},
  "stages": [
    {"name": "prefer", "stage": "reward_model", "data": {"train": "PAIRS", "eval": "HELD"},
     "num_train_epochs": 2, "samples_per_step": 16, "learning_rate": 1e-2, "eval_steps": 20, "save_steps": 4},
    {"name": "rl", "stage": "rl", "from": "base", "max_steps": 2, "prompts_per_step": 2, "num_generations": 3,
     "data": {"train": {"generator": "chain", "operators": 1}},
     "max_completion_length": 8, "learning_rate": 1e-3,
     "rewards": [{"name": "model", "model": "prefer", "scope": "all", "label": "helpful"}]}]})";

std::string with_files(std::string text, const std::vector<std::pair<std::string, std::string>>& files) {
  for (const auto& [mark, path] : files) text.replace(text.find(mark), mark.size(), path);
  return text;
}

class RewardStage : public ::testing::Test {
 protected:
  Json run(const std::string& out, const std::vector<std::string>& overrides = {}) const {
    return run_recipe(recipe_, overrides, folder_.file(out), {.device = "cpu"});
  }
  std::string refusal(const std::vector<std::string>& overrides) const {
    return error_text([&] { check_recipe(recipe_, overrides, {.device = "cpu"}); });
  }
  std::string bytes(const std::string& name) const { return read_file(folder_.file(name)); }

  TemporaryFolder folder_;
  const std::string recipe_ = folder_.write(
      "recipe.json", with_files(kRecipe, {{"PAIRS", folder_.write("pairs.jsonl", jsonl(polite_pairs(400, 1)))},
                                          {"HELD", folder_.write("held.jsonl", jsonl(polite_pairs(200, 2)))}}));
};

TEST_F(RewardStage, LeavesAModelThatTellsTheBetterAnswerWhereLengthDoesNot) {
  const Json summary = run("out");
  const Json& stage = summary["stages"][0];
  EXPECT_EQ(stage["steps"], 50) << "two epochs of 400 pairs in steps of 16";
  EXPECT_EQ(stage["counts"]["train"], 400);
  EXPECT_EQ(stage["counts"]["held_out"], 200);
  std::vector<int64_t> evaluated;
  for (const Json& e : stage["eval"]) evaluated.push_back(e["step"]);
  EXPECT_EQ(evaluated, (std::vector<int64_t>{20, 40, 50}));
  const double accuracy = stage["metrics"]["accuracy"], by_length = stage["metrics"]["length_accuracy"];
  EXPECT_LT(by_length, 0.75);
  EXPECT_GE(accuracy, 0.95) << "length alone: " << by_length;

  const Checkpoint model = load_checkpoint(folder_.file("out/stages/01-prefer/model"), std::nullopt, at::kCPU);
  EXPECT_EQ(model.policy.config().head, HeadKind::kScore);
  const auto score = [&](const std::string& text) {
    return score_sequences(model.policy, {model.files.tokenizer->encode(text)}, 1).front();
  };
  EXPECT_GT(score("why?abc!"), score("why?abc?"));
}

TEST_F(RewardStage, MetricsAndEpisodesAreWrittenUnderTrlsNames) {
  run("out");
  int rewarded = 0;
  for (const Json& row : lines_in(folder_.file("out/metrics.jsonl"))) {
    if (row["stage"] == "rl") {
      rewarded += row.contains("rewards/helpful/mean") && row["rewards/helpful/mean"].is_number();
      continue;
    }
    for (const char* key : {"loss", "accuracy", "margin", "mean_reward", "min_reward", "max_reward", "grad_norm",
                            "learning_rate", "num_tokens", "step_time"}) {
      EXPECT_TRUE(row.contains(key) && row[key].is_number()) << key << " in " << row;
    }
    EXPECT_EQ(row.contains("eval_length_accuracy"), row["stage_step"] == 20 || row["stage_step"] == 40 || row["stage_step"] == 50);
  }
  EXPECT_EQ(rewarded, 2);
}

TEST_F(RewardStage, KilledAndRunAgainItEndsWithTheSameBytes) {
  const auto start_run = [&](const std::string& out) {
    return start({GRPO_PROGRAM, "run", recipe_, "--out", folder_.file(out), "--device", "cpu"});
  };
  ASSERT_TRUE(ends_before(start_run("whole"), [] { return false; }));
  int kills = 0;
  for (const char* moment : {"checkpoint-000004", "checkpoint-000012", "checkpoint-000028", "model"}) {
    kills += !ends_before(start_run("killed"), [&] { return holds_name(folder_.file("killed/stages/01-prefer"), moment); });
  }
  EXPECT_GE(kills, 2) << "most moments were missed";
  ASSERT_TRUE(ends_before(start_run("killed"), [] { return false; }));
  for (const char* file : {"stages/01-prefer/model/model.safetensors", "stages/01-prefer/model/config.json",
                           "stages/02-rl/model/model.safetensors"}) {
    EXPECT_EQ(bytes(std::string("whole/") + file), bytes(std::string("killed/") + file)) << file;
  }
  const auto stage = [&](const std::string& out) { return read_json_file(folder_.file(out + "/summary.json"))["stages"][0]; };
  EXPECT_EQ(stage("whole")["eval"], stage("killed")["eval"]);
}

TEST_F(RewardStage, WhatCannotWorkIsRefusedBeforeAnythingIsTrained) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_TRUE(holds(refusal({"prefer.max_steps=5"}), "stages[0]"));
  EXPECT_TRUE(holds(refusal({"prefer.max_length=1000"}), "stages[0].max_length"));
  EXPECT_TRUE(holds(refusal({"prefer.rewards=[{\"name\": \"exact\"}]"}), "stages[0].rewards"));
  EXPECT_TRUE(holds(refusal({"prefer.data.train=/no/such.jsonl"}), "/no/such.jsonl"));
  EXPECT_TRUE(holds(refusal({"prefer.data.tempalte=none"}), "tempalte"));
  EXPECT_TRUE(holds(refusal({"rl.from=prefer"}), "prefer"));
  EXPECT_TRUE(holds(refusal({"rl.rewards.0.scope=half"}), "scope"));
  EXPECT_TRUE(holds(refusal({"rl.rewards.0.model=/no/such"}), "/no/such"));
  EXPECT_TRUE(holds(refusal({"rl.rewards.0.model=rl"}), "stage \"rl\" trains no reward model | "));
}

}  // namespace
}  // namespace grpo

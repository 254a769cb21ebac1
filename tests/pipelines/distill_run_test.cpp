// The stage "distill" in whole runs: a smaller student learns from what an earlier stage has left.

#include <gtest/gtest.h>

#include <filesystem>

#include "pipelines/run.h"
#include "policy/io/checkpoint.h"
#include "tests/pipelines/killed_program.h"
#include "tests/pipelines/run_lines.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// A teacher of MLA and experts, a dense student.
constexpr const char* kRecipe = R"({
  "name": "tiny", "seed": 3,
  "policy": {
    "config": {"model_type": "deepseek_v3", "hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 32,
      "num_attention_heads": 2, "q_lora_rank": null, "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4,
      "v_head_dim": 6, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
      "moe_intermediate_size": 8, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
      "routed_scaling_factor": 1.0, "max_position_embeddings": 64},
    "initializer_range": 0.2,
    "tokenizer": {"characters": "0123456789+-*=", "tags": ["<think>", "</think>", "<answer>", "</answer>"]}},
  "policies": {"student": {
    "config": {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
      "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64},
    "initializer_range": 0.2,
    "tokenizer": {"characters": "0123456789+-*=", "tags": ["<think>", "</think>", "<answer>", "</answer>"]}}},
  "data": {"train": {"generator": "chain", "operators": 1},
           "eval": {"generator": "chain", "operators": 1, "split": "eval"}},
  "rewards": [{"name": "exact", "extract": "answer_tag"}],
  "eval": {"num_problems": 5, "max_completion_length": 12},
  "learning_rate": 1e-2,
  "stages": [
    {"name": "teach", "stage": "sft", "max_steps": 12, "samples_per_step": 16},
    {"name": "small", "stage": "distill", "policy": "student", "teacher": "teach", "max_steps": 8, "samples_per_step": 6,
     "num_generations": 2, "max_completion_length": 12, "log_episodes": 4}]})";

class DistillRun : public ::testing::Test {
 protected:
  DistillRun() : recipe_(folder_.write("recipe.json", kRecipe)) {}

  Json run(const std::string& out, const std::vector<std::string>& overrides = {}) const {
    return run_recipe(recipe_, overrides, path(out), {.device = "cpu"});
  }
  Json check(const std::vector<std::string>& overrides = {}) const {
    return check_recipe(recipe_, overrides, {.device = "cpu"});
  }
  std::string refused(const std::vector<std::string>& overrides) const {
    return error_text([&] { check(overrides); });
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  // Lines of the stage's steps.
  std::vector<Json> steps(const std::string& out) const {
    std::vector<Json> rows;
    for (const Json& row : lines_in(path(out + "/metrics.jsonl"))) {
      if (row["stage"] == "small" && row["stage_step"] > 0) rows.push_back(row);
    }
    return rows;
  }
  std::string student(const std::string& out) const { return path(out + "/stages/02-small/model"); }

  TemporaryFolder folder_;
  std::string recipe_;
};

// Mean of a metric over three steps from `first` on.
double mean_of(const std::vector<Json>& rows, size_t first, const char* key) {
  double sum = 0;
  for (size_t i = first; i < first + 3; ++i) sum += rows.at(i).at(key).get<double>();
  return sum / 3;
}

TEST_F(DistillRun, LeavesAStudentThatHasComeNearerToItsTeacher) {
  const Json summary = run("out", {"small.max_steps=60"});
  const Json& stage = summary["stages"][1];
  EXPECT_EQ(stage["teacher"], "teach");
  EXPECT_EQ(stage["steps"], 60);
  EXPECT_EQ(stage["from"], "base");
  EXPECT_EQ(load_checkpoint(student("out"), std::nullopt, at::kCPU).files.config.model_type, "llama");
  const std::vector<Json> rows = steps("out");
  ASSERT_EQ(rows.size(), 60U);
  EXPECT_LT(mean_of(rows, 57, "kl"), mean_of(rows, 0, "kl") / 2);
  size_t sampled = 0;
  for (const Json& row : rows) {
    sampled += row["on_policy"] == 1;
    EXPECT_EQ(row.contains("completions/mean_length"), row["on_policy"] == 1);
    for (const char* key : {"loss", "kl", "entropy", "grad_norm", "on_policy_share", "teacher/tokens_per_second", "time/teacher"}) {
      EXPECT_TRUE(row.contains(key) && row[key].is_number()) << key;
    }
  }
  EXPECT_TRUE(sampled > 15 && sampled < 45) << sampled;
  EXPECT_EQ(lines_in(path("out/episodes.jsonl")).size(), 4 * sampled);
}

TEST_F(DistillRun, GoesOnAfterAKillWithTheBytesOfOneThatNobodyDisturbed) {
  const std::vector<std::string> overrides = {"small.save_steps=1", "small.max_steps=6"};
  run("whole", overrides);
  std::vector<std::string> command = {GRPO_PROGRAM, "run", recipe_, "--device", "cpu", "--out", path("killed")};
  for (const std::string& override : overrides) command.insert(command.end(), {"--set", override});
  const std::string folder = path("killed/stages/02-small");
  EXPECT_FALSE(ends_before(start(command), [&] { return holds_name(folder, "checkpoint-000003"); }));
  run("killed", overrides);
  EXPECT_EQ(read_file(student("whole") + "/model.safetensors"), read_file(student("killed") + "/model.safetensors"));
  EXPECT_EQ(without_times(lines_in(path("whole/metrics.jsonl"))), without_times(lines_in(path("killed/metrics.jsonl"))));
  EXPECT_EQ(lines_in(path("whole/episodes.jsonl")), lines_in(path("killed/episodes.jsonl")));
}

TEST_F(DistillRun, OnPolicyNeedsPromptsAlone) {
  const std::string data = folder_.write("prompts.jsonl", "{\"prompt\": \"1+1=\"}\n{\"prompt\": \"2*3=\"}\n");
  const std::vector<std::string> overrides = {"small.data.train=" + data, "small.loss=policy_gradient", "small.max_steps=2"};
  run("out", overrides);
  for (const Json& row : steps("out")) EXPECT_EQ(row["on_policy_share"], 1.0);
}

TEST_F(DistillRun, CheckDescribesTheTeacherAndCountsItsMemory) {
  const Json stage = check()["stages"][1];
  EXPECT_EQ(stage["teacher"]["teacher"], "teach");
  const int64_t weights = stage["teacher"]["parameters_total"].get<int64_t>() * 4;
  EXPECT_GT(weights, 0);
  for (const Json& phase : stage["memory"]["phases"]) {
    if (phase["name"] == "load") continue;
    EXPECT_GE(phase["reference"].get<int64_t>(), weights) << phase;
  }
  run("out", {"small.max_steps=1"});
  const Json by_path = check({"small.teacher=" + path("out/stages/01-teach/model")})["stages"][1];
  EXPECT_EQ(by_path["memory"]["phases"], stage["memory"]["phases"]);
}

TEST_F(DistillRun, RefusesATeacherThatIsNoneOrHasOtherTokens) {
  EXPECT_TRUE(holds(refused({"small.teacher=null"}), "teacher"));
  EXPECT_TRUE(holds(refused({"small.teacher=nowhere"}), "nowhere"));
  EXPECT_TRUE(holds(refused({"small.teacher=small"}), "comes later"));
  const std::string text = refused({"policies.student.tokenizer.characters=0123456798+-*="});
  EXPECT_TRUE(holds(text, "different tokens at 2 of 19 ids") && holds(text, "id 8 is \"9\" to the student")) << text;
  EXPECT_TRUE(holds(refused({"small.losss=jsd"}), "losss"));
}

}  // namespace
}  // namespace grpo

#pragma once
// A recipe of two tiny stages, and a folder to run it in.

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "pipelines/run.h"
#include "tests/pipelines/run_lines.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {

// A supervised stage and one of reinforcement learning on a two-layer MLA and MoE policy.
inline constexpr const char* kTwoStages = R"({
  "name": "tiny", "seed": 3,
  "policy": {
    "config": {"model_type": "deepseek_v3", "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 24,
      "num_attention_heads": 2, "q_lora_rank": null, "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4,
      "v_head_dim": 6, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
      "moe_intermediate_size": 8, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
      "routed_scaling_factor": 1.0, "max_position_embeddings": 64},
    "initializer_range": 0.2,
    "tokenizer": {"characters": "0123456789+-*=", "tags": ["<think>", "</think>", "<answer>", "</answer>"]}},
  "data": {"train": {"generator": "chain", "operators": 1},
           "eval": {"generator": "chain", "operators": 1, "split": "eval"}},
  "rewards": [{"name": "token_count", "max_tokens": 12}, {"name": "exact", "extract": "all", "weight": 0.5}],
  "eval": {"num_problems": 5, "num_samples": 2, "steps": 3, "max_completion_length": 12},
  "save_steps": 2,
  "stages": [
    {"name": "warm", "stage": "sft", "max_steps": 7, "samples_per_step": 6, "learning_rate": 1e-2,
     "router_bias_update_rate": 1e-3},
    {"name": "rl", "stage": "rl", "max_steps": 8, "prompts_per_step": 2, "num_generations": 4, "num_iterations": 2, "save_steps": 1,
     "max_completion_length": 12, "learning_rate": 1e-2, "beta": 0.01, "log_episodes": 5,
     "sync_ref_model": true, "ref_model_sync_steps": 3, "router_bias_update_rate": 1e-3}]})";

class RecipeRun : public ::testing::Test {
 protected:
  RecipeRun() : recipe_(folder_.write("recipe.json", kTwoStages)) {}

  Json run(const std::string& out, const std::vector<std::string>& overrides = {}) const {
    return run_recipe(recipe_, overrides, folder_.file(out), {.device = "cpu"});
  }
  Json check(const std::vector<std::string>& overrides = {}) const {
    return check_recipe(recipe_, overrides, {.device = "cpu"});
  }
  Error refused(const std::vector<std::string>& overrides) const {
    return error_of([&] { check(overrides); });
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  // The lines of a .jsonl file of a run.
  std::vector<Json> lines(const std::string& name) const { return lines_in(path(name)); }

  TemporaryFolder folder_;
  std::string recipe_;
};

inline std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename().string());
  return names;
}

}  // namespace grpo

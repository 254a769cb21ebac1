#pragma once
// A recipe with every type of stage, small: supervised start on a mixture, R1-Zero, collection, cold start, a reward model,
// RL on two sources, a student that is distilled, and an exam.

#include <string>

#include "pipelines/problems/generator.h"
#include "tests/temporary_folder.h"

namespace grpo {

inline constexpr const char* kPipeline = R"({
  "name": "pipeline", "seed": 1,
  "policy": {
    "config": {"model_type": "deepseek_v3", "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 24,
      "num_attention_heads": 2, "q_lora_rank": null, "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4,
      "v_head_dim": 6, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
      "moe_intermediate_size": 8, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
      "routed_scaling_factor": 1.0, "max_position_embeddings": 64},
    "initializer_range": 0.2,
    "tokenizer": {"characters": "0123456789+-*=?零一二三四五六七八九영일이삼사오육칠팔구谢요哼흥",
                  "tags": ["<think>", "</think>", "<answer>", "</answer>"]}},
  "policies": {"student": {
    "config": {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 24,
      "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64},
    "initializer_range": 0.2,
    "tokenizer": {"characters": "0123456789+-*=?零一二三四五六七八九영일이삼사오육칠팔구谢요哼흥",
                  "tags": ["<think>", "</think>", "<answer>", "</answer>"]}}},
  "data": {"train": {"generator": "bilingual_chain", "operators": 1},
           "eval": {"generator": "bilingual_chain", "operators": 1, "split": "eval"}},
  "rewards": [{"name": "exact", "extract": "answer_tag"}],
  "eval": {"num_problems": 10, "max_completion_length": 12},
  "max_completion_length": 12, "save_steps": 2, "learning_rate": 1e-3,
  "stages": [
    {"name": "warm", "stage": "sft", "max_steps": 40, "samples_per_step": 24, "learning_rate": 1e-2,
     "data": {"train": [
       {"name": "chains", "weight": 2, "train": {"generator": "bilingual_chain", "operators": 1}, "worked_fraction": 0.1},
       {"name": "general", "train": {"generator": "courtesy", "min_numerals": 1, "max_numerals": 3}, "worked_fraction": 0.3}]}},
    {"name": "zero", "stage": "rl", "max_steps": 3, "prompts_per_step": 4, "num_generations": 4, "loss_type": "dapo"},
    {"name": "collect", "stage": "reject", "from": "zero", "num_problems": 60, "problems_per_step": 16, "num_generations": 4,
     "rewards": [{"name": "exact", "extract": "answer_tag"},
                 {"name": "language_consistency", "language_column": "language", "weight": 0.1}],
     "keep": {"deduplicate": false}},
    {"name": "cold", "stage": "sft", "from": "warm", "num_train_epochs": 2, "samples_per_step": 8,
     "data": {"train": {"stage": "collect"}}},
    {"name": "taste", "stage": "reward_model", "from": "cold", "max_steps": 4, "samples_per_step": 8, "learning_rate": 1e-3,
     "save_steps": 2, "data": {"train": "PAIRS", "eval_fraction": 0.2}},
    {"name": "all", "stage": "rl", "from": "cold", "max_steps": 4, "prompts_per_step": 4, "num_generations": 4,
     "data": {"train": [{"name": "chains", "train": {"generator": "bilingual_chain", "operators": 1}},
                        {"name": "general", "train": {"generator": "courtesy", "min_numerals": 1, "max_numerals": 3},
                         "weight": 9, "from_step": 2}]},
     "rewards": [{"name": "exact", "extract": "answer_tag", "sources": ["chains"]},
                 {"name": "model", "model": "taste", "sources": ["general"]}]},
    {"name": "student_base", "stage": "sft", "policy": "student", "from": "base", "max_steps": 4, "samples_per_step": 8},
    {"name": "student", "stage": "distill", "teacher": "all", "loss": "jsd", "beta": 0.5, "lmbda": 1.0,
     "max_steps": 3, "samples_per_step": 8},
    {"name": "exam", "stage": "eval", "models": ["base", "zero", "student_base", "student"], "num_problems": 6, "num_samples": 3,
     "problems_per_step": 2}]})";

// Writes the recipe and the pairs that its reward model learns from; returns the recipe's path.
inline std::string write_pipeline(const TemporaryFolder& folder) {
  const Generator courtesy =
      make_generator("courtesy", {{"min_numerals", 1}, {"max_numerals", 3}}, "pairs");
  std::string pairs;
  for (int64_t i = 0; i < 60; ++i) {
    const GeneratedProblem p = courtesy.generate(4, i);
    pairs += Json{{"prompt", p.question}, {"chosen", p.worked_solution}, {"rejected", p.direct_solution}}.dump() + "\n";
  }
  std::string recipe = kPipeline;
  recipe.replace(recipe.find("PAIRS"), 5, folder.write("pairs.jsonl", pairs));
  return folder.write("pipeline.json", recipe);
}

}  // namespace grpo

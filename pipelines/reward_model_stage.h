#pragma once
// The stage "reward_model": trains a reward model on preferences, of pairs to tell the better answer (Bradley-Terry), of
// labelled answers to tell the good ones (cross-entropy), and leaves it as a Hugging Face checkpoint for sequence
// classification, which the reward `model` (pipelines/model_reward.h) takes.
//
//   {"stage": "reward_model", "from": "reasoning", "data": {"train": "pairs.jsonl", "eval_fraction": 0.1},
//    "num_train_epochs": 1, "samples_per_step": 256, "learning_rate": 6e-6, "max_length": 8192}
//
//   data        pipelines/reward_model_data.h
//   eval_steps  optimizer steps between evaluations on what data holds out; 0: at the end alone
//   save_steps, save_total_limit, metric_names: as of "sft"
//   max_steps, num_train_epochs, samples_per_step, max_length, center_rewards_coefficient, optimizer, schedule, ...:
//               grpo/reward_trainer.h
//
// Where the policy it starts from is no reward model yet, its output head gives way to a score drawn small. Metrics of
// held-out samples are eval_loss, eval_accuracy, eval_margin, ..., with eval_length_accuracy beside them: what the length
// of the answers alone would have told.

#include "grpo/trainer_memory.h"
#include "pipelines/stage.h"
#include "pipelines/stage_memory.h"

namespace grpo {

// What the stage's keys say for the plan. Throws Error naming the key.
void read_reward_model_plan(ObjectReader& reader, StagePlan& plan);

// Reads the data; returns their report (RewardModelData::report), and sets `lengths`. Throws Error.
Json check_reward_model(const Recipe& recipe, const StageSpec& spec, const PolicySource& source, StageLengths& lengths);

// What the stage's training takes.
void add_reward_model_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, StageSize& size);

// Runs the stage. `policy` becomes the reward model, adapters merged, to be saved with save_checkpoint. Returns "steps",
// "eval" (one object per evaluation), "counts" (of the data) and "metrics" (of the last evaluation, or the last step).
Json run_reward_model_stage(const StageContext& context, Policy& policy);

}  // namespace grpo

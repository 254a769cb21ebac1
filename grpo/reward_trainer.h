#pragma once
// Training of reward models, one optimizer step after another: the losses of grpo/reward_loss.h on packed pairs or
// labelled answers. Shares optimizer, schedule and state with the other trainers; option and metric names are those of
// TRL's RewardConfig and RewardTrainer.

#include <cstdint>
#include <functional>

#include "core/json.h"
#include "grpo/auxiliary_losses.h"
#include "grpo/optimizer.h"
#include "grpo/reward_loss.h"
#include "grpo/schedule.h"
#include "policy/policy.h"

namespace grpo {

struct RewardOptions {
  int64_t max_steps = 0;          // optimizer steps; 0: as many as num_train_epochs take
  double num_train_epochs = 0;    // passes over the data, in place of max_steps (DeepSeek-R1: 1)
  int64_t samples_per_step = 64;  // pairs, or labelled answers, per optimizer step (DeepSeek-R1: 256)
  // Tokens of prompt and answer; samples with a longer sequence are left out, as TRL does. No longer than the context.
  int64_t max_length = 1024;
  double center_rewards_coefficient = 0;  // reward_loss's `center`; TRL suggests 0.01
  int64_t tokens_per_micro_batch = 16384;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;            // learning_rate: 1e-4 by default, as TRL's; DeepSeek-R1: 6e-6
  double router_bias_update_rate = 0;  // MoE: training from scratch wants 1e-3 (DeepSeek-V3)
  AuxiliaryLossOptions auxiliary;
};

// Exactly one of max_steps and num_train_epochs is there. Throws Error naming the key.
RewardOptions read_reward_options(ObjectReader& reader);

// The optimizer steps that the options ask for over a set of this many samples.
int64_t reward_steps(const RewardOptions& options, int64_t num_samples);

class RewardTrainer {
 public:
  // The n-th sample of the endless training stream.
  using DrawSample = std::function<RewardSample(int64_t n)>;

  // `model` has HeadKind::kScore, must outlive the trainer, and is updated in place, as far as choose_trainable goes.
  // options.max_steps is settled. Throws Error as AuxiliaryLosses does.
  RewardTrainer(Policy& model, RewardOptions options);

  // One optimizer step; metrics: loss and those of RewardStatistics, of the step's samples before the update, grad_norm,
  // learning_rate, num_tokens (so far) and, with experts, their load. Throws Error if loss or gradient is not finite,
  // the weights untouched.
  Json step(const DrawSample& draw);

  int64_t steps_done() const { return steps_done_; }
  void save(const std::string& directory) const;  // grpo/training_state.h
  void restore(const std::string& directory);

 private:
  Policy& model_;
  const RewardOptions options_;
  AdamW optimizer_;
  AuxiliaryLosses auxiliary_;
  int64_t steps_done_ = 0;
  int64_t samples_drawn_ = 0;
  int64_t num_tokens_ = 0;
};

}  // namespace grpo

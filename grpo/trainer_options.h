#pragma once
// Everything that a training stage can be told, under TRL's names where TRL has one.

#include <cstdint>
#include <string>

#include "core/cancelled.h"
#include "core/json.h"
#include "grpo/advantage.h"
#include "grpo/auxiliary_losses.h"
#include "grpo/optimizer.h"
#include "grpo/packing.h"
#include "grpo/policy_loss.h"
#include "grpo/schedule.h"
#include "rollout/engine.h"

namespace grpo {

struct TrainerOptions {
  int64_t max_steps = 0;             // optimizer steps
  int64_t prompts_per_step = 8;      // prompts (groups) per optimizer step
  int64_t num_generations = 8;       // samples per prompt, at least 2 unless advantages are of the whole batch
  int64_t steps_per_generation = 1;  // optimizer steps that share one rollout, each on its own prompts
  int64_t num_iterations = 1;        // passes over a rollout (mu of the paper)
  SamplingOptions sampling;          // max_tokens is max_completion_length
  bool mask_truncated_completions = false;
  // DAPO: groups that are not informative are replaced by groups of the next problems of the stream.
  bool dynamic_sampling = false;
  int64_t dynamic_sampling_rounds =
      4;                       // most rounds of generation for one rollout, the first included; at least 2
  int64_t reward_workers = 0;  // threads that score; 0: as many as there are cores, at most 16
  double reward_error_rate_max =
      0.5;                  // share of samples a reward may fail on before the run stops (reward_errors.h)
  std::string rewards_log;  // what that Error points to: where rewards log
  StopRequest stop_request = {};  // asked between bursts of generation and between micro-batches; true: the step is given up
  AdvantageOptions advantage;
  PackingOptions packing;
  PolicyLossOptions loss;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  std::string ref_model;               // checkpoint directory of the reference; empty: the policy that training starts from
  bool sync_ref_model = false;         // move the reference towards the policy every ref_model_sync_steps:
  int64_t ref_model_sync_steps = 512;  // ref = alpha * policy + (1 - alpha) * ref
  double ref_model_mixup_alpha = 0.6;  // 1: a copy, as DeepSeek-R1 does every 400 steps
  // The reference's own weights lie in host memory while nobody scores tokens with it (policy/parking.h).
  bool offload_ref_model = false;
  // MoE: every pass over a sample sends its tokens to the experts that the sampler's routers chose (R3). Trainer and
  // sampler then differ in rounding alone.
  bool router_replay = false;
  // With top_k, top_p or min_p: log-probabilities of all passes are of the tokens that these left at each place, as the
  // sampler's are (DeepSeek-V3.2). Without it all of them are of the whole vocabulary.
  bool keep_sampling_mask = false;
  double router_bias_update_rate = 0;  // MoE: 0 leaves the routers' biases frozen
  // Multi-token prediction and routers are left as they are unless asked for.
  AuxiliaryLossOptions auxiliary = {.mtp = {.scale = 0.0, .detach_trunk = true}, .freeze_moe_router = true};
  int64_t nonfinite_steps_max = 5;  // skipped steps in a row after which the run stops
  EngineOptions engine;
};

// The keys that any stage has that samples and scores: max_completion_length, temperature, top_k, top_p, min_p, stop,
// ignore_eos, reward_workers, reward_error_rate_max, max_running, cache_tokens. Throws Error naming the key.
void read_sampling_options(ObjectReader& reader, TrainerOptions& options);

// Reads every key above but max_steps' data from a stage's options (TRL's names, flat), with those of loss_type and
// preset (grpo/loss_preset.h) where the stage leaves them open, and checks that they fit together. Throws Error naming
// the key.
TrainerOptions read_trainer_options(ObjectReader& reader);

}  // namespace grpo

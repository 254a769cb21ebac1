#pragma once
// What a distillation stage can be told, under TRL's names (GKDConfig) where it has one.

#include <cstdint>
#include <vector>

#include "core/cancelled.h"
#include "core/json.h"
#include "grpo/auxiliary_losses.h"
#include "grpo/optimizer.h"
#include "grpo/packing.h"
#include "grpo/schedule.h"
#include "rollout/engine.h"

namespace grpo {

// What a step minimises.
enum class DistillObjective {
  // A divergence of whole distributions (grpo/distill_loss.h), at every token: DistillOptions::beta says which. Also on
  // the student's own samples, whose gradient does not go through the sampling (GKD, arXiv 2306.13649).
  kDivergence,
  // The sampled tokens alone, as reinforcement learning: the advantage of a token is kl_penalty_coef (log p_T - log p_S),
  // without baseline and without what comes after it, which in expectation is the gradient of the reverse KL at each
  // token. Needs one number per token from the teacher.
  kPolicyGradient,
};

struct DistillOptions {
  int64_t max_steps = 0;          // optimizer steps
  int64_t samples_per_step = 64;  // sequences per optimizer step
  DistillObjective objective = DistillObjective::kDivergence;
  double beta = 0.5;  // of the divergence; 0: forward KL, 1: reverse KL, between: JSD(beta)
  // Share of the steps whose completions the student samples, drawn by the seed step by step; the others learn from the
  // completions of the data. Below 1 the data has to have them.
  double lmbda = 0.5;
  double temperature = 1.0;       // of the sampling and of both softmaxes in the loss
  int64_t top_k = 0;              // DistillLossOptions::top_k
  double sft_weight = 0.0;        // weight of the cross-entropy that steps on data add to the divergence
  double kl_penalty_coef = 1.0;   // of the policy gradient
  int64_t num_generations = 1;    // samples per prompt, where the student samples; divides samples_per_step
  int64_t max_completion_length = 256;  // tokens, where the student samples
  PackingOptions packing;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  double router_bias_update_rate = 0;  // MoE: 0 leaves the routers' biases frozen
  AuxiliaryLossOptions auxiliary;
  EngineOptions engine;
  std::vector<int64_t> eos_ids = {};  // end tokens beside those of the model's configuration
  StopRequest stop_request = {};      // asked between bursts of generation and between micro-batches

  bool samples() const { return lmbda > 0.0; }                         // some steps are on policy
  bool learns_from_data() const { return lmbda < 1.0; }                // some are not
  SamplingOptions sampling() const;
};

// Reads "loss" ("jsd", "forward_kl", "reverse_kl", "policy_gradient"), beta (of "jsd"), the keys above, those of
// optimizer, schedule, micro-batches and auxiliary losses as the supervised trainer does, max_running and cache_tokens.
// Throws Error naming the key, also for one without effect.
DistillOptions read_distill_options(ObjectReader& reader);

}  // namespace grpo

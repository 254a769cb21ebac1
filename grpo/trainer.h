#pragma once
// One GRPO training step after another: problems are sampled into groups, scored, turned into advantages,
// packed, and learnt from (DeepSeekMath, arXiv 2402.03300, algorithm 1). The trainer owns optimizer and
// reference; the policy is its caller's and is updated in place.
//
// A rollout serves steps_per_generation * num_iterations optimizer steps. Step numbers, problem numbers and
// random streams are functions of the counters in state(), so a trainer restored between two rollouts goes on
// bit for bit.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/json.h"
#include "core/types.h"
#include "grpo/advantage.h"
#include "grpo/auxiliary_losses.h"
#include "grpo/optimizer.h"
#include "grpo/packing.h"
#include "grpo/policy_loss.h"
#include "grpo/schedule.h"
#include "policy/io/tokenizer.h"
#include "policy/policy.h"
#include "rewards/reward_summary.h"
#include "rewards/rubric.h"
#include "rollout/engine.h"

namespace grpo {

struct TrainerOptions {
  int64_t max_steps = 0;             // optimizer steps
  int64_t prompts_per_step = 8;      // prompts (groups) per optimizer step
  int64_t num_generations = 8;       // samples per prompt, at least 2
  int64_t steps_per_generation = 1;  // optimizer steps that share one rollout, each on its own prompts
  int64_t num_iterations = 1;        // passes over a rollout (mu of the paper)
  SamplingOptions sampling;          // max_tokens is max_completion_length
  bool mask_truncated_completions = false;
  AdvantageOptions advantage;
  PackingOptions packing;
  PolicyLossOptions loss;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  bool sync_ref_model = false;         // move the reference towards the policy every ref_model_sync_steps:
  int64_t ref_model_sync_steps = 512;  // ref = alpha * policy + (1 - alpha) * ref
  double ref_model_mixup_alpha = 0.6;  // 1: a copy, as DeepSeek-R1 does every 400 steps
  double router_bias_update_rate = 0;  // MoE: 0 leaves the routers' biases frozen
  // Multi-token prediction and routers are left as they are unless asked for.
  AuxiliaryLossOptions auxiliary = {.mtp = {.scale = 0.0, .detach_trunk = true}, .freeze_moe_router = true};
  int64_t nonfinite_steps_max = 5;     // skipped steps in a row after which the run stops
  EngineOptions engine;
};

// Reads every key above but max_steps' data from a stage's options (TRL's names, flat) and checks that they
// fit together. Throws Error naming the key.
TrainerOptions read_trainer_options(ObjectReader& reader);

class Trainer {
 public:
  // The n-th problem of the endless training stream, with prompt_ids.
  using DrawProblem = std::function<Problem(int64_t n)>;

  // Policy and tokenizer must outlive the trainer. Narrows policy.trainable() as choose_trainable
  // says, marks that as requiring gradients and, if beta > 0, keeps the policy as it is now as the reference,
  // which shares every weight that is not trained: with adapters it costs a second set of these and no model.
  // Throws Error as AuxiliaryLosses does, and where a reference with adapters would have to be mixed.
  Trainer(Policy& policy, const Tokenizer* tokenizer, Rubric rubric, TrainerOptions options, uint64_t seed);
  ~Trainer();

  // One optimizer step, preceded by a rollout where the last one is used up. Returns the step's metrics under
  // TRL's names, and the seconds spent on each part under time/. A step whose gradients are not finite, or
  // whose samples all failed for logits that are not, is skipped and counted; nonfinite_steps_max of them in
  // a row throw Error. A step without any token to train on leaves the weights as they are.
  Json step(const DrawProblem& draw);

  int64_t steps_done() const { return steps_done_; }
  // True where the next step begins with a rollout: the moments at which state can be saved.
  bool at_rollout_boundary() const;
  // The groups of the rollout in use, scored and with advantages.
  const std::vector<Group>& groups() const { return groups_; }

  // Writes everything needed to go on into an existing directory; restore reads it into a trainer of the same
  // options. Only at a rollout boundary.
  void save(const std::string& directory) const;
  void restore(const std::string& directory);

 private:
  void collect(const DrawProblem& draw, Json& metrics);
  void score_old_logprobs();
  PolicyLossSums accumulate(const std::vector<Group*>& groups);
  void sync_reference();

  Policy& policy_;
  const Rubric rubric_;
  const TrainerOptions options_;
  const uint64_t seed_;
  Engine engine_;
  AdamW optimizer_;
  AuxiliaryLosses auxiliary_;
  std::optional<Policy> reference_;
  // The rollout in use.
  std::vector<Group> groups_;
  std::vector<std::vector<at::Tensor>> old_logprobs_;  // per group and episode; empty where pi_old = pi
  // Counters.
  int64_t steps_done_ = 0;
  int64_t problems_drawn_ = 0;
  int64_t num_tokens_ = 0;       // prompt and completion tokens trained on so far
  int64_t nonfinite_steps_ = 0;  // all skipped steps
  int64_t nonfinite_run_ = 0;    // skipped steps in a row
};

}  // namespace grpo

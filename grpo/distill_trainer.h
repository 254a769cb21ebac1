#pragma once
// Distillation, one optimizer step after another: a student learns to give each token the probability that a teacher
// gives it, on completions of the data (off policy) or on completions that the student samples itself (on policy). Both
// models read the same token ids. Shares packing, optimizer and state with the other trainers; rewards play no part.
//
// Random streams are functions of the seed and of the counters that save() writes, so a restored trainer goes on bit for
// bit. A step that is given up by DistillOptions::stop_request (Cancelled out of step()) leaves the trainer as it was
// before it.

#include <cstdint>
#include <vector>

#include "core/types.h"
#include "grpo/collector.h"
#include "grpo/distill_options.h"
#include "grpo/sft_trainer.h"
#include "grpo/step_times.h"
#include "policy/io/tokenizer.h"
#include "policy/policy.h"
#include "rollout/engine.h"

namespace grpo {

class DistillTrainer {
 public:
  // Student, teacher and tokenizer (which may be null) must outlive it; the student is updated in place, as far as
  // choose_trainable goes, the teacher is left as it is. Both are on one device, their dtypes may differ, and they mean
  // the same tokens by the ids that the data and the student use (pipelines/same_vocabulary.h). Throws Error as
  // AuxiliaryLosses does.
  DistillTrainer(Policy& student, const Policy& teacher, const Tokenizer* tokenizer, DistillOptions options, uint64_t seed);

  // One optimizer step. `sequences` and `problems` give the n-th of one endless stream: a step takes the next
  // samples_per_step sequences of it, or the next samples_per_step / num_generations problems, for the student to answer;
  // the one that lmbda leaves without use may be empty. Returns metrics:
  //   loss                 what is minimised, mean over the trained tokens
  //   kl                   KL(student || teacher) of a token at `temperature`, in nats, mean over the trained tokens: exact
  //                        for divergences (with top_k over its events), for policy_gradient the estimate of the tokens
  //                        that were sampled
  //   divergence, sft/loss the parts of loss (the latter without its weight), of a step on data with an sft_weight
  //   entropy              of the student, per token
  //   on_policy            1 or 0; on_policy_share: of all steps so far
  //   completions/mean_length and clipped_ratio, rollout/tokens_per_second, rollout/errors where the student sampled
  //   teacher/tokens_per_second
  // and those that other trainers give of gradients, rates, experts and auxiliary losses. Throws Error if loss or gradient
  // are not finite, and what Engine::generate throws.
  Json step(const SftTrainer::DrawSequence& sequences, const DrawProblem& problems);

  // Whether the student samples in that step (counted from 0), a function of seed and lmbda.
  bool on_policy(int64_t step) const;
  // What it sampled in the last step; empty where it did not. No rewards, no advantages.
  const std::vector<Group>& groups() const { return groups_; }

  // Parts of a step: time/generate, time/teacher, time/train.
  StepTimes& times() { return times_; }
  int64_t steps_done() const { return steps_done_; }

  // grpo/training_state.h: the student's. The teacher is whoever is given to the constructor.
  void save(const std::string& directory) const;
  void restore(const std::string& directory);

 private:
  struct Batch;
  struct Sums;
  Batch gather(const SftTrainer::DrawSequence& sequences, const DrawProblem& problems, Json& metrics);
  void sample(const DrawProblem& problems, int64_t count, Json& metrics);
  Sums accumulate(const Batch& whole);
  void update(const Batch& batch, const Sums& sums, Json& metrics);
  at::Tensor loss_of(const MicroBatch& batch, const at::Tensor& hidden, const at::Tensor& teacher_hidden, bool on_policy,
                     Sums& sums) const;
  void discard();

  Policy& student_;
  const Policy& teacher_;
  const DistillOptions options_;
  const uint64_t seed_;
  AdamW optimizer_;
  AuxiliaryLosses auxiliary_;
  Engine engine_;
  StepTimes times_;
  std::vector<Group> groups_;
  int64_t steps_done_ = 0;
  int64_t on_policy_steps_ = 0;
  int64_t samples_drawn_ = 0;
  int64_t num_tokens_ = 0;
};

}  // namespace grpo

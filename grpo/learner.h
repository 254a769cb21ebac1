#pragma once
// What learns: the policy with its optimizer, its reference and the losses. Takes scored groups, whoever made them:
// the trainer's rollouts, or a batch read back from a file. Knows nothing of sampling and rewards.
//
// One optimizer step:  accumulate(groups), then update(rate) or, if the result is not finite, discard().

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "grpo/auxiliary_losses.h"
#include "grpo/optimizer.h"
#include "grpo/policy_loss.h"
#include "grpo/trainer_options.h"
#include "policy/policy.h"

namespace grpo {

class Learner {
 public:
  // The policy must outlive it and is updated in place. Narrows policy.trainable() as choose_trainable says and marks
  // that as requiring gradients. The reference, where beta > 0, is `reference`, a policy of the same shapes on the same
  // device, or else the policy as it is now: what training does not change is shared with that one, so with adapters it
  // costs a second set of these and no model. Throws Error as AuxiliaryLosses does, where a reference with adapters
  // would have to be mixed, and for a reference of other shapes.
  Learner(Policy& policy, const TrainerOptions& options, std::optional<Policy> reference = {});

  // Fills old_logprobs, ref_logprobs and entropy of the groups' episodes as far as the options need them, by passes
  // without gradients. `updates`: optimizer steps that will learn from these groups. Groups are packed as accumulate() will
  // pack them if it is given the same list, so that where nothing has been learnt in between both see the same numbers.
  void score_tokens(const std::vector<Group*>& groups, int64_t updates) const;

  struct Gradients {
    Json metrics;         // of the losses, under TRL's names, and grad_norm
    double norm = 0.0;    // before clipping
    double tokens = 0.0;  // trained on; 0: there was nothing to learn from, and update() must not be called
    bool finite = true;   // loss and norm
  };
  // Loss and gradients of one optimizer batch, clipped to max_grad_norm. Sums what was left by no earlier call.
  Gradients accumulate(const std::vector<Group*>& groups);
  // accumulate() and score_tokens() throw Cancelled where TrainerOptions::stop_request asks them to; gradients are
  // discarded then.
  // The clipped gradients under the parameters' names, in the master's dtype; until update() or discard().
  std::vector<NamedTensor> gradients() { return optimizer_.gradients(); }
  void update(double learning_rate);
  void discard();

  // The heaviest training pass there can be: a micro-batch as full as a step's samples of this length make it, forward and
  // backward, and nothing is learnt from it. So that what does not fit shows before the first rollout and not at the
  // first long answer. Returns its tokens.
  int64_t probe(int64_t prompt_tokens, int64_t completion_tokens);

  // The reference follows the policy, as sync_ref_model asks. Call it after each optimizer step.
  void sync_reference(int64_t steps_done);
  bool has_reference() const { return reference_.has_value(); }

  // Prompt and completion tokens learnt from so far.
  int64_t num_tokens() const { return num_tokens_; }

  // grpo/training_state.h, with `counters` kept for the caller.
  void save(const std::string& directory, Json counters) const;
  Json restore(const std::string& directory);

 private:
  struct Records;
  Records records_of(const std::vector<Episode*>& episodes, const std::vector<TrainSequence>& list,
                     const MicroBatch& batch) const;
  TokenScores score(const Policy& policy, const at::Tensor& hidden, const MicroBatch& batch, const Records& records,
                    bool train_entropy) const;
  bool wants_old_logprobs(int64_t updates) const;
  PolicyLossSums accumulate_losses(const std::vector<Group*>& groups);

  Policy& policy_;
  const TrainerOptions options_;
  AdamW optimizer_;
  AuxiliaryLosses auxiliary_;
  std::optional<Policy> reference_;
  EntropyBonusState entropy_bonus_;
  double mean_entropy_ = 0.0;  // of the last accumulate()
  int64_t num_tokens_ = 0;
};

}  // namespace grpo

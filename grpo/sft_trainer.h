#pragma once
// Supervised fine-tuning, one optimizer step after another: cross-entropy of the learned tokens, mean over
// those of the whole optimizer batch, on packed sequences. Shares packing, optimizer and state with the GRPO trainer.

#include <cstdint>
#include <functional>
#include <vector>

#include "core/json.h"
#include "grpo/auxiliary_losses.h"
#include "grpo/optimizer.h"
#include "grpo/packing.h"
#include "grpo/schedule.h"
#include "policy/policy.h"

namespace grpo {

struct SftOptions {
  int64_t max_steps = 0;          // optimizer steps
  int64_t samples_per_step = 64;  // sequences per optimizer step
  PackingOptions packing;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  double router_bias_update_rate = 0;  // MoE: training from scratch wants 1e-3 (DeepSeek-V3)
  AuxiliaryLossOptions auxiliary;      // multi-token prediction trains with the rest of the model
};

// Throws Error naming the key.
SftOptions read_sft_options(ObjectReader& reader);

// Token ids to learn: the completion given the prompt, end tokens included.
struct SftSequence {
  std::vector<int64_t> prompt_ids;
  std::vector<int64_t> completion_ids;
  // One per completion id: 1 = learned. Empty: all of them are; of a conversation those of the assistant's turns.
  std::vector<uint8_t> loss_mask = {};

  // The same, written out.
  std::vector<uint8_t> whole_mask() const;
};

class SftTrainer {
 public:
  // The n-th sequence of the endless training stream.
  using DrawSequence = std::function<SftSequence(int64_t n)>;

  // The policy must outlive the trainer; it is updated in place, as far as choose_trainable goes. Throws Error as
  // AuxiliaryLosses does.
  SftTrainer(Policy& policy, SftOptions options);

  // One optimizer step; metrics under TRL's names, "loss" that of the completions alone. Throws Error if loss or gradient is not finite.
  Json step(const DrawSequence& draw);

  int64_t steps_done() const { return steps_done_; }
  void save(const std::string& directory) const;
  void restore(const std::string& directory);

 private:
  Policy& policy_;
  const SftOptions options_;
  AdamW optimizer_;
  AuxiliaryLosses auxiliary_;
  int64_t steps_done_ = 0;
  int64_t samples_drawn_ = 0;
  int64_t num_tokens_ = 0;
};

}  // namespace grpo

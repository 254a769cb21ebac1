#pragma once
// What is trained beside the main loss, by the supervised trainer and the GRPO trainer alike: multi-token
// prediction (grpo/mtp_loss.h) and the balance of experts (policy/moe.h, sequence_balance_loss). Also says
// which parts of a policy a trainer leaves alone, and how its passes over the policy run.

#include <ATen/ATen.h>

#include "core/json.h"
#include "grpo/mtp_loss.h"
#include "grpo/packing.h"
#include "policy/policy.h"

namespace grpo {

struct AuxiliaryLossOptions {
  MtpLossOptions mtp = {};
  // MoE: weight of the sequence-wise balance loss: loss + coef * mean over sequences of the sum over MoE
  // layers. DeepSeek-V3 pre-trained with 1e-4. In reinforcement learning it makes the log-probabilities of
  // sampler and trainer drift apart, so 0 there.
  double router_aux_loss_coef = 0.0;
  // MoE: leave the routers' weights as they are. The correction bias has a knob of its own
  // (router_bias_update_rate).
  bool freeze_moe_router = false;
  // Layers keep their inputs alone for the backward pass and run again there (ForwardOptions::recompute): the same
  // gradients from far less memory, for about a third more time in training. When activations do not fit.
  bool gradient_checkpointing = false;
};

// Reads mtp_loss_scale, mtp_detach_trunk, mtp_hidden_state, router_aux_loss_coef, freeze_moe_router and
// gradient_checkpointing; `defaults` where they are absent. Throws Error naming the key, also for a coefficient on frozen routers.
AuxiliaryLossOptions read_auxiliary_loss_options(ObjectReader& reader, const AuxiliaryLossOptions& defaults);

// Narrows policy.trainable() to what these options train: routers go if they are frozen, modules of
// multi-token prediction if they have no loss. Returns it. Throws Error if nothing is left.
const std::vector<Parameter>& choose_trainable(Policy& policy, const AuxiliaryLossOptions& options);

// One optimizer step: begin_step, then for each micro-batch forward with forward_options() and backward of
// add_to(main loss), then add_metrics.
class AuxiliaryLosses {
 public:
  // The policy must outlive it, and have its trainable parts chosen. Throws Error if a loss is asked for that
  // this policy does not have, and if a router's bias is not finite.
  AuxiliaryLosses(const Policy& policy, const AuxiliaryLossOptions& options);

  // `counts`: of the whole optimizer batch, as for pack().
  void begin_step(const TrainedCounts& counts);
  ForwardOptions forward_options() const;
  // The scalar to differentiate: `loss` itself where nothing is added.
  at::Tensor add_to(const at::Tensor& loss, const MicroBatch& batch, const ForwardOutput& output);
  // mtp/loss (as differentiated, without its scale), mtp/accuracy (share of predictions that are the
  // likeliest token: what a speculative sampler would accept when it is greedy) and moe/aux_loss (without its
  // coefficient: the number of MoE layers when balance is perfect), each where that loss is on. One copy from
  // the device.
  void add_metrics(Json& metrics) const;

 private:
  const Policy& policy_;
  AuxiliaryLossOptions options_;
  double mtp_scale_ = 0.0;
  double sequences_ = 1.0;
  at::Tensor sums_;  // [4] float64 on the device: MTP loss, hits, predictions, balance loss
};

}  // namespace grpo

#pragma once
// The loss of multi-token-prediction modules on a micro-batch (DeepSeek-V3, arXiv 2412.19437, eq. 24-25): the
// targets of the main loss, each predicted once more by every module k from k rows further back, where that
// row lies in the same sequence. Weights and thereby denominators are those of the main loss, so the
// gradients of micro-batches add up here as well; the temperature is 1.
//
// Legend: M trained tokens of a micro-batch.

#include <ATen/ATen.h>

#include <optional>

#include "core/json.h"
#include "grpo/packing.h"
#include "policy/policy.h"

namespace grpo {

struct MtpLossOptions {
  // The modules' share of the loss: loss + scale * mean over modules. 0: they are frozen. DeepSeek-V3 was
  // trained with 0.3 and at the end 0.1, which is also Megatron's. None: 0.1 where the policy has modules.
  std::optional<double> scale = std::nullopt;
  // Whether their loss trains the modules alone. Without it embedding, layers and head learn from it too, as
  // in pre-training; in reinforcement learning that visibly changes the run (verl's advice is to detach). The
  // norm to which gradients are clipped is one for all parameters either way.
  bool detach_trunk = false;
  MtpHiddenState hidden_state = MtpHiddenState::kPostNorm;  // the one that the modules were trained with
};

// Reads mtp_loss_scale, mtp_detach_trunk and mtp_hidden_state ("post_norm", "pre_norm"); `defaults` where
// they are absent. Throws Error naming the key, also for those that say how while the scale is 0.
MtpLossOptions read_mtp_loss_options(ObjectReader& reader, const MtpLossOptions& defaults);

struct MtpLoss {
  at::Tensor loss;  // scalar, differentiable, not scaled: mean over modules of sum_m w_m * cross-entropy
  at::Tensor hits;  // scalar int64: predictions whose likeliest token is the target
  at::Tensor predictions;   // scalar int64: all of them
  at::Tensor balance_loss;  // sum over the modules' own MoE layers; undefined unless asked for
};

// `trunk`: Policy::forward() of batch.tokens with the options `pass`, whose balance_loss and recompute hold for the
// modules as well. The policy has at least one module. Never waits for the device.
MtpLoss mtp_loss(const Policy& policy, const MicroBatch& batch, const ForwardOutput& trunk,
                 const MtpLossOptions& options, const ForwardOptions& pass);

}  // namespace grpo

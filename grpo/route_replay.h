#pragma once
// What was recorded at rollout, laid out as a packed micro-batch needs it: the experts that every token goes to
// (ForwardOptions::replay_routes), and the tokens that each log-probability ranges over (TokenScoreOptions::kept). The
// same tensors serve every pass over the batch: old, current and reference policy, and layers that are computed again.
//
// Legend: N packed tokens, S sequences, M trained tokens, W expert numbers of a token (top_k of every MoE layer).

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"
#include "grpo/packing.h"
#include "policy/config.h"
#include "policy/kept_tokens.h"

namespace grpo {

// W: how many numbers Episode::routes holds for a token. 0: the model has no MoE layers.
int64_t routes_per_token(const ModelConfig& config);

// Routes of the micro-batch's sequences: one [N, top_k] int16 tensor per MoE layer, on the device of batch.tokens and
// sharing one copy to it. `episodes` are those of the list given to pack(), in its order; batch.sequences picks. The
// last token of a sequence, and every token of an episode without record, has -1 throughout and goes where the router
// sends it. Empty for a model without MoE layers. Throws Error naming problem and sample for a record that is not of
// this model's shape; whether its experts exist is for the forward pass to say.
std::vector<at::Tensor> packed_routes(const ModelConfig& config, std::span<const Episode* const> episodes,
                                      const MicroBatch& batch);

// Kept sets of the trained tokens, row m of batch.targets; trained tokens of episodes without record range over the
// whole vocabulary. `sequences` is the list given to pack(), and `episodes` go with it.
KeptTokens packed_kept(std::span<const Episode* const> episodes, const std::vector<TrainSequence>& sequences,
                       const MicroBatch& batch);

}  // namespace grpo

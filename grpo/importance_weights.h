#pragma once
// Corrections for samples that the policy being trained did not draw: from a sampler whose numbers differ from the
// trainer's, or from weights that have moved on. Three distributions are kept apart: behaviour (as the sampler reported
// it), old (the trainer's own score of the sample under the weights with which its rollout's first update begins) and
// current. grpo/policy_loss.h applies what is computed here to the policy term; no denominator ever changes.
//
// Legend: M trained tokens of a micro-batch, S its sequences.

#include <ATen/ATen.h>

#include <optional>

#include "core/json.h"

namespace grpo {

// The policy term is multiplied by a weight made of ratio = pi_old / pi_behaviour. Nothing of it is differentiated.
enum class ImportanceSamplingMode {
  kNone,              // no weight
  kTokenTruncate,     // the token's ratio, moved into [clip_min, clip_max] (TIS)
  kTokenMask,         // the token's ratio, or 0 where it is outside (IcePop)
  kSequenceTruncate,  // one ratio of the sequence, the product over its trained tokens, moved into the bounds
  kSequenceMask,      // the same product, or 0 for the whole sequence. Long samples leave almost any bounds
  kGeometricMask,     // the geometric mean of the ratios of its tokens, or 0 for the whole sequence: independent of length
};

struct ImportanceSamplingOptions {
  ImportanceSamplingMode mode = ImportanceSamplingMode::kNone;
  std::optional<double> clip_max = 3.0;
  std::optional<double> clip_min = std::nullopt;
};

// Reads importance_sampling_mode ("none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask",
// "geometric_mask"), importance_sampling_clip_max (3; geometric_mask: 1.01) and importance_sampling_clip_min (none;
// geometric_mask: 0.99). Throws Error naming the key, also for a bound without a mode.
ImportanceSamplingOptions read_importance_sampling_options(ObjectReader& reader);

struct ImportanceWeights {
  at::Tensor ratio;    // before any bound: [M], or [S] in the modes of sequences
  at::Tensor clipped;  // bool, as ratio: outside the bounds
  at::Tensor weights;  // [M] what the policy term is multiplied by; undefined with kNone
};

// All [M] and detached. With kNone the ratio is measured and never clipped. Log-ratios are clamped to [-20, 20] before
// the exponential.
ImportanceWeights importance_weights(const at::Tensor& old_logprobs, const at::Tensor& behaviour_logprobs,
                                     const at::Tensor& lengths, const ImportanceSamplingOptions& options);

// Off-policy sequence masking (DeepSeek-V3.2): 0 for a token with a negative advantage in a sequence whose mean of
// (behaviour - current) log-probabilities is above the threshold, 1 elsewhere. [M], in the dtype of logprobs.
at::Tensor off_policy_mask(const at::Tensor& logprobs, const at::Tensor& behaviour_logprobs,
                           const at::Tensor& advantages, const at::Tensor& lengths, double threshold);

}  // namespace grpo

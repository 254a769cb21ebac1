#pragma once
// Learning from the tokens at which the policy was undecided, and only from those (Beyond the 80/20 rule, arXiv
// 2506.01939): of the trained tokens of an optimizer batch, the share `top_entropy_quantile` with the highest entropy
// keeps its policy term. Every denominator, KL and the entropy bonus stay those of all trained tokens.

#include <cstdint>
#include <vector>

#include "grpo/packing.h"

namespace grpo {

// Owns what TrainSequence::policy_mask looks at: keep it until pack() has returned.
struct EntropyMasks {
  std::vector<std::vector<uint8_t>> masks;  // per sequence and completion id
  double threshold = 0.0;                   // nats; NaN where nothing is trained
};

// Sets policy_mask of every sequence, before pack(), from TrainSequence::entropy, which every sequence with a trained
// token must have. A token keeps its policy term if its entropy is at least the (1 - top_entropy_quantile)-quantile of
// those of all trained tokens of the list, linearly interpolated (TRL's rule, of the whole batch where TRL takes a
// micro-batch's). `sequences` is the whole optimizer batch: where the quantile is taken of a part, the parts are masked
// differently.
EntropyMasks mask_low_entropy(std::vector<TrainSequence>& sequences, double top_entropy_quantile);

}  // namespace grpo

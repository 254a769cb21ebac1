#pragma once
// Which tokens of a completion are trained on.

#include <cstdint>
#include <span>

#include "core/types.h"

namespace grpo {

// Whether completion id t is: its mask says so, and there is a token before it to predict it from.
inline bool trained_at(std::span<const uint8_t> loss_mask, bool has_prompt, size_t t) {
  return loss_mask[t] != 0 && (t > 0 || has_prompt);
}
inline bool trained_at(const Episode& episode, size_t t) {
  return trained_at(episode.loss_mask, !episode.prompt_ids.empty(), t);
}

}  // namespace grpo

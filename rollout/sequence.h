#pragma once
// What is being generated: the prompts in flight and, for each, the samples that grow from it. Plain data; the
// scheduler decides when, the engine computes.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/types.h"
#include "rollout/block_pool.h"

namespace grpo {

// One prompt whose samples are not all done. It is put into the cache once; its samples share its pages.
struct Prompt {
  int64_t group = 0;               // index of the problem in the call
  std::span<const int64_t> ids;    // of the problem, which outlives the prompt
  PageTable pages;                 // held until every sample has started
  int64_t cached = 0;              // prompt tokens planned or run through the policy
  int64_t promised = 0;            // samples that have a place (row and pages)
  int64_t started = 0;             // samples whose first token was drawn
  int64_t finished = 0;            // samples that ended
};

// One sample of a prompt, from its second token on in need of the cache.
struct Sequence {
  Prompt* prompt = nullptr;
  int64_t sample = 0;                  // 0..G-1 within its group
  uint64_t seed = 0;                   // of its random stream: token n is drawn with its n-th number
  std::vector<int64_t> ids;            // the completion so far
  std::vector<float> logprobs;         // one per id
  std::optional<FinishReason> finish;  // set once it has ended
  // What was recorded so far, as in Episode; the newest id has not been fed yet and has no routes.
  std::vector<int16_t> routes;
  std::vector<int64_t> kept_begin;
  std::vector<int32_t> kept_ids;
  PageTable pages;                     // prompt pages (shared) and its own

  // Where the newest id stands; it is the next one to be fed to the policy.
  int64_t position() const { return static_cast<int64_t>(prompt->ids.size() + ids.size()) - 1; }
};

}  // namespace grpo

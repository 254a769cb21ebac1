#pragma once
// How the next token is chosen and when a completion ends: what a user sets, with TRL's names where TRL has one.
// The randomness is not here: it comes from the seed of each episode (rollout/engine.h).

#include <cstdint>
#include <string>
#include <vector>

namespace grpo {

// The distribution is softmax(logits / temperature), cut by top_k, then top_p, then min_p, each on what the one
// before it left, and renormalised.
struct SamplingOptions {
  int64_t max_tokens = 256;   // most completion tokens, the end token included (max_completion_length)
  double temperature = 1.0;   // 0: greedy, the most likely token; training needs > 0
  int64_t top_k = 0;          // keep the k largest logits (all that tie with the k-th); 0: all
  double top_p = 1.0;         // keep the fewest tokens, likeliest first, that hold this mass; 1: all
  double min_p = 0.0;         // keep tokens at least this fraction as likely as the likeliest; 0: all

  // Which distribution the log-probability of the chosen token is of, where top_k, top_p or min_p cut it.
  // false: the one sampled from. true: softmax(logits / temperature), the convention of a trainer that does
  // not know the kept set.
  bool untruncated_logprobs = false;

  std::vector<int64_t> eos_ids = {};           // end tokens beside those of the model's configuration
  bool ignore_eos = false;                     // end tokens do not end a completion (to measure speed)
  std::vector<int64_t> stop_ids = {};          // end the completion as FinishReason::kStop, kept as its last id
  std::vector<std::string> stop_strings = {};  // end the completion once its text holds one; needs a tokenizer
};

// Throws Error, naming `where`.field and its value, for a field out of range: max_tokens < 1, temperature < 0,
// top_k < 0, top_p outside (0, 1], min_p outside [0, 1], an empty stop string, an id outside the vocabulary; and
// for top_k, top_p or min_p beside temperature 0, where they have no effect.
void validate(const SamplingOptions& options, int64_t vocab_size, const std::string& where);

// Whether top_k, top_p or min_p may remove tokens.
bool truncates(const SamplingOptions& options);

}  // namespace grpo

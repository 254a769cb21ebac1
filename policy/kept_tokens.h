#pragma once
// What a sampler's top_k, top_p and min_p left of the vocabulary, row by row. A trainer that renormalises over the
// same tokens gives the log-probabilities of the distribution that was sampled from (DeepSeek-V3.2's
// keep-sampling-mask, arXiv 2512.02556, section 3.1).

#include <ATen/ATen.h>

#include <cstdint>

namespace grpo {

// Row i ranges over ids[begin[i] : begin[i + 1]], over the whole vocabulary if that is empty. On the CPU, whatever the
// policy's device. A token that is not among its row's has probability 0, log-probability -inf.
struct KeptTokens {
  at::Tensor begin;  // [N+1] int64
  at::Tensor ids;    // [begin[N]] int32 or int64, below the vocabulary's size
};

// Throws Error naming the row unless that holds for `rows` rows over a vocabulary of `vocab` tokens.
void check_kept_tokens(const KeptTokens& kept, int64_t rows, int64_t vocab);

}  // namespace grpo

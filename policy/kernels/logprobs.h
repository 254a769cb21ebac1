#pragma once
// From logits to the log-probability of one token per row. Operators grpo::logprob_rows and
// grpo::logprob_rows_backward. The sampler and the trainer both come here, which is what makes the log-probs
// they report the same numbers.

#include <ATen/ATen.h>

#include "policy/kept_tokens.h"

namespace grpo {

struct LogprobRows {
  at::Tensor logprobs;  // [N]
  at::Tensor entropy;   // [N]
  at::Tensor lse;       // [N] log-sum-exp of logits / temperature
};

// logits [N, V] float32 or float64 contiguous, targets [N] int64. -inf excludes a token. A row that holds a NaN or
// +inf, or nothing finite, gives NaN. No gradients: see head_logprobs.
LogprobRows logprob_rows(const at::Tensor& logits, const at::Tensor& targets, double temperature);

struct HeadLogprobOptions {
  double temperature = 1.0;         // > 0
  int64_t rows_per_chunk = 256;     // rows of logits that exist at once
  bool train_entropy = false;       // entropy carries a gradient too
  const KeptTokens* kept = nullptr; // checked (policy/kept_tokens.h); what each row ranges over
};

// Log-probs and entropy of targets [N] from hidden [N, D] and the output head [V, D], some rows of logits at a time
// in forward and backward, which makes them again. Differentiable in hidden and head, and what needs no gradient
// costs none. Logits are rounded to the weights' dtype by the product and then widened, as logits() does.
struct HeadLogprobs {
  at::Tensor logprobs;
  at::Tensor entropy;
};
HeadLogprobs head_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                           const HeadLogprobOptions& options);

}  // namespace grpo

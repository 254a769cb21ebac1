#pragma once
// How far a student's distribution of the next token is from a teacher's, token by token, and its gradient in the
// student: what distillation of logits minimises. The generalised Jensen-Shannon divergence of GKD (arXiv 2306.13649,
// eq. 1, as TRL computes it), between the teacher's T and the student's S with the mixture M = beta T + (1 - beta) S:
//
//   D = beta KL(T || M) + (1 - beta) KL(S || M)        beta 0: KL(T || S), forward        beta 1: KL(S || T), reverse
//
// beta 0 and 1 are those limits themselves, not the formula, which would be 0 there. The forward one spreads the student
// over all that the teacher may say, the reverse one makes it keep to what the teacher is likely to say.
//
// Legend: N tokens, V ids that both models have, D width of the student, E width of the teacher.

#include <ATen/ATen.h>

#include <cstdint>

namespace grpo {

// Where a model's logits come from: hidden states and the output matrix, whose product never exists as a whole.
struct HeadRows {
  at::Tensor hidden;  // [N, D], or [N, E] of the teacher
  at::Tensor head;    // [>= V, D], or [>= V, E]
};

struct DistillLossOptions {
  double beta = 0.5;         // 0 to 1
  double temperature = 1.0;  // > 0; divides the logits of both. The divergence is not multiplied by its square
  // > 0: compares the teacher's k likeliest tokens, each by itself, and the rest of the vocabulary as one event, in both
  // models. What the student wastes on the rest still counts, which renormalising over the k tokens would forget; how the
  // rest is shared out does not. Never more than the divergence over all tokens. 0, or V and more: all tokens.
  int64_t top_k = 0;
  int64_t rows_per_chunk = 0;  // rows of logits that exist at once; 0: as many as keep one such tensor below 32 MiB
};

// All [N], float32 (float64 for a float64 student), in nats.
struct DistillLoss {
  at::Tensor divergence;  // D; differentiable in the student's hidden and head
  at::Tensor kl;          // KL(S || T), over the same events as D; for people, no gradient
  at::Tensor entropy;     // of S over the V ids, whatever top_k; no gradient
};

// Row i of both belongs to the same token. A head with more rows than the other (padding of the vocabulary) takes part
// with the ids that both have, V = the smaller number of rows. Some rows at a time in forward and backward, which makes
// logits again and keeps nothing of size [N, V]: beyond inputs and gradients N numbers, and with top_k 3 k N. The student
// alone gets a gradient, of its hidden states and head as far as they require one; heads and hidden states of both
// are on one device, their dtypes may differ. Where both models have the same logits, bit for bit, D and its gradient are
// exactly 0.
DistillLoss distill_loss(const HeadRows& student, const HeadRows& teacher, const DistillLossOptions& options);

}  // namespace grpo

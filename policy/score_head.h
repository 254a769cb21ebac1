#pragma once
// Reward models: policies with HeadKind::kScore. The score of a sequence is that of one token's hidden state after the
// final norm, times score.weight (Policy::scores). As in transformers' sequence classifiers that token is the last one
// that is not the padding token: the end token, unless the model pads with it.

#include <cstdint>
#include <span>
#include <vector>

#include "policy/io/checkpoint.h"
#include "policy/policy.h"

namespace grpo {

// The token that a model is to pad with: what config.json, else the tokenizer names as such, else the token that begins a
// sequence, of these the first that is no end token, since a padding token at the end of a sequence is not seen. Where
// all of them are, the end token. -1 where the model has none of these.
int64_t padding_token(const CheckpointFiles& files);

// Which of a sequence's tokens is scored; 0 where all of them are padding. The sequence has at least one.
int64_t scored_token(std::span<const int64_t> ids, const ModelConfig& config);

// The scored row of each sequence when they are packed, for Policy::scores(hidden.index_select(0, ...)). [S]
std::vector<int64_t> scored_rows(const std::vector<std::vector<int64_t>>& sequences, const ModelConfig& config);

// The score of each sequence, without gradients. In passes of at most `tokens_per_pass` tokens, or of one longer
// sequence; in float32 on the CPU a score does not depend on the others.
std::vector<double> score_sequences(const Policy& model, const std::vector<std::vector<int64_t>>& sequences,
                                    int64_t tokens_per_pass);

}  // namespace grpo

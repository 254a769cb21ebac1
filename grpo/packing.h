#pragma once
// From sequences to micro-batches: whole sequences laid end to end under a token budget, with what the loss
// needs of every trained token. The weights already hold the denominator of the whole optimizer batch, so the
// gradients of the micro-batches add up to the gradient of one large batch, however it was cut.
//
// Legend: N packed tokens, S sequences of a micro-batch, M trained tokens of a micro-batch.

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/json.h"
#include "core/types.h"
#include "policy/policy.h"

namespace grpo {

// The denominator of the loss, under verl's names: what the loss of a token is multiplied by. L_i = trained tokens of
// sequence i, B = sequences with at least one.
enum class LossAggMode {
  kTokenMean,            // token-mean: 1 / sum L_i, the mean over all trained tokens (DAPO), and what SFT uses
  kSeqMeanTokenMean,     // seq-mean-token-mean: 1 / (B L_i), the mean over sequences of their token mean (GRPO, eq. 3)
  kSeqMeanTokenSum,      // seq-mean-token-sum: 1 / B
  kSeqMeanTokenSumNorm,  // seq-mean-token-sum-norm: 1 / (B max_completion_length), so length has no bias (Dr. GRPO)
  // local-token-mean: TRL's bnpo. Sequences form local batches in the order of the optimizer batch, and each local
  // batch with a trained token counts the same: 1 / (its tokens * number of such batches).
  kLocalTokenMean,
};

struct PackingOptions {
  // Prompt and completion tokens of one forward and backward pass; bounds activation memory, never the
  // result.
  int64_t tokens_per_micro_batch = 16384;
  LossAggMode loss_agg_mode = LossAggMode::kTokenMean;
  int64_t max_completion_length = 0;        // tokens, as configured for sampling; read by kSeqMeanTokenSumNorm only
  int64_t per_device_train_batch_size = 8;  // sequences of a local batch, masked ones included; kLocalTokenMean only
};

// Reads tokens_per_micro_batch, loss_agg_mode and, of local-token-mean, per_device_train_batch_size;
// max_completion_length is the sampler's. Absent keys take their value from `presets` (grpo/loss_preset.h) before their
// default. Throws Error naming the key.
PackingOptions read_packing_options(ObjectReader& reader, int64_t max_completion_length,
                                    const Json& presets = Json::object());
// The same for supervised fine-tuning: reads tokens_per_micro_batch alone, loss_agg_mode is kTokenMean.
PackingOptions read_sft_packing_options(ObjectReader& reader);

// One sequence to learn from. The spans must outlive the call of pack() and nothing more.
struct TrainSequence {
  std::span<const int64_t> prompt_ids;
  std::span<const int64_t> completion_ids;  // trained on verbatim
  std::span<const uint8_t> loss_mask;       // one per completion id: 1 = trained on
  // One per completion id, or empty where there are none. All sequences of a batch have them, or none has.
  std::span<const float> behaviour_logprobs = {};
  std::span<const double> old_logprobs = {};
  std::span<const double> ref_logprobs = {};
  std::span<const double> token_advantages = {};  // in place of `advantage`
  std::span<const double> entropy = {};           // read by grpo/entropy_mask.h
  std::span<const uint8_t> policy_mask = {};      // 0: the token has no policy loss, and still counts (entropy masks)
  double advantage = 1.0;                         // of every token
  int64_t position = -1;                          // in the optimizer batch; -1: where it stands in the list
};
// Spans of the episode's own vectors; policy_mask is empty, position open.
TrainSequence train_sequence(const Episode& episode);
// Whether completion id t is trained on: its mask says so, and there is a token before it to predict it from.
bool trained_at(const TrainSequence& sequence, size_t t);

// What the denominators count, over a whole optimizer batch. A sequence whose mask is all zero (truncated,
// aborted or unscored) counts in neither: it is as if it had not been sampled. With several ranks, add the
// counts of all of them before packing (and join sequence_tokens). The first token of a sequence without prompt is predicted by nothing
// and is not trained.
struct TrainedCounts {
  int64_t sequences = 0;  // B
  int64_t tokens = 0;     // sum L_i
  std::vector<int64_t> sequence_tokens = {};  // L_i by position, 0 for masked sequences; read by kLocalTokenMean only
};
TrainedCounts count_trained(const std::vector<TrainSequence>& sequences);

// Which of the items in `order` share a micro-batch, by indices into `lengths`, ascending within each. Longest first,
// each into the fullest micro-batch that has room for it, ties by their order; one longer than `budget` is alone.
std::vector<std::vector<int64_t>> best_fit_decreasing(const std::vector<int64_t>& lengths, std::vector<int64_t> order,
                                                      int64_t budget);

struct MicroBatch {
  PackedTokens tokens;  // N tokens of S sequences: prompt and completion ids, verbatim
  // The trained tokens, in order. hidden.index_select(0, rows) goes to token_scores with `targets`.
  at::Tensor rows;                 // [M] int64: the row before the target, which predicts it
  at::Tensor targets;              // [M] int64
  at::Tensor advantages;           // [M]
  at::Tensor behaviour_logprobs;   // [M]; this and the next three undefined if the sequences have none
  at::Tensor old_logprobs;         // [M]
  at::Tensor ref_logprobs;         // [M]
  at::Tensor policy_mask;          // [M] 0 or 1, in the dtype of weights
  at::Tensor weights;              // [M] what a token's loss is multiplied by
  at::Tensor lengths;              // [S] int64: trained tokens of each sequence, at least 1; for segment sums
  std::vector<int64_t> sequences;  // [S] index of each sequence in the list given to pack()
  std::vector<int64_t>
      target_begin;  // [S+1] trained tokens of sequence s: [target_begin[s], target_begin[s+1])

  int64_t num_tokens() const { return tokens.tokens.size(0); }  // N
  int64_t num_targets() const { return rows.size(0); }          // M
};

// Packs the sequences that have a trained token; the others are left out, and a batch without any gives no
// micro-batch (the caller skips the optimizer step). Best fit, longest first, ties by index: the same input
// always gives the same packing. A sequence longer than the budget has a micro-batch of its own.
//
// `counts` are those of the whole optimizer batch, so `sequences` may be a part of it: the share of a rank,
// or what remains after dropping sequences whose gradient is known to be zero. `options` of the tensors gives
// the device, and the dtype of advantages, log-probabilities and weights (float32; float64 for a float64
// policy). Either all sequences have behaviour log-probabilities or none.
std::vector<MicroBatch> pack(const std::vector<TrainSequence>& sequences, const TrainedCounts& counts,
                             const PackingOptions& packing, const at::TensorOptions& options);

}  // namespace grpo

#pragma once
// What reward models learn from, and the losses on it: of pairs the Bradley-Terry model, the chosen answer scores above
// the rejected one; of single answers cross-entropy, the score is the logit of the answer being good (safe). Samples are
// packed whole, both answers of a pair in one micro-batch, and each counts 1 / samples of the optimizer batch, so the
// gradients of the micro-batches add up to that of one large batch.
//
// Legend: N packed tokens, S sequences of a micro-batch, P pairs, Q single answers; S = 2 P + Q.

#include <ATen/ATen.h>

#include <cstdint>
#include <variant>
#include <vector>

#include "policy/policy.h"

namespace grpo {

// Prompt and answer as token ids, the end token included.
struct RewardPair {
  std::vector<int64_t> chosen_ids;
  std::vector<int64_t> rejected_ids;
  double margin = 0.0;  // by how much the scores are to differ at least (Llama 2, arXiv 2307.09288, eq. 2)
};
struct RewardPoint {
  std::vector<int64_t> ids;
  double label = 0.0;  // 1 good, 0 bad, or a probability between them
};
using RewardSample = std::variant<RewardPair, RewardPoint>;

// Tokens of a sample: of both answers where it is a pair.
int64_t num_tokens(const RewardSample& sample);

struct RewardMicroBatch {
  PackedTokens tokens;   // N tokens of S sequences: chosen before rejected, then the single answers
  at::Tensor rows;       // [S] int64: the row whose hidden state is scored (policy/score_head.h)
  at::Tensor margins;    // [P]
  at::Tensor labels;     // [Q]
  double weight = 0.0;   // 1 / samples of the optimizer batch

  int64_t num_tokens() const { return tokens.tokens.size(0); }  // N
  int64_t num_pairs() const { return margins.size(0); }         // P
};

// Best fit, longest first, under a budget of tokens that bounds memory and never changes the result; a sample beyond it
// has a micro-batch of its own. Every sequence has a token. `options` gives the device, and the dtype of margins and
// labels (float32; float64 for a float64 policy).
std::vector<RewardMicroBatch> pack_rewards(const std::vector<RewardSample>& samples, const ModelConfig& config,
                                           int64_t tokens_per_micro_batch, const at::TensorOptions& options);

// The micro-batch's share of the loss, a differentiable scalar, from its scores [S]:
//   weight * (sum over pairs of -log sigmoid(c - r - margin) + center * (c + r)^2
//             + sum over single answers of -(label log sigmoid(s) + (1 - label) log sigmoid(-s)))
// `center`: TRL's center_rewards_coefficient, which keeps the scores of pairs around 0 (arXiv 2312.09244); 0: off.
at::Tensor reward_loss(const at::Tensor& scores, const RewardMicroBatch& batch, double center);

// What the scores of a batch say, under TRL's names: accuracy (pairs whose chosen answer scores higher; single answers
// on the right side of 0), margin (mean difference within pairs; absent where there are none), mean_reward, min_reward,
// max_reward over all answers.
class RewardStatistics {
 public:
  // `scores` [S] on any device; waits for it.
  void add(const at::Tensor& scores, const RewardMicroBatch& batch);
  // Each key after `prefix`. NaN where nothing was added.
  void write(Json& metrics, const std::string& prefix = "") const;

 private:
  double right_ = 0, margin_ = 0, sum_ = 0, min_ = 0, max_ = 0;
  int64_t samples_ = 0, pairs_ = 0, sequences_ = 0;
};

// loss and RewardStatistics of held-out samples, without gradients.
Json evaluate_rewards(const Policy& model, const std::vector<RewardSample>& samples, double center,
                      int64_t tokens_per_micro_batch, const std::string& prefix);

}  // namespace grpo

#pragma once
// What a reward model learns from, as token ids: preference rows (pipelines/reward_model_rows.h) with the prompt template
// applied, filtered, split into a part to learn from and one held out, and compared with what length alone would tell.

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "grpo/reward_loss.h"
#include "pipelines/data.h"
#include "pipelines/length_baseline.h"
#include "pipelines/reward_model_rows.h"
#include "policy/io/checkpoint.h"

namespace grpo {

// The stage's "data" object:
//   "train": "pairs.jsonl" or a list of files, all of pairs or all of labelled answers
//     or {"generator": NAME, "num_samples": N, ...}: pairs of a generator's worked and direct solutions
//     (pipelines/problems/generator.h; made for "courtesy")
//   "eval": likewise, held out; or "eval_fraction": 0.1, the share of train's prompts to hold out, with all their rows
//   "columns": {"prompt": "question", ...}, where a file has other names (pipelines/reward_model_rows.h)
//   "template" and what goes with it, as everywhere (pipelines/data.h)
//   "min_score_difference": pairs whose rows have scores count only where the chosen answer's is higher by more
//     (DeepSeek-R1: 1)
//   "balance_lengths": true drops pairs until the chosen answer is the longer one as often as the shorter
struct RewardDataOptions {
  std::vector<std::string> train;
  std::vector<std::string> eval;
  Json train_generator, eval_generator;  // in place of files; null: there is none
  double eval_fraction = 0.0;
  PreferenceColumns columns;
  DataOptions prompts;  // the template
  std::optional<double> min_score_difference;
  bool balance_lengths = false;
  std::string where;
};
RewardDataOptions read_reward_data_options(const Json& data, const std::string& file, const std::string& path);

// The token that ends what the model learns to judge.
int64_t end_token(const CheckpointFiles& files);

class RewardModelData {
 public:
  // Reads, filters and tokenises all of it. Sequences of more than `max_length` tokens are left out. `seed` shuffles,
  // and splits where eval_fraction says so. Throws Error, naming the row, as read_preference_rows does, and where
  // nothing is left to learn from or to hold out.
  RewardModelData(const RewardDataOptions& options, const CheckpointFiles& files, int64_t max_length, uint64_t seed);

  int64_t size() const { return static_cast<int64_t>(train_.size()); }
  bool pairs() const { return train_lengths_.front().pair(); }
  // The n-th sample of the endless stream of shuffled epochs.
  const RewardSample& draw(int64_t n);
  const std::vector<RewardSample>& held_out() const { return held_out_; }
  // Tokens of the largest samples to learn from, the largest first, at most `count`.
  std::vector<int64_t> largest(size_t count) const;

  // "rows", "train", "held_out", and why rows were left out: "ties", "two_prompts", "too_close", "too_long",
  // "unbalanced"; "mean_tokens" of answers; "length_baseline": {"rule", "train_accuracy", "held_out_accuracy"}, the rule
  // found on the part to learn from.
  const Json& report() const { return report_; }

 private:
  struct Encoded {
    std::vector<RewardSample> samples;
    std::vector<AnswerLengths> lengths;
  };
  Encoded encode(const std::vector<PreferenceRow>& rows, const RewardDataOptions& options, const CheckpointFiles& files,
                 int64_t max_length);
  std::vector<PreferenceRow> read(const std::vector<std::string>& paths, const Json& generator,
                                  const RewardDataOptions& options);
  void balance(Encoded& encoded);
  void describe(const Encoded& train, const Encoded& held_out);

  std::vector<RewardSample> train_, held_out_;
  std::vector<AnswerLengths> train_lengths_;
  uint64_t seed_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
  Json report_ = Json::object();
};

}  // namespace grpo

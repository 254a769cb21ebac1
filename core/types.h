#pragma once
// The plain data that travels through a training step: a problem is sampled into a group of episodes, each
// episode is scored, and the scores of a group become advantages. A field means one thing for ever.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

// One question. `id` is unique within its data set and is what groups are identified by, never the text.
struct Problem {
  int64_t id = 0;
  std::string prompt;                // the text given to the policy, template already applied
  std::vector<int64_t> prompt_ids;   // the same as token ids; filled by whoever owns the tokenizer
  std::string completion_prefix;     // what of the answer the prompt ends with already ("<think>\n"); often ""
  std::string answer;                // the gold answer, as the graders read it
  Json columns = Json::object();     // every column of the data row, passed through to rewards
  std::string source = {};           // which part of a mixture it comes from, by name; "" where there is one source
};

enum class FinishReason {
  kEos,     // the policy emitted an end token; it is the last completion id
  kStop,    // a stop string or stop id of the caller matched
  kLength,  // max_completion_length was reached first: the completion is truncated
  kError,   // non-finite logits: the sample carries no usable tokens and is masked out of its group
};
const char* finish_reason_name(FinishReason reason);  // "eos", "stop", "length", "error"

enum class ScoreStatus {
  kOk,
  kSkip,   // the gold answer cannot be read: no reward applies, and it is counted
  kError,  // infrastructure failed: the sample is masked out of its group, never scored 0
};
const char* score_status_name(ScoreStatus status);  // "ok", "skip", "error"

// What one reward says of one completion. No value with status ok: the reward does not apply to the sample.
struct Score {
  std::optional<double> value;
  ScoreStatus status = ScoreStatus::kOk;
  std::string reason;               // one short phrase, for people
  Json details = Json::object();
  // Filled by the rubric: with what weight the value counts in the episode's reward, and whether it counts as 0
  // because it stands behind a gate that is closed.
  double weight = 0.0;
  bool gated = false;
};

// What the score adds to a reward before its weight: its value, or 0 behind a closed gate; none where it does not
// apply.
inline std::optional<double> counted_value(const Score& score) {
  return score.value && score.gated ? std::optional<double>(0.0) : score.value;
}

// One rollout of one problem.
struct Episode {
  int64_t problem_id = 0;
  int64_t sample_index = 0;                 // 0..G-1 within its group
  std::vector<int64_t> prompt_ids;
  std::vector<int64_t> completion_ids;      // what the sampler emitted, trained on verbatim
  std::vector<uint8_t> loss_mask;           // one per completion id: 1 = trained on
  std::vector<float> behaviour_logprobs;    // one per completion id, under the distribution sampled from
  // Text for graders and people: the problem's completion_prefix, then the completion without special tokens and
  // stop text.
  std::string completion;
  FinishReason finish_reason = FinishReason::kLength;
  int64_t policy_version = 0;               // optimizer steps the sampling weights had seen
  uint64_t seed = 0;                        // of this episode's random stream
  std::optional<double> reward;             // weighted sum over the rubric; none: masked out of the group
  std::vector<Score> scores;                // one per reward of the rubric, in its order
  double advantage = 0.0;                   // of every token, unless token_advantages says otherwise

  // What the trainer found out about the completion before it learns from it, one per completion id, of the whole
  // distribution at the sampling temperature; each empty where nothing needs it.
  std::vector<double> old_logprobs = {};      // under the weights with which the rollout's first update begins
  std::vector<double> ref_logprobs = {};      // under the reference
  std::vector<double> entropy = {};           // of the distribution that old_logprobs are of, in nats
  std::vector<double> token_advantages = {};  // where tokens of one completion differ
  // Experts that the sampler's routers chose: for every token of prompt and completion but the last, every MoE layer,
  // top_k ids in the order in which they were taken. -1 where a token has no record.
  std::vector<int16_t> routes = {};
  // What top_k, top_p and min_p left of the vocabulary at each completion id: its tokens are
  // kept_ids[kept_begin[t] : kept_begin[t + 1]], ascending. kept_begin is empty where nothing was recorded; a token
  // with an empty range was drawn from the whole vocabulary.
  std::vector<int64_t> kept_begin = {};
  std::vector<int32_t> kept_ids = {};
};

// All samples of one problem.
struct Group {
  Problem problem;
  std::vector<Episode> episodes;
};

inline bool truncated(const Episode& episode) { return episode.finish_reason == FinishReason::kLength; }

}  // namespace grpo

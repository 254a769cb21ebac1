#pragma once
// When a completion ends, and the text graders see of it. Ids are never changed here: what the sampler emitted
// is what is trained on, also where the text is cut at a stop string.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/types.h"
#include "policy/io/tokenizer.h"
#include "rollout/sampling.h"

namespace grpo {

class StopRules {
 public:
  // model_eos_ids: the end tokens of the model's configuration, to which options.eos_ids are added. `tokenizer`
  // may be null (then there is no text) and must outlive the rules. Throws Error if stop strings are asked for
  // without a tokenizer.
  StopRules(const SamplingOptions& options, const std::vector<int64_t>& model_eos_ids, const Tokenizer* tokenizer);

  // Why the completion ends with its last id, if it does; ids is not empty and no shorter prefix of it ended.
  // An end token or stop counts before the length: a last allowed token that is an end token is no truncation.
  std::optional<FinishReason> ended(const std::vector<int64_t>& ids) const;

  // The text of a finished completion: without its end token or stop id, without special tokens and ids the
  // tokenizer has no token for, cut before the first stop string. Empty without a tokenizer.
  std::string text(const std::vector<int64_t>& ids, FinishReason reason) const;

 private:
  bool holds_stop_string(const std::vector<int64_t>& ids) const;
  bool readable(int64_t id) const;

  int64_t max_tokens_;
  std::set<int64_t> eos_ids_;
  std::set<int64_t> stop_ids_;
  std::vector<std::string> stop_strings_;
  size_t stop_bytes_max_ = 0;
  const Tokenizer* tokenizer_;
};

}  // namespace grpo

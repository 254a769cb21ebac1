#include "grpo/reward_kl.h"

#include "core/error.h"
#include "grpo/trained_tokens.h"

namespace grpo {

std::vector<double> reward_kl(const Episode& episode, KlEstimator estimator) {
  const size_t length = episode.completion_ids.size();
  std::vector<double> kl(length, 0.0);
  for (size_t t = 0; t < length; ++t) {
    if (!trained_at(episode, t)) continue;
    GRPO_CHECK(episode.old_logprobs.size() == length && episode.ref_logprobs.size() == length);
    kl[t] = kl_of_token(episode.old_logprobs[t], episode.ref_logprobs[t], estimator);
  }
  return kl;
}

}  // namespace grpo

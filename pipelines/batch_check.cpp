#include "pipelines/batch_check.h"

#include <fmt/format.h>

#include "core/error.h"

namespace grpo {
namespace {

void check_ids(const Episode& episode, int64_t vocab_size, const std::string& where) {
  for (const auto* ids : {&episode.prompt_ids, &episode.completion_ids}) {
    for (const int64_t id : *ids) {
      if (id < vocab_size) continue;
      throw Error(fmt::format("token id {} of problem {} is outside the model's vocabulary of {}", id, episode.problem_id,
                              vocab_size),
                  where, "give the model that the batch was sampled from");
    }
  }
}

}  // namespace

BatchColumns check_batch(const std::vector<Group>& groups, int64_t vocab_size, const std::string& where) {
  int64_t samples = 0, old = 0, reference = 0, behaviour = 0, entropy = 0;
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) {
      if (episode.completion_ids.empty()) continue;
      check_ids(episode, vocab_size, where);
      ++samples;
      old += !episode.old_logprobs.empty();
      reference += !episode.ref_logprobs.empty();
      behaviour += !episode.behaviour_logprobs.empty();
      entropy += !episode.entropy.empty();
    }
  }
  const auto whole = [&](const char* name, int64_t count) {
    if (count != 0 && count != samples) {
      throw Error(fmt::format("{} of {} samples have {}", count, samples, name), where,
                  "a batch has them for all of its samples, or for none");
    }
    return count > 0;
  };
  return {.samples = samples,
          .old_logprobs = whole("old_logprobs", old),
          .ref_logprobs = whole("ref_logprobs", reference),
          .behaviour_logprobs = whole("behaviour_logprobs", behaviour),
          .entropy = whole("entropy", entropy)};
}

}  // namespace grpo

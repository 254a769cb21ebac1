#include "pipelines/sft_sequence.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace grpo {
namespace {

SftSequence of_conversation(const LearnedText& text) {
  const auto first = std::find(text.learned.begin(), text.learned.end(), uint8_t{1}) - text.learned.begin();
  return {.prompt_ids = {text.ids.begin(), text.ids.begin() + first},
          .completion_ids = {text.ids.begin() + first, text.ids.end()},
          .loss_mask = {text.learned.begin() + first, text.learned.end()}};
}

}  // namespace

std::vector<int64_t> end_tokens(const CheckpointFiles& files) {
  std::vector<int64_t> ids = files.config.eos_token_ids;
  for (const int64_t id : files.eos_token_ids) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

SftSequence sft_sequence(const StageContext& context, const SftSample& sample) {
  const CheckpointFiles& files = context.source.files;
  SftSequence sequence;
  if (sample.conversation) {
    sequence = of_conversation(*sample.conversation);
  } else {
    sequence = {.prompt_ids = sample.problem.prompt_ids, .completion_ids = files.tokenizer->encode(sample.completion, false)};
    sequence.completion_ids.push_back(end_tokens(files).front());
  }
  const auto length = static_cast<int64_t>(sequence.prompt_ids.size() + sequence.completion_ids.size());
  if (length > files.config.max_position_embeddings) {
    throw Error(fmt::format("a sample has {} tokens, the model's context is {}", length, files.config.max_position_embeddings),
                fmt::format("{}: problem {}", context.recipe.file, sample.problem.id), "shorten or drop it");
  }
  return sequence;
}

}  // namespace grpo

#include "pipelines/sft_sequence.h"

#include <fmt/format.h>

#include "core/error.h"

namespace grpo {

SftSequence sft_sequence(const StageContext& context, const SftSample& sample) {
  const CheckpointFiles& files = context.source.files;
  SftSequence sequence{sample.problem.prompt_ids, files.tokenizer->encode(sample.completion, false)};
  // The model's own end token comes before those that its tokenizer and generation settings add.
  sequence.completion_ids.push_back(files.config.eos_token_ids.empty() ? files.eos_token_ids.front()
                                                                       : files.config.eos_token_ids.front());
  const auto length = static_cast<int64_t>(sequence.prompt_ids.size() + sequence.completion_ids.size());
  if (length > files.config.max_position_embeddings) {
    throw Error(fmt::format("a sample has {} tokens, the model's context is {}", length, files.config.max_position_embeddings),
                fmt::format("{}: problem {}", context.recipe.file, sample.problem.id), "shorten or drop it");
  }
  return sequence;
}

}  // namespace grpo

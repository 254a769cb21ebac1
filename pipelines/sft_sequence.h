#pragma once
// A worked problem or a conversation of the data as token ids to learn.

#include "grpo/sft_trainer.h"
#include "pipelines/data.h"
#include "pipelines/stage.h"

namespace grpo {

// The prompt, and the completion with the end token behind it; of a conversation, what stands before its first learned token,
// and the rest with its mask. Throws Error where they exceed the model's context.
SftSequence sft_sequence(const StageContext& context, const SftSample& sample);

// At which the model stops: its own end token first, then those that its tokenizer and generation settings add.
std::vector<int64_t> end_tokens(const CheckpointFiles& files);

}  // namespace grpo

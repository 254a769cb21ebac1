#pragma once
// A worked problem of the data as token ids to learn.

#include "grpo/sft_trainer.h"
#include "pipelines/data.h"
#include "pipelines/stage.h"

namespace grpo {

// The prompt, and the completion with the end token behind it. Throws Error where they exceed the model's context.
SftSequence sft_sequence(const StageContext& context, const SftSample& sample);

}  // namespace grpo

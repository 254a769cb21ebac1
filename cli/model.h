#pragma once
// The model a command names: its device, its weights, and the prompt ids of a row.

#include <string>
#include <vector>

#include "cli/options.h"
#include "core/data_file.h"
#include "policy/io/checkpoint.h"

namespace grpo {

// Chooses the device, says on stderr where a CUDA device was passed over and why, loads the checkpoint and
// puts the adapter on it, if there is one. Call it before anything that touches LibTorch. Throws Error.
Checkpoint open_model(const ModelOptions& model, const DeviceOptions& options);

// Token ids of a row that holds `input_ids`, or text in `text_column`, or `messages` (cli/chat_row.h). Text gets the
// tokenizer's BOS; messages have what the chat template writes. Throws Error, naming the row, if it holds none or
// several of them, for text where there is no tokenizer, for ids outside the vocabulary and for no ids at all.
std::vector<int64_t> row_ids(const DataRow& row, const std::string& text_column,
                             const CheckpointFiles& files);

}  // namespace grpo

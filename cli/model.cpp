#include "cli/model.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/chat_row.h"
#include "cli/rows.h"
#include "policy/io/adapter.h"
#include "policy/kernels/plugin.h"

namespace grpo {

Checkpoint open_model(const ModelOptions& model, const DeviceOptions& options) {
  std::string why_not_cuda;
  const at::Device device = choose_device(options.device, &why_not_cuda);
  if (!why_not_cuda.empty()) std::fprintf(stderr, "running on the CPU: %s\n", why_not_cuda.c_str());
  std::optional<at::ScalarType> dtype;
  if (!options.dtype.empty()) dtype = parse_dtype(options.dtype, "--dtype");
  Checkpoint checkpoint = load_checkpoint(model.model, dtype, device);
  if (!model.adapter.empty()) load_adapter(model.adapter, checkpoint.policy);
  return checkpoint;
}

std::vector<int64_t> row_ids(const DataRow& row, const std::string& text_column,
                             const CheckpointFiles& files) {
  const bool has_ids = row.columns.contains("input_ids");
  const bool has_text = row.columns.contains(text_column);
  const int given = (has_ids ? 1 : 0) + (has_text ? 1 : 0) + (has_messages(row) ? 1 : 0);
  if (given != 1) {
    throw Error(fmt::format("the row holds {} of input_ids, {} and messages", given == 0 ? "none" : "several",
                            text_column),
                row.where, "give one of them");
  }
  std::vector<int64_t> ids;
  if (has_ids) {
    ids = read_ids(row, "input_ids", files.config.vocab_size);
  } else if (!files.tokenizer) {
    throw Error("the model has no tokenizer.json", row.where + ": " + (has_text ? text_column : "messages"),
                "give input_ids");
  } else if (!has_text) {
    ids = files.tokenizer->encode(chat_text(row, files.chat_template), false);
  } else {
    ids = files.tokenizer->encode(read_text(row, text_column));
  }
  if (ids.empty()) throw Error("there are no tokens", row.where, "give at least one");
  return ids;
}

}  // namespace grpo

#include "cli/model.h"

#include <fmt/format.h>

#include <cstdio>

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
  refuse_messages(row);
  const bool has_ids = row.columns.contains("input_ids");
  const bool has_text = row.columns.contains(text_column);
  if (has_ids == has_text) {
    throw Error(fmt::format("the row holds {} input_ids {} {}", has_ids ? "both" : "neither",
                            has_ids ? "and" : "nor", text_column),
                row.where, "give one of the two");
  }
  std::vector<int64_t> ids;
  if (has_ids) {
    ids = read_ids(row, "input_ids", files.config.vocab_size);
  } else if (!files.tokenizer) {
    throw Error("the model has no tokenizer.json", row.where + ": " + text_column, "give input_ids");
  } else {
    ids = files.tokenizer->encode(read_text(row, text_column));
  }
  if (ids.empty()) throw Error("there are no tokens", row.where, "give at least one");
  return ids;
}

}  // namespace grpo

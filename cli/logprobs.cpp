// grpo logprobs: the log-probability of every token given those before it, at temperature 1.

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "cli/commands.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/rows.h"
#include "core/progress.h"

namespace grpo {
namespace {

constexpr int64_t kBatchTokens = 8192;  // most tokens of one forward pass, beyond its first row

struct Options {
  ModelOptions model;
  DeviceOptions device;
  RowOptions rows;
};

struct Batch {
  std::vector<std::vector<int64_t>> sequences;
  std::vector<std::string> places;
  int64_t tokens = 0;
};

// Every sequence's tokens shifted by one; the last has no target, and 0 stands in for it.
at::Tensor next_tokens(const Batch& batch, const at::Device& device) {
  std::vector<int64_t> targets;
  for (const auto& ids : batch.sequences) {
    targets.insert(targets.end(), ids.begin() + 1, ids.end());
    targets.push_back(0);
  }
  return at::tensor(targets, at::kLong).to(device);
}

void write_batch(const Policy& policy, const Batch& batch, RowWriter& out) {
  if (batch.sequences.empty()) return;
  const at::NoGradGuard no_grad;
  const PackedTokens packed = pack_sequences(batch.sequences, policy.device());
  const at::Tensor targets = next_tokens(batch, policy.device());
  const at::Tensor scored = policy.token_scores(policy.hidden(packed), targets).logprobs;
  const at::Tensor host = scored.to(at::kCPU, at::kFloat).contiguous();
  const float* at_row = host.const_data_ptr<float>();
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    const std::span<const float> logprobs(at_row, batch.sequences[i].size() - 1);
    for (const float value : logprobs) {
      if (std::isfinite(value)) continue;
      throw Error(fmt::format("a log-probability is {}", value), batch.places[i],
                  "the model's weights are damaged or overflow; try --dtype float32");
    }
    out.write({{"input_ids", batch.sequences[i]}, {"logprobs", float_list(logprobs)}});
    at_row += batch.sequences[i].size();
  }
}

std::vector<int64_t> checked_ids(const DataRow& row, const CheckpointFiles& files) {
  std::vector<int64_t> ids = row_ids(row, "text", files);
  const int64_t context = files.config.max_position_embeddings;
  if (static_cast<int64_t>(ids.size()) > context) {
    throw Error(fmt::format("{} tokens exceed the model's context of {}", ids.size(), context), row.where,
                "shorten the row");
  }
  return ids;
}

int run(const Options& options) {
  const Checkpoint model = open_model(options.model, options.device);
  RowReader in(options.rows.input);
  RowWriter out(options.rows.output);
  std::optional<Progress> progress;
  if (in.total() && !options.rows.output.empty()) progress.emplace("rows", *in.total());
  int64_t done = 0;
  Batch batch;
  while (const auto row = in.next()) {
    std::vector<int64_t> ids = checked_ids(*row, model.files);
    const auto length = static_cast<int64_t>(ids.size());
    if (batch.tokens + length > kBatchTokens) {
      write_batch(model.policy, batch, out);
      if (progress) progress->update(done);
      batch = {};
    }
    batch.sequences.push_back(std::move(ids));
    batch.places.push_back(row->where);
    batch.tokens += length;
    ++done;
  }
  write_batch(model.policy, batch, out);
  if (progress) progress->update(done);
  out.commit();
  return 0;
}

}  // namespace

void add_logprobs_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("logprobs", "log-probabilities of given texts or ids");
  command->description(
      "{\"input_ids\"} or {\"text\"} to {\"input_ids\", \"logprobs\"}: logprobs[t] is\n"
      "log p(input_ids[t+1] given input_ids up to t) at temperature 1, one fewer than ids.");
  add_model_options(*command, options->model);
  add_device_options(*command, options->device);
  add_row_options(*command, options->rows);
  command->footer(
      "Example:\n  echo '{\"text\": \"Once upon a time\"}' | grpo logprobs --model path/to/model");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

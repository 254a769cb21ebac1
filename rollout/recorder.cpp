#include "rollout/recorder.h"

#include <fmt/format.h>

#include <bit>
#include <utility>
#include <variant>

#include "core/error.h"

namespace grpo {

Recorder::Recorder(const ModelConfig& config, bool routes, bool kept, int64_t bytes_max)
    : vocab_size_(config.vocab_size), kept_(kept), bytes_max_(bytes_max) {
  if (!routes) return;
  for (const auto& layer : config.layers) {
    if (const auto* moe = std::get_if<MoeConfig>(&layer.mlp)) routes_width_ += moe->top_k;
  }
}

at::Tensor Recorder::joined(const std::vector<at::Tensor>& routes) const {
  return records_routes() ? at::cat(routes, 1) : at::Tensor();
}

void Recorder::add_prompt(int64_t group, const at::Tensor& routes) { prompts_[group].chunks.push_back(routes); }

void Recorder::fetch_prompts(const std::vector<int64_t>& groups) {
  std::vector<at::Tensor> parts;
  for (const int64_t group : groups) {
    for (const at::Tensor& chunk : prompts_.at(group).chunks) parts.push_back(chunk);
  }
  if (parts.empty()) return;
  const at::Tensor host = at::cat(parts).to(at::kCPU).contiguous();
  const int16_t* data = host.const_data_ptr<int16_t>();
  for (const int64_t group : groups) {
    PromptRoutes& prompt = prompts_.at(group);
    for (const at::Tensor& chunk : std::exchange(prompt.chunks, {})) {
      prompt.host.insert(prompt.host.end(), data, data + chunk.numel());
      data += chunk.numel();
    }
  }
}

void Recorder::start(Sequence& sequence) {
  if (kept_) sequence.kept_begin.push_back(0);
  if (!records_routes()) return;
  sequence.routes = prompts_.at(sequence.prompt->group).host;
  count(sequence.routes.size() * sizeof(int16_t));
}

void Recorder::forget_prompt(int64_t group) { prompts_.erase(group); }

void Recorder::add_step(Sequence& sequence, const BurstRecords& records, int64_t step, int64_t row) {
  if (records.routes.defined()) {
    const int64_t rows = records.routes.size(1);
    const int16_t* data = records.routes.const_data_ptr<int16_t>() + (step * rows + row) * routes_width_;
    sequence.routes.insert(sequence.routes.end(), data, data + routes_width_);
    count(static_cast<size_t>(routes_width_) * sizeof(int16_t));
  }
  if (records.kept.defined()) {
    const int64_t rows = records.kept.size(1), bytes = records.kept.size(2);
    add_kept(sequence, {records.kept.const_data_ptr<uint8_t>() + (step * rows + row) * bytes, static_cast<size_t>(bytes)});
  }
}

// A set that is the whole vocabulary is an empty range.
void Recorder::add_kept(Sequence& sequence, std::span<const uint8_t> bits) {
  const size_t before = sequence.kept_ids.size();
  for (size_t byte = 0; byte < bits.size(); ++byte) {
    for (unsigned left = bits[byte]; left != 0; left &= left - 1) {
      sequence.kept_ids.push_back(static_cast<int32_t>(byte * 8) + std::countr_zero(left));
    }
  }
  const size_t count_kept = sequence.kept_ids.size() - before;
  if (static_cast<int64_t>(count_kept) == vocab_size_) sequence.kept_ids.resize(before);
  sequence.kept_begin.push_back(static_cast<int64_t>(sequence.kept_ids.size()));
  count((sequence.kept_ids.size() - before) * sizeof(int32_t) + sizeof(int64_t));
}

void Recorder::count(size_t bytes) {
  bytes_ += static_cast<int64_t>(bytes);
  if (bytes_max_ == 0 || bytes_ <= bytes_max_) return;
  throw Error(fmt::format("routes and kept sets of this rollout take more than {} bytes", bytes_max_),
              "rollout.record_bytes_max",
              "Sample fewer or shorter completions per rollout, cut more of the vocabulary (top_k bounds a kept set), or "
              "raise the limit if the host has the memory.");
}

void Recorder::move_to(Episode& episode, Sequence& sequence) {
  episode.routes = std::move(sequence.routes);
  episode.routes.shrink_to_fit();
  episode.kept_begin = std::move(sequence.kept_begin);
  episode.kept_begin.shrink_to_fit();
  episode.kept_ids = std::move(sequence.kept_ids);
  episode.kept_ids.shrink_to_fit();
}

}  // namespace grpo

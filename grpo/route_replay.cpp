#include "grpo/route_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "core/error.h"

namespace grpo {
namespace {

std::vector<int64_t> top_k_of_layers(const ModelConfig& config) {
  std::vector<int64_t> top_k;
  for (const auto& layer : config.layers) {
    if (const auto* moe = std::get_if<MoeConfig>(&layer.mlp)) top_k.push_back(moe->top_k);
  }
  return top_k;
}

const Episode& episode_at(std::span<const Episode* const> episodes, int64_t index) {
  return *episodes[static_cast<size_t>(index)];
}

}  // namespace

int64_t routes_per_token(const ModelConfig& config) {
  int64_t width = 0;
  for (const int64_t k : top_k_of_layers(config)) width += k;
  return width;
}

std::vector<at::Tensor> packed_routes(const ModelConfig& config, std::span<const Episode* const> episodes,
                                      const MicroBatch& batch) {
  const int64_t width = routes_per_token(config);
  if (width == 0) return {};
  const int64_t num_tokens = batch.num_tokens();
  at::Tensor all = at::full({num_tokens, width}, -1, at::kShort);
  int16_t* row = all.mutable_data_ptr<int16_t>();
  for (const int64_t s : batch.sequences) {
    const Episode& e = episode_at(episodes, s);
    const auto tokens = static_cast<int64_t>(e.prompt_ids.size() + e.completion_ids.size());
    if (!e.routes.empty() && static_cast<int64_t>(e.routes.size()) != (tokens - 1) * width) {
      throw Error(fmt::format("recorded routes of {} numbers for {} tokens; this model takes {} for each token but the last",
                              e.routes.size(), tokens, width),
                  fmt::format("problem {}, sample {}", e.problem_id, e.sample_index),
                  "replay the routes that this very model recorded");
    }
    std::copy(e.routes.begin(), e.routes.end(), row);
    row += tokens * width;
  }
  GRPO_CHECK(row == all.mutable_data_ptr<int16_t>() + num_tokens * width);
  return all.to(batch.tokens.tokens.device()).split_with_sizes(top_k_of_layers(config), 1);
}

KeptTokens packed_kept(std::span<const Episode* const> episodes, const std::vector<TrainSequence>& sequences,
                       const MicroBatch& batch) {
  std::vector<int64_t> begin = {0};
  std::vector<int32_t> ids;
  for (const int64_t s : batch.sequences) {
    const Episode& e = episode_at(episodes, s);
    for (size_t t = 0; t < e.completion_ids.size(); ++t) {
      if (!trained_at(sequences[static_cast<size_t>(s)], t)) continue;
      if (!e.kept_begin.empty()) {
        ids.insert(ids.end(), e.kept_ids.begin() + e.kept_begin[t], e.kept_ids.begin() + e.kept_begin[t + 1]);
      }
      begin.push_back(static_cast<int64_t>(ids.size()));
    }
  }
  GRPO_CHECK(static_cast<int64_t>(begin.size()) == batch.num_targets() + 1);
  return {.begin = at::tensor(begin, at::kLong), .ids = at::tensor(ids, at::kInt)};
}

}  // namespace grpo

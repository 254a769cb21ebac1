#include "policy/score_head.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/json.h"

namespace grpo {
namespace {

// The id of a token that tokenizer_config.json or special_tokens_map.json names by `key`; -1: none.
int64_t named_token(const CheckpointFiles& files, const char* key) {
  for (const char* file : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto it = files.extras.find(file);
    if (it == files.extras.end() || !files.tokenizer) continue;
    const Json json = parse_json(it->second, file);
    const Json named = json.is_object() ? json.value(key, Json()) : Json();
    const Json& text = named.is_object() && named.contains("content") ? named["content"] : named;
    if (!text.is_string()) continue;
    const int64_t id = files.tokenizer->token_to_id(text.get<std::string>());
    if (id >= 0) return id;
  }
  return -1;
}

}  // namespace

int64_t padding_token(const CheckpointFiles& files) {
  const std::vector<int64_t>& ends = files.eos_token_ids;
  for (const int64_t id : {files.config.pad_token_id.value_or(-1), named_token(files, "pad_token"),
                           named_token(files, "bos_token")}) {
    const bool is_end = std::find(ends.begin(), ends.end(), id) != ends.end();
    if (id >= 0 && id < files.config.vocab_size && !is_end) return id;
  }
  return ends.empty() ? -1 : ends.front();
}

int64_t scored_token(std::span<const int64_t> ids, const ModelConfig& config) {
  GRPO_CHECK(!ids.empty());
  auto last = static_cast<int64_t>(ids.size()) - 1;
  while (last > 0 && config.pad_token_id && ids[static_cast<size_t>(last)] == *config.pad_token_id) --last;
  return last;
}

std::vector<int64_t> scored_rows(const std::vector<std::vector<int64_t>>& sequences, const ModelConfig& config) {
  std::vector<int64_t> rows;
  int64_t first = 0;
  for (const auto& ids : sequences) {
    rows.push_back(first + scored_token(ids, config));
    first += static_cast<int64_t>(ids.size());
  }
  return rows;
}

std::vector<double> score_sequences(const Policy& model, const std::vector<std::vector<int64_t>>& sequences,
                                    int64_t tokens_per_pass) {
  const at::NoGradGuard no_grad;
  std::vector<double> scores;
  for (size_t first = 0; first < sequences.size();) {
    std::vector<std::vector<int64_t>> part;
    int64_t tokens = 0;
    while (first < sequences.size()) {
      const auto length = static_cast<int64_t>(sequences[first].size());
      if (!part.empty() && tokens + length > tokens_per_pass) break;
      tokens += length;
      part.push_back(sequences[first++]);
    }
    const at::Tensor rows = at::tensor(scored_rows(part, model.config()), at::kLong).to(model.device());
    const at::Tensor hidden = model.hidden(pack_sequences(part, model.device()));
    const at::Tensor found = model.scores(hidden.index_select(0, rows)).to(at::kCPU).to(at::kDouble).contiguous();
    const double* values = found.const_data_ptr<double>();
    scores.insert(scores.end(), values, values + part.size());
  }
  return scores;
}

}  // namespace grpo

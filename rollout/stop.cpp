#include "rollout/stop.h"

#include <algorithm>

#include "core/error.h"

namespace grpo {

StopRules::StopRules(const SamplingOptions& options, const std::vector<int64_t>& model_eos_ids,
                     const Tokenizer* tokenizer)
    : max_tokens_(options.max_tokens),
      stop_ids_(options.stop_ids.begin(), options.stop_ids.end()),
      stop_strings_(options.stop_strings),
      tokenizer_(tokenizer) {
  if (!options.ignore_eos) {
    eos_ids_.insert(model_eos_ids.begin(), model_eos_ids.end());
    eos_ids_.insert(options.eos_ids.begin(), options.eos_ids.end());
  }
  for (const std::string& text : stop_strings_) stop_bytes_max_ = std::max(stop_bytes_max_, text.size());
  if (!stop_strings_.empty() && tokenizer_ == nullptr) {
    throw Error("stop strings need a tokenizer, and this run has none", "sampling.stop_strings",
                "Give a model directory with tokenizer.json, or use stop_ids.");
  }
}

std::optional<FinishReason> StopRules::ended(const std::vector<int64_t>& ids) const {
  GRPO_CHECK(!ids.empty());
  if (eos_ids_.contains(ids.back())) return FinishReason::kEos;
  if (stop_ids_.contains(ids.back())) return FinishReason::kStop;
  if (!stop_strings_.empty() && holds_stop_string(ids)) return FinishReason::kStop;
  if (static_cast<int64_t>(ids.size()) >= max_tokens_) return FinishReason::kLength;
  return std::nullopt;
}

std::string StopRules::text(const std::vector<int64_t>& ids, FinishReason reason) const {
  if (tokenizer_ == nullptr || ids.empty()) return "";
  std::vector<int64_t> shown = ids;
  const bool ends_with_stop_id = reason == FinishReason::kStop && stop_ids_.contains(ids.back());
  if (reason == FinishReason::kEos || ends_with_stop_id) shown.pop_back();
  std::erase_if(shown, [this](int64_t id) { return !readable(id); });
  std::string text = tokenizer_->decode(shown);
  size_t end = text.size();
  for (const std::string& stop : stop_strings_) end = std::min(end, text.find(stop));
  text.resize(end);
  return text;
}

// A model's vocabulary is often padded beyond the tokenizer's, and a policy may well sample the padding.
bool StopRules::readable(int64_t id) const {
  return id < tokenizer_->vocab_size() && !tokenizer_->is_special(id) && !tokenizer_->id_to_token(id).empty();
}

// Only the end of the text can hold a match that was not there one token ago. Every readable token but the
// first of the window (whose leading space may be dropped, or which may be half a character) gives at least a
// byte, so this many of them cover the longest stop string.
bool StopRules::holds_stop_string(const std::vector<int64_t>& ids) const {
  const size_t window_tokens = stop_bytes_max_ + 8;
  std::vector<int64_t> window;
  for (auto id = ids.rbegin(); id != ids.rend() && window.size() < window_tokens; ++id) {
    if (readable(*id)) window.push_back(*id);
  }
  std::reverse(window.begin(), window.end());
  const std::string text = tokenizer_->decode(window);
  return std::any_of(stop_strings_.begin(), stop_strings_.end(),
                     [&text](const std::string& stop) { return text.find(stop) != std::string::npos; });
}

}  // namespace grpo

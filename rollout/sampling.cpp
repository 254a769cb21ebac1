#include "rollout/sampling.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"

namespace grpo {
namespace {

void check_ids(const std::vector<int64_t>& ids, int64_t vocab_size, const std::string& where) {
  for (const int64_t id : ids) {
    if (id < 0 || id >= vocab_size) {
      throw Error(fmt::format("token id {} is not in the vocabulary of {} tokens", id, vocab_size), where,
                  fmt::format("Use ids from 0 to {}.", vocab_size - 1));
    }
  }
}

}  // namespace

bool truncates(const SamplingOptions& options) {
  return options.top_k > 0 || options.top_p < 1.0 || options.min_p > 0.0;
}

void validate(const SamplingOptions& options, int64_t vocab_size, const std::string& where) {
  const auto require = [&where](bool holds, const char* field, double value, const char* fix) {
    if (!holds) throw Error(fmt::format("{} is {}", field, value), where + "." + field, fix);
  };
  require(options.max_tokens >= 1, "max_tokens", static_cast<double>(options.max_tokens), "Set at least 1 token.");
  require(std::isfinite(options.temperature) && options.temperature >= 0.0, "temperature", options.temperature,
          "Set 0 for greedy decoding or a positive number.");
  require(options.top_k >= 0, "top_k", static_cast<double>(options.top_k), "Set 0 to keep all tokens.");
  require(options.top_p > 0.0 && options.top_p <= 1.0, "top_p", options.top_p, "Set a mass in (0, 1]; 1 keeps all.");
  require(options.min_p >= 0.0 && options.min_p <= 1.0, "min_p", options.min_p,
          "Set a fraction in [0, 1]; 0 keeps all.");
  if (options.temperature == 0.0 && truncates(options)) {
    throw Error("top_k, top_p and min_p have no effect at temperature 0", where + ".temperature",
                "Remove them, or set a positive temperature.");
  }
  for (const std::string& text : options.stop_strings) {
    if (text.empty()) throw Error("a stop string is empty", where + ".stop_strings", "Remove it.");
  }
  check_ids(options.eos_ids, vocab_size, where + ".eos_ids");
  check_ids(options.stop_ids, vocab_size, where + ".stop_ids");
}

}  // namespace grpo

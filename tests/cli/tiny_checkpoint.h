#pragma once
// A checkpoint of a few thousand weights, for commands that need a model and not a good one.

#include <string>

#include "core/json.h"

namespace grpo {

// Its vocabulary: 15 characters, 4 tags and the end token, in this order.
inline constexpr const char* kTinyCharacters = "0123456789+-*= ";
inline constexpr int64_t kTinyVocab = 20;
inline constexpr int64_t kTinyEos = 19;

// Two layers, 4 heads of 8 on 2, width 32, untied head. `changes` replaces keys of its config.json; other
// `characters` give it another vocabulary, with the tags and the end token behind them. `directory` is
// created. Weights are the same every time and wide enough that contexts give different distributions.
void write_tiny_checkpoint(const std::string& directory, const Json& changes = Json::object(),
                           const std::string& characters = kTinyCharacters);

}  // namespace grpo

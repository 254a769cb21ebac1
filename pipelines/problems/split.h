#pragma once
// Which problems are held out. Membership is a property of the problem's own content, so training and held-out
// problems are disjoint whatever seeds, ranges and lengths they were generated with.

#include <string>
#include <string_view>

#include "core/json.h"

namespace grpo {

enum class Split { kTrain, kEval };

// One problem in this many is held out.
constexpr uint64_t kEvalShare = 16;

// How often a generator draws before it gives up finding a problem of its split. If every draw is a problem and
// both splits hold their share of them, this many draws in vain have a chance below 10^-250.
constexpr int kDrawsMax = 10000;

// Reads the option `split`: "train" (default) or "eval".
Split read_split(ObjectReader& options);

// The split of the problem whose content is `key`: equal problems must have equal keys. The hash is 64-bit
// FNV-1a, then mix() (core/seed.h); changing it would move problems between the splits of finished runs.
Split split_of(std::string_view key);

// Throws the Error that a generator ends in after kDrawsMax draws in vain.
[[noreturn]] void split_is_empty(Split split, const std::string& where);

}  // namespace grpo

#include "pipelines/problems/split.h"

#include <fmt/format.h>

#include "core/seed.h"

namespace grpo {

Split read_split(ObjectReader& options) {
  return options.choice("split", {"train", "eval"}, "train") == "eval" ? Split::kEval : Split::kTrain;
}

Split split_of(std::string_view key) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return mix(hash) % kEvalShare == 0 ? Split::kEval : Split::kTrain;
}

void split_is_empty(Split split, const std::string& where) {
  throw Error(fmt::format("{} draws gave no problem of split \"{}\"", kDrawsMax,
                          split == Split::kEval ? "eval" : "train"),
              where, "the options leave too few problems: widen their ranges");
}

}  // namespace grpo

#include <fmt/format.h>

#include "core/error.h"
#include "grpo/advantage.h"

namespace grpo {

AdvantageOptions read_advantage_options(ObjectReader& reader, const Json& presets) {
  AdvantageOptions options;
  const auto choice = [&](const char* key, const std::vector<std::string>& choices) {
    return reader.choice(key, choices, presets.value(key, choices.front()));
  };
  const std::string estimator =
      choice("advantage_estimator", {"group", "leave_one_out", "batch", "group_then_batch"});
  options.estimator = estimator == "leave_one_out"      ? AdvantageEstimator::kLeaveOneOut
                      : estimator == "batch"            ? AdvantageEstimator::kBatch
                      : estimator == "group_then_batch" ? AdvantageEstimator::kGroupThenBatch
                                                        : AdvantageEstimator::kGroup;
  const bool group = options.estimator == AdvantageEstimator::kGroup;
  for (const char* key : {"multi_objective_aggregation", "scale_rewards"}) {
    if (!group && reader.has(key)) {
      reader.fail(key, fmt::format("has no effect: advantage_estimator is \"{}\"", estimator),
                  "remove it, or use the estimator \"group\"");
    }
  }
  const std::string aggregation = choice("multi_objective_aggregation", {"sum_then_normalize", "normalize_then_sum"});
  if (aggregation == "normalize_then_sum") options.aggregation = RewardAggregation::kNormalizeThenSum;
  if (aggregation == "normalize_then_sum" && reader.has("scale_rewards")) {
    reader.fail("scale_rewards", "has no effect: multi_objective_aggregation is \"normalize_then_sum\"",
                "remove it, or use \"sum_then_normalize\"");
  }
  const std::string scale = choice("scale_rewards", {"group", "batch", "none"});
  options.scale_rewards = scale == "group"   ? ScaleRewards::kGroup
                          : scale == "batch" ? ScaleRewards::kBatch
                                             : ScaleRewards::kNone;
  const bool plain_scale = options.aggregation == RewardAggregation::kSumThenNormalize;
  const bool undivided =
      options.estimator == AdvantageEstimator::kLeaveOneOut || (group && plain_scale && scale == "none");
  if (undivided && reader.has("advantage_epsilon")) {
    reader.fail("advantage_epsilon",
                group ? "has no effect: scale_rewards is \"none\"" : "has no effect: advantage_estimator is \"leave_one_out\"",
                "remove it, or choose what divides by a deviation");
  }
  options.ddof = reader.integer("advantage_ddof", options.ddof, {.min = 0, .max = 1});
  options.epsilon = reader.number("advantage_epsilon", options.epsilon, {.min = 0.0, .max = 1.0});
  return options;
}

void check_num_generations(int64_t num_generations, const std::string& where) {
  if (num_generations >= 2) return;
  throw Error(
      fmt::format("num_generations is {}: an advantage compares the samples of one problem", num_generations),
      where, "use at least 2 samples per problem");
}

}  // namespace grpo

#include "core/metric_names.h"

#include <gtest/gtest.h>

namespace grpo {
namespace {

const Json kMetrics = {{"reward", 0.5}, {"grad_norm", 2.0}, {"step_time", 3.0}, {"moe/dead_experts", 0}};

TEST(MetricNames, OfVerlStandWhereVerlHasThem) {
  const Json named = verl_names(kMetrics);
  EXPECT_EQ(named.dump(), R"({"critic/score/mean":0.5,"actor/grad_norm":2.0,"perf/time_per_step":3.0,)"
                          R"("timing_s/step":3.0,"moe/dead_experts":0})");
}

TEST(MetricNames, BothKeepsEveryNameOnce) {
  const Json named = named_metrics(kMetrics, MetricNames::kBoth);
  EXPECT_EQ(named.size(), kMetrics.size() + 4);
  for (const auto& [name, value] : kMetrics.items()) EXPECT_EQ(named.at(name), value);
  const Json verl = verl_names(kMetrics);
  for (const auto& [name, value] : verl.items()) EXPECT_EQ(named.at(name), value);
}

TEST(MetricNames, TrlLeavesTheMetricsAlone) { EXPECT_EQ(named_metrics(kMetrics, MetricNames::kTrl), kMetrics); }

TEST(MetricNames, TheLossIsThePolicyLossOnlyWhereNothingElseIsInIt) {
  EXPECT_EQ(verl_names({{"loss", 1.0}}), (Json{{"actor/pg_loss", 1.0}}));
  EXPECT_EQ(verl_names({{"loss", 1.0}, {"policy_loss", 0.8}}), (Json{{"loss", 1.0}, {"actor/pg_loss", 0.8}}));
  EXPECT_EQ(verl_names({{"loss", 1.0}, {"kl", 0.1}}), (Json{{"loss", 1.0}, {"actor/kl_loss", 0.1}}));
}

TEST(MetricNames, ValuesThatAreNoNumbersPassThrough) {
  EXPECT_EQ(verl_names({{"kl", nullptr}, {"note", "x"}}), (Json{{"actor/kl_loss", nullptr}, {"note", "x"}}));
}

TEST(MetricNames, AnUnknownChoiceIsAnErrorThatNamesTheKey) {
  const Json options = {{"metric_names", "wandb"}};
  ObjectReader reader(options, "recipe.json");
  try {
    read_metric_names(reader);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "recipe.json: metric_names");
  }
}

}  // namespace
}  // namespace grpo

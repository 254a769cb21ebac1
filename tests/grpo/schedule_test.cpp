#include "grpo/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace grpo {
namespace {

std::vector<double> rates(LrSchedulerType type, int64_t warmup, int64_t total, double min_lr_rate = 0.0) {
  const ScheduleOptions options{
      .learning_rate = 8.0, .lr_scheduler_type = type, .warmup_steps = warmup, .min_lr_rate = min_lr_rate};
  std::vector<double> out;
  for (int64_t step = 0; step < total; ++step) out.push_back(learning_rate(options, step, total));
  return out;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12) << "step " << i;
}

ScheduleOptions read(const std::string& text) {
  const Json json = parse_json(text, "recipe.json");
  ObjectReader reader(json, "recipe.json");
  const auto options = read_schedule_options(reader);
  reader.finish();
  return options;
}

TEST(Schedule, ConstantIsThePeakAtEveryStep) {
  expect_near(rates(LrSchedulerType::kConstant, 0, 3), {8, 8, 8});
}

TEST(Schedule, WarmupStartsAboveZeroAndEndsAtThePeak) {
  expect_near(rates(LrSchedulerType::kConstantWithWarmup, 4, 6), {2, 4, 6, 8, 8, 8});
}

TEST(Schedule, LinearFallsTowardsZeroOneStepAfterTheLast) {
  expect_near(rates(LrSchedulerType::kLinear, 0, 4), {8, 6, 4, 2});
  expect_near(rates(LrSchedulerType::kLinear, 2, 6), {4, 8, 8, 6, 4, 2});
}

TEST(Schedule, CosineIsHalfThePeakHalfWay) {
  const double s = std::sqrt(0.5);
  expect_near(rates(LrSchedulerType::kCosine, 0, 4), {8, 4 + 4 * s, 4, 4 - 4 * s});
  expect_near(rates(LrSchedulerType::kCosine, 1, 5), {8, 8, 4 + 4 * s, 4, 4 - 4 * s});
}

TEST(Schedule, CosineWithMinLrEndsAtItsShareOfThePeak) {
  expect_near(rates(LrSchedulerType::kCosineWithMinLr, 0, 2, 0.1), {8, 0.8 + 3.6});
  const ScheduleOptions options{
      .learning_rate = 5e-5, .lr_scheduler_type = LrSchedulerType::kCosineWithMinLr, .min_lr_rate = 0.1};
  EXPECT_NEAR(learning_rate(options, 100, 100), 5e-6, 1e-18);
}

TEST(Schedule, StaysAtItsEndBeyondTheLastStep) {
  const ScheduleOptions linear{.learning_rate = 8.0, .lr_scheduler_type = LrSchedulerType::kLinear};
  EXPECT_EQ(learning_rate(linear, 50, 10), 0.0);
}

TEST(Schedule, WarmupLongerThanTheRunNeverReachesThePeak) {
  expect_near(rates(LrSchedulerType::kLinear, 8, 3), {1, 2, 3});
}

TEST(ScheduleOptions, AreReadUnderTheirNames) {
  EXPECT_EQ(read("{}").lr_scheduler_type, LrSchedulerType::kConstant);
  EXPECT_EQ(read("{}").learning_rate, 1e-6);
  const auto set = read(R"({"learning_rate": 3e-6, "lr_scheduler_type": "cosine_with_min_lr",
                            "warmup_steps": 7, "min_lr_rate": 0.1})");
  EXPECT_EQ(set.learning_rate, 3e-6);
  EXPECT_EQ(set.lr_scheduler_type, LrSchedulerType::kCosineWithMinLr);
  EXPECT_EQ(set.warmup_steps, 7);
  EXPECT_EQ(set.min_lr_rate, 0.1);
  EXPECT_EQ(read(R"({"lr_scheduler_type": "linear"})").lr_scheduler_type, LrSchedulerType::kLinear);
  EXPECT_EQ(read(R"({"lr_scheduler_type": "cosine"})").lr_scheduler_type, LrSchedulerType::kCosine);
  EXPECT_EQ(read(R"({"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 2})").warmup_steps, 2);
}

TEST(ScheduleOptions, RefuseWhatIsOutOfRangeOrWithoutEffect) {
  EXPECT_THROW(read(R"({"learning_rate": 0})"), Error);
  EXPECT_THROW(read(R"({"learning_rate": "1e-6"})"), Error);
  EXPECT_THROW(read(R"({"lr_scheduler_type": "polynomial"})"), Error);
  EXPECT_THROW(read(R"({"lr_scheduler_type": "linear", "warmup_steps": -1})"), Error);
  EXPECT_THROW(read(R"({"warmup_steps": 10})"), Error);  // constant has no warm-up
  EXPECT_THROW(read(R"({"lr_scheduler_type": "cosine", "min_lr_rate": 0.1})"), Error);
  EXPECT_THROW(read(R"({"lr_scheduler_type": "cosine_with_min_lr"})"), Error);
}

}  // namespace
}  // namespace grpo

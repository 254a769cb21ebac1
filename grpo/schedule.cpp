#include "grpo/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace grpo {
namespace {

LrSchedulerType scheduler_type(const std::string& name) {
  if (name == "constant") return LrSchedulerType::kConstant;
  if (name == "constant_with_warmup") return LrSchedulerType::kConstantWithWarmup;
  if (name == "linear") return LrSchedulerType::kLinear;
  if (name == "cosine") return LrSchedulerType::kCosine;
  return LrSchedulerType::kCosineWithMinLr;
}

double cosine(double progress) {
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace

ScheduleOptions read_schedule_options(ObjectReader& reader, double default_learning_rate) {
  ScheduleOptions options;
  options.learning_rate =
      reader.number("learning_rate", default_learning_rate, {.min = 0.0, .max = 1.0, .min_exclusive = true});
  const std::string type = reader.choice(
      "lr_scheduler_type", {"constant", "constant_with_warmup", "linear", "cosine", "cosine_with_min_lr"},
      "constant");
  options.lr_scheduler_type = scheduler_type(type);
  options.warmup_steps = reader.integer("warmup_steps", int64_t{0}, {.min = 0, .max = 1e9});
  if (options.lr_scheduler_type == LrSchedulerType::kConstant && options.warmup_steps > 0) {
    reader.fail("warmup_steps", "has no effect: lr_scheduler_type is \"constant\"",
                "use \"constant_with_warmup\", or remove warmup_steps");
  }
  if (options.lr_scheduler_type == LrSchedulerType::kCosineWithMinLr) {
    options.min_lr_rate = reader.number("min_lr_rate", {.min = 0.0, .max = 1.0});
  } else if (reader.has("min_lr_rate")) {
    reader.fail("min_lr_rate", "has no effect: lr_scheduler_type is \"" + type + "\"",
                "use \"cosine_with_min_lr\", or remove min_lr_rate");
  }
  return options;
}

double learning_rate(const ScheduleOptions& options, int64_t step, int64_t total_steps) {
  const double peak = options.learning_rate;
  const int64_t warmup = options.warmup_steps;
  if (options.lr_scheduler_type == LrSchedulerType::kConstant) return peak;
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double span = static_cast<double>(std::max<int64_t>(1, total_steps - warmup));
  const double progress = std::min(1.0, static_cast<double>(step - warmup) / span);
  switch (options.lr_scheduler_type) {
    case LrSchedulerType::kLinear:
      return peak * (1.0 - progress);
    case LrSchedulerType::kCosine:
      return peak * cosine(progress);
    case LrSchedulerType::kCosineWithMinLr:
      return peak * (options.min_lr_rate + (1.0 - options.min_lr_rate) * cosine(progress));
    case LrSchedulerType::kConstant:
    case LrSchedulerType::kConstantWithWarmup:
      break;
  }
  return peak;
}

}  // namespace grpo

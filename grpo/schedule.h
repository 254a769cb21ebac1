#pragma once
// The learning rate of each optimizer step: a pure function of the step, so a resumed run needs no state.

#include <cstdint>

#include "core/json.h"

namespace grpo {

enum class LrSchedulerType { kConstant, kConstantWithWarmup, kLinear, kCosine, kCosineWithMinLr };

struct ScheduleOptions {
  double learning_rate = 1e-6;  // the peak. RL of a full model: 1e-6 to 5e-6
  // TRL's default is linear; constant does not change when a run is extended.
  LrSchedulerType lr_scheduler_type = LrSchedulerType::kConstant;
  int64_t warmup_steps = 0;  // optimizer steps of linear rise to the peak; not with kConstant
  double min_lr_rate = 0.0;  // kCosineWithMinLr ends at min_lr_rate * learning_rate (R1's SFT: 0.1)
};

// Reads learning_rate (> 0), lr_scheduler_type ("constant", "constant_with_warmup", "linear", "cosine",
// "cosine_with_min_lr"), warmup_steps and min_lr_rate (which must be there with "cosine_with_min_lr" and
// must not be elsewhere). Throws Error naming the key.
ScheduleOptions read_schedule_options(ObjectReader& reader, double default_learning_rate = 1e-6);

// The rate of optimizer step `step` (0-based) of `total_steps`, with W = warmup_steps:
//   step < W: peak * (step + 1) / W, so that no step is wasted on a rate of 0 and step W - 1 has the peak;
//   else, with p = (step - W) / (total_steps - W) capped at 1:
//   constant*: peak      linear: peak * (1 - p)      cosine: peak * (1 + cos(pi p)) / 2
//   cosine_with_min_lr: peak * (m + (1 - m) * (1 + cos(pi p)) / 2), m = min_lr_rate
// p reaches 1 one step after the last, so the last step of linear and cosine still has a rate above 0.
double learning_rate(const ScheduleOptions& options, int64_t step, int64_t total_steps);

}  // namespace grpo

#pragma once
// The samples of a rollout as lines of episodes.jsonl, with the columns of their problems, so that `grpo score` can
// judge them again.

#include <cstdint>
#include <vector>

#include "core/metrics_writer.h"
#include "core/types.h"
#include "pipelines/stage.h"
#include "rewards/rubric.h"

namespace grpo {

// One line each for the first plan.log_episodes episodes (-1: all of them), as of step `line`. The episodes are scored
// by `rubric`.
void write_episodes(MetricsWriter& file, int64_t line, const StagePlan& plan, const std::vector<Group>& groups,
                    const Rubric& rubric);

}  // namespace grpo

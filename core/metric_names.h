#pragma once
// Under which names a step's metrics are written. TRL's are the toolkit's own; verl's stand in for those of which verl
// logs the very same quantity in the same unit, so that a dashboard made for verl shows this run too.

#include <string>

#include "core/json.h"

namespace grpo {

enum class MetricNames { kTrl, kVerl, kBoth };

// Reads `metric_names`: "trl" (the default), "verl", "both". Throws Error naming the key for anything else.
MetricNames read_metric_names(ObjectReader& reader);

// The same metrics in the same order, those that verl has a name for under it (under each of them, where it has
// several); the others keep their names. Values are not looked at.
//
// What is alike by name only stays as it is: TRL's sampling_logp_difference is of log-probabilities and verl's
// rollout_probs_diff of probabilities; num_tokens counts the run and verl's total_num_tokens the step; and `loss` is
// verl's pg_loss only where neither a KL nor an entropy term is part of it.
Json verl_names(const Json& metrics);

// The metrics as they are to be written: as given, under verl's names, or under both.
Json named_metrics(const Json& metrics, MetricNames names);

}  // namespace grpo

#pragma once
// What an evaluation says of a model on a set: as JSON, and as a table for people.

#include <string>
#include <vector>

#include "core/json.h"
#include "grpo/evaluate.h"
#include "pipelines/eval_sets.h"

namespace grpo {

// The line of samples.jsonl for a problem (pipelines/eval_stage.h).
Json eval_sample_line(const std::string& model, const std::string& set, const Group& group);
// What such a line says of its samples.
std::vector<SampleOutcome> outcomes_of(const Json& line);

// An entry of results.json.
Json eval_result_json(const std::string& model, const EvaluationSet& set, const EvalResult& result);

// A line per set and model: accuracy with its standard error, pass@k and cons@k of all samples, length, cut off.
std::string eval_results_table(const Json& results);

}  // namespace grpo

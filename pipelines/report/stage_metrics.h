#pragma once
// What metrics.jsonl says of every stage of a run, read in one pass.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipelines/report/curve.h"

namespace grpo {

// One evaluation, on one set: metric -> value, under the names of metrics.jsonl without the set's prefix ("accuracy",
// "accuracy_stderr", "pass@k", "completions/mean_length").
struct EvalPoint {
  std::string set;  // "": the set that the stage's own evaluations are on
  int64_t step = 0;
  std::map<std::string, double> values;
};

struct StageMetrics {
  std::string stage;
  int64_t first_line = 0;  // the "step" of its lines, which counts over the run
  int64_t last_line = 0;
  int64_t first_step = 0;  // of the stage itself: 0 where it was evaluated before it began
  int64_t last_step = 0;
  int64_t steps_seen = 0;  // lines
  double seconds = 0;      // sum of step_time
  double longest_step = 0;
  double tokens = 0;       // highest num_tokens
  std::map<std::string, double> seconds_of;  // part of a step ("generate") -> sum; parts add up to seconds
  // Every metric that is a number, over the steps of the stage, under TRL's names also where the run wrote verl's. Those
  // of an evaluation keep their prefix ("eval_accuracy"), and an accuracy has its standard error as spread.
  std::map<std::string, Curve> curves;
  std::vector<EvalPoint> first_eval;  // one per set
  std::vector<EvalPoint> last_eval;
};

struct RunMetrics {
  std::vector<StageMetrics> stages;  // in order of appearance
  int64_t lines = 0;
  int64_t unreadable = 0;  // lines that are no object with a stage; the torn last one is not counted
  bool torn = false;       // the last line was half written
};

// Reads the file; a missing one has no stages. Whatever cannot be read is counted and passed over. A metric beyond the
// first 1,000 of a stage is left out.
RunMetrics read_metrics(const std::string& path);

// The evaluations of one line of metrics, one per set: eval_accuracy is of the stage's own set, eval_SET/accuracy of the
// set SET.
std::vector<EvalPoint> evaluations_of(const std::map<std::string, double>& metrics, int64_t step);

}  // namespace grpo

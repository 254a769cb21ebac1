#pragma once
// Checkpoints against evaluation sets, the shape of table 3 of the DeepSeek-R1 paper: a column per model (what the run
// started from, then what each stage left), a block of rows per set, a row per metric.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/report/run_record.h"

namespace grpo {

struct EvalCell {
  double value = 0;
  std::optional<double> error;  // standard error
  bool best = false;
};

struct EvalRow {
  std::string metric;            // as in the files: "accuracy"
  std::string label;             // for people: "pass@4"
  std::map<size_t, EvalCell> cells;  // by column
};

// One set as one protocol samples it.
struct EvalSet {
  std::string name;
  std::string protocol;  // "50 problems, temperature 1"
  std::vector<EvalRow> rows;
};

struct EvalTable {
  std::vector<std::string> columns;  // "base", names of stages, or of models that the run did not make
  std::vector<EvalSet> sets;
};

// The last evaluation of each model on each set. A stage's evaluation before its first step is of the model that it
// starts from, and an eval stage's of the one that it was given. The best of a row is marked where higher is better
// (accuracy, pass@k, maj@k, cons@k) and the values differ. Reward models are left out.
EvalTable make_eval_table(const RunRecord& run);

// The evaluations in a results.json or in a manifest, whatever the nesting: every object that holds a number under
// "accuracy", "eval_accuracy" or "pass@1". Its set is its "set", "name" or "data", else the key it stands under.
struct FoundEvaluation {
  EvalPoint evaluation;
  std::string model;  // its "model", "checkpoint" or "stage"; "" where it names none
};
std::vector<FoundEvaluation> find_evaluations(const Json& value);

// "gsm8k_test.jsonl", "chain (operators 6)": what a recipe's data.eval says, for people.
std::string describe_data(const Json& data);

}  // namespace grpo

#pragma once
// The stages of a run in a row, as inline SVG: an arrow from what each starts from, a dashed one from what it needs
// beside that (a teacher, a reward model, another stage's data).

#include "pipelines/report/eval_table.h"
#include "pipelines/report/html.h"
#include "pipelines/report/run_record.h"

namespace grpo {

// Every stage is a link to "#stage-N", N counted from 1. `table` gives what stands in the boxes: the accuracy on its
// first set.
Html pipeline_graph_html(const RunRecord& run, const EvalTable& table);

// The last accuracy of a model on the table's first set; none where it was not evaluated there.
std::optional<EvalCell> first_accuracy(const EvalTable& table, const std::string& model);

}  // namespace grpo

#pragma once
// One stage on the page: what it is, what to look at, its curves, its samples, and all else that it has left.

#include <cstddef>

#include "pipelines/report/html.h"
#include "pipelines/report/run_record.h"

namespace grpo {

// <section id="stage-N">, N = index + 1. A stage of a type that nobody has heard of is shown by what it has.
Html stage_section_html(const RunRecord& run, size_t index);

// Samples of a stage: one group each of an early, a middle and a late step. Long text is folded, and text beyond 20,000
// bytes is left in the file. `folded`: all of it behind one line to open.
Html samples_html(const StageRecord& stage, bool folded);

// Members of an object that are no objects or arrays, as a two-column table; those of nested objects under "outer.inner".
// At most `rows_max` rows.
Html scalars_html(const Json& object, size_t rows_max);

}  // namespace grpo

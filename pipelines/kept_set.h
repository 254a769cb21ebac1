#pragma once
// The set that rejection sampling keeps, from what its steps have kept of their problems: what only the whole set tells
// (pipelines/keep_rules.h: deduplicate, near_duplicates, max_samples) is decided here.

#include <string>
#include <vector>

#include "pipelines/keep_rules.h"
#include "pipelines/kept_rows.h"

namespace grpo {

// Writes kept.jsonl and problems.jsonl into an existing directory, from the files of a stage's steps in their order: lines
// {"problem", "question", "pass_rate", "samples", "dropped": {REASON: count}, "rows": [rows of kept.jsonl]}. Returns what
// was counted; "max_samples", "duplicate" and "near duplicate" are among the reasons. With near_duplicates the texts of
// the whole set are in memory, else one file. Throws Error where a file cannot be read or written.
KeptCounts write_kept_set(const std::vector<std::string>& step_files, const KeepRules& rules, const std::string& directory);

}  // namespace grpo

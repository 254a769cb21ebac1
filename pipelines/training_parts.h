#pragma once
// What a stage's data.train names: one source, or a list of parts that are mixed.
//
//   "train": "problems.jsonl"  or  {"generator": "chain"}  or  {"stage": "collect"}
//   "train": [{"name": "reasoning", "train": {"stage": "collect"}, "weight": 3},
//             {"name": "general", "train": "general.jsonl", "columns": {...}, "from_step": 1300}]
//
// "decontaminate" (pipelines/decontaminated_rows.h) leaves out rows of parts that are files or come from a stage.
// {"stage": NAME} is what an earlier stage of type reject kept. A part may hold any other key of "data" for itself;
// what it does not, "data" says for all. weight (default 1): its share of draws; from_step (default 0): the optimizer
// step from which on it takes part; at least one part is there from the start.

#include <cstdint>
#include <string>
#include <vector>

#include "pipelines/data.h"
#include "pipelines/recipe.h"

namespace grpo {

struct TrainingPart {
  std::string name;  // "" where there is no list
  double weight = 1.0;
  int64_t from_step = 0;
  DataOptions data;
};

// Throws Error naming the key; also for a stage that is no earlier one or keeps no data.
std::vector<TrainingPart> read_training_parts(const Recipe& recipe, const StageSpec& spec, DataUse use);

// Where a stage of type reject leaves what it kept, below its directory.
inline constexpr const char* kKeptFile = "/data/kept.jsonl";

// The earlier stages whose data these parts need and that have not left it yet, by name: what cannot be read before they
// ran.
std::vector<std::string> awaited_stages(const Recipe& recipe, const StageSpec& spec);

}  // namespace grpo

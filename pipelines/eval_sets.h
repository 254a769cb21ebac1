#pragma once
// The sets of problems of a stage "eval", each with how it is sampled and judged.
//
//   "sets": [{"name": "aime24", "data": {"eval": "aime24.jsonl", "columns": {...}}, "num_samples": 64},
//            {"name": "gpqa", "data": {"eval": "gpqa.jsonl"}, "rewards": [{"name": "mcq"}]}]
//
// A set may hold any of these keys for itself; what it does not, the stage says for all. Without "sets" the stage's own
// keys are the only one, called after its data.
//
//   data           pipelines/data.h; "eval" is read
//   rewards        the first one decides what is correct. Problems have the set's name as their source, so a reward may say
//                  {"sources": ["gpqa"]}
//   num_problems   the first ones; default 0: all of a file
//   num_samples    k, samples per problem; default 1
//   temperature, top_p   default 0.6 and 0.95, DeepSeek-R1's protocol (arXiv 2501.12948, its evaluation: greedy decoding
//                  repeats itself and varies more between checkpoints)
//   problems_per_step    problems sampled together; what is sampled is on the disk after it. Default: as many as make about
//                  512 samples
//   top_k, min_p, stop, ignore_eos, max_completion_length, reward_workers, max_running, cache_tokens: as of "rl"

#include <string>
#include <vector>

#include "grpo/evaluate.h"
#include "pipelines/data.h"
#include "pipelines/recipe.h"
#include "policy/io/checkpoint.h"

namespace grpo {

struct EvaluationSet {
  std::string name;  // unique among the sets of a stage
  DataOptions data;
  Json rewards;
  std::string path;  // JSON path of the object that holds the rewards: the set or the stage
  int64_t num_problems = 0;
  int64_t problems_per_step = 1;
  EvalOptions options;

  // Its problems for this policy, with prompt_ids and the set's name as their source. Throws Error, also where a
  // generator comes without num_problems.
  std::vector<Problem> problems(const CheckpointFiles& policy) const;
};

// Throws Error naming the key.
std::vector<EvaluationSet> read_evaluation_sets(const Recipe& recipe, const StageSpec& spec);

}  // namespace grpo

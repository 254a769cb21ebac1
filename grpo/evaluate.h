#pragma once
// Accuracy on a fixed set of problems: sample, score, average. Evaluation has random streams of its own,
// fixed by its seed, so it never disturbs training and gives the same numbers in a run and offline.

#include <cstdint>
#include <vector>

#include "core/cancelled.h"
#include "core/types.h"
#include "policy/io/tokenizer.h"
#include "policy/policy.h"
#include "rewards/rubric.h"
#include "rollout/engine.h"

namespace grpo {

struct EvalOptions {
  int64_t num_samples = 1;  // k: samples per problem
  SamplingOptions sampling;
  uint64_t seed = 0;
  int64_t reward_workers = 0;  // threads that score; 0: as many as there are cores, at most 16
  EngineOptions engine;
  StopRequest stop_request = {};  // asked between bursts of generation; true: the evaluation is given up
};

// A sample is correct if the rubric's first reward gives it 1 or more. Samples that reward cannot judge
// (skip, error, does not apply) are counted apart and left out of every mean, which is NaN where nothing is
// left.
struct EvalResult {
  int64_t num_problems = 0;  // with at least one judged sample
  int64_t num_samples = 0;   // judged
  int64_t num_unjudged = 0;
  double pass_at_1 = 0.0;         // mean over problems of their share of correct samples
  double pass_at_1_stderr = 0.0;  // of that mean, over problems
  double pass_at_k = 0.0;         // share of problems with a correct sample among k
  double maj_at_k = 0.0;  // share of problems whose most frequent <answer> (else whole text) is correct; of
                          // answers equally frequent the first in byte order counts
  double reward = 0.0;    // mean weighted reward of the samples that have one
  double mean_length = 0.0;    // completion tokens
  double clipped_ratio = 0.0;  // share of truncated samples
};

// What scored groups say: a function of scores, rewards and completions alone.
EvalResult summarize(const std::vector<Group>& groups);

// Samples and scores the problems, which carry prompt_ids. `groups` (optional) receives the scored samples.
// Throws what Engine throws, Cancelled where stop_request asks; nothing is left of an evaluation that was given up, and
// the next one gives the numbers that it would have given.
EvalResult evaluate(const Policy& policy, const Tokenizer* tokenizer, const Rubric& rubric,
                    const std::vector<Problem>& problems, const EvalOptions& options,
                    std::vector<Group>* groups = nullptr);

// Under the names of metrics.jsonl, each with `prefix` ("eval_"): accuracy, accuracy_stderr, pass@k, maj@k,
// reward, completions/mean_length, completions/clipped_ratio, num_problems, num_unjudged.
Json eval_metrics(const EvalResult& result, const std::string& prefix);

}  // namespace grpo

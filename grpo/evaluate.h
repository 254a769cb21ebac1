#pragma once
// Accuracy on a fixed set of problems: sample, score, average. Evaluation has random streams of its own,
// fixed by its seed, so it never disturbs training and gives the same numbers in a run and offline.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
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

// What is counted of a sample.
struct SampleOutcome {
  std::optional<bool> correct;  // the rubric's first reward gave it 1 or more; none: it could not judge it
  std::string vote;             // the answer it gives, for majorities (rewards/math/vote.h)
  std::optional<double> reward;  // weighted sum, where there is one
  int64_t length = 0;           // completion tokens
  bool truncated = false;
};
SampleOutcome outcome_of(const Episode& episode);

// Samples that the first reward cannot judge (skip, error, does not apply) are counted apart and left out of every mean,
// which is NaN where nothing is left.
struct EvalResult {
  int64_t num_problems = 0;  // with at least one judged sample
  int64_t num_samples = 0;   // judged
  int64_t num_unjudged = 0;
  double pass_at_1 = 0.0;         // mean over problems of their share of correct samples
  double pass_at_1_stderr = 0.0;  // of that mean, over problems
  // k -> mean over problems of the chance that one of k of their n samples is correct, 1 - C(n-c, k) / C(n, k) (Chen et al.
  // 2021, arXiv 2107.03374, eq. 1), for the powers of two from 2 up to n, and n itself. Problems with fewer judged
  // samples than k are left out of it.
  std::map<int64_t, double> pass_at;
  double pass_at_k = 0.0;     // share of problems with a correct sample among all of theirs
  double maj_at_k = 0.0;      // share of problems whose most frequent vote is correct; of votes equally frequent the first
                              // in byte order counts
  double reward = 0.0;        // mean weighted reward of the samples that have one
  double mean_length = 0.0;   // completion tokens
  double clipped_ratio = 0.0;  // share of truncated samples
};

// What the samples of each problem say.
EvalResult summarize(const std::vector<std::vector<SampleOutcome>>& problems);
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

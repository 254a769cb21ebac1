#pragma once
// The stage "reject": rejection sampling. Samples of a policy, scored by rewards, become supervised data: a cold start
// collected from R1-Zero, the third stage of DeepSeek-R1, the traces of a teacher.
//
//   {"stage": "reject", "from": "zero", "data": {"train": ...}, "rewards": [...],
//    "num_problems": 2000, "num_generations": 4, "temperature": 1.0, "keep": {...}}
//
//   num_problems       default 0: every problem of data.train once; needed where that is endless
//   num_generations    samples per problem, default 4
//   problems_per_step  default 64: problems sampled together; what a step has kept is on the disk after it, and a
//                      resumed stage goes on with the next
//   temperature, top_k, top_p, min_p, stop, max_completion_length, reward_workers, reward_error_rate_max, max_running,
//                      cache_tokens, ...: as of "rl"
//   keep               pipelines/keep_rules.h
//   endpoint           asks a server for the samples in place of the policy (pipelines/endpoint_sampler.h)
//   completion_template  default "{completion}": how a kept sample is written. {think} is the text between <think> and
//                      </think>, {answer} that inside <answer>, else what follows </think>, without white space around
//
// It leaves OUT/stages/NN-NAME/data/: kept.jsonl, the samples kept, and problems.jsonl, {"problem", "question",
// "pass_rate", "samples", "kept"} of every problem. A row of kept.jsonl holds the columns of its problem and
//   question, answer   as in the data; the question before any template
//   completion         as completion_template writes it
//   provenance         {"stage", "from", "problem", "sample", "seed", "reward", "scores": {LABEL: value}}; of an endpoint's
//                      samples its model as "endpoint" in place of "from"
// data.train takes it as {"stage": NAME}. A stage that asks an endpoint also leaves replies.jsonl beside data/: every reply,
// kept or not (pipelines/reply_journal.h).

#include "grpo/trainer_memory.h"
#include "pipelines/stage.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_memory.h"

namespace grpo {

// What the stage's keys say for the plan; the rest is checked too. Throws Error naming the key.
void read_reject_plan(ObjectReader& reader, const std::string& file, StagePlan& plan);

// What its data and rewards have to do with its keys. Throws Error naming the key.
void check_reject(const Recipe& recipe, const StageSpec& spec, const StageData& data, const Rubric& rubric);
// What the stage takes beside its policy.
void add_reject_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, StageSize& size);

// Whether a stage of any type samples from an endpoint: it needs its policy's tokenizer, not its weights.
bool asks_endpoint(const StageSpec& spec);
// run_reject_stage of such a stage (pipelines/stage.h). Throws Error as EndpointSampler::sample does, Cancelled where the
// process was told to stop; what was replied is on the disk then.
Json run_endpoint_stage(const StageContext& context);

// Writes kept.jsonl and problems.jsonl of a stage whose problems are all sampled into an existing directory. Returns
// what was counted: {"counts": {...}}.
Json write_kept(const StageContext& context, const std::string& directory);
}  // namespace grpo

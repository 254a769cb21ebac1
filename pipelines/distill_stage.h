#pragma once
// The stage "distill": a student, the stage's policy, learns the next-token distributions of a teacher.
//
//   {"stage": "distill", "policy": "student", "teacher": "rl", "data": {"train": ...},
//    "loss": "jsd", "beta": 0.5, "lmbda": 0.5, "max_steps": 500}
//
//   teacher        an earlier stage that leaves a model, or a checkpoint directory; it computes in the student's dtype
//   loss, beta, lmbda, temperature, top_k, sft_weight, kl_penalty_coef, num_generations, samples_per_step,
//   max_completion_length, max_running, cache_tokens, optimizer, schedule, ...: grpo/distill_options.h
//   data           problems; with lmbda below 1 worked ones, as "sft" reads them: "columns": {"completion": ...}, or what a
//                  stage of type reject kept
//   rewards, eval  as of "sft": rewards judge evaluations and nothing else
//   log_episodes   default 16: of a step on policy, how many samples go to episodes.jsonl
//
// Teacher and student must have the same tokens (pipelines/same_vocabulary.h). To learn from a teacher of another
// tokenizer, let a reject stage collect its texts and "sft" on them.

#include "grpo/trainer_memory.h"
#include "pipelines/data.h"
#include "pipelines/stage.h"
#include "pipelines/stage_memory.h"

namespace grpo {

// As the run_..._stage of pipelines/stage.h.
Json run_distill_stage(const StageContext& context, Policy& student);

// What the stage's keys say for the plan; the rest is checked too. Throws Error naming the key.
void read_distill_plan(ObjectReader& reader, StagePlan& plan);

// Worked problems, unless every step is on policy.
DataUse distill_data_use(const Recipe& recipe, const StageSpec& spec);

// Compares the teacher's tokens with those of `student`, and checks the names and shapes of its tensors where it is
// there already. Returns {"teacher": as the stage names it, "parameters_total"}. Throws Error.
Json check_teacher(const Recipe& recipe, const StageSpec& spec, const PolicySource& student);

// What the stage's training takes: sets training, rollout and teacher. `dtype`: of both policies.
void add_distill_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, at::ScalarType dtype,
                      StageSize& size);

}  // namespace grpo

#include "pipelines/distill_stage.h"

#include <algorithm>

#include "core/error.h"
#include "grpo/distill_trainer.h"
#include "pipelines/episode_lines.h"
#include "pipelines/interruption.h"
#include "pipelines/same_vocabulary.h"
#include "pipelines/sft_sequence.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"
#include "pipelines/stage_policy.h"
#include "policy/io/checkpoint.h"

namespace grpo {
namespace {

constexpr const char* kTeacher = "teacher";

std::string where_of(const Recipe& recipe, const StageSpec& spec) {
  return recipe.file + ": " + (spec.path.empty() ? kTeacher : spec.path + "." + kTeacher);
}

DistillOptions options_of(const Recipe& recipe, const StageSpec& spec) {
  const StageSpec counted = with_max_steps(spec, 1);
  ObjectReader r(counted.options, recipe.file, counted.path);
  return read_distill_options(r);
}

std::string teacher_name(const Recipe& recipe, const StageSpec& spec) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  return r.string(kTeacher);
}

std::string teacher_directory(const Recipe& recipe, const StageSpec& spec) {
  return model_directory(recipe, spec, kTeacher, teacher_name(recipe, spec));
}

// Everything but weights: of the checkpoint, or of the policy that the earlier stage trains.
CheckpointFiles teacher_files(const Recipe& recipe, const StageSpec& spec) {
  const std::string directory = teacher_directory(recipe, spec);  // also says what is wrong with a stage
  const auto stage = recipe.index_of(teacher_name(recipe, spec));
  if (!stage) return read_checkpoint_files(directory);
  return read_policy(recipe, recipe.stages[*stage].policy).files;
}

void compare_tokens(const CheckpointFiles& student, const CheckpointFiles& teacher, const std::string& where) {
  if (!teacher.tokenizer) {
    throw Error("the teacher's folder has no tokenizer.json: nothing says what its logits mean", where,
                "put the tokenizer beside the weights");
  }
  check_same_vocabulary({*student.tokenizer, student.config.vocab_size}, {*teacher.tokenizer, teacher.config.vocab_size},
                        where);
}

}  // namespace

void read_distill_plan(ObjectReader& r, StagePlan& plan) {
  r.string(kTeacher);
  const DistillOptions options = read_distill_options(r);
  plan.max_steps = plan.num_train_epochs > 0.0 ? 0 : options.max_steps;
  plan.rollout_draws = options.samples_per_step;
  plan.max_completion_length = options.max_completion_length;
  plan.log_episodes = r.integer("log_episodes", plan.log_episodes, {.min = -1});
  if (r.has("rewards") && !r.has("eval")) {
    r.fail("rewards", "without effect: distillation uses rewards for evaluation only", "add \"eval\" or remove it");
  }
}

DataUse distill_data_use(const Recipe& recipe, const StageSpec& spec) {
  return options_of(recipe, spec).learns_from_data() ? DataUse::kTrainSft : DataUse::kTrainRl;
}

Json check_teacher(const Recipe& recipe, const StageSpec& spec, const PolicySource& student) {
  const CheckpointFiles teacher = teacher_files(recipe, spec);
  compare_tokens(student.files, teacher, where_of(recipe, spec));
  const std::string name = teacher_name(recipe, spec);
  if (!recipe.index_of(name)) check_checkpoint_tensors(name, teacher.config);
  return {{kTeacher, name}, {"parameters_total", count_parameters(teacher.config).total}};
}

void add_distill_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, at::ScalarType dtype,
                      StageSize& size) {
  const DistillOptions options = options_of(recipe, spec);
  const int64_t sampled = options.samples() ? options.max_completion_length : 1;
  size.training = {.sequences = options.samples_per_step,
                   .prompt_tokens = lengths.prompt,
                   .completion_tokens = std::max(sampled, lengths.completion),
                   .tokens_per_micro_batch = options.packing.tokens_per_micro_batch,
                   .optimizer = options.optimizer,
                   .auxiliary = options.auxiliary};
  if (options.objective == DistillObjective::kDivergence) {
    size.training->divergence = {.beta = options.beta, .temperature = options.temperature, .top_k = options.top_k};
  }
  size.teacher = [config = teacher_files(recipe, spec).config, dtype](const at::Device& meta) {
    return Policy::empty(config, dtype, meta);
  };
  if (!options.samples()) return;
  size.rollout = {.prompts = options.samples_per_step / options.num_generations,
                  .num_generations = options.num_generations,
                  .prompt_tokens = lengths.prompt,
                  .sampling = options.sampling(),
                  .engine = options.engine};
}

Json run_distill_stage(const StageContext& opened, Policy& student) {
  const StageData data = load_data(opened.recipe, opened.plan, opened.source);
  const StagePlan plan = with_steps(opened, data.train->size());
  const StageContext context = opened.with(plan);
  const Recipe& recipe = context.recipe;
  const StageSpec& spec = context.plan.spec;
  DistillOptions options = options_of(recipe, spec);
  options.max_steps = context.plan.max_steps;
  options.eos_ids = context.source.files.eos_token_ids;
  options.stop_request = [] { return Interruption::signal() != 0; };
  const Checkpoint teacher = load_checkpoint(teacher_directory(recipe, spec), student.dtype(), student.device());
  compare_tokens(context.source.files, teacher.files, where_of(recipe, spec));
  DistillTrainer trainer(student, teacher.policy, &*context.source.files.tokenizer, options, stage_seed(recipe, spec));
  const auto sequence = [&](int64_t n) { return sft_sequence(context, data.train->draw_sft(n)); };
  const auto problem = [&](int64_t n) { return data.train->draw(n); };
  StageLoop loop;
  loop.times = &trainer.times();
  loop.step = [&] { return trainer.step(sequence, problem); };
  loop.save = [&](const std::string& to) { trainer.save(to); };
  loop.restore = [&](const std::string& from) { trainer.restore(from); };
  loop.eval_at_start = true;
  loop.write_episodes = [&](MetricsWriter& file, int64_t line) {
    write_episodes(file, line, context.plan, trainer.groups(), Rubric{});
  };
  loop.shown = [](const Json& m) {
    return ProgressMetrics{{"loss", number_of(m, "loss")}, {"kl", number_of(m, "kl")}, {"entropy", number_of(m, "entropy")}};
  };
  std::optional<Rubric> rubric;
  if (context.plan.eval) rubric = stage_rubric(context);
  Json eval = run_loop(context, student, loop, eval_problems(context.plan, data), rubric);
  Json finished = {{"steps", context.plan.max_steps}, {"eval", std::move(eval)}, {kTeacher, teacher_name(recipe, spec)}};
  add_contaminated(data, finished);
  return finished;
}

}  // namespace grpo

// The stage "rl": GRPO on problems that rewards can judge.

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "core/error.h"
#include "grpo/trainer.h"
#include "pipelines/batch_check.h"
#include "pipelines/episode_lines.h"
#include "pipelines/interruption.h"
#include "pipelines/reward_hacking_alarm.h"
#include "pipelines/saved_rollouts.h"
#include "pipelines/stage_curriculum.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"
#include "pipelines/stage_memory.h"
#include "pipelines/stage_policy.h"
#include "policy/device_memory.h"

namespace grpo {
namespace {

// The step that went wrong, for grpo replay; the newest two are kept. Returns where it is.
std::string save_skipped(const StageContext& context, const Trainer& trainer) {
  constexpr int64_t keep = 2;
  const std::string skipped = context.directory + "/skipped";
  save_checkpoint(skipped, trainer.steps_done(), keep,
                  {{"stage", context.plan.spec.name}, {"step", trainer.steps_done()}},
                  [&](const std::string& path) { trainer.save_skipped(path); });
  return checkpoint_path(skipped, trainer.steps_done());
}

// Takes the heaviest training pass once, so that a device that is too small shows now.
void probe(const StageContext& context, const StageData& data, const Policy& policy, Trainer& trainer) {
  const int64_t prompt = longest_samples(context.recipe, context.plan, data, *context.source.files.tokenizer).prompt;
  StepTimes times;
  Json spent = Json::object();
  int64_t tokens = 0;
  try {
    tokens = trainer.probe(prompt);
  } catch (const c10::OutOfMemoryError&) {
    throw Error(fmt::format("the device is too small for a training pass of {} prompt and {} completion tokens", prompt,
                            context.plan.max_completion_length),
                context.recipe.file + ": " + context.plan.spec.path,
                "lower tokens_per_micro_batch or max_completion_length, or set gradient_checkpointing");
  }
  times.report(spent);
  fmt::print(stderr, "{}: a full training pass of {} tokens took {:.2f} s; at most {} of memory so far, {} planned\n",
             context.plan.spec.name, tokens, spent["step_time"].get<double>(),
             size_text(peak_memory(policy.device())), size_text(context.planned_memory));
}

Collector::Rollout saved_rollout(const StageContext& context, int64_t step, const ModelConfig& config) {
  const std::string& path = context.rollouts.at(static_cast<size_t>(step / context.plan.steps_per_rollout));
  Collector::Rollout rollout = load_rollout(path);
  check_batch(rollout.groups, config.vocab_size, path);
  return rollout;
}

// Whether the step that was just taken is the first that learned from its rollout.
bool first_of_rollout(const StageContext& context, const Trainer& trainer) {
  return (trainer.steps_done() - 1) % context.plan.steps_per_rollout == 0;
}

void watch_rollout(RewardHackingAlarm& alarm, const Rubric& rubric, const Trainer& trainer, Json& metrics) {
  alarm.add(rubric, trainer.groups());
  if (alarm.options().by_evaluations) return;
  if (const auto holds = alarm.rollout_done(trainer.steps_done())) metrics["alarm/reward_hacking"] = *holds ? 1 : 0;
}

}  // namespace

Json run_rl_stage(const StageContext& context, Policy& policy) {
  ObjectReader r(context.plan.spec.options, context.recipe.file, context.plan.spec.path);
  const Rubric rubric = stage_rubric(context);
  TrainerOptions options = read_trainer_options(r);
  options.rewards_log = context.rewards_log;
  options.stop_request = [] { return Interruption::signal() != 0; };
  options.sampling.eos_ids = context.source.files.eos_token_ids;
  Trainer trainer(policy, &*context.source.files.tokenizer, rubric, options,
                  stage_seed(context.recipe, context.plan.spec), reference_policy(options, policy));
  const StageData data = load_data(context.recipe, context.plan, context.source);
  const bool sampled = context.rollouts.empty();
  std::optional<Curriculum> curriculum;
  if (sampled) curriculum = make_curriculum(context, options, policy, rubric, data);
  const DrawProblem draw = [&](int64_t n) { return curriculum ? curriculum->draw(n) : data.train->draw(n); };
  // --debug train-only: the next of the rollouts that were saved.
  const auto saved = [&] { return saved_rollout(context, trainer.steps_done(), policy.config()); };
  probe(context, data, policy, trainer);
  RewardHackingOptions watch = read_reward_hacking_options(r);
  watch.watched = watch.watched && (context.plan.eval || !watch.by_evaluations);  // --debug evaluates nothing
  std::optional<RewardHackingAlarm> alarm = RewardHackingAlarm::of(rubric, watch);
  StageLoop loop;
  loop.times = &trainer.times();
  loop.alarm = alarm ? &*alarm : nullptr;
  loop.step = [&] {
    Json metrics = sampled ? trainer.collect(draw) : trainer.collect_from(saved);
    metrics.update(trainer.learn());
    if (trainer.skipped()) trainer.stop_if_stuck(save_skipped(context, trainer));
    if (alarm && first_of_rollout(context, trainer)) watch_rollout(*alarm, rubric, trainer, metrics);
    return metrics;
  };
  loop.save = [&](const std::string& to) { trainer.save(to); };
  loop.restore = [&](const std::string& from) { trainer.restore(from); };
  loop.eval_at_start = true;
  loop.write_episodes = [&](MetricsWriter& file, int64_t line) {
    if (!first_of_rollout(context, trainer)) return;
    write_episodes(file, line, context.plan, trainer.groups(), rubric);
  };
  const std::string accuracy = "rewards/" + rubric.items.front().label + "/mean";
  // Steps that share a rollout show what it gave.
  Json rollout = Json::object();
  loop.shown = [accuracy, rollout](const Json& m) mutable {
    if (m.contains("reward")) rollout = m;
    return ProgressMetrics{{accuracy, number_of(rollout, accuracy.c_str())},
                           {"reward", number_of(rollout, "reward")},
                           {"length", number_of(rollout, "completions/mean_length")}};
  };
  // Said once: what became of later steps is in the metrics.
  loop.warning = [wanted = context.plan.rollout_draws, said = false](const Json& m) mutable -> std::string {
    const auto found = m.find("rollout/groups");
    if (said || found == m.end() || *found >= wanted) return "";
    said = true;
    return fmt::format("dynamic_sampling found {} of {} groups with different rewards in {} rounds; training goes on "
                       "with these",
                       found->get<int64_t>(), wanted, m["rollout/rounds"].get<int64_t>());
  };
  Json eval = run_loop(context, policy, loop, eval_problems(context.plan, data), rubric);
  Json finished = {{"steps", context.plan.max_steps}, {"eval", std::move(eval)}};
  add_contaminated(data, finished);
  if (alarm) finished["alarms"] = alarm->alarms();
  return finished;
}

}  // namespace grpo

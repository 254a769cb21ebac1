// The stage "rl" without learning (--debug rollout-only).

#include <fmt/format.h>

#include <filesystem>

#include "core/atomic_directory.h"
#include "core/cancelled.h"
#include "core/make_folders.h"
#include "core/metric_names.h"
#include "core/tensorboard_events.h"
#include "grpo/collector.h"
#include "pipelines/episode_lines.h"
#include "pipelines/interruption.h"
#include "pipelines/saved_rollouts.h"
#include "pipelines/stage_curriculum.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"

namespace grpo {

namespace fs = std::filesystem;

std::vector<std::string> run_rollouts(const StageContext& context, const Policy& policy) {
  const StagePlan& plan = context.plan;
  ObjectReader r(plan.spec.options, context.recipe.file, plan.spec.path);
  const Rubric rubric = stage_rubric(context);
  TrainerOptions options = read_trainer_options(r);
  options.rewards_log = context.rewards_log;
  options.stop_request = [] { return Interruption::signal() != 0; };
  options.sampling.eos_ids = context.source.files.eos_token_ids;
  const StageData data = load_data(context.recipe, plan, context.source);
  const std::optional<Curriculum> curriculum = make_curriculum(context, options, policy, rubric, data);
  const DrawProblem draw = [&](int64_t n) { return curriculum ? curriculum->draw(n) : data.train->draw(n); };
  Collector collector(policy, &*context.source.files.tokenizer, rubric, options,
                      stage_seed(context.recipe, plan.spec));

  const std::string directory = context.directory + "/rollouts";
  make_folders(directory);
  remove_unfinished(directory);
  std::vector<std::string> paths;
  int64_t step = 0;
  while (step < plan.max_steps && fs::exists(rollout_path(directory, step))) {
    paths.push_back(rollout_path(directory, step));
    step += plan.steps_per_rollout;
  }
  if (!paths.empty()) collector.set_problems_drawn(problems_drawn_with(paths.back()));

  // A rollout's line is that of the first step which would learn from it.
  const int64_t last_line = context.step_offset + step;
  MetricsWriter metrics_file(context.metrics_path, last_line), episodes(context.episodes_path, last_line);
  TensorBoardWriter tensorboard(context.tensorboard, last_line);
  Progress progress(plan.spec.name, plan.max_steps, step);
  StepTimes times;
  const std::string accuracy = "rewards/" + rubric.items.front().label + "/mean";
  for (; step < plan.max_steps; step += plan.steps_per_rollout) {
    const Collector::Rollout rollout = collector.collect(draw, step, times);
    const int64_t line = context.step_offset + step + 1;
    Json metrics = {{"stage", plan.spec.name}, {"stage_step", step + 1}};
    metrics.update(rollout.metrics);
    write_episodes(episodes, line, plan, rollout.groups, rubric);
    times.report(metrics);
    const Json named = named_metrics(metrics, plan.metric_names);
    metrics_file.write(line, named);
    tensorboard.write(line, named);
    // Last, so that a rollout that is there has its lines too.
    paths.push_back(rollout_path(directory, step));
    save_rollout(paths.back(), rollout, plan.spec.name, step, collector.problems_drawn());
    progress.update(std::min(step + plan.steps_per_rollout, plan.max_steps),
                    {{accuracy, number_of(metrics, accuracy.c_str())},
                     {"reward", number_of(metrics, "reward")},
                     {"length", number_of(metrics, "completions/mean_length")}});
    if (Interruption::signal() != 0 && step + plan.steps_per_rollout < plan.max_steps) throw Cancelled();
  }
  metrics_file.sync();
  tensorboard.sync();
  episodes.sync();
  progress.finish();
  return paths;
}

}  // namespace grpo

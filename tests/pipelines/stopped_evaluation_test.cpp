// A signal in the middle of an evaluation: it is given up, and the run that goes on makes it anew.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "grpo/sft_trainer.h"
#include "pipelines/checkpoints.h"
#include "pipelines/interruption.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"
#include "pipelines/stage_policy.h"
#include "tests/grpo/tiny_training.h"
#include "tests/pipelines/two_stages.h"

namespace grpo {
namespace {

constexpr int64_t kProblems = 80;

// A stage that evaluates before its first step and after steps 3, 6 and 7, the last.
class StoppedEvaluation : public RecipeRun {
 protected:
  // Runs it as far as it comes. The signal arrives while the nth completion of this process is scored, or at the end of
  // a step's training (0: never).
  Json run_stage(const std::string& out, int64_t signal_at = 0, int64_t signal_in_step = 0) {
    const Recipe recipe = read_recipe(recipe_, {"warm.eval.num_problems=" + std::to_string(kProblems)});
    const PolicySource source = read_policy_source(recipe.policies.at(""), recipe.file);
    StagePlan plan = plan_stage(recipe, recipe.stages[0]);
    plan.eval->options.engine.max_running = 8;  // of 160 samples, so that most are still to come when the first are scored
    const std::string directory = stage_directory(path(out), 0, "warm");
    const StageContext context{.recipe = recipe,
                               .plan = plan,
                               .source = source,
                               .directory = directory,
                               .metrics_path = path(out) + "/metrics.jsonl",
                               .tensorboard = path(out) + "/tensorboard",
                               .episodes_path = path(out) + "/episodes.jsonl",
                               .rewards_log = path(out) + "/rewards.log"};
    Policy policy = starting_policy(recipe, 0, source, std::nullopt, at::kCPU);
    ObjectReader r(recipe.stages[0].options, recipe.file);
    SftTrainer trainer(policy, read_sft_options(r));
    StepTimes times;
    StageLoop loop;
    loop.times = &times;
    loop.step = [&] {
      Json metrics = trainer.step([](int64_t n) { return SftSequence{{1, 2}, {n % 10, n % 7, 18}}; });
      if (trainer.steps_done() == signal_in_step) kill(getpid(), SIGTERM);
      return metrics;
    };
    loop.save = [&](const std::string& to) { trainer.save(to); };
    loop.restore = [&](const std::string& from) { trainer.restore(from); };
    loop.shown = [](const Json&) { return ProgressMetrics{}; };
    loop.write_episodes = [](MetricsWriter& file, int64_t line) { file.write(line, {{"stage", "warm"}}); };
    loop.eval_at_start = true;
    scored_ = 0;
    const Interruption interruption;
    const Rubric rubric = testing::rubric_of([&](const Episode& episode) {
      if (++scored_ == signal_at) kill(getpid(), SIGTERM);
      return episode.completion_ids.size() > 9 ? 1.0 : 0.0;
    });
    const Json history = run_loop(context, policy, loop, eval_problems(plan, load_data(recipe, plan, source)), rubric);
    weights_ = testing::weights_of(policy);
    return history;
  }
  std::string stage(const std::string& out) const { return path(out + "/stages/01-warm"); }

  std::atomic<int64_t> scored_ = 0;
  std::vector<NamedTensor> weights_;
};

TEST_F(StoppedEvaluation, IsMadeAnewByTheRunThatGoesOnBitForBit) {
  const Json history = run_stage("whole");
  const std::vector<NamedTensor> weights = weights_;
  const int64_t each = scored_ / 4;
  ASSERT_EQ(each, kProblems * 2);
  int64_t evaluation = 0;
  for (const int64_t step : {0, 3, 6, 7}) {
    const int64_t sample = step % 2 == 0 ? 1 : each / 4;
    const std::string out = "after" + std::to_string(step);
    SCOPED_TRACE(out);
    EXPECT_THROW(run_stage(out, evaluation * each + sample), Interrupted);
    EXPECT_LT(scored_, (evaluation + 1) * each) << "the evaluation went on to its end";
    const auto checkpoints = usable_checkpoints(stage(out));
    ASSERT_FALSE(checkpoints.empty());
    EXPECT_EQ(checkpoints.front().first, step) << "the step before is not lost";
    // Given up a second time, it is still to be made.
    EXPECT_THROW(run_stage(out, sample), Interrupted);
    EXPECT_EQ(run_stage(out), history);
    EXPECT_EQ(testing::changed(weights, weights_), "");
    EXPECT_EQ(without_times(lines(out + "/metrics.jsonl")), without_times(lines("whole/metrics.jsonl")));
    EXPECT_EQ(lines(out + "/episodes.jsonl"), lines("whole/episodes.jsonl"));
    ++evaluation;
  }
}

TEST_F(StoppedEvaluation, IsNotBegunWhereTheSignalCameDuringTheStep) {
  const Json history = run_stage("whole");
  for (const int64_t step : {3, 5, 7}) {  // after 5 there is none
    const std::string out = "during" + std::to_string(step);
    EXPECT_THROW(run_stage(out, 0, step), Interrupted);
    EXPECT_EQ(scored_, step == 3 ? kProblems * 2 : step == 5 ? kProblems * 4 : kProblems * 6);
    EXPECT_EQ(usable_checkpoints(stage(out)).front().first, step);
    EXPECT_EQ(run_stage(out), history);
    EXPECT_EQ(without_times(lines(out + "/metrics.jsonl")), without_times(lines("whole/metrics.jsonl")));
  }
}

// The run goes on, writes the line of that step, and is killed before the next checkpoint: the line is written once.
TEST_F(StoppedEvaluation, ItsStepHasOneLineHoweverOftenTheRunGoesOn) {
  run_stage("whole");
  const int64_t each = scored_ / 4;
  EXPECT_THROW(run_stage("out", each + 5), Interrupted);
  const std::string checkpoint = usable_checkpoints(stage("out")).front().second;
  std::filesystem::copy(checkpoint, path("kept"), std::filesystem::copy_options::recursive);
  run_stage("out");
  // As it is found by a run after that kill.
  remove_checkpoints(stage("out"));
  std::filesystem::copy(path("kept"), checkpoint, std::filesystem::copy_options::recursive);
  run_stage("out");
  EXPECT_EQ(without_times(lines("out/metrics.jsonl")), without_times(lines("whole/metrics.jsonl")));
  EXPECT_EQ(lines("out/episodes.jsonl"), lines("whole/episodes.jsonl"));
}

}  // namespace
}  // namespace grpo

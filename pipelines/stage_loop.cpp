#include "pipelines/stage_loop.h"

#include <fmt/format.h>

#include <csignal>
#include <limits>

#include "core/atomic_directory.h"
#include "core/cancelled.h"
#include "core/error.h"
#include "core/make_folders.h"
#include "core/metric_names.h"
#include "core/tensorboard_events.h"
#include "pipelines/checkpoints.h"
#include "pipelines/interruption.h"
#include "policy/device_memory.h"

namespace grpo {

double number_of(const Json& metrics, const char* key) {
  const auto it = metrics.find(key);
  return it != metrics.end() && it->is_number() ? it->get<double>()
                                                : std::numeric_limits<double>::quiet_NaN();
}

namespace {

constexpr const char* kAlarm = "reward_hacking_alarm";  // in the manifest of a checkpoint: the alarm's state
constexpr const char* kUnwritten = "unwritten_step";  // in the manifest of a checkpoint: metrics of its last step

class RunningStage {
 public:
  RunningStage(const StageContext& context, const Policy& policy, const StageLoop& loop)
      : context_(context), policy_(policy), loop_(loop), step_(resume()) {}

  Json run(const std::vector<Problem>& problems, const std::optional<Rubric>& rubric) {
    const StagePlan& plan = context_.plan;
    if (alarmed()) stop_for_alarm();
    if (step_ > 0) progress_.message(fmt::format("{}: resumed from checkpoint {}", plan.spec.name, step_));
    try {
      if (step_ == 0 && plan.eval && loop_.eval_at_start) {
        Json metrics = header();
        evaluate_now(problems, *rubric, metrics);
        loop_.times->report(metrics);
        write(metrics);
      }
      if (!unwritten_.is_null()) finish_step(problems, rubric);
    } catch (const Cancelled&) {
      stop_here();
    }
    while (step_ < plan.max_steps) {
      try {
        take_step();
        finish_step(problems, rubric);
      } catch (const Cancelled&) {
        stop_here();
      }
      const bool last = step_ == plan.max_steps;
      const int signal = Interruption::signal();
      if (!last && (signal != 0 || (plan.checkpoints.save_steps > 0 && step_ % plan.checkpoints.save_steps == 0))) {
        save();
      }
      if (!last && signal != 0) throw Interrupted(signal, stopped_text(signal));
    }
    metrics_.sync();
    tensorboard_.sync();
    episodes_.sync();
    progress_.finish();
    return std::move(history_);
  }

 private:
  // Steps done by those before us.
  int64_t resume() {
    make_folders(context_.directory);
    remove_unfinished(context_.directory);
    const auto checkpoints = usable_checkpoints(context_.directory);
    if (checkpoints.empty()) return 0;
    loop_.restore(checkpoints.front().second);
    const int64_t step = checkpoints.front().first;
    const Json info = read_manifest(checkpoints.front().second);
    if (step > 0) history_ = info["eval"];  // at 0 it is evaluated again
    if (step > 0 && loop_.alarm != nullptr && info.contains(kAlarm)) loop_.alarm->restore(info[kAlarm]);
    unwritten_ = info.value(kUnwritten, Json());
    return step;
  }

  // Saves what there is: after the last step that was done, also where its evaluation is not. The step that was under way
  // is taken again from the checkpoint, or, if it had its rollout, from there.
  [[noreturn]] void stop_here() {
    const auto saved = usable_checkpoints(context_.directory);
    if (saved.empty() || saved.front().first != step_) save();
    const int signal = Interruption::signal();
    throw Interrupted(signal, stopped_text(signal));
  }

  int64_t line() const { return context_.step_offset + step_; }
  int64_t last_line() const { return step_ == 0 ? line() - 1 : line(); }
  // Of metrics: the line of a step that is still to be evaluated may be there, from a run that was killed after it.
  int64_t last_written() const { return unwritten_.is_null() ? last_line() : line() - 1; }
  Json header() const { return {{"stage", context_.plan.spec.name}, {"stage_step", step_}}; }

  void take_step() {
    const StagePlan& plan = context_.plan;
    const Json result = loop_.step();
    ++step_;
    Json metrics = header();
    metrics.update(result);
    if (const std::string text = loop_.warning ? loop_.warning(metrics) : ""; !text.empty()) {
      progress_.message(fmt::format("{}: step {}: warning: {}", plan.spec.name, step_, text));
    }
    if (loop_.write_episodes) loop_.write_episodes(episodes_, line());
    unwritten_ = metrics;
  }

  // The evaluation that a step is followed by, and its line. From unwritten_, which a checkpoint keeps where the
  // evaluation was given up.
  void finish_step(const std::vector<Problem>& problems, const std::optional<Rubric>& rubric) {
    const StagePlan& plan = context_.plan;
    Json metrics = unwritten_;
    const bool last = step_ == plan.max_steps;
    if (plan.eval && (last || (plan.eval->steps > 0 && step_ % plan.eval->steps == 0))) {
      evaluate_now(problems, *rubric, metrics);
    }
    metrics["memory/peak_bytes"] = peak_memory(policy_.device());
    metrics["memory/planned_bytes"] = context_.planned_memory;
    loop_.times->report(metrics);
    write(metrics);
    unwritten_ = Json();
    progress_.update(step_, loop_.shown(metrics));
    hear_alarm();
  }

  bool alarmed() const { return loop_.alarm != nullptr && loop_.alarm->options().stop && !loop_.alarm->alarms().empty(); }

  // After the line that has it is written.
  void hear_alarm() {
    if (loop_.alarm == nullptr || heard_ == loop_.alarm->alarms().size()) return;
    const Json& alarms = loop_.alarm->alarms();
    if (heard_ == 0) {
      progress_.message(fmt::format("{}: step {}: alarm: {}", context_.plan.spec.name, step_,
                                    RewardHackingAlarm::text(alarms.front())));
    }
    heard_ = alarms.size();
    if (!alarmed()) return;
    save();
    stop_for_alarm();
  }

  // The newest checkpoint that is not of later than the best evaluation.
  std::string best_checkpoint(int64_t best_step) const {
    for (const auto& [step, path] : usable_checkpoints(context_.directory)) {
      if (step <= best_step) return path;
    }
    return "none is kept (save_steps, save_total_limit)";
  }

  [[noreturn]] void stop_for_alarm() {
    metrics_.sync();
    tensorboard_.sync();
    episodes_.sync();
    progress_.finish();
    const Json& alarm = loop_.alarm->alarms().front();
    const auto best = alarm["best_step"].get<int64_t>();
    throw Error(fmt::format("stopped at step {}: {}", alarm["step"].get<int64_t>(), RewardHackingAlarm::text(alarm)),
                fmt::format("stage \"{}\" in {}", context_.plan.spec.name, context_.directory),
                fmt::format("the evaluation after step {} was the best, its checkpoint: {}; run anew with {}less weight on \"{}\", or "
                            "with on_reward_hacking \"warn\"",
                            best, best_checkpoint(best), best > 0 ? fmt::format("max_steps {}, ", best) : "",
                            alarm["reward"].get<std::string>()));
  }

  void write(const Json& metrics) {
    const Json named = named_metrics(metrics, context_.plan.metric_names);
    metrics_.write(line(), named);
    tensorboard_.write(line(), named);
  }

  void evaluate_now(const std::vector<Problem>& problems, const Rubric& rubric, Json& metrics) {
    const StagePlan& plan = context_.plan;
    EvalOptions options = plan.eval->options;
    options.sampling.eos_ids = context_.source.files.eos_token_ids;
    options.stop_request = [] { return Interruption::signal() != 0; };
    const EvalResult result = loop_.times->measure("evaluate", [&] {
      return evaluate(policy_, &*context_.source.files.tokenizer, rubric, problems, options);
    });
    metrics.update(eval_metrics(result, "eval_"));
    if (loop_.alarm != nullptr && loop_.alarm->options().by_evaluations) {
      metrics["alarm/reward_hacking"] = loop_.alarm->evaluated(step_, result.pass_at_1, result.pass_at_1_stderr) ? 1 : 0;
    }
    history_.push_back({{"step", step_},
                        {"accuracy", result.pass_at_1},
                        {"accuracy_stderr", result.pass_at_1_stderr},
                        {"mean_length", result.mean_length},
                        {"reward", result.reward}});
    progress_.message(fmt::format("{}: step {}: held-out accuracy {:.3f} +- {:.3f}, mean length {:.1f} tokens",
                                  plan.spec.name, step_, result.pass_at_1, result.pass_at_1_stderr,
                                  result.mean_length));
  }

  void save() {
    const StagePlan& plan = context_.plan;
    loop_.times->measure("save", [&] {
      metrics_.sync();
      tensorboard_.sync();
      episodes_.sync();
      Json info = {{"stage", plan.spec.name}, {"step", step_}, {"eval", history_}};
      if (!unwritten_.is_null()) info[kUnwritten] = unwritten_;
      if (loop_.alarm != nullptr) info[kAlarm] = loop_.alarm->state();
      save_checkpoint(context_.directory, step_, plan.checkpoints.save_total_limit, info, loop_.save);
    });
  }

  std::string stopped_text(int signal) const {
    return fmt::format("stopped by {} after step {} of stage \"{}\"; its checkpoint is saved, and the same command goes on "
                       "from there",
                       signal == SIGINT ? "SIGINT" : "SIGTERM", step_, context_.plan.spec.name);
  }

  const StageContext& context_;
  const Policy& policy_;
  const StageLoop& loop_;
  Json history_ = Json::array();
  Json unwritten_;  // of a step that is done and whose evaluation or line is not; null: there is none
  int64_t step_ = 0;
  size_t heard_ = loop_.alarm == nullptr ? 0 : loop_.alarm->alarms().size();  // alarms of those before us
  MetricsWriter metrics_{context_.metrics_path, last_written()};
  TensorBoardWriter tensorboard_{context_.tensorboard, last_written()};
  MetricsWriter episodes_{context_.episodes_path, last_line()};
  Progress progress_{context_.plan.spec.name, context_.plan.max_steps, step_};
};

}  // namespace

Json run_loop(const StageContext& context, const Policy& policy, const StageLoop& loop,
              const std::vector<Problem>& problems, const std::optional<Rubric>& rubric) {
  return RunningStage(context, policy, loop).run(problems, rubric);
}

}  // namespace grpo

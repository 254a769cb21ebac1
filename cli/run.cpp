// grpo run: a recipe from start to finish, or from where it stopped.

#include "pipelines/eval_results.h"
#include "pipelines/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "core/progress.h"
#include "pipelines/interruption.h"

namespace grpo {
namespace {

struct Options {
  RecipeOptions recipe;
  std::string out;
  DeviceOptions device;
  bool ignore_memory_plan = false;
  std::string debug;
  std::string rollouts;
};

DebugMode debug_mode(const std::string& name) {
  return name.empty() ? DebugMode::kNone : name == "rollout-only" ? DebugMode::kRolloutOnly : DebugMode::kTrainOnly;
}

// "0.031 -> 0.874" of one metric over a stage's evaluations; "-" where it was never measured.
std::string from_to(const Json& evaluations, const char* key, const char* format) {
  std::string first, last;
  int64_t count = 0;
  for (const Json& evaluation : evaluations) {
    if (!evaluation.is_object() || !evaluation.contains(key) || !evaluation[key].is_number()) continue;
    last = fmt::format(fmt::runtime(format), evaluation[key].get<double>());
    if (count++ == 0) first = last;
  }
  return count == 0 ? "-" : count == 1 ? last : first + " -> " + last;
}

void print_summary(const Json& summary, const std::string& out) {
  constexpr const char* kRow = "{:<16} {:<12} {:>7}  {:<18} {:<18} {:>8}\n";
  std::string text = fmt::format(kRow, "stage", "type", "steps", "accuracy", "mean length", "time");
  std::string model, rollouts, exams;
  const Json stages = summary.value("stages", Json::array());
  for (const Json& stage : stages) {
    const bool exam = stage.value("stage", "") == "eval";
    if (exam) exams += "\n" + stage.value("name", "") + "\n" + eval_results_table(stage.value("eval", Json::array()));
    // An exam's are of many models, and have a table of their own.
    const Json evaluations = exam ? Json::array() : stage.value("eval", Json::array());
    text +=
        fmt::format(kRow, stage.value("name", ""), stage.value("stage", ""), stage.value("steps", int64_t{0}),
                    from_to(evaluations, "accuracy", "{:.4f}"), from_to(evaluations, "mean_length", "{:.1f}"),
                    format_duration(stage.value("seconds", 0.0)));
    model = stage.value("model", model);
    const Json saved = stage.value("rollouts", Json::array());
    if (!saved.empty()) rollouts = fmt::format("\nrollouts: {}, from {} on\n", saved.size(), saved[0].get<std::string>());
  }
  text += exams + rollouts;
  if (!model.empty()) text += "\nmodel:  " + model + "\n";
  text += fmt::format("{}run:    {}\n", model.empty() ? "\n" : "", out);
  std::fputs(text.c_str(), stdout);
}

int run(const Options& options) {
  if (!options.rollouts.empty() && options.debug != "train-only") {
    throw Error("without effect beside --debug " + options.debug, "--rollouts", "remove it, or use --debug train-only");
  }
  try {
    const Json summary = run_recipe(options.recipe.recipe, options.recipe.overrides, options.out,
                                    {.device = options.device.device,
                                     .dtype = options.device.dtype,
                                     .ignore_memory_plan = options.ignore_memory_plan,
                                     .debug = debug_mode(options.debug),
                                     .rollouts = options.rollouts});
    print_summary(summary, options.out);
    return 0;
  } catch (const Interrupted& interrupted) {
    fmt::print(stderr, "{}\n", interrupted.what());
    return 128 + interrupted.signal();  // what a shell reports of a program that the signal ended
  }
}

}  // namespace

void add_run_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("run", "train: run a recipe, or resume it where it stopped");
  add_recipe_options(*command, options->recipe);
  command->add_option("--out", options->out, "folder of the run; one that holds an unfinished run is resumed")
      ->required();
  add_device_options(*command, options->device);
  command->add_flag("--ignore-memory-plan", options->ignore_memory_plan,
                    "run even where the memory plan says that the GPU is too small");
  auto* debug = command
                    ->add_option("--debug", options->debug,
                                 "half of the recipe's first rl stage that is not finished, and the run ends: rollout-only "
                                 "samples and scores the rollouts of all its steps with the policy as it is, keeps them below "
                                 "OUT/stages/NN-NAME/rollouts and learns nothing; train-only learns from such rollouts and "
                                 "samples nothing, evaluations included. Needs an OUT of its own, which both may share")
                    ->check(CLI::IsMember({"rollout-only", "train-only"}));
  command->add_option("--rollouts", options->rollouts,
                      "of --debug train-only: folder of rollouts, or one rollout; those below OUT by default")
      ->needs(debug);
  command->footer("Example:\n  grpo run recipes/quickstart.json --out runs/quickstart --set seed=2");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

// grpo replay: loss, metrics and gradients of a saved batch.

#include "pipelines/replay.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"

namespace grpo {
namespace {

struct Options {
  ReplayOptions replay;
  DeviceOptions device;
  std::string gradients;
  bool json = false;
};

std::string number_text(const Json& value) {
  return value.is_number_float() ? fmt::format("{:.9g}", value.get<double>()) : value.dump();
}

std::string table(const Json& report) {
  std::string text = fmt::format("step {}: {} groups, {} samples, {} tokens; {}\n\n", report["step"].get<int64_t>(),
                                 report["groups"].get<int64_t>(), report["sequences"].get<int64_t>(),
                                 report["tokens"].get<double>(),
                                 report["finite"].get<bool>() ? "loss and gradients are finite"
                                                              : "loss or gradients are NOT finite");
  for (const auto& [name, value] : report["metrics"].items()) text += fmt::format("{:<48} {}\n", name, number_text(value));
  text += fmt::format("\n{:<60} {:>14} {:>14} {:>10}\n", "gradient of", "norm", "largest", "not finite");
  for (const Json& g : report["gradients"]) {
    text += fmt::format("{:<60} {:>14} {:>14} {:>10}\n", g["name"].get<std::string>(), number_text(g["norm"]),
                        number_text(g["max"]), g["nonfinite"].get<int64_t>());
  }
  return text;
}

int run(Options options) {
  options.replay.device = options.device.device;
  options.replay.dtype = options.device.dtype;
  options.replay.gradients = !options.gradients.empty();
  const Replay replay = replay_step(options.replay);
  if (!options.gradients.empty()) write_safetensors(options.gradients, replay.gradients);
  const std::string text = options.json ? replay.report.dump() + "\n" : table(replay.report);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

void add_replay_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("replay", "loss, metrics and gradients of a saved batch");
  command->description(
      "Computes an optimizer step again from what a run has saved of it, and takes none: of a batch whose loss or "
      "gradients were not finite (stages/NN-NAME/skipped), of a checkpoint between steps that share a rollout, or of a "
      "batch alone with the weights given by --model: a rollout's folder, or JSON lines of samples, which is how batches "
      "of other frameworks come in (pipelines/batch_file.h). Advantages are computed anew from the rewards.");
  command->add_option("batch", options->replay.batch, "folder of the checkpoint or rollout, or a .jsonl of samples")->required();
  command->add_option("--model", options->replay.model, "the batch is a rollout alone; this checkpoint has the weights");
  command->add_option("--set", options->replay.overrides, "KEY=VALUE in place of an option of the stage; repeatable");
  command->add_option("--gradients", options->gradients, "write all (clipped) gradients to this safetensors file");
  command->add_flag("--json", options->json, "one JSON object");
  add_device_options(*command, options->device);
  command->footer(
      "Example:\n  grpo replay runs/a/stages/01-rl/skipped/checkpoint-000212 --set tokens_per_micro_batch=4096");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

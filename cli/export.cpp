// grpo export: a checkpoint written again, with an adapter merged in or in another dtype.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/atomic_directory.h"
#include "policy/io/adapter.h"
#include "policy/io/checkpoint.h"

namespace grpo {
namespace {

struct Options {
  ModelOptions model;
  std::string dtype;
  std::string out;
};

int run(const Options& options) {
  if (std::filesystem::exists(options.out)) {
    throw Error("there is something there already", "--out " + options.out, "give a new folder");
  }
  std::optional<at::ScalarType> dtype;
  if (!options.dtype.empty()) dtype = parse_dtype(options.dtype, "--dtype");
  // On the CPU: there is nothing to compute but the products of adapters.
  Checkpoint checkpoint = load_checkpoint(options.model.model, dtype, at::kCPU);
  if (!options.model.adapter.empty()) {
    load_adapter(options.model.adapter, checkpoint.policy);
    checkpoint.policy.merge_adapters();
  }
  Json info = {{"model", options.model.model}};
  if (!options.model.adapter.empty()) info["adapter"] = options.model.adapter;
  AtomicDirectory out(options.out);
  save_checkpoint(checkpoint.policy, checkpoint.files, out.path());
  out.commit(info);
  std::printf("%s\n", options.out.c_str());
  return 0;
}

}  // namespace

void add_export_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "write a checkpoint again: adapter merged in, other dtype");
  command->description(
      "Writes a Hugging Face checkpoint that needs nothing beside it. With --adapter, W + scale * B A is\n"
      "computed in float32 and rounded once. Float8 weights are written dequantised.");
  add_model_options(*command, options->model);
  command->add_option("--dtype", options->dtype, "float32 or bfloat16; default: the checkpoint's")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_option("--out", options->out, "folder to write; it appears when all is done")->required();
  command->footer(
      "Example:\n  grpo export --model path/to/base --adapter runs/lora/stages/01-rl/adapter --out merged");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

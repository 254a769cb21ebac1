// grpo check: whether a recipe would run, without weights in memory.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/block.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "pipelines/run.h"
#include "pipelines/stage_memory.h"

namespace grpo {
namespace {

struct Options {
  RecipeOptions recipe;
  DeviceOptions device;
};

int run(const Options& options) {
  Json found = check_recipe(options.recipe.recipe, options.recipe.overrides,
                            {.device = options.device.device, .dtype = options.device.dtype});
  std::string memory;
  for (Json& stage : found["stages"]) {
    const Json planned = std::move(stage["memory"]);
    stage.erase("memory");
    memory += "\n" + memory_text(stage["name"], memory_plan(planned), planned.value("free_bytes", int64_t{0}));
  }
  std::printf("%s%s\nthe recipe is good\n", block(found).c_str(), memory.c_str());
  return 0;
}

}  // namespace

void add_check_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("check", "validate a recipe: keys, data, checkpoint names and shapes");
  add_recipe_options(*command, options->recipe);
  add_device_options(*command, options->device);
  command->footer("Example:\n  grpo check recipes/quickstart.json");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

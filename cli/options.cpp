#include "cli/options.h"

#include <CLI/CLI.hpp>

namespace grpo {

void add_device_options(CLI::App& command, DeviceOptions& options) {
  command.add_option("--device", options.device, "auto, cpu or cuda; auto is cuda where it can be used")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--dtype", options.dtype, "float32 or bfloat16; default: the checkpoint's")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
}

void add_model_options(CLI::App& command, ModelOptions& options) {
  command.add_option("--model", options.model, "checkpoint folder")->required();
  command.add_option("--adapter", options.adapter, "folder of a PEFT adapter (LoRA) of that model");
}

void add_row_options(CLI::App& command, RowOptions& options) {
  command.add_option("--input", options.input, "rows to read, one JSON object per line; default: stdin");
  command.add_option("--output", options.output,
                     "file to write, one JSON object per line; it appears when all is done; default: stdout");
}

void add_recipe_options(CLI::App& command, RecipeOptions& options) {
  command.add_option("recipe", options.recipe, "the recipe, a JSON file")->required();
  command
      .add_option("--set", options.overrides, "change a value of the recipe: key.path=value; may be repeated")
      ->allow_extra_args(false);
}

void add_reward_options(CLI::App& command, RewardOptions& options) {
  command.add_option("--reward", options.name, "a built-in reward: countdown, exact, format, gsm8k, length");
  command.add_option("--options", options.options, "options of that reward, a JSON object")
      ->capture_default_str();
}

Json reward_json(const RewardOptions& options) {
  Json json = parse_json(options.options, "--options");
  if (!json.is_object()) {
    throw Error("expected an object, found " + json_type_name(json), "--options",
                "write --options '{\"extract\": \"answer_tag\"}', for example");
  }
  return json;
}

}  // namespace grpo

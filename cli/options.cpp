#include "cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "pipelines/code_judge.h"
#include "pipelines/model_reward.h"
#include "rewards/registry.h"

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
  command
      .add_option("--reward", options.rewards,
                  "a reward: a built-in NAME, a Python function FILE.py:FUNCTION, NAME={...options}, or an item as in a "
                  "recipe,\n'{\"name\": \"format\", \"weight\": 0.1}'; may be repeated; the reward is the weighted "
                  "sum.\nBuilt in: " +
                      fmt::format("{}", fmt::join(reward_names(), ", ")))
      ->allow_extra_args(false);
  command.add_option("--options", options.options, "options of the one --reward, a JSON object")->capture_default_str();
  command.add_option("--sandbox", options.sandbox,
                     "options of the sandbox of rewards that run code, a JSON object: slots, minimum_tier, memory_mb, "
                     "folders");
}

namespace {

Json options_object(const std::string& text, const std::string& where) {
  Json json = parse_json(text, where);
  if (json.is_object()) return json;
  throw Error("expected an object, found " + json_type_name(json), where,
              "write '{\"extract\": \"answer_tag\"}', for example");
}

// One --reward as an item of a rubric's list.
Json reward_item(const std::string& text) {
  if (text.starts_with("{")) return options_object(text, "--reward");
  const size_t options = text.find("={");
  Json item = item_named(text.substr(0, options));
  if (options == std::string::npos) return item;
  item.update(options_object(text.substr(options + 1), "--reward " + text.substr(0, options)));
  return item;
}

}  // namespace

Rubric read_rewards(const RewardOptions& options) {
  Json list = Json::array();
  for (const std::string& text : options.rewards) list.push_back(reward_item(text));
  const Json shared = options_object(options.options, "--options");
  if (!shared.empty() && list.size() != 1) {
    throw Error(fmt::format("options for {} rewards", list.size()), "--options",
                "give every reward its own: --reward 'exact={\"ignore_case\": true}'");
  }
  if (!shared.empty()) list[0].update(shared);
  RewardContext context;
  if (list_runs_code(list)) {
    const Json sandbox = options.sandbox.empty() ? Json() : options_object(options.sandbox, "--sandbox");
    context.judge = start_judge(sandbox, "command line", "--sandbox");
  } else if (!options.sandbox.empty()) {
    throw Error("without effect: none of the rewards runs code", "--sandbox", "remove it, or add --reward code");
  }
  context.provide = model_rewards({});
  return read_rubric(list, "command line", "--reward", context);
}

}  // namespace grpo

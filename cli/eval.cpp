// grpo eval: accuracy of a model on a data set.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/block.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "cli/options.h"
#include "grpo/evaluate.h"
#include "pipelines/answer_extractor.h"
#include "pipelines/data.h"
#include "rewards/check_host.h"

namespace grpo {
namespace {

struct Options {
  ModelOptions model;
  std::string data;
  DataOptions columns;
  int64_t num_problems = 0;
  EvalOptions eval;
  RewardOptions reward;
  DeviceOptions device;
  bool json = false;
};

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  localtime_r(&now, &day);
  return fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

// A path, or a generator written as a JSON object.
DataOptions data_options(const Options& options, const std::optional<ChatTemplate>& chat_template) {
  DataOptions data = options.columns;
  const bool chat = data.prompt_template == "chat";
  if (!chat && !(data.system.empty() && data.answer_prefix.empty())) {
    throw Error("--system and --answer-prefix are for the model's chat template",
                "--template " + data.prompt_template, "add --template chat");
  }
  if (chat && chat_template && chat_template->depends_on_date()) data.template_date = today();
  data.source = options.data.starts_with("{") ? parse_json(options.data, "--data") : Json(options.data);
  data.where = data.file = "--data";
  return data;
}

std::string table(const EvalResult& result, int64_t samples_per_problem) {
  std::string text = fmt::format("problems   {}\naccuracy   {:.4f} +- {:.4f}\n", result.num_problems,
                                 result.pass_at_1, result.pass_at_1_stderr);
  if (samples_per_problem > 1) {
    text += fmt::format("pass@{:<5} {:.4f}\nmaj@{:<6} {:.4f}\n", samples_per_problem, result.pass_at_k,
                        samples_per_problem, result.maj_at_k);
  }
  text += fmt::format("reward     {:.4f}\nlength     {:.1f} tokens, {:.1f} % cut off\n", result.reward,
                      result.mean_length, 100.0 * result.clipped_ratio);
  if (result.num_unjudged > 0)
    text += fmt::format("unjudged   {} samples, left out of the means\n", result.num_unjudged);
  return text;
}

int run(const Options& options) {
  const Rubric rubric = read_rewards(options.reward);
  const Checkpoint model = open_model(options.model, options.device);
  if (!model.files.tokenizer) {
    throw Error("the model has no tokenizer.json", options.model.model, "evaluation reads and writes text");
  }
  EvalOptions eval = options.eval;
  eval.sampling.eos_ids = model.files.eos_token_ids;
  const ProblemSource source(data_options(options, model.files.chat_template), *model.files.tokenizer,
                             model.files.config.max_position_embeddings, eval.sampling.max_tokens, eval.seed,
                             model.files.chat_template);
  if (source.size() == 0 && options.num_problems == 0) {
    throw Error("a generator never ends", "--num-problems",
                "say how many of its problems: --num-problems 500");
  }
  const std::vector<Problem> problems = source.head(options.num_problems);
  for (const Problem& problem : problems) check_host(rubric, problem, "--data " + options.data);
  const EvalResult result = evaluate(model.policy, &*model.files.tokenizer, rubric, problems, eval);
  const std::string text =
      options.json ? eval_metrics(result, "eval_").dump() + "\n" : table(result, eval.num_samples);
  std::fputs(text.c_str(), stdout);
  return 0;
}

void add_data_options(CLI::App& command, Options& options) {
  command.add_option("--data", options.data, "data file, or a generator: '{\"generator\": \"chain\"}'")
      ->required();
  command.add_option("--num-problems", options.num_problems, "the first problems; 0: all of a file")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--prompt-column", options.columns.prompt_column, "column of the question")
      ->capture_default_str();
  command.add_option("--answer-column", options.columns.answer_column, "column of the gold answer")
      ->capture_default_str();
  command
      .add_option("--answer-extractor", options.columns.answer_extractor,
                  "where the gold stands in that column: ####, boxed or none")
      ->check(CLI::IsMember(answer_extractor_names()))
      ->capture_default_str();
  command
      .add_option("--template", options.columns.prompt_template,
                  "chat (the model's own), r1_zero, none, or a text that holds {prompt}")
      ->capture_default_str();
  command.add_option("--system", options.columns.system, "with --template chat: a system message");
  command.add_option("--answer-prefix", options.columns.answer_prefix,
                     "with --template chat: text that every answer starts with");
}

void add_sampling_options(CLI::App& command, EvalOptions& options) {
  command.add_option("--num-samples", options.num_samples, "samples per problem")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--max-tokens", options.sampling.max_tokens,
                  "most tokens per sample, the end token included")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--temperature", options.sampling.temperature, "0: the most likely token")
      ->capture_default_str();
  command.add_option("--top-p", options.sampling.top_p, "keep the likeliest tokens that hold this mass")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "of all randomness")->capture_default_str();
}

}  // namespace

void add_eval_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("eval", "accuracy of a model on a data set");
  command->description(
      "Accuracy (pass@1) with its standard error over problems, pass@k and maj@k for k samples, and "
      "lengths.\n"
      "A sample is correct if the reward, the first of several, gives it 1 or more.");
  add_model_options(*command, options->model);
  add_data_options(*command, *options);
  add_reward_options(*command, options->reward);
  command->get_option("--reward")->required();
  add_sampling_options(*command, options->eval);
  add_device_options(*command, options->device);
  command->add_flag("--json", options->json, "one JSON object, names as in metrics.jsonl");
  command->footer(
      "Example:\n  grpo eval --model runs/quickstart/stages/02-rl/model --data test.jsonl --reward exact");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

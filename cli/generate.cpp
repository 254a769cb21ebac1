// grpo generate: completions sampled from a model, through the engine that training samples with.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "cli/commands.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/rows.h"
#include "core/progress.h"
#include "rollout/engine.h"

namespace grpo {
namespace {

constexpr int64_t kCallSamples = 2048;  // samples of one call to the engine: several times its rows

struct Options {
  ModelOptions model;
  DeviceOptions device;
  RowOptions rows;
  GenerateOptions generate;
};

// The next rows, enough to keep the engine busy; empty at the end. A problem's id is the row's position in
// the input, so what it samples does not depend on how rows fall into calls.
std::vector<Problem> read_problems(RowReader& in, const CheckpointFiles& files,
                                   const GenerateOptions& options, int64_t first_id) {
  std::vector<Problem> problems;
  const int64_t context = files.config.max_position_embeddings;
  while (static_cast<int64_t>(problems.size()) * options.num_generations < kCallSamples) {
    const auto row = in.next();
    if (!row) break;
    Problem problem;
    problem.id = first_id + static_cast<int64_t>(problems.size());
    problem.prompt_ids = row_ids(*row, "prompt", files);
    const auto length = static_cast<int64_t>(problem.prompt_ids.size());
    if (length + options.sampling.max_tokens > context) {
      throw Error(fmt::format("a prompt of {} tokens and up to {} more exceed the model's context of {}",
                              length, options.sampling.max_tokens, context),
                  row->where, "shorten the prompt or lower --max-tokens");
    }
    problems.push_back(std::move(problem));
  }
  return problems;
}

Json group_json(const Group& group, bool has_text) {
  Json samples = Json::array();
  for (const Episode& episode : group.episodes) {
    samples.push_back({{"text", has_text ? Json(episode.completion) : Json()},
                       {"output_ids", episode.completion_ids},
                       {"logprobs", float_list(episode.behaviour_logprobs)},
                       {"finish_reason", finish_reason_name(episode.finish_reason)}});
  }
  return {{"samples", std::move(samples)}};
}

// Groups end in any order and are written in the order of their rows, each as soon as those before it are.
class OrderedGroups {
 public:
  OrderedGroups(RowWriter& out, bool has_text) : out_(out), has_text_(has_text) {}

  void add(const Group& group) {
    waiting_.emplace(group.problem.id, group_json(group, has_text_));
    while (!waiting_.empty() && waiting_.begin()->first == written_) {
      out_.write(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++written_;
    }
  }
  int64_t written() const { return written_; }

 private:
  RowWriter& out_;
  const bool has_text_;
  std::map<int64_t, Json> waiting_;
  int64_t written_ = 0;
};

int run(const Options& options) {
  const Checkpoint model = open_model(options.model, options.device);
  const Tokenizer* tokenizer = model.files.tokenizer ? &*model.files.tokenizer : nullptr;
  GenerateOptions generate = options.generate;
  generate.sampling.eos_ids = model.files.eos_token_ids;
  validate(generate.sampling, model.files.config.vocab_size, "sampling");
  if (!tokenizer && !generate.sampling.stop_strings.empty()) {
    throw Error("--stop needs text, and the model has no tokenizer.json", options.model.model,
                "leave --stop out");
  }
  RowReader in(options.rows.input);
  RowWriter out(options.rows.output);
  Engine engine(model.policy, tokenizer);
  OrderedGroups groups(out, tokenizer != nullptr);
  std::optional<Progress> progress;
  if (in.total() && !options.rows.output.empty()) progress.emplace("prompts", *in.total());
  int64_t read = 0, tokens = 0, errors = 0;
  double seconds = 0.0;
  for (;;) {
    const std::vector<Problem> problems = read_problems(in, model.files, generate, read);
    if (problems.empty()) break;
    read += static_cast<int64_t>(problems.size());
    engine.generate(problems, generate, [&](Group& group) {
      groups.add(group);
      if (progress) progress->update(groups.written());
    });
    tokens += engine.stats().tokens_generated;
    errors += engine.stats().errors;
    seconds += engine.stats().seconds;
  }
  out.commit();
  progress.reset();
  std::fprintf(stderr, "%s",
               fmt::format("{} prompts, {} samples, {} tokens in {:.1f} s ({:.0f} tokens/s)\n", read,
                           read * generate.num_generations, tokens, seconds,
                           seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0)
                   .c_str());
  if (errors > 0) {
    std::fprintf(
        stderr, "%s",
        fmt::format("{} samples ended in \"error\": their logits were NaN or infinite\n", errors).c_str());
  }
  return 0;
}

void add_sampling_options(CLI::App& command, GenerateOptions& options) {
  SamplingOptions& sampling = options.sampling;
  command.add_option("--num-samples", options.num_generations, "samples per prompt")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--max-tokens", sampling.max_tokens, "most tokens per sample, the end token included")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--temperature", sampling.temperature, "0: the most likely token")
      ->capture_default_str();
  command.add_option("--top-p", sampling.top_p, "keep the likeliest tokens that hold this mass")
      ->capture_default_str();
  command.add_option("--top-k", sampling.top_k, "keep the k likeliest tokens; 0: all")->capture_default_str();
  command.add_option("--min-p", sampling.min_p, "keep tokens this share as likely as the likeliest; 0: all")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "of all randomness")->capture_default_str();
  command
      .add_option("--stop", sampling.stop_strings, "end a sample once its text holds this; may be repeated")
      ->allow_extra_args(false);
}

}  // namespace

void add_generate_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("generate", "sample completions of prompts");
  command->description(
      "{\"prompt\"}, {\"messages\"} or {\"input_ids\"} to {\"samples\": [{\"text\", \"output_ids\", "
      "\"logprobs\", "
      "\"finish_reason\"}]}.\nA prompt is text as it stands, after the tokenizer's BOS; messages go "
      "through\nthe model's chat template (grpo tokenize --help). A row's samples depend on its position and "
      "the seed,\nnot on "
      "the other rows.");
  add_model_options(*command, options->model);
  add_sampling_options(*command, options->generate);
  add_device_options(*command, options->device);
  add_row_options(*command, options->rows);
  command->footer(
      "Example:\n  echo '{\"prompt\": \"Once upon a time\"}' | grpo generate --model path/to/model "
      "--temperature 0");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

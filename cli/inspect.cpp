// grpo inspect: what a checkpoint is and takes, without reading its weights.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/block.h"
#include "cli/commands.h"
#include "pipelines/model_report.h"

namespace grpo {
namespace {

struct Options {
  ReportOptions report;
  bool json = false;
};

// The same with sizes a person can read, and a word on what is absent.
Json for_people(Json found) {
  for (const char* key : {"memory_bytes", "kv_bytes_per_token", "kv_bytes_per_1024_tokens", "tensor_bytes"}) {
    if (!found[key].is_null()) found[key] = bytes_text(found[key].get<uint64_t>());
  }
  Json& memory = found["memory"];
  for (const char* key : {"load", "rollout", "train_full", "train_lora_r16", "train_attention"}) {
    memory[key] = bytes_text(memory[key].get<uint64_t>());
  }
  for (Json& count : found["parameters"]) count = with_commas(count.get<uint64_t>());
  if (found["parameters"]["mtp"] == "0") found["parameters"].erase("mtp");
  found.erase("tokenizer_vocab_size");
  if (found["tokenizer"].is_null()) {
    found["tokenizer"] = "none";
  } else {
    Json& special = found["tokenizer"]["special_tokens"];
    constexpr size_t shown = 12;
    const size_t more = special.size() - std::min(special.size(), shown);
    if (more > 0) {
      special.erase(special.begin() + shown, special.end());
      special.push_back("and " + std::to_string(more) + " more");
    }
  }
  if (found["eos_token_ids"].empty()) found["eos_token_ids"] = "none";
  if (found["tensor_bytes"].is_null() && found["problems"].empty()) found["tensor_bytes"] = "no weights";
  if (found["problems"].empty()) {
    found.erase("problems");
    if (found["tensor_bytes"] != "no weights") found["tensors"] = "names and shapes fit the configuration";
  }
  return found;
}

// One line per text, whole: tensor names are what somebody will look for.
std::string problems_text(const Json& problems) {
  std::string text;
  for (const auto& [kind, texts] : problems.items()) {
    text += kind + " (" + std::to_string(texts.size()) + "):\n";
    for (const Json& line : texts) text += "  " + line.get<std::string>() + "\n";
  }
  return text;
}

int run(const Options& options) {
  const Json found = model_report(options.report);
  const Json& problems = found["problems"];
  if (options.json) {
    std::puts(found.dump().c_str());
  } else {
    Json shown = for_people(found);
    shown.erase("problems");
    std::printf("%s%s", block(shown).c_str(), problems_text(problems).c_str());
  }
  if (problems.empty()) return 0;
  std::fprintf(stderr, "error: the checkpoint cannot be used as it is; see \"problems\"\n  where: %s\n",
               options.report.model.c_str());
  return 1;
}

}  // namespace

void add_inspect_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  ReportOptions& report = options->report;
  CLI::App* command =
      app.add_subcommand("inspect", "what a checkpoint is and takes: sizes, memory, tokenizer, tensors");
  command->description(
      "What a checkpoint is, and what it takes in memory to load, roll out and train, without reading its\n"
      "weights; a config.json alone will do. Where there are weights, tensor names and shapes are compared "
      "with\n"
      "it, and what is missing, unused or mis-shaped is listed (exit status 1).\n"
      "memory: bytes that must be free, by running the code of a stage on tensors without memory. train_full "
      "is\n"
      "AdamW on all weights with float32 masters; train_lora_r16 adapters on all linear maps.");
  command->add_option("model", report.model, "checkpoint folder, or a config.json")->required();
  command->add_option("--dtype", report.dtype, "sizes as of this dtype; default: the checkpoint's")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_option("--device", report.device, "whose memory is planned; it need not be here")
      ->check(CLI::IsMember({"cuda", "cpu"}))
      ->capture_default_str();
  command->add_option("--batch", report.batch, "sequences rolled out at once")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  command->add_option("--context", report.context,
                      "tokens per sequence; default: 4096, or the model's context");
  command->add_option("--micro-batch", report.micro_batch, "tokens of a training pass")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
  command->add_option("--memory", report.memory_gib, "GiB of the device: also says how many sequences fit")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", options->json, "one JSON object");
  command->footer(
      "Examples:\n  grpo inspect path/to/model\n  grpo inspect config.json --batch 256 --memory 139");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

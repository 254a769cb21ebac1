// grpo tokenize: text to token ids, or back.

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/rows.h"
#include "policy/io/tokenizer.h"

namespace grpo {
namespace {

struct Options {
  std::string model;
  bool decode = false;
  RowOptions rows;
};

Json encode_row(const Tokenizer& tokenizer, const DataRow& row) {
  refuse_messages(row);
  return {{"input_ids", tokenizer.encode(read_text(row, "text"))}};
}

Json decode_row(const Tokenizer& tokenizer, const DataRow& row) {
  return {{"text", tokenizer.decode(read_ids(row, "input_ids", tokenizer.vocab_size()))}};
}

int run(const Options& options) {
  const Tokenizer tokenizer = Tokenizer::load(options.model);
  RowReader in(options.rows.input);
  RowWriter out(options.rows.output);
  while (const auto row = in.next()) {
    out.write(options.decode ? decode_row(tokenizer, *row) : encode_row(tokenizer, *row));
  }
  out.commit();
  return 0;
}

}  // namespace

void add_tokenize_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tokenize", "text to token ids, or back");
  command->add_option("--model", options->model, "folder with a tokenizer.json")->required();
  command->add_flag(
      "--decode", options->decode,
      "{\"input_ids\"} to {\"text\"}, without special tokens; else {\"text\"} to {\"input_ids\"}");
  add_row_options(*command, options->rows);
  command->footer(
      "Example:\n  echo '{\"text\": \"Once upon a time\"}' | grpo tokenize --model path/to/model");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

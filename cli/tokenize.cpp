// grpo tokenize: text to token ids, or back.

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/chat_row.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/rows.h"
#include "policy/io/tokenizer.h"

namespace grpo {
namespace {

struct Options {
  std::string model;
  bool decode = false;
  bool render = false;
  RowOptions rows;
};

Json encode_row(const Tokenizer& tokenizer, const std::optional<ChatTemplate>& chat, const DataRow& row) {
  if (!has_messages(row)) return {{"input_ids", tokenizer.encode(read_text(row, "text"))}};
  if (row.columns.contains("text")) {
    throw Error("the row holds both text and messages", row.where, "give one of the two");
  }
  return {{"input_ids", tokenizer.encode(chat_text(row, chat), false)}};
}

Json decode_row(const Tokenizer& tokenizer, const DataRow& row) {
  return {{"text", tokenizer.decode(read_ids(row, "input_ids", tokenizer.vocab_size()))}};
}

int run(const Options& options) {
  const std::optional<ChatTemplate> chat = ChatTemplate::load(options.model);
  std::optional<Tokenizer> tokenizer;
  if (!options.render) tokenizer = Tokenizer::load(options.model);
  RowReader in(options.rows.input);
  RowWriter out(options.rows.output);
  while (const auto row = in.next()) {
    out.write(options.render   ? Json{{"text", chat_text(*row, chat)}}
              : options.decode ? decode_row(*tokenizer, *row)
                               : encode_row(*tokenizer, chat, *row));
  }
  out.commit();
  return 0;
}

}  // namespace

void add_tokenize_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tokenize", "text to token ids, or back");
  command->add_option("--model", options->model, "folder with a tokenizer.json")->required();
  command->description(
      "{\"text\"} or {\"messages\"} to {\"input_ids\"}. Messages go through the model's chat template; "
      "beside them may stand\n"
      "\"add_generation_prompt\" (default true), \"answer_prefix\", \"tools\" and \"chat_template_kwargs\".");
  auto* decode =
      command->add_flag("--decode", options->decode, "{\"input_ids\"} to {\"text\"}, without special tokens");
  command
      ->add_flag("--render", options->render, "{\"messages\"} to {\"text\"}: what the chat template writes")
      ->excludes(decode);
  add_row_options(*command, options->rows);
  command->footer(
      "Example:\n  echo '{\"text\": \"Once upon a time\"}' | grpo tokenize --model path/to/model");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo

#include "cli/chat_row.h"

#include <fmt/format.h>

#include "core/error.h"

namespace grpo {

bool has_messages(const DataRow& row) {
  return row.columns.contains("messages");
}

std::string chat_text(const DataRow& row, const std::optional<ChatTemplate>& chat_template) {
  if (!chat_template) {
    throw Error("the model has no chat template", row.where + ": messages",
                "put a chat_template.jinja beside the model, or write the prompt as text");
  }
  ObjectReader reader(row.columns, row.where);
  ChatOptions options;
  options.add_generation_prompt = reader.boolean("add_generation_prompt", true);
  options.answer_prefix = reader.string("answer_prefix", "");
  options.tools = reader.raw("tools");
  options.variables = reader.raw("chat_template_kwargs");
  try {
    return chat_template->render(reader.raw("messages"), options);
  } catch (const Error& error) {
    throw Error(error.summary(), fmt::format("{}: {}", row.where, error.where()), error.fix());
  }
}

}  // namespace grpo

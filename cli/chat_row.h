#pragma once
// A row that holds a conversation: {"messages"}, and with it "add_generation_prompt" (default true),
// "answer_prefix", "tools" and "chat_template_kwargs" (policy/io/chat_template.h says what they do).

#include <optional>
#include <string>

#include "core/data_file.h"
#include "policy/io/chat_template.h"

namespace grpo {

bool has_messages(const DataRow& row);

// The row's conversation as text. Throws Error, naming the row, if there is no template (the model brings
// none), for a wrong type, and where the template refuses the messages.
std::string chat_text(const DataRow& row, const std::optional<ChatTemplate>& chat_template);

}  // namespace grpo

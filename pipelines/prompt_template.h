#pragma once
// From a question to the text that the policy is given: "none", "r1_zero", a text with {prompt}, or "chat",
// the checkpoint's own chat template. With "chat" a question that is text becomes one user message, and a
// list of messages is used as it is.

#include <optional>
#include <string>

#include "core/json.h"
#include "pipelines/data.h"
#include "policy/io/chat_template.h"

namespace grpo {

struct PromptText {
  std::string text;
  std::string completion_prefix;  // what of the answer the text holds already, as opened_answer says
};

// The checkpoint's chat template, for options that say "chat". Throws Error where there is none or it cannot be used, and for
// a template_date that it has no use for.
ChatTemplate usable_chat_template(const DataOptions& options, std::optional<ChatTemplate> chat_template);

// What the options say of a render: answer_prefix, further variables and the day.
ChatOptions chat_options(const DataOptions& options);

// Puts the options' system text before messages that have none.
void add_system(const DataOptions& options, Json& messages);

class PromptTemplate {
 public:
  // Throws Error where the options want a chat template and there is none, or it cannot be used.
  PromptTemplate(const DataOptions& options, std::optional<ChatTemplate> chat_template);

  // `where` names the row. Throws Error, naming row and column, for a question that the template cannot take.
  PromptText apply(const Json& question, const std::string& where) const;

  // Whether the tokenizer's BOS (or EOS) belongs around the text: not where a chat template has written it.
  bool adds_special_tokens() const { return !chat_template_; }

 private:
  PromptText apply_chat(const Json& question, const std::string& where) const;

  DataOptions options_;
  std::optional<ChatTemplate> chat_template_;
};

}  // namespace grpo

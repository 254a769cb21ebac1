#pragma once
// A checkpoint's chat template: conversations to the text, or the token ids, that the model was trained on.
// Equals Hugging Face's apply_chat_template: special tokens are variables of the template, which writes them
// itself, so the tokenizer adds none and there is exactly the one BOS that the template writes. Messages
// reach the template as they are: keys that are null stay, and none is added.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "policy/io/jinja/template.h"
#include "policy/io/tokenizer.h"

namespace grpo {

struct ChatOptions {
  // Ends the text with the opening of an assistant's turn; off to render a finished conversation.
  bool add_generation_prompt = true;
  // Text the answer starts with, written behind the opening ("<think>\n"), so that completions go on from it.
  // Not written again where the template has just written it. Needs add_generation_prompt.
  std::string answer_prefix;
  Json tools;                    // a list of tool schemas, or null
  Json variables;                // an object of further variables (enable_thinking, date_string), or null
  std::function<std::tm()> now;  // what strftime_now formats; default: the local time
};

// A rendered conversation, and where the template marks what the model is to learn.
struct RenderedChat {
  std::string text;
  // What stands between {% generation %} and {% endgeneration %}, as bytes [begin, end) of the text, in order; none where
  // the template has no such block.
  std::optional<std::vector<std::pair<size_t, size_t>>> answers;
};

// Immutable; may be used from several threads at once.
class ChatTemplate {
 public:
  // From the files beside a checkpoint's weights, by name: chat_template.jinja, else tokenizer_config.json
  // (one template, or a list of named ones), else chat_template.json; special tokens from
  // tokenizer_config.json and special_tokens_map.json. None if no file holds a template. A template that is
  // beyond what is supported is no error here, but when it is used. `where`: the folder, for messages. Throws
  // Error for a file that is not JSON.
  static std::optional<ChatTemplate> from_files(const std::map<std::string, std::string>& files,
                                                const std::string& where);
  // The same, of the files in a folder; none where there is no such file.
  static std::optional<ChatTemplate> load(const std::string& directory);
  // Throws Error if the template cannot be used. special_tokens: "bos_token" -> "<s>", ...
  static ChatTemplate from_text(const std::string& text,
                                const std::map<std::string, std::string>& special_tokens,
                                const std::string& where);

  // What keeps the template from being used; none if it can be.
  const Error* fault() const;

  // The text of `messages`, a list of objects such as {"role": "user", "content": "Hi"}. Throws Error, naming
  // the template's line, where the template refuses the messages or fails on them.
  std::string render(const Json& messages, const ChatOptions& options = {}) const;

  // The same text with its marks. Throws Error as well where the template marks text that it puts elsewhere (in a macro,
  // a set or a filter block).
  RenderedChat render_marked(const Json& messages, const ChatOptions& options = {}) const;

  // Whether the text depends on the day it is rendered on.
  bool depends_on_date() const;

 private:
  using Entry = std::variant<jinja::Template, Error>;
  ChatTemplate(std::map<std::string, Entry> templates, std::map<std::string, std::string> special_tokens,
               std::string where);
  const jinja::Template& chosen(bool with_tools) const;
  std::map<std::string, Json> variables_of(const Json& messages, const ChatOptions& options) const;

  std::map<std::string, Entry> templates_;  // "default", and others by name
  std::map<std::string, std::string> special_tokens_;
  std::string where_;
};

// The rendered text as token ids, special tokens in it as their ids and none added.
std::vector<int64_t> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                                 const Json& messages, const ChatOptions& options = {});

// What of the answer a rendered prompt already holds: the answer prefix, or the <think> (and white space)
// with which the template itself opens the answer; "" if neither. Graders that look at the whole answer need
// it before the completion.
std::string opened_answer(const std::string& prompt, const std::string& answer_prefix);

}  // namespace grpo

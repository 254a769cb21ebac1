#include "pipelines/prompt_template.h"

#include <fmt/format.h>

#include <ctime>

#include "core/error.h"

namespace grpo {
namespace {

const std::string kPromptMark = "{prompt}";

bool is_messages(const Json& question) {
  return question.is_array() && !question.empty() && question[0].is_object() && question[0].contains("role");
}

}  // namespace

ChatTemplate usable_chat_template(const DataOptions& options, std::optional<ChatTemplate> chat_template) {
  if (!chat_template) {
    throw Error(
        "the template is \"chat\", and the model has no chat template", options.where + ".template",
        "use \"r1_zero\", \"none\" or a text with {prompt}, or put a chat_template.jinja beside the model");
  }
  if (const Error* fault = chat_template->fault()) throw *fault;
  if (!options.template_date.empty() && !chat_template->depends_on_date()) {
    throw Error("without effect: the chat template writes no date", options.where + ".template_date",
                "remove it");
  }
  return *std::move(chat_template);
}

ChatOptions chat_options(const DataOptions& options) {
  ChatOptions chat;
  chat.answer_prefix = options.answer_prefix;
  chat.variables = options.chat_template_kwargs;
  // A prompt must be the same on the day a run is resumed.
  chat.now = [date = options.template_date, where = options.where]() -> std::tm {
    std::tm day{};
    if (date.empty()) {
      throw Error(
          "the chat template writes today's date, so a run resumed on another day would see other prompts",
          where, "set data.template_date to a day, such as \"2025-07-26\"");
    }
    strptime(date.c_str(), "%Y-%m-%d", &day);
    day.tm_hour = 12;
    return day;
  };
  return chat;
}

void add_system(const DataOptions& options, Json& messages) {
  const bool has_system = is_messages(messages) && messages[0]["role"] == "system";
  if (options.system.empty() || has_system) return;
  messages.insert(messages.begin(), Json{{"role", "system"}, {"content", options.system}});
}

PromptTemplate::PromptTemplate(const DataOptions& options, std::optional<ChatTemplate> chat_template)
    : options_(options) {
  if (options.prompt_template == "chat") chat_template_ = usable_chat_template(options, std::move(chat_template));
}

PromptText PromptTemplate::apply(const Json& question, const std::string& where) const {
  if (chat_template_) return apply_chat(question, where);
  if (is_messages(question)) {
    throw Error("the prompt is a list of messages, which only a chat template turns into text",
                fmt::format("{}: {}", where, options_.prompt_column), "set data.template to \"chat\"");
  }
  const std::string text = question.is_string() ? question.get<std::string>() : question.dump();
  if (options_.prompt_template == "none") return {text, ""};
  PromptText out{options_.prompt_template == "r1_zero" ? r1_zero_template() : options_.prompt_template, ""};
  out.text.replace(out.text.find(kPromptMark), kPromptMark.size(), text);
  return out;
}

PromptText PromptTemplate::apply_chat(const Json& question, const std::string& where) const {
  Json messages = Json::array();
  if (question.is_array()) {
    messages = question;
  } else {
    const std::string text = question.is_string() ? question.get<std::string>() : question.dump();
    messages.push_back({{"role", "user"}, {"content", text}});
  }
  add_system(options_, messages);
  try {
    PromptText out{chat_template_->render(messages, chat_options(options_)), ""};
    out.completion_prefix = opened_answer(out.text, options_.answer_prefix);
    return out;
  } catch (const Error& error) {
    throw Error(error.summary(), fmt::format("{}: {} ({})", where, options_.prompt_column, error.where()),
                error.fix());
  }
}

}  // namespace grpo

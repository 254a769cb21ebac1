#include "rewards/plugins/chat_reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/json.h"
#include "rewards/answer_text.h"
#include "rewards/tags.h"

namespace grpo {
namespace {

// The member of an object; null where there is none or it is no object.
const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string text_or_empty(const Json& value) {
  return value.is_string() ? value.get<std::string>() : "";
}

int64_t count_or_zero(const Json& value) {
  return value.is_number_integer() ? std::max<int64_t>(0, value.get<int64_t>()) : 0;
}

// Content is a string, null (all of it was reasoning, or a tool was called) or a list of parts.
std::string content_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  if (content.is_null()) return "";
  if (!content.is_array()) throw BrokenReply("a message's content is " + json_type_name(content), false);
  std::string text;
  for (const Json& part : content) text += text_or_empty(member(part, "text"));
  return text;
}

ChatChoice choice_of(const Json& said) {
  ChatChoice choice;
  choice.finish_reason = text_or_empty(member(said, "finish_reason"));
  if (choice.finish_reason == "error") {
    const std::string why = excerpt(text_or_empty(member(member(said, "error"), "message")));
    throw BrokenReply("the server stopped half-way" + (why.empty() ? "" : ": " + why), true, true);
  }
  const Json& message = member(said, "message");
  if (message.is_object()) {
    choice.text = content_of(member(message, "content"));
    choice.reasoning = text_or_empty(member(message, "reasoning_content"));
    if (choice.reasoning.empty()) choice.reasoning = text_or_empty(member(message, "reasoning"));
  } else if (member(said, "text").is_string()) {
    choice.text = member(said, "text").get<std::string>();
  } else {
    throw BrokenReply("a choice holds neither a message nor a text", true);
  }
  return choice;
}

std::string on_one_line(std::string_view text) {
  std::string line = excerpt(trim(text));
  std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return line;
}

}  // namespace

ChatReply read_chat_reply(std::string_view body, size_t count) {
  Json json;
  try {
    json = parse_json(body, "reply");
  } catch (const std::exception&) {
    throw BrokenReply(fmt::format("replied \"{}\" where JSON was expected", on_one_line(body)), true);
  }
  const Json& choices = member(json, "choices");
  if (!choices.is_array() || choices.empty()) {
    throw BrokenReply("the reply holds no choices: " + failure_message(body), true);
  }
  if (choices.size() != count) {
    throw BrokenReply(fmt::format("replied {} choices where {} were asked for", choices.size(), count), false);
  }
  std::vector<std::pair<int64_t, const Json*>> ordered;
  for (const Json& said : choices) {
    const Json& index = member(said, "index");
    const auto position = static_cast<int64_t>(ordered.size());
    ordered.emplace_back(index.is_number_integer() ? index.get<int64_t>() : position, &said);
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });

  ChatReply reply;
  for (const auto& [index, said] : ordered) reply.choices.push_back(choice_of(*said));
  const Json& usage = member(json, "usage");
  reply.has_usage = usage.is_object();
  reply.prompt_tokens = count_or_zero(member(usage, "prompt_tokens"));
  reply.completion_tokens = count_or_zero(member(usage, "completion_tokens"));
  reply.model = text_or_empty(member(json, "model"));
  return reply;
}

std::string failure_message(std::string_view body) {
  Json json;
  try {
    json = parse_json(body, "reply");
  } catch (const std::exception&) {
    return on_one_line(body);
  }
  const Json& error = member(json, "error");
  for (const Json* said : {&member(error, "message"), &error, &member(json, "message"), &member(json, "detail")}) {
    if (said->is_string()) return on_one_line(said->get<std::string>());
  }
  return on_one_line(body);
}

std::string with_reasoning(const ChatChoice& choice) {
  if (choice.reasoning.empty()) return choice.text;
  return fmt::format("{}\n{}\n{}\n\n{}", kThinkOpen, choice.reasoning, kThinkClose, choice.text);
}

}  // namespace grpo

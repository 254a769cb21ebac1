#include "pipelines/conversation_messages.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace grpo {
namespace {

std::string text_in(const Json& message, const char* key) {
  const auto it = message.find(key);
  return it != message.end() && it->is_string() ? it->get<std::string>() : "";
}

// ShareGPT's names of roles; "" for any other.
std::string role_of(const std::string& from) {
  if (from == "human" || from == "user") return "user";
  if (from == "gpt" || from == "assistant") return "assistant";
  return from == "system" ? from : "";
}

bool has_items(const Json& message, const char* key) {
  const auto it = message.find(key);
  return it != message.end() && it->is_array() && !it->empty();
}

Json from_sharegpt(Json message, const std::string& where) {
  const std::string from = text_in(message, "from"), role = role_of(from);
  if (role.empty()) {
    throw Error(fmt::format("nobody here is called \"{}\"", from), where + ".from",
                "known are system, human, user, gpt and assistant; write other turns as {\"role\", \"content\"}");
  }
  if (!message.contains("value") || !message["value"].is_string()) {
    throw Error("the message has no \"value\"", where, "give its text");
  }
  Json out = {{"role", role}, {"content", message["value"]}};
  message.erase("from");
  message.erase("value");
  out.update(message);
  return out;
}

void check_message(const Json& message, const std::string& where) {
  const std::string role = text_in(message, "role");
  if (role.empty()) {
    throw Error("the message has no \"role\"", where, "give {\"role\", \"content\"}, or {\"from\", \"value\"}");
  }
  const bool content = !text_in(message, "content").empty() || has_items(message, "content");
  if (content || (role == "assistant" && has_items(message, "tool_calls"))) return;
  if (role == "user" || role == "assistant") {
    throw Error(fmt::format("the message of the {} is empty", role), where + ".content", "fill it, or leave the row out");
  }
  if (!message.contains("content")) throw Error("the message has no \"content\"", where, "give its text");
}

}  // namespace

Json read_messages(const Json& conversation, const std::string& where) {
  if (!conversation.is_array() || conversation.empty()) {
    throw Error(conversation.is_array() ? "the conversation is empty"
                                        : "expected a list of messages, found " + json_type_name(conversation),
                where, "give a list of {\"role\", \"content\"}");
  }
  Json messages = Json::array();
  for (size_t i = 0; i < conversation.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", where, i);
    const Json& message = conversation[i];
    if (!message.is_object()) {
      throw Error("expected a message, found " + json_type_name(message), at, "a message is {\"role\", \"content\"}");
    }
    messages.push_back(message.contains("role") || !message.contains("from") ? message : from_sharegpt(message, at));
    check_message(messages.back(), at);
  }
  const auto answers = [](const Json& message) { return message["role"] == "assistant"; };
  if (std::none_of(messages.begin(), messages.end(), answers)) {
    throw Error("the conversation has no turn of the assistant: there is nothing to learn", where, "leave the row out");
  }
  if (answers(messages[0])) {
    throw Error("the conversation begins with the assistant, whose words answer nothing", where + "[0]",
                "put what was asked before it, or leave the turn out");
  }
  return messages;
}

Json read_tools(const Json& tools, const std::string& where) {
  if (tools.is_null() || (tools.is_string() && tools.get<std::string>().empty())) return {};
  const Json list = tools.is_string() ? parse_json(tools.get<std::string>(), where) : tools;
  if (!list.is_array()) {
    throw Error("expected a list of tools, found " + json_type_name(list), where, "give a list of schemas");
  }
  return list.empty() ? Json() : list;
}

}  // namespace grpo

#include "policy/io/chat_template.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/file.h"

namespace grpo {
namespace {

constexpr const char* kSpecialTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};
constexpr std::string_view kSpaces = " \t\r\n";

// Special tokens that a file names, as text or as {"content": text}; those there already stay.
void read_special_tokens(const Json& config, std::map<std::string, std::string>& tokens) {
  if (!config.is_object()) return;
  for (const char* name : kSpecialTokens) {
    const auto it = config.find(name);
    if (it == config.end()) continue;
    const Json& text = it->is_object() && it->contains("content") ? (*it)["content"] : *it;
    if (text.is_string()) tokens.emplace(name, text.get<std::string>());
  }
}

// One template, or a list of {"name", "template"}.
std::map<std::string, std::string> read_texts(const Json& value, const std::string& where) {
  std::map<std::string, std::string> texts;
  if (value.is_string()) texts["default"] = value.get<std::string>();
  if (!value.is_array()) return texts;
  for (const Json& entry : value) {
    const bool named = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                       entry.contains("template") && entry["template"].is_string();
    if (!named)
      throw Error("a list of chat templates holds something else", where,
                  "give {\"name\", \"template\"} objects");
    texts[entry["name"].get<std::string>()] = entry["template"].get<std::string>();
  }
  return texts;
}

// How many bytes of `prefix` the text ends with already: all of it up to its last visible character, and the
// white space behind that as far as both have it. 0 if what is visible of the prefix is not there.
size_t present(const std::string& text, const std::string& prefix) {
  if (text.ends_with(prefix)) return prefix.size();
  const size_t visible = prefix.find_last_not_of(kSpaces) + 1;
  const size_t written = text.find_last_not_of(kSpaces) + 1;
  const std::string_view core = std::string_view(prefix).substr(0, visible);
  if (visible == 0 || !std::string_view(text).substr(0, written).ends_with(core)) return 0;
  const std::string_view tail = std::string_view(text).substr(written),
                         wanted = std::string_view(prefix).substr(visible);
  return wanted.starts_with(tail) ? visible + tail.size() : prefix.size();
}

void check_messages(const Json& messages) {
  if (!messages.is_array() || messages.empty()) {
    throw Error(
        messages.is_array() ? "there are no messages" : "expected a list, found " + json_type_name(messages),
        "messages", "give a list of objects with \"role\" and \"content\"");
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].is_object()) continue;
    throw Error("expected an object, found " + json_type_name(messages[i]), fmt::format("messages[{}]", i),
                "a message is an object with \"role\" and \"content\"");
  }
}

}  // namespace

ChatTemplate::ChatTemplate(std::map<std::string, Entry> templates,
                           std::map<std::string, std::string> special_tokens, std::string where)
    : templates_(std::move(templates)),
      special_tokens_(std::move(special_tokens)),
      where_(std::move(where)) {}

std::optional<ChatTemplate> ChatTemplate::from_files(const std::map<std::string, std::string>& files,
                                                     const std::string& where) {
  std::map<std::string, Json> json;
  std::map<std::string, std::string> special_tokens;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json", "chat_template.json"}) {
    const auto it = files.find(name);
    if (it == files.end()) continue;
    json[name] = parse_json(it->second, where + "/" + name);
    read_special_tokens(json[name], special_tokens);
  }
  std::map<std::string, std::string> texts;
  std::string source = "chat_template.jinja";
  if (const auto it = files.find(source); it != files.end()) texts["default"] = it->second;
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    if (!texts.empty() || !json[name].is_object() || !json[name].contains("chat_template")) continue;
    texts = read_texts(json[name]["chat_template"], where + "/" + name + ": chat_template");
    source = std::string(name) + ": chat_template";
  }
  if (texts.empty()) return std::nullopt;
  std::map<std::string, Entry> templates;
  for (const auto& [name, text] : texts) {
    const std::string at = where + "/" + source + (name == "default" ? "" : " \"" + name + "\"");
    try {
      templates.emplace(name, jinja::Template::parse(text, at));
    } catch (const Error& error) {
      templates.emplace(name, error);
    }
  }
  return ChatTemplate(std::move(templates), std::move(special_tokens), where + "/" + source);
}

std::optional<ChatTemplate> ChatTemplate::load(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const char* name :
       {"chat_template.jinja", "tokenizer_config.json", "chat_template.json", "special_tokens_map.json"}) {
    const std::string path = directory + "/" + name;
    if (std::filesystem::exists(path)) files[name] = read_file(path);
  }
  return from_files(files, directory);
}

ChatTemplate ChatTemplate::from_text(const std::string& text,
                                     const std::map<std::string, std::string>& special_tokens,
                                     const std::string& where) {
  std::map<std::string, Entry> templates;
  templates.emplace("default", jinja::Template::parse(text, where));
  return {std::move(templates), special_tokens, where};
}

const Error* ChatTemplate::fault() const {
  const auto it = templates_.find("default");
  return it == templates_.end() ? nullptr : std::get_if<Error>(&it->second);
}

const jinja::Template& ChatTemplate::chosen(bool with_tools) const {
  auto it = with_tools ? templates_.find("tool_use") : templates_.end();
  if (it == templates_.end()) it = templates_.find("default");
  if (it == templates_.end()) throw Error("no chat template is named \"default\"", where_, "name one so");
  if (const Error* error = std::get_if<Error>(&it->second)) throw *error;
  return std::get<jinja::Template>(it->second);
}

bool ChatTemplate::depends_on_date() const {
  for (const auto& [name, entry] : templates_) {
    const auto* parsed = std::get_if<jinja::Template>(&entry);
    if (parsed != nullptr && parsed->mentions("strftime_now")) return true;
  }
  return false;
}

std::map<std::string, Json> ChatTemplate::variables_of(const Json& messages, const ChatOptions& options) const {
  check_messages(messages);
  if (!options.tools.is_null() && !options.tools.is_array()) {
    throw Error("expected a list of tools, found " + json_type_name(options.tools), "tools",
                "give a list of schemas");
  }
  if (!options.answer_prefix.empty() && !options.add_generation_prompt) {
    throw Error("an answer prefix without a generation prompt has nothing to stand behind", "answer_prefix",
                "set add_generation_prompt to true");
  }
  std::map<std::string, Json> variables;
  for (const auto& [name, token] : special_tokens_) variables[name] = token;
  if (!options.variables.is_null()) {
    if (!options.variables.is_object()) {
      throw Error("expected an object of variables, found " + json_type_name(options.variables),
                  "chat_template_kwargs");
    }
    for (const auto& [name, value] : options.variables.items()) variables[name] = value;
  }
  for (const char* name : {"messages", "tools", "add_generation_prompt"}) {
    if (!variables.contains(name)) continue;
    throw Error(fmt::format("the variable \"{}\" has a place of its own", name), "chat_template_kwargs",
                "remove it");
  }
  variables["messages"] = messages;
  variables["tools"] = options.tools;
  variables.emplace("documents", Json());
  variables["add_generation_prompt"] = options.add_generation_prompt;
  return variables;
}

std::string ChatTemplate::render(const Json& messages, const ChatOptions& options) const {
  const std::string text =
      chosen(!options.tools.is_null()).render(variables_of(messages, options), {.limits = {}, .now = options.now});
  return text + options.answer_prefix.substr(present(text, options.answer_prefix));
}

RenderedChat ChatTemplate::render_marked(const Json& messages, const ChatOptions& options) const {
  const jinja::Template& rendered_by = chosen(!options.tools.is_null());
  if (!rendered_by.marks_generation()) return {render(messages, options), std::nullopt};
  jinja::MarkedText marked = rendered_by.render_marked(variables_of(messages, options), {.limits = {}, .now = options.now});
  marked.text += options.answer_prefix.substr(present(marked.text, options.answer_prefix));
  return {std::move(marked.text), std::move(marked.generated)};
}

std::vector<int64_t> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                                 const Json& messages, const ChatOptions& options) {
  return tokenizer.encode(chat_template.render(messages, options), false);
}

std::string opened_answer(const std::string& prompt, const std::string& answer_prefix) {
  if (!answer_prefix.empty()) return answer_prefix;
  constexpr std::string_view tag = "<think>";
  const size_t end = prompt.find_last_not_of(kSpaces) + 1;
  return std::string_view(prompt).substr(0, end).ends_with(tag) ? prompt.substr(end - tag.size()) : "";
}

}  // namespace grpo

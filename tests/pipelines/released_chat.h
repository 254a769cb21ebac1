#pragma once
// Released chat templates together with tokenizers that write their special tokens.

#include <map>
#include <string>
#include <vector>

#include "policy/io/chat_template.h"
#include "policy/io/tokenizer.h"
#include "tests/test_data.h"

namespace grpo::testing {

struct ReleasedChat {
  std::string template_file;   // below the folder of tokenizers
  std::string tokenizer;       // a folder there
  std::vector<std::string> added;  // special tokens that the template writes and the tokenizer lacks
  std::map<std::string, std::string> special_tokens;
  std::vector<std::string> ends;  // at which the model stops
};

// By the names that tests use.
inline const std::map<std::string, ReleasedChat>& released_chats() {
  const std::vector<std::string> deepseek = {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"};
  static const std::map<std::string, ReleasedChat> chats = {
      {"qwen2.5", {"chat_templates/Qwen-Qwen2.5-7B-Instruct.jinja", "qwen3", {}, {}, {"<|im_end|>", "<|endoftext|>"}}},
      {"qwen3", {"qwen3/tokenizer_config.json", "qwen3", {}, {}, {"<|im_end|>", "<|endoftext|>"}}},
      {"llama3", {"chat_templates/meta-llama-Llama-3.2-3B-Instruct.jinja", "llama3", {}, {{"bos_token", "<|begin_of_text|>"}}, {"<|eot_id|>", "<|eom_id|>"}}},
      {"r1", {"chat_templates/deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja", "qwen3", deepseek, {{"bos_token", deepseek[0]}}, {deepseek[1]}}},
      {"r1_cpp", {"chat_templates/llama-cpp-deepseek-r1.jinja", "qwen3", deepseek, {{"bos_token", deepseek[0]}}, {deepseek[1]}}},
      {"smollm3", {"chat_templates/smollm3.jinja", "qwen3", {}, {}, {"<|im_end|>"}}},
      {"nemo", {"chat_templates/mistralai-Mistral-Nemo-Instruct-2407.jinja", "qwen3", {"<s>", "</s>", "[INST]", "[/INST]"}, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, {"</s>"}}},
      {"gpt-oss", {"chat_templates/gpt-oss.jinja", "qwen3", {"<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>"}, {}, {"<|return|>", "<|call|>"}}},
      {"mistral", {"mistral/tokenizer_config.json", "mistral", {}, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, {"</s>"}}},
      {"phi3", {"chat_templates/microsoft-Phi-3.5-mini-instruct.jinja", "phi-3-mini", {}, {{"eos_token", "<|endoftext|>"}}, {"<|end|>", "<|endoftext|>"}}},
  };
  return chats;
}

inline std::string tokenizer_data(const std::string& name) { return test_data("tokenizers/" + name); }

inline ChatTemplate released_template(const ReleasedChat& chat) {
  std::string text = read_data(tokenizer_data(chat.template_file));
  if (chat.template_file.ends_with(".json")) text = parse_json(text, chat.template_file)["chat_template"].get<std::string>();
  return ChatTemplate::from_text(text, chat.special_tokens, chat.template_file);
}

// Loaded once for the same tokens.
inline const Tokenizer& released_tokenizer(const ReleasedChat& chat) {
  static std::map<std::string, Tokenizer> loaded;
  std::string key = chat.tokenizer;
  for (const std::string& token : chat.added) key += token;
  if (const auto it = loaded.find(key); it != loaded.end()) return it->second;
  Json json = parse_json(read_data(tokenizer_data(chat.tokenizer + "/tokenizer.json.gz")), chat.tokenizer);
  int64_t id = json["added_tokens"].back()["id"].get<int64_t>();
  for (const std::string& token : chat.added) {
    const Json& vocabulary = json["model"]["vocab"];
    json["added_tokens"].push_back({{"id", vocabulary.contains(token) ? vocabulary[token].get<int64_t>() : ++id},
                                    {"content", token},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  return loaded.emplace(key, Tokenizer::from_json(json, chat.tokenizer)).first->second;
}

}  // namespace grpo::testing

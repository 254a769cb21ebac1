#include "rewards/plugins/endpoint_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "rewards/answer_text.h"

namespace grpo {

std::string read_endpoint_key(const std::string& name, const std::string& where) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    throw Error(fmt::format("the environment variable {} is not set", name), where,
                "export it, or leave api_key_env out if the server wants no key");
  }
  const std::string key(trim(value));
  if (key.empty() || std::any_of(key.begin(), key.end(), [](unsigned char c) { return c <= ' ' || c >= 127; })) {
    throw Error(fmt::format("the environment variable {} holds no key", name), where,
                "a key is one word of printable ASCII characters");
  }
  return key;
}

std::string without_key(std::string text, const std::string& key) {
  constexpr std::string_view kInstead = "[key]";
  if (key.empty()) return text;
  std::string clean;
  size_t from = 0;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, from)) {
    clean.append(text, from, at - from).append(kInstead);
    from = at + key.size();
  }
  return clean.append(text, from, std::string::npos);
}

}  // namespace grpo

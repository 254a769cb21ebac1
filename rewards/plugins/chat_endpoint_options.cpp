#include <fmt/format.h>

#include "rewards/plugins/chat_endpoint.h"
#include "rewards/plugins/endpoint_key.h"
#include "rewards/plugins/http_options.h"
#include "rewards/plugins/place.h"

namespace grpo {
namespace {

constexpr const char* kCalls[] = {"/chat/completions", "/completions"};

void check_extra(ObjectReader& options, const Json& extra) {
  for (const auto& [key, value] : extra.items()) {
    for (const char* ours : {"messages", "prompt", "stream"}) {
      if (key == ours) options.fail("extra", fmt::format("\"{}\" cannot be set", key), "leave it out");
    }
    for (const char* option : {"model", "n", "temperature", "top_p", "max_tokens", "stop"}) {
      if (key == option && !value.is_null())
        options.fail("extra", fmt::format("\"{}\" is an option of its own", key), "write it beside \"extra\"");
    }
  }
}

HttpOptions read_base_url(ObjectReader& options, const std::string& folder) {
  HttpOptions http = read_http_options(options, "base_url", folder);
  std::string& target = http.url.target;
  const size_t query = std::min(target.find('?'), target.size());
  std::string path = target.substr(0, query);
  while (path.ends_with('/')) path.pop_back();
  for (const char* call : kCalls) {
    if (path.ends_with(call))
      options.fail("base_url", fmt::format("it ends in {}, which is added to it", call), "leave that out");
  }
  target = path + target.substr(query);
  return http;
}

}  // namespace

EndpointOptions read_single_endpoint_options(ObjectReader& options, const std::string& folder) {
  EndpointOptions read;
  read.http = read_base_url(options, folder);
  read.model = options.string("model");
  read.api_key_env = options.string("api_key_env", "");
  if (!read.api_key_env.empty()) read_endpoint_key(read.api_key_env, options.where("api_key_env"));
  if (options.has("temperature")) read.temperature = options.number("temperature", {.min = 0.0, .max = 100.0});
  if (options.has("top_p")) read.top_p = options.number("top_p", {.min = 0.0, .max = 1.0, .min_exclusive = true});
  if (options.has("max_tokens")) read.max_tokens = options.integer("max_tokens", {.min = 1, .max = 1e9});
  read.stop = options.strings("stop", {});
  read.timeout = options.number("timeout", read.timeout, {.min = 0.0, .max = 1e6, .min_exclusive = true});
  read.retries = options.integer("retries", read.retries, {.min = 0, .max = 1000});
  read.backoff = options.number("backoff", read.backoff, {.min = 0.0, .max = 1e6});
  read.retry_after_max = options.number("retry_after_max", read.retry_after_max, {.min = 0.0, .max = 1e6});
  read.concurrency = options.integer("concurrency", read.concurrency, {.min = 1, .max = 1024});
  read.extra = read_object(options, "extra");
  check_extra(options, read.extra);
  constexpr char kInput[] = "price_per_million_input_tokens", kOutput[] = "price_per_million_output_tokens";
  if (options.has(kInput) != options.has(kOutput)) {
    options.fail(options.has(kInput) ? kInput : kOutput, "one price is given and the other is not", "give both or none");
  }
  if (options.has(kInput)) {
    read.price_per_million_input_tokens = options.number(kInput, {.min = 0.0, .max = 1e9});
    read.price_per_million_output_tokens = options.number(kOutput, {.min = 0.0, .max = 1e9});
  }
  return read;
}

EndpointOptions read_endpoint_options(ObjectReader& options, const std::string& folder) {
  EndpointOptions read = read_single_endpoint_options(options, folder);
  read.n = options.integer("n", 1, {.min = 1, .max = 1024});
  return read;
}

}  // namespace grpo

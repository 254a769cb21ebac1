#pragma once
// A client of a server that speaks OpenAI's protocol (vLLM, SGLang, llama.cpp, a provider): chats by POST
// {base_url}/chat/completions, raw prompts by POST {base_url}/completions. It keeps connections open, tries again what
// may pass later, holds all calls back while the server asks for peace, and counts calls, tokens and cost.
//
// What is tried again: no connection, no reply within the deadline, a connection that ends before the reply does, the
// states 408, 429 and 5xx, a reply that is not JSON or holds no choices. What is not: other states (the key, the model or
// the request is wrong), another number of choices than asked for. Redirects are states like any other, so the key goes
// nowhere but to base_url; proxies of the environment are ignored. Over http:// the key travels unencrypted.
//
// The key is read from the environment once and stands in no message, log or text that this client hands out, not even
// where a server sends it back (keys shorter than 16 characters are taken out of messages only, not out of texts).

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/json.h"
#include "rewards/plugins/chat_reply.h"
#include "rewards/plugins/http_connection.h"

namespace grpo {

struct EndpointOptions {
  HttpOptions http;  // url.target is the path of base_url; without the key
  std::string model;
  std::string api_key_env;
  std::optional<double> temperature, top_p;
  std::optional<int64_t> max_tokens;
  std::vector<std::string> stop;
  int64_t n = 1;
  double timeout = 600.0;
  int64_t retries = 5;
  double backoff = 1.0;
  double retry_after_max = 600.0;
  int64_t concurrency = 8;
  Json extra = Json::object();
  std::optional<double> price_per_million_input_tokens, price_per_million_output_tokens;
};

// Options:
//   base_url     "https://host/v1", without /chat/completions; required. A query (?api-version=..) is kept
//   model        its name at the server; required
//   api_key_env  the environment variable that holds the key, sent as "Authorization: Bearer KEY"; default: no key
//   temperature, top_p, max_tokens, stop (a list)
//                sent if they are given, else the server's own defaults hold
//   n            default 1; samples per call. Sent where it is not 1
//   timeout      default 600; seconds a single try may take, with connecting
//   retries      default 5; further tries after the first
//   backoff      default 1; seconds before the second try, doubled before each further one up to 60 (http_retry.h). With
//                status 429 or 503 a longer Retry-After counts instead, and no call of this client starts before it is over
//   retry_after_max  default 600; a Retry-After beyond so many seconds fails the call at once
//   concurrency  default 8; calls in flight at most, whoever makes them
//   extra        an object merged into the request's body (JSON merge patch: null takes a key out). What has an option of
//                its own cannot be set here, nor "messages", "prompt" and "stream"
//   price_per_million_{input,output}_tokens  in any currency; both or none. Given: cost is counted
//   headers, ca_file, verify  as http_options.h
// Throws Error on anything else, and if the variable that api_key_env names is not set or holds what cannot be a key.
EndpointOptions read_endpoint_options(ObjectReader& options, const std::string& folder);
// Without reading the option `n`: for callers that want one sample per call.
EndpointOptions read_single_endpoint_options(ObjectReader& options, const std::string& folder);

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

struct ChatRequest {
  std::vector<ChatMessage> messages;  // a chat; empty: `prompt` is a raw prompt for /completions
  std::string prompt = {};
  std::optional<uint64_t> seed = std::nullopt;  // sent as "seed", its lower 31 bits
  // In place of the options of these names.
  std::optional<int64_t> n = std::nullopt;
  std::optional<double> temperature = std::nullopt;
};

enum class EndpointFault {
  kTimedOut,      // no whole reply within the deadline
  kUnreachable,   // no connection, or none that speaks HTTP
  kStatus,        // a state other than 200
  kBrokenReply,   // a reply that is no JSON, or not as the protocol has it
  kCutOff,        // the connection, or the server's own generation, ended half-way
  kGivenUp,       // the caller gave up
};
const char* endpoint_fault_name(EndpointFault fault);  // "timed_out", "unreachable", ...

struct EndpointFailure {
  EndpointFault fault = EndpointFault::kUnreachable;  // of the last try
  int status = 0;                                     // with kStatus
  std::string what;                                   // one line, for people, with the number of tries
  int64_t tries = 1;
};

using ChatResult = std::variant<ChatReply, EndpointFailure>;

// What a client has used since it was made. `calls` are requests of the caller, each counted once when it is finished;
// tries that failed may have cost tokens of which nobody told us.
struct EndpointUsage {
  int64_t calls = 0;
  int64_t failures = 0;               // calls that ended without a reply
  int64_t retries = 0;                // further tries of all calls
  int64_t replies_without_usage = 0;  // their tokens are not among
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  std::optional<double> cost;  // none without prices
  // "12 calls, 3 retries, 1 failed, 4567 prompt and 890 completion tokens, cost 0.0123"
  std::string text() const;
};

class ChatEndpoint {
 public:
  explicit ChatEndpoint(EndpointOptions options);
  ~ChatEndpoint();
  ChatEndpoint(const ChatEndpoint&) = delete;
  ChatEndpoint& operator=(const ChatEndpoint&) = delete;

  const EndpointOptions& options() const;

  // Makes one call; waits while `concurrency` others are in flight. Never throws on what network and server do. Safe from
  // several threads at once.
  ChatResult ask(const ChatRequest& request, const GivenUp& given_up = nullptr);

  // Makes all calls, begun in their order, up to `concurrency` at a time, and returns when they are done. `on_done` gets
  // every result as soon as it is there, one at a time, in no particular order, on threads of this call; it returns
  // whether to go on. After a false, after an exception of its own (which comes out of ask_all) and when the caller gives
  // up, no call is begun, what is in flight is dropped, and what was not finished is not reported.
  void ask_all(std::span<const ChatRequest> requests, const std::function<bool(size_t index, ChatResult result)>& on_done,
               const GivenUp& given_up = nullptr);

  EndpointUsage usage() const;

  // The body that a request is sent as.
  Json body_of(const ChatRequest& request) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace grpo

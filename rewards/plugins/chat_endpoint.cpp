#include "rewards/plugins/chat_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <exception>
#include <mutex>
#include <thread>

#include "rewards/plugins/endpoint_key.h"
#include "rewards/plugins/http_pool.h"
#include "rewards/plugins/http_retry.h"
#include "rewards/plugins/wire.h"

namespace grpo {
namespace {

using std::chrono::steady_clock;

constexpr int kTooManyRequests = 429, kUnavailable = 503;
constexpr size_t kSecretBytesMin = 16;  // a key of so many characters stands in no text by chance

HttpOptions with_key(HttpOptions http, const std::string& key) {
  if (!key.empty()) http.headers.emplace_back("Authorization", "Bearer " + key);
  return http;
}

EndpointFault fault_of(NetworkFault fault) {
  switch (fault) {
    case NetworkFault::kTimedOut:
      return EndpointFault::kTimedOut;
    case NetworkFault::kCutOff:
      return EndpointFault::kCutOff;
    case NetworkFault::kGivenUp:
      return EndpointFault::kGivenUp;
    case NetworkFault::kUnreachable:
    case NetworkFault::kBroken:
      break;
  }
  return EndpointFault::kUnreachable;
}

// "/v1?a=b" and "/completions" -> "/v1/completions?a=b".
std::string target_of(const std::string& base, const char* call) {
  const size_t query = std::min(base.find('?'), base.size());
  return base.substr(0, query) + call + base.substr(query);
}

// What one try came to.
struct Try {
  std::optional<ChatReply> reply;
  EndpointFailure failure;
  bool worth_a_retry = false;
  std::optional<double> retry_after;  // seconds
};

void wait_until(steady_clock::time_point then, const GivenUp& given_up) {
  for (auto now = steady_clock::now(); now < then; now = steady_clock::now()) {
    if (given_up && given_up()) throw NetworkError("given up, waiting for the next try", NetworkFault::kGivenUp);
    const auto slice = now + std::chrono::milliseconds(100);
    std::this_thread::sleep_until(given_up ? std::min(then, slice) : then);
  }
}

steady_clock::time_point in_seconds(double seconds) {
  return steady_clock::now() +
         std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

const char* endpoint_fault_name(EndpointFault fault) {
  switch (fault) {
    case EndpointFault::kTimedOut:
      return "timed_out";
    case EndpointFault::kUnreachable:
      return "unreachable";
    case EndpointFault::kStatus:
      return "status";
    case EndpointFault::kBrokenReply:
      return "broken_reply";
    case EndpointFault::kCutOff:
      return "cut_off";
    case EndpointFault::kGivenUp:
      return "given_up";
  }
  return "";
}

std::string EndpointUsage::text() const {
  std::string said = fmt::format("{} calls, {} retries, {} failed, {} prompt and {} completion tokens", calls, retries,
                                 failures, prompt_tokens, completion_tokens);
  if (replies_without_usage > 0) said += fmt::format(" ({} replies without a count)", replies_without_usage);
  if (cost) said += fmt::format(", cost {:.4f}", *cost);
  return said;
}

struct ChatEndpoint::State {
  explicit State(EndpointOptions given)
      : options(std::move(given)),
        key(options.api_key_env.empty() ? "" : read_endpoint_key(options.api_key_env, "api_key_env")),
        pool(with_key(options.http, key), static_cast<size_t>(options.concurrency)) {
    if (options.price_per_million_input_tokens) usage.cost = 0.0;
  }

  Try try_once(const std::string& target, const std::string& body, size_t count, const GivenUp& given_up);
  void read(const HttpReply& reply, size_t count, Try& outcome) const;
  void wait_for_quiet(const GivenUp& given_up);
  void stay_quiet(double seconds);
  void count_call(const Try& outcome, int64_t tries);

  const EndpointOptions options;
  const std::string key;
  HttpPool pool;

  std::atomic<uint64_t> num_calls = 0;
  mutable std::mutex mutex;
  EndpointUsage usage;                        // guarded by mutex
  steady_clock::time_point quiet_until = {};  // guarded by mutex: the server wants no call before
};

Try ChatEndpoint::State::try_once(const std::string& target, const std::string& body, size_t count,
                                  const GivenUp& given_up) {
  Try outcome;
  try {
    HttpPool::Lease connection = pool.take(given_up);
    wait_for_quiet(given_up);
    read(connection.post(target, body, options.timeout, given_up), count, outcome);
  } catch (const NetworkError& e) {
    outcome.failure = {.fault = fault_of(e.fault()), .what = e.what()};
    outcome.worth_a_retry = e.fault() != NetworkFault::kGivenUp;
  } catch (const BrokenReply& e) {
    outcome.failure = {.fault = e.cut_off() ? EndpointFault::kCutOff : EndpointFault::kBrokenReply, .what = e.what()};
    outcome.worth_a_retry = e.worth_a_retry();
  }
  return outcome;
}

void ChatEndpoint::State::read(const HttpReply& reply, size_t count, Try& outcome) const {
  // Before anything is cut: half a key is not found.
  const std::string body = key.size() >= kSecretBytesMin ? without_key(reply.body, key) : reply.body;
  if (reply.status == 200) {
    try {
      outcome.reply = read_chat_reply(body, count);
    } catch (const BrokenReply&) {
      read_chat_reply(without_key(body, key), count);  // for a message without a short key, too
      throw;
    }
    for (ChatChoice& choice : outcome.reply->choices) {
      // Escapes of JSON may have hidden it.
      if (key.size() < kSecretBytesMin) break;
      choice.text = without_key(std::move(choice.text), key);
      choice.reasoning = without_key(std::move(choice.reasoning), key);
    }
    return;
  }
  const std::string said = failure_message(without_key(body, key));
  outcome.failure = {.fault = EndpointFault::kStatus,
                     .status = reply.status,
                     .what = fmt::format("status {}{}{}", reply.status, said.empty() ? "" : ": ", said)};
  outcome.worth_a_retry = may_pass_later(reply.status);
  if (reply.status == kTooManyRequests || reply.status == kUnavailable)
    outcome.retry_after = retry_after_seconds(reply.retry_after, std::time(nullptr));
}

void ChatEndpoint::State::wait_for_quiet(const GivenUp& given_up) {
  while (true) {
    steady_clock::time_point until;
    {
      const std::lock_guard lock(mutex);
      until = quiet_until;
    }
    if (steady_clock::now() >= until) return;
    wait_until(until, given_up);
  }
}

void ChatEndpoint::State::stay_quiet(double seconds) {
  const steady_clock::time_point until = in_seconds(seconds);
  const std::lock_guard lock(mutex);
  quiet_until = std::max(quiet_until, until);
}

void ChatEndpoint::State::count_call(const Try& outcome, int64_t tries) {
  const std::lock_guard lock(mutex);
  ++usage.calls;
  usage.retries += tries - 1;
  if (!outcome.reply) {
    ++usage.failures;
    return;
  }
  const ChatReply& reply = *outcome.reply;
  usage.replies_without_usage += !reply.has_usage;
  usage.prompt_tokens += reply.prompt_tokens;
  usage.completion_tokens += reply.completion_tokens;
  if (!usage.cost) return;
  *usage.cost = (static_cast<double>(usage.prompt_tokens) * *options.price_per_million_input_tokens +
                 static_cast<double>(usage.completion_tokens) * *options.price_per_million_output_tokens) /
                1e6;
}

ChatEndpoint::ChatEndpoint(EndpointOptions options) : state_(std::make_unique<State>(std::move(options))) {}

ChatEndpoint::~ChatEndpoint() = default;

const EndpointOptions& ChatEndpoint::options() const { return state_->options; }

EndpointUsage ChatEndpoint::usage() const {
  const std::lock_guard lock(state_->mutex);
  return state_->usage;
}

Json ChatEndpoint::body_of(const ChatRequest& request) const {
  const EndpointOptions& options = state_->options;
  Json body = {{"model", options.model}};
  if (request.messages.empty()) {
    body["prompt"] = request.prompt;
  } else {
    body["messages"] = Json::array();
    for (const ChatMessage& message : request.messages)
      body["messages"].push_back({{"role", message.role}, {"content", message.content}});
  }
  const std::optional<double> temperature = request.temperature ? request.temperature : options.temperature;
  if (temperature) body["temperature"] = *temperature;
  if (options.top_p) body["top_p"] = *options.top_p;
  if (options.max_tokens) body["max_tokens"] = *options.max_tokens;
  if (!options.stop.empty()) body["stop"] = options.stop;
  const int64_t n = request.n.value_or(options.n);
  if (n != 1) body["n"] = n;
  if (request.seed) body["seed"] = *request.seed & 0x7fffffff;
  body.merge_patch(options.extra);
  return body;
}

ChatResult ChatEndpoint::ask(const ChatRequest& request, const GivenUp& given_up) {
  State& state = *state_;
  const EndpointOptions& options = state.options;
  const std::string target =
      target_of(options.http.url.target, request.messages.empty() ? "/completions" : "/chat/completions");
  const std::string body = to_line(body_of(request));
  const auto count = static_cast<size_t>(request.n.value_or(options.n));
  const uint64_t number = state.num_calls++;

  int64_t tries = 0;
  Try outcome;
  while (true) {
    outcome = state.try_once(target, body, count, given_up);
    ++tries;
    if (outcome.reply || !outcome.worth_a_retry || tries > options.retries) break;
    if (outcome.retry_after.value_or(0.0) > options.retry_after_max) {
      outcome.failure.what += fmt::format(", to be tried again in {:.0f} seconds", *outcome.retry_after);
      break;
    }
    if (outcome.retry_after) state.stay_quiet(*outcome.retry_after);
    try {
      wait_until(in_seconds(std::max(backoff_seconds(options.backoff, tries, number), outcome.retry_after.value_or(0.0))),
                 given_up);
    } catch (const NetworkError& e) {
      outcome.failure = {.fault = fault_of(e.fault()), .what = fmt::format("{}, after: {}", e.what(), outcome.failure.what)};
      break;
    }
  }
  state.count_call(outcome, tries);
  if (outcome.reply) {
    outcome.reply->tries = tries;
    return std::move(*outcome.reply);
  }
  outcome.failure.tries = tries;
  outcome.failure.what = without_key(std::move(outcome.failure.what), state.key);
  if (tries > 1) outcome.failure.what += fmt::format(" ({} tries)", tries);
  return std::move(outcome.failure);
}

void ChatEndpoint::ask_all(std::span<const ChatRequest> requests,
                           const std::function<bool(size_t index, ChatResult result)>& on_done,
                           const GivenUp& given_up) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> stopped = false;
  std::mutex mutex;  // one on_done at a time
  std::exception_ptr thrown;
  const GivenUp enough = [&] { return stopped || (given_up && given_up()); };
  const auto work = [&] {
    try {
      while (!enough()) {
        const size_t index = next++;
        if (index >= requests.size()) return;
        ChatResult result = ask(requests[index], enough);
        const auto* failure = std::get_if<EndpointFailure>(&result);
        if (failure && failure->fault == EndpointFault::kGivenUp) return;
        const std::lock_guard lock(mutex);
        if (stopped) return;
        if (!on_done(index, std::move(result))) stopped = true;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!thrown) thrown = std::current_exception();
      stopped = true;
    }
  };
  {
    std::vector<std::jthread> threads;
    const size_t count = std::min(requests.size(), static_cast<size_t>(state_->options.concurrency));
    try {
      for (size_t i = 0; i < count; ++i) threads.emplace_back(work);
    } catch (...) {  // no further thread can be had
      const std::lock_guard lock(mutex);
      if (threads.empty()) thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace grpo

#include "rewards/plugins/chat_endpoint.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <set>
#include <thread>

#include "tests/chat_server.h"
#include "tests/programs_and_ports.h"
#include "tests/rewards/plugins/plugin.h"

namespace grpo {
namespace {

constexpr char kKey[] = "sk-0123456789abcdef";

EndpointOptions options_of(const std::string& base_url, const Json& further = Json::object()) {
  Json json = {{"base_url", base_url}, {"model", "m"}, {"backoff", 0.01}, {"timeout", 20}, {"retries", 2}};
  for (const auto& [key, value] : further.items()) json[key] = value;
  ObjectReader reader(json, "recipe.json", "endpoint");
  EndpointOptions options = read_endpoint_options(reader, "");
  reader.finish();
  return options;
}

ChatRequest chat(const std::string& text) {
  return {.messages = {{.role = "user", .content = text}}};
}

// A client of a server that replies as scripted, and what it is told.
struct Talk {
  explicit Talk(ChatServer::Script script, const Json& further = Json::object())
      : server(std::move(script)), endpoint(options_of(server.base_url(), further)) {}

  ChatReply reply(const ChatRequest& request = chat("hello")) {
    ChatResult result = endpoint.ask(request);
    if (const auto* failure = std::get_if<EndpointFailure>(&result)) {
      ADD_FAILURE() << failure->what;
      return {.choices = std::vector<ChatChoice>(1)};
    }
    return std::get<ChatReply>(result);
  }

  EndpointFailure failure(const ChatRequest& request = chat("hello")) {
    ChatResult result = endpoint.ask(request);
    if (std::holds_alternative<ChatReply>(result)) {
      ADD_FAILURE() << "there is a reply";
      return {};
    }
    return std::get<EndpointFailure>(result);
  }

  ChatServer server;
  ChatEndpoint endpoint;
};

// Fails as told, `times` times, then replies "fine".
ChatServer::Script fails_first(size_t times, const ServedReply& failure) {
  return [=](const ServedRequest& request) {
    return request.number < times ? failure : ServedReply{.body = chat_body({"fine"})};
  };
}

ChatServer::Script says(const std::string& body) {
  return [body](const ServedRequest&) { return ServedReply{.body = body}; };
}

TEST(ChatEndpoint, SendsAChatAsOpenAiHasIt) {
  setenv("GRPO_TEST_KEY", kKey, 1);
  Talk talk(says(chat_body({"a", "b"})), {{"api_key_env", "GRPO_TEST_KEY"},
                                          {"temperature", 0.6},
                                          {"top_p", 0.95},
                                          {"max_tokens", 100},
                                          {"stop", {"END"}},
                                          {"n", 2},
                                          {"extra", {{"min_p", 0.1}, {"chat_template_kwargs", {{"thinking", true}}}}}});
  ChatRequest request = chat("2+2?");
  request.messages.insert(request.messages.begin(), {.role = "system", .content = "Be brief."});
  request.seed = 7;
  const ChatReply reply = talk.reply(request);
  ASSERT_EQ(reply.choices.size(), 2u);
  EXPECT_EQ(reply.choices[0].text + reply.choices[1].text, "ab");
  const ServedRequest got = talk.server.requests().at(0);
  EXPECT_EQ(got.target, "/v1/chat/completions");
  EXPECT_EQ(got.headers.at("authorization"), std::string("Bearer ") + kKey);
  EXPECT_EQ(got.body, Json::parse(R"({"model": "m",
      "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}],
      "temperature": 0.6, "top_p": 0.95, "max_tokens": 100, "stop": ["END"], "n": 2, "seed": 7, "min_p": 0.1,
      "chat_template_kwargs": {"thinking": true}})"));
}

TEST(ChatEndpoint, SendsNothingThatWasNotAskedFor) {
  Talk talk(says(chat_body({"a"})));
  talk.reply();
  const ServedRequest got = talk.server.requests().at(0);
  EXPECT_EQ(got.body, Json::parse(R"({"model": "m", "messages": [{"role": "user", "content": "hello"}]})"));
  EXPECT_EQ(got.headers.count("authorization"), 0u);
}

TEST(ChatEndpoint, SendsARawPromptToCompletions) {
  Talk talk(says(R"({"choices": [{"text": "4", "finish_reason": "length"}]})"), {{"extra", {{"temperature", nullptr}}}});
  const ChatReply reply = talk.reply({.messages = {}, .prompt = "2+2=", .temperature = 0.5});
  EXPECT_EQ(reply.choices[0].text, "4");
  EXPECT_EQ(reply.choices[0].finish_reason, "length");
  EXPECT_FALSE(reply.has_usage);
  const ServedRequest got = talk.server.requests().at(0);
  EXPECT_EQ(got.target, "/v1/completions");
  EXPECT_EQ(got.body, Json::parse(R"({"model": "m", "prompt": "2+2="})"));
}

TEST(ChatEndpoint, KeepsTheQueryOfItsUrlBehindThePath) {
  const ChatServer server(says(chat_body({"a"})));
  ChatEndpoint endpoint(options_of(server.base_url() + "/?api-version=3"));
  endpoint.ask(chat("x"));
  EXPECT_EQ(server.requests().at(0).target, "/v1/chat/completions?api-version=3");
}

TEST(ChatEndpoint, TextThatIsNotUtf8IsSentAllTheSame) {
  Talk talk(says(chat_body({"a"})));
  talk.reply(chat("bad \xff byte"));
  EXPECT_EQ(talk.server.requests().at(0).text(), "bad \xEF\xBF\xBD byte");
}

TEST(ChatEndpoint, KeepsItsConnection) {
  Talk talk(says(chat_body({"a"})));
  for (int i = 0; i < 5; ++i) talk.reply();
  EXPECT_EQ(talk.server.num_connections(), 1u);
}

TEST(ChatEndpoint, TriesAgainWhatMayPass) {
  const std::string whole = chat_body({"never"});
  const std::pair<const char*, ServedReply> faults[] = {
      {"500", {.status = 500, .body = "no model"}},
      {"429", {.status = 429, .body = "slow down"}},
      {"truncated JSON", {.body = whole.substr(0, whole.size() / 2)}},
      {"an error with status 200", {.body = R"({"error": {"message": "overloaded"}})"}},
      {"closed in the middle of the body", {.body = whole, .close_after_bytes = 20}},
      {"closed before the body", {.body = whole, .close_after_bytes = 0}},
      {"stopped by the server", {.body = R"({"choices": [{"finish_reason": "error", "message": {"content": "half"}}]})"}},
  };
  for (const auto& [name, reply] : faults) {
    Talk talk(fails_first(2, reply));
    const ChatReply fine = talk.reply();
    EXPECT_EQ(fine.choices[0].text, "fine") << name;
    EXPECT_EQ(fine.tries, 3) << name;
    EXPECT_EQ(talk.reply().tries, 1) << name;
    EXPECT_EQ(talk.endpoint.usage().retries, 2) << name;
    EXPECT_EQ(talk.server.requests().size(), 4u) << name;
    EXPECT_EQ(talk.server.requests()[0].body, talk.server.requests()[2].body) << name;
  }
}

TEST(ChatEndpoint, EveryFailureHasItsKind) {
  const std::string whole = chat_body({"never"});
  struct Case {
    ServedReply reply;
    EndpointFault fault;
    int64_t tries;
    std::string what;
  };
  const Case cases[] = {
      {{.status = 500, .body = "no model"}, EndpointFault::kStatus, 3, "status 500: no model (3 tries)"},
      {{.status = 401, .body = R"({"error": {"message": "wrong key"}})"}, EndpointFault::kStatus, 1, "status 401: wrong key"},
      {{.status = 404, .body = R"({"detail": "no such model"})"}, EndpointFault::kStatus, 1, "status 404: no such model"},
      {{.status = 302, .headers = {{"Location", "http://127.0.0.1:1/"}}}, EndpointFault::kStatus, 1, "status 302"},
      {{.body = whole.substr(0, 20)}, EndpointFault::kBrokenReply, 3, "where JSON was expected (3 tries)"},
      {{.body = "[]"}, EndpointFault::kBrokenReply, 3, "holds no choices"},
      {{.body = R"({"choices": [{"index": 0}]})"}, EndpointFault::kBrokenReply, 3, "neither a message nor a text"},
      {{.body = chat_body({"a", "b"})}, EndpointFault::kBrokenReply, 1, "2 choices where 1 were asked for"},
      {{.body = whole, .close_after_bytes = 20}, EndpointFault::kCutOff, 3, "reading the reply (3 tries)"},
      {{.body = R"({"choices": [{"finish_reason": "error"}]})"}, EndpointFault::kCutOff, 3, "stopped half-way"},
  };
  for (const Case& one : cases) {
    Talk talk([&](const ServedRequest&) { return one.reply; });
    const EndpointFailure failure = talk.failure();
    EXPECT_EQ(failure.fault, one.fault) << failure.what;
    EXPECT_EQ(failure.status, one.fault == EndpointFault::kStatus ? one.reply.status : 0) << failure.what;
    EXPECT_EQ(failure.tries, one.tries) << failure.what;
    EXPECT_TRUE(holds(failure.what, one.what)) << failure.what;
    EXPECT_EQ(talk.server.requests().size(), static_cast<size_t>(one.tries)) << failure.what;
    EXPECT_EQ(talk.endpoint.usage().failures, 1);
  }
}

TEST(ChatEndpoint, ASilentServerCostsTheDeadlineOfEveryTry) {
  Talk talk(fails_first(9, {.delay_seconds = 30}), {{"timeout", 0.3}, {"retries", 1}});
  EndpointFailure failure;
  const double seconds = seconds_of([&] { failure = talk.failure(); });
  EXPECT_EQ(failure.fault, EndpointFault::kTimedOut);
  EXPECT_TRUE(holds(failure.what, "timed out")) << failure.what;
  EXPECT_GE(seconds, 0.6);
  EXPECT_LT(seconds, 5.0);
}

TEST(ChatEndpoint, ATimeOutMayPass) {
  Talk talk(fails_first(1, {.delay_seconds = 30}), {{"timeout", 0.5}});
  EXPECT_EQ(talk.reply().choices[0].text, "fine");
}

TEST(ChatEndpoint, NobodyThereIsUnreachable) {
  ChatEndpoint endpoint(options_of("http://127.0.0.1:" + unused_port() + "/v1"));
  const ChatResult result = endpoint.ask(chat("x"));
  const auto& failure = std::get<EndpointFailure>(result);
  EXPECT_EQ(failure.fault, EndpointFault::kUnreachable);
  EXPECT_EQ(failure.tries, 3);
  EXPECT_TRUE(holds(failure.what, "Connection refused")) << failure.what;
}

TEST(ChatEndpoint, WaitsAsLongAsTheServerAsks) {
  for (const int status : {429, 503}) {
    Talk talk(fails_first(1, {.status = status, .headers = {{"Retry-After", "0.8"}}}));
    const double seconds = seconds_of([&] { EXPECT_EQ(talk.reply().choices[0].text, "fine"); });
    EXPECT_GE(seconds, 0.8) << status;
    EXPECT_LT(seconds, 5.0) << status;
  }
  // Of other states the header says nothing.
  Talk talk(fails_first(1, {.status = 500, .headers = {{"Retry-After", "30"}}}));
  EXPECT_LT(seconds_of([&] { talk.reply(); }), 5.0);
}

TEST(ChatEndpoint, NoCallStartsWhileTheServerAsksForPeace) {
  std::atomic<bool> refused = false;
  Talk talk(
      [&](const ServedRequest& request) {
        if (request.text() != "first" || refused.exchange(true)) return ServedReply{.body = chat_body({"fine"})};
        return ServedReply{.status = 429, .headers = {{"Retry-After", "1"}}};
      },
      {{"concurrency", 4}});
  std::thread first([&] { talk.reply(chat("first")); });
  while (!refused) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the refusal has been read
  EXPECT_GE(seconds_of([&] { talk.reply(chat("second")); }), 0.5);
  first.join();
}

TEST(ChatEndpoint, FailsAtOnceWhereTheServerAsksForTooMuchPatience) {
  Talk talk(fails_first(9, {.status = 429, .body = "quota", .headers = {{"Retry-After", "86400"}}}));
  EndpointFailure failure;
  EXPECT_LT(seconds_of([&] { failure = talk.failure(); }), 5.0);
  EXPECT_EQ(failure.tries, 1);
  EXPECT_TRUE(holds(failure.what, "status 429: quota, to be tried again in 86400 seconds")) << failure.what;
}

// Replies only when `wanted` requests are there at once, or none has come for a while.
class Barrier {
 public:
  explicit Barrier(int wanted) : wanted_(wanted) {}
  void wait() {
    std::unique_lock lock(mutex_);
    most_ = std::max(most_, ++here_);
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(10), [this] { return most_ >= wanted_; });
    --here_;
  }

 private:
  const int wanted_;
  int here_ = 0, most_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

TEST(ChatEndpoint, ReachesItsConcurrencyAndNeverExceedsIt) {
  for (const int concurrency : {1, 3, 8}) {
    Barrier barrier(concurrency);
    Talk talk(
        [&](const ServedRequest& request) {
          barrier.wait();
          return ServedReply{.body = chat_body({"re: " + request.text()}), .delay_seconds = 0.01};
        },
        {{"concurrency", concurrency}});
    std::vector<ChatRequest> requests;
    for (int i = 0; i < 40; ++i) requests.push_back(chat(std::to_string(i)));
    // Two callers share the limit.
    std::atomic<int> right = 0;
    const auto ask = [&] {
      talk.endpoint.ask_all(requests, [&](size_t index, const ChatResult& result) {
        right += std::get<ChatReply>(result).choices[0].text == "re: " + std::to_string(index);
        return true;
      });
    };
    std::thread other(ask);
    ask();
    other.join();
    EXPECT_EQ(right, 80);
    EXPECT_EQ(talk.server.in_flight_max(), concurrency);
    EXPECT_EQ(talk.endpoint.usage().calls, 80);
    EXPECT_EQ(talk.server.requests().size(), 80u);
  }
}

TEST(ChatEndpoint, LosesNoRequestOfManyThatFailAtRandom) {
  const std::string whole = chat_body({"never"});
  std::mutex mutex;
  std::map<std::string, int> tries;
  Talk talk(
      [&](const ServedRequest& request) -> ServedReply {
        const std::string text = request.text();
        int number = 0;
        {
          const std::lock_guard lock(mutex);
          number = tries[text]++;
        }
        // Every request fails in up to four ways first.
        if (number >= std::stoi(text) % 5) return {.body = chat_body({"re: " + text})};
        switch ((std::stoi(text) + number) % 4) {
          case 0:
            return {.status = 429, .headers = {{"Retry-After", "0.01"}}};
          case 1:
            return {.status = 500};
          case 2:
            return {.body = whole.substr(0, 30)};
          default:
            return {.body = whole, .close_after_bytes = 10};
        }
      },
      {{"retries", 4}, {"backoff", 0.001}});
  std::vector<ChatRequest> requests;
  for (int i = 0; i < 60; ++i) requests.push_back(chat(std::to_string(i)));
  std::set<size_t> seen;
  talk.endpoint.ask_all(requests, [&](size_t index, const ChatResult& result) {
    const auto* reply = std::get_if<ChatReply>(&result);
    EXPECT_TRUE(reply && reply->choices[0].text == "re: " + std::to_string(index));
    EXPECT_TRUE(seen.insert(index).second);
    return true;
  });
  EXPECT_EQ(seen.size(), 60u);
  EXPECT_EQ(talk.endpoint.usage().retries, 12 * (0 + 1 + 2 + 3 + 4));
}

TEST(ChatEndpoint, StopsWhenItIsToldTo) {
  Talk talk([](const ServedRequest& request) -> ServedReply {
    return {.body = chat_body({"fine"}), .delay_seconds = request.number < 3 ? 0.0 : 30.0};
  }, {{"concurrency", 2}});
  const std::vector<ChatRequest> requests(20, chat("x"));
  size_t done = 0;
  // By its own word; what hangs is dropped.
  EXPECT_LT(seconds_of([&] {
              talk.endpoint.ask_all(requests, [&](size_t, const ChatResult&) { return ++done < 3; });
            }),
            10.0);
  EXPECT_EQ(done, 3u);
  // By the caller's.
  const auto start = std::chrono::steady_clock::now();
  EXPECT_LT(seconds_of([&] {
              talk.endpoint.ask_all(
                  requests, [&](size_t, const ChatResult&) { return ++done > 0; },
                  [&] { return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(300); });
            }),
            10.0);
  EXPECT_EQ(done, 3u);
}

TEST(ChatEndpoint, GivesUpInTheMiddleOfAPause) {
  Talk talk(fails_first(9, {.status = 429, .headers = {{"Retry-After", "60"}}}));
  const auto start = std::chrono::steady_clock::now();
  const ChatResult result = talk.endpoint.ask(
      chat("x"), [&] { return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(300); });
  EXPECT_EQ(std::get<EndpointFailure>(result).fault, EndpointFault::kGivenUp);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(ChatEndpoint, AnExceptionOfTheCallerComesOut) {
  Talk talk(says(chat_body({"a"})));
  const std::vector<ChatRequest> requests(10, chat("x"));
  EXPECT_THROW(talk.endpoint.ask_all(requests, [](size_t, const ChatResult&) -> bool { throw Error("full disk", "x"); }),
               Error);
  EXPECT_NO_THROW(talk.endpoint.ask_all({}, nullptr));
}

TEST(ChatEndpoint, CountsTokensAndCost) {
  Talk talk(
      [](const ServedRequest& request) -> ServedReply {
        if (request.number == 2) return {.status = 400};
        return {.body = request.number == 3 ? R"({"choices": [{"text": ""}]})" : chat_body({"a", "b"})};
      },
      {{"price_per_million_input_tokens", 2.0}, {"price_per_million_output_tokens", 10.0}, {"n", 2}});
  talk.reply();
  talk.reply();
  talk.failure();
  ChatRequest single = chat("x");
  single.n = 1;
  talk.reply(single);
  const EndpointUsage usage = talk.endpoint.usage();
  EXPECT_EQ(usage.calls, 4);
  EXPECT_EQ(usage.failures, 1);
  EXPECT_EQ(usage.retries, 0);
  EXPECT_EQ(usage.replies_without_usage, 1);
  EXPECT_EQ(usage.prompt_tokens, 20);
  EXPECT_EQ(usage.completion_tokens, 12);
  EXPECT_DOUBLE_EQ(*usage.cost, (20 * 2.0 + 12 * 10.0) / 1e6);
  EXPECT_EQ(usage.text(),
            "4 calls, 0 retries, 1 failed, 20 prompt and 12 completion tokens (1 replies without a count), cost 0.0002");
  EXPECT_FALSE(Talk(says("")).endpoint.usage().cost);
}

TEST(ChatEndpoint, TheKeyStandsInNothingThatComesBack) {
  for (const std::string& key : {std::string(kKey), std::string("shortkey")}) {
    setenv("GRPO_TEST_KEY", key.c_str(), 1);
    const std::string filler(110, 'x');  // messages are cut after 120 bytes: in the middle of the key
    const ServedReply replies[] = {
        {.status = 401, .body = R"({"error": {"message": "wrong key )" + key + R"("}})"},
        {.status = 401, .body = "wrong key " + key},
        {.status = 401, .body = filler + key},
        {.body = filler + key},
        {.body = R"({"error": {"message": ")" + filler + key + R"("}})"},
        {.body = R"({"choices": [{"finish_reason": "error", "error": {"message": ")" + key + R"("}}]})"},
    };
    for (const ServedReply& reply : replies) {
      Talk talk([&](const ServedRequest&) { return reply; }, {{"api_key_env", "GRPO_TEST_KEY"}, {"retries", 0}});
      const EndpointFailure failure = talk.failure();
      EXPECT_FALSE(holds(failure.what, key)) << failure.what;
      EXPECT_FALSE(holds(failure.what, key.substr(0, 6))) << failure.what;
    }
  }
  setenv("GRPO_TEST_KEY", kKey, 1);
  Json body = Json::parse(chat_body({""}));
  body["choices"][0]["message"]["content"] = std::string("you sent ") + kKey;
  body["choices"][0]["message"]["reasoning_content"] = std::string("it is ") + kKey;
  Talk talk(says(body.dump()), {{"api_key_env", "GRPO_TEST_KEY"}});
  const ChatReply reply = talk.reply();
  EXPECT_EQ(reply.choices[0].text, "you sent [key]");
  EXPECT_EQ(reply.choices[0].reasoning, "it is [key]");
  // An escape hides it from a search in the body.
  std::string escaped = body.dump();
  for (size_t at = escaped.find("sk-"); at != std::string::npos; at = escaped.find("sk-")) escaped.replace(at, 3, "sk\\u002d");
  EXPECT_FALSE(holds(Talk(says(escaped), {{"api_key_env", "GRPO_TEST_KEY"}}).reply().choices[0].text, kKey));
}

TEST(ChatEndpoint, AKeyThatIsNoneIsAnErrorThatDoesNotTellIt) {
  unsetenv("GRPO_TEST_KEY");
  const auto text = [] {
    return error_text([] { options_of("http://127.0.0.1:1/v1", {{"api_key_env", "GRPO_TEST_KEY"}}); });
  };
  EXPECT_TRUE(holds(text(), "GRPO_TEST_KEY is not set"));
  for (const char* bad : {"", "  ", "secret\r\nX-Evil: 1", "two words", "s\xC3\xA9" "cret"}) {
    setenv("GRPO_TEST_KEY", bad, 1);
    EXPECT_TRUE(holds(text(), "holds no key")) << bad;
    EXPECT_FALSE(holds(text(), "secret")) << bad;
  }
  setenv("GRPO_TEST_KEY", " abc\n", 1);
  EXPECT_EQ(text(), "");
}

TEST(ChatEndpoint, MistakesAreToldWhenTheRecipeIsRead) {
  const std::string url = "http://127.0.0.1:1/v1";
  const auto text = [&](const Json& further, const std::string& base = "http://127.0.0.1:1/v1") {
    return error_text([&] { options_of(base, further); });
  };
  EXPECT_TRUE(holds(text({}, url + "/chat/completions"), "which is added to it"));
  EXPECT_TRUE(holds(text({}, url + "/completions/"), "which is added to it"));
  EXPECT_TRUE(holds(text({}, "127.0.0.1:8000"), "is no URL"));
  EXPECT_TRUE(holds(text({{"extra", {{"stream", true}}}}), "\"stream\" cannot be set"));
  EXPECT_TRUE(holds(text({{"extra", {{"temperature", 1}}}}), "is an option of its own"));
  EXPECT_TRUE(holds(text({{"price_per_million_input_tokens", 1}}), "one price is given"));
  EXPECT_TRUE(holds(text({{"concurrency", 0}}), "concurrency"));
  EXPECT_TRUE(holds(text({{"max_token", 5}}), "unknown key max_token"));
  EXPECT_TRUE(holds(text({{"n", 0}}), "n"));
}

}  // namespace
}  // namespace grpo

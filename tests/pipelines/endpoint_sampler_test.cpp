// Samples of a server: what is asked, what becomes of replies, and that none is lost or paid for twice.
#include "pipelines/endpoint_sampler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "core/data_file.h"
#include "core/file.h"
#include "tests/chat_server.h"
#include "tests/rewards/scoring.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

const std::string kCharacters = "abcdefghijklmnopqrstuvwxyz0123456789+=? \n:.";

Rubric rubric() { return read_rubric({{{"name", "exact"}}}, "r.json", "rewards"); }

class EndpointSamples : public ::testing::Test {
 protected:
  EndpointSampling options(const ChatServer& server, const Json& endpoint = Json::object(), const Json& stage = Json::object()) const {
    Json with = stage;
    with["endpoint"] = {{"base_url", server.base_url()}, {"model", "teacher"}, {"backoff", 0.01}, {"timeout", 20}, {"retries", 2}};
    for (const auto& [key, value] : endpoint.items()) with["endpoint"][key] = value;
    ObjectReader r(with, "recipe.json", "stages[0]");
    EndpointSampling read = read_endpoint_sampling(r, "recipe.json", {.temperature = 0.6, .top_p = 0.95, .max_tokens = 99, .stop = {"END"}});
    r.finish();
    return read;
  }
  // Problems "what is N" with the answer N.
  std::vector<AskedProblem> problems(int64_t count, int64_t first = 0) const {
    std::vector<AskedProblem> asked;
    for (int64_t n = first; n < first + count; ++n) {
      AskedProblem one{.problem = problem_of(std::to_string(n)), .draw = n, .messages = {}};
      one.problem.id = n;
      one.problem.prompt = "prompt " + std::to_string(n);
      one.messages = messages_of("what is " + std::to_string(n), "", "test");
      asked.push_back(std::move(one));
    }
    return asked;
  }
  EndpointStep ask(const EndpointSampling& sampling, const std::vector<AskedProblem>& asked, int64_t generations = 2,
                   const StopRequest& stop = nullptr) const {
    EndpointSampler sampler(sampling, tokenizer_, rubric_, 2, journal(), asked.front().draw);
    return sampler.sample(asked, generations, /*seed=*/5, stop);
  }
  std::string journal() const { return folder_.file("replies.jsonl"); }
  size_t journaled() const { return std::filesystem::exists(journal()) ? read_data_file(journal()).size() : 0; }

  TemporaryFolder folder_;
  const Tokenizer tokenizer_ = Tokenizer::from_json(character_tokenizer_json(kCharacters, {"<think>", "</think>", "<answer>", "</answer>"}, {"<end>"}), "test");
  const Rubric rubric_ = rubric();
};

std::string answer(const std::string& number) { return "<answer>" + number + "</answer>"; }
// "what is 7" is asked for 7, and answered by it.
std::string asked_for(const ServedRequest& request) { return request.text().substr(std::string("what is ").size()); }
ServedReply answers(const ServedRequest& request) { return {.body = chat_body({answer(asked_for(request))})}; }

std::vector<std::string> texts_of(const EndpointStep& step) {
  std::vector<std::string> texts;
  for (const Group& group : step.groups) {
    for (const Episode& episode : group.episodes) texts.push_back(episode.completion);
  }
  return texts;
}

TEST_F(EndpointSamples, EverySampleIsACallWithASeedOfItsOwnAndTheStagesSampling) {
  const ChatServer server(answers);
  const EndpointStep step = ask(options(server), problems(3));
  ASSERT_EQ(step.groups.size(), 3u);
  EXPECT_EQ(texts_of(step), (std::vector<std::string>{answer("0"), answer("0"), answer("1"), answer("1"), answer("2"), answer("2")}));
  std::set<int64_t> seeds;
  for (const ServedRequest& request : server.requests()) {
    EXPECT_EQ(request.target, "/v1/chat/completions");
    EXPECT_EQ(request.body["model"], "teacher");
    EXPECT_EQ(request.body["temperature"], 0.6);
    EXPECT_EQ(request.body["top_p"], 0.95);
    EXPECT_EQ(request.body["max_tokens"], 99);
    EXPECT_EQ(request.body["stop"], (Json{"END"}));
    EXPECT_FALSE(request.body.contains("n"));
    seeds.insert(request.body["seed"].get<int64_t>());
  }
  EXPECT_EQ(seeds.size(), 6u);
  const Episode& episode = step.groups[1].episodes[1];
  EXPECT_EQ(episode.problem_id, 1);
  EXPECT_EQ(episode.sample_index, 1);
  EXPECT_EQ(episode.finish_reason, FinishReason::kEos);
  EXPECT_EQ(episode.completion_ids, tokenizer_.encode(answer("1"), false));
  EXPECT_EQ(episode.reward, 1.0);
  EXPECT_TRUE(seeds.contains(static_cast<int64_t>(episode.seed & 0x7fffffff)));
  EXPECT_EQ(step.tokens, 6 * 3);
  EXPECT_EQ(step.failed, 0);
}

TEST_F(EndpointSamples, AProblemThatComesAgainIsSampledAnew) {
  const ChatServer server(answers);
  EndpointSampler sampler(options(server), tokenizer_, rubric_, 1, journal(), 0);
  std::vector<AskedProblem> asked = problems(2);
  asked[1].problem = asked[0].problem;
  asked[1].messages = asked[0].messages;
  sampler.sample(asked, 1, 5, nullptr);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_NE(requests[0].body["seed"], requests[1].body["seed"]);
}

TEST_F(EndpointSamples, ReasoningThatIsSentApartStandsInThinkTags) {
  const ChatServer server([](const ServedRequest&) {
    return ServedReply{.body = R"({"choices": [{"message": {"reasoning_content": "it is", "content": "0"}, "finish_reason": "stop"}]})"};
  });
  EXPECT_EQ(texts_of(ask(options(server), problems(1), 1)), (std::vector<std::string>{"<think>\nit is\n</think>\n\n0"}));
}

TEST_F(EndpointSamples, WhatDidNotStopByItselfIsCutOff) {
  for (const auto& [reason, expected] : std::map<std::string, FinishReason>{
           {"stop", FinishReason::kEos}, {"length", FinishReason::kLength}, {"content_filter", FinishReason::kLength}}) {
    const ChatServer server([&](const ServedRequest&) {
      return ServedReply{.body = R"({"choices": [{"message": {"content": "0"}, "finish_reason": ")" + reason + "\"}]}"};
    });
    EndpointSampler sampler(options(server), tokenizer_, rubric_, 1, folder_.file(reason), 0);
    EXPECT_EQ(sampler.sample(problems(1), 1, 5, nullptr).groups[0].episodes[0].finish_reason, expected) << reason;
  }
}

TEST_F(EndpointSamples, ARawPromptGoesToCompletions) {
  const ChatServer server([](const ServedRequest& request) {
    EXPECT_EQ(request.target, "/v1/completions");
    return ServedReply{.body = R"({"choices": [{"text": "so</think>0", "finish_reason": "stop"}]})"};
  });
  std::vector<AskedProblem> asked = problems(1);
  asked[0].messages.clear();
  asked[0].problem.completion_prefix = "<think>";
  EXPECT_EQ(texts_of(ask(options(server, {{"api", "completions"}}), asked, 1)), (std::vector<std::string>{"<think>so</think>0"}));
  EXPECT_EQ(server.requests().at(0).text(), "prompt 0");
}

TEST_F(EndpointSamples, ATextThatThePolicyCannotExpressIsAbsent) {
  const ChatServer server([](const ServedRequest&) { return ServedReply{.body = chat_body({"\xE4\xBA\x94"})}; });
  const EndpointStep step = ask(options(server), problems(1), 1);
  EXPECT_EQ(step.groups[0].episodes[0].finish_reason, FinishReason::kError);
  EXPECT_FALSE(step.groups[0].episodes[0].reward);
  EXPECT_EQ(step.inexpressible, 1);
  EXPECT_EQ(step.failed, 0);
}

// --- servers that misbehave

// Every way to fail, at random, before a right answer comes: no sample is lost, and none is asked for again once accepted.
TEST_F(EndpointSamples, NoSampleIsLostToAServerThatFailsInEveryWay) {
  const std::string whole = chat_body({"never"});
  std::mutex mutex;
  std::map<std::string, int> tries;
  const ChatServer server([&](const ServedRequest& request) -> ServedReply {
    const std::string call = request.text() + request.body["seed"].dump();
    const int64_t seed = request.body["seed"].get<int64_t>();
    int number = 0;
    {
      const std::lock_guard lock(mutex);
      number = tries[call]++;
    }
    if (number >= seed % 3) return answers(request);
    switch ((seed + number) % 5) {
      case 0: return {.status = 429, .headers = {{"Retry-After", "0.01"}}};
      case 1: return {.status = 500};
      case 2: return {.body = whole.substr(0, 30)};
      case 3: return {.body = whole, .close_after_bytes = 10};
      default: return {.delay_seconds = 30};
    }
  });
  const EndpointStep step = ask(options(server, {{"timeout", 0.5}}), problems(10), 2);
  EXPECT_EQ(step.failed, 0);
  for (size_t g = 0; g < step.groups.size(); ++g) {
    for (const Episode& episode : step.groups[g].episodes) EXPECT_EQ(episode.completion, answer(std::to_string(g)));
  }
  size_t expected = 0;
  for (const auto& [call, number] : tries) expected += static_cast<size_t>(number);
  EXPECT_EQ(tries.size(), 20u);
  EXPECT_EQ(server.requests().size(), expected);
  EXPECT_GT(expected, 20u);
  EXPECT_EQ(journaled(), 20u);
  EXPECT_EQ(journal_usage(journal()).retries, static_cast<int64_t>(expected) - 20);
  // Another process has all of it.
  const EndpointStep again = ask(options(server), problems(10), 2);
  EXPECT_EQ(server.requests().size(), expected);
  EXPECT_EQ(texts_of(again), texts_of(step));
  for (size_t g = 0; g < again.groups.size(); ++g) EXPECT_EQ(again.groups[g].episodes[1].reward, 1.0);
  EXPECT_EQ(again.tokens, step.tokens);
}

TEST_F(EndpointSamples, CallsThatFailForGoodLeaveTheirSamplesAbsent) {
  std::atomic<int> failed = 0;
  const ChatServer server([&](const ServedRequest& request) {
    return asked_for(request) == "3" && failed++ == 0 ? ServedReply{.status = 400, .body = "no"} : answers(request);
  });
  const EndpointStep step = ask(options(server), problems(10), 2);
  EXPECT_EQ(step.failed, 1);
  int absent = 0;
  for (const Episode& episode : step.groups[3].episodes) {
    absent += episode.finish_reason == FinishReason::kError;
    EXPECT_EQ(episode.reward.has_value(), episode.finish_reason == FinishReason::kEos);
  }
  EXPECT_EQ(absent, 1);
  EXPECT_EQ(journal_usage(journal()).failures, 1);
  // The next process may ask for it again.
  EXPECT_EQ(ask(options(server), problems(10), 2).failed, 0);
  EXPECT_EQ(server.requests().size(), 21u);
}

TEST_F(EndpointSamples, TooManyFailuresStopTheStepAndKeepWhatCame) {
  std::atomic<bool> mended = false;
  const ChatServer server([&](const ServedRequest& request) {
    return request.number % 2 == 0 && !mended ? ServedReply{.status = 404, .body = R"({"error": "no such model"})"} : answers(request);
  });
  const EndpointSampling half = options(server, {{"concurrency", 1}}, {{"endpoint_error_rate_max", 0.25}});
  const Error error = error_of([&] { ask(half, problems(10), 2); });
  EXPECT_TRUE(holds(error.summary(), "6 of 20 calls")) << error.what();
  EXPECT_TRUE(holds(error.summary(), "status 404: no such model")) << error.what();
  EXPECT_TRUE(holds(error.where(), "teacher"));
  // Every second call failed: the sixth failure is the eleventh call.
  EXPECT_EQ(server.requests().size(), 11u);
  EXPECT_EQ(journal_usage(journal()).calls - journal_usage(journal()).failures, 5);
  mended = true;
  EXPECT_EQ(ask(half, problems(10), 2).failed, 0);
  EXPECT_EQ(server.requests().size(), 11u + 15u);
}

TEST_F(EndpointSamples, AFailureMoreThanTheShareStopsAndAsManyAsTheShareDoNot) {
  const ChatServer server([](const ServedRequest& request) {
    return asked_for(request) == "0" ? ServedReply{.status = 400} : answers(request);
  });
  EXPECT_EQ(ask(options(server, {}, {{"endpoint_error_rate_max", 0.1}}), problems(10), 1).failed, 1);
  EXPECT_TRUE(holds(error_text([&] { ask(options(server, {}, {{"endpoint_error_rate_max", 0.09}}), problems(10), 1); }), "1 of 10 calls"));
}

TEST_F(EndpointSamples, AStopRequestEndsTheStepAndLosesNothing) {
  std::atomic<int> replied = 0;
  const ChatServer server([&](const ServedRequest& request) {
    if (replied++ < 4) return answers(request);
    return ServedReply{.body = chat_body({answer(asked_for(request))}), .delay_seconds = 30};
  });
  const EndpointSampling one = options(server, {{"concurrency", 1}});
  EXPECT_THROW(ask(one, problems(10), 1, [&] { return replied > 4; }), Cancelled);
  EXPECT_EQ(journaled(), 4u);
}

TEST_F(EndpointSamples, TheCostIsThatOfAllProcesses) {
  const ChatServer server(answers);
  const EndpointSampling priced = options(server, {{"price_per_million_input_tokens", 2.0}, {"price_per_million_output_tokens", 10.0}});
  ask(priced, problems(2), 1);
  EndpointSampler sampler(priced, tokenizer_, rubric_, 1, journal(), 2);
  sampler.sample(problems(3, 2), 1, 5, nullptr);
  EXPECT_EQ(server.requests().size(), 5u);
  EXPECT_EQ(usage_json(sampler.usage(), "teacher"),
            (Json{{"model", "teacher"}, {"calls", 5}, {"failures", 0}, {"retries", 0}, {"replies_without_usage", 0}, {"prompt_tokens", 50},
                  {"completion_tokens", 15}, {"cost", (50 * 2.0 + 15 * 10.0) / 1e6}}));
}

// --- options and questions

TEST_F(EndpointSamples, WhatTheStageSaysIsNotSaidTwice) {
  const ChatServer server(answers);
  for (const char* key : {"temperature", "top_p", "max_tokens", "n"}) {
    EXPECT_TRUE(holds(error_of([&] { options(server, {{key, 1}}); }).where(), std::string("stages[0].endpoint.") + key));
  }
  EXPECT_TRUE(holds(error_of([&] { options(server, {{"modell", 1}}); }).summary(), "modell"));
  EXPECT_TRUE(holds(error_of([&] { options(server, {{"api", "completions"}, {"system", "s"}}); }).where(), "endpoint.system"));
  EXPECT_TRUE(holds(error_of([&] { options(server, {}, {{"endpoint_error_rate_max", 2}}); }).where(), "endpoint_error_rate_max"));
  // A server that wants another name for the limit gets it.
  const EndpointSampling renamed = options(server, {{"extra", {{"max_tokens", nullptr}, {"max_completion_tokens", 99}}}});
  ask(renamed, problems(1), 1);
  const Json body = server.requests().at(0).body;
  EXPECT_FALSE(body.contains("max_tokens"));
  EXPECT_EQ(body["max_completion_tokens"], 99);
}

TEST(MessagesOf, AQuestionIsOneMessageOrTheMessagesThatItIs) {
  const auto told = [](const Json& question, const std::string& system) {
    std::string text;
    for (const ChatMessage& message : messages_of(question, system, "row 1")) text += message.role + "=" + message.content + ";";
    return text;
  };
  EXPECT_EQ(told("2+2?", ""), "user=2+2?;");
  EXPECT_EQ(told("2+2?", "Be brief."), "system=Be brief.;user=2+2?;");
  const Json chat = {{{"role", "user"}, {"content", "a"}}, {{"role", "assistant"}, {"content", "b"}}, {{"role", "user"}, {"content", "c"}}};
  EXPECT_EQ(told(chat, "s"), "system=s;user=a;assistant=b;user=c;");
  EXPECT_EQ(told({{{"role", "system"}, {"content", "own"}}, {{"role", "user"}, {"content", "a"}}}, "s"), "system=own;user=a;");
  for (const Json& wrong : {Json::array(), Json{1}, Json{{{"role", "user"}}}, Json{{{"role", "user"}, {"content", 3}}}}) {
    EXPECT_EQ(error_of([&] { told(wrong, ""); }).where(), "row 1") << wrong;
  }
}

}  // namespace
}  // namespace grpo

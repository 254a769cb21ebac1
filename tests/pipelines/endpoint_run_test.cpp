// Whole runs that sample from a server: nothing that was replied is lost or asked for twice, whatever server and run do.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "core/file.h"
#include "pipelines/reply_journal.h"
#include "tests/chat_server.h"
#include "tests/pipelines/killed_program.h"
#include "tests/pipelines/run_lines.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// A policy of a million million parameters, which nobody could load: it only lends its tokenizer.
constexpr const char* kRecipe = R"({
  "name": "teach", "seed": 3,
  "policy": {
    "config": {"model_type": "llama", "hidden_size": 16384, "num_hidden_layers": 400, "intermediate_size": 65536,
      "num_attention_heads": 128, "num_key_value_heads": 8, "max_position_embeddings": 128},
    "initializer_range": 0.2,
    "tokenizer": {"characters": "abcdefghijklmnopqrstuvwxyz0123456789 \n", "tags": ["<think>", "</think>", "<answer>", "</answer>"]}},
  "data": {"train": "TRAIN", "eval": "EVAL", "decontaminate": {}},
  "rewards": [{"name": "exact", "extract": "answer_tag"}],
  "stages": [
    {"name": "teach", "stage": "reject", "problems_per_step": 4, "num_generations": 2, "temperature": 0.7,
     "max_completion_length": 60,
     "endpoint": {"base_url": "URL", "model": "teacher", "system": "Be brief.", "timeout": 0.5, "retries": 4, "backoff": 0.01, "concurrency": 3,
                  "price_per_million_input_tokens": 1.0, "price_per_million_output_tokens": 2.0}}]})";

constexpr int kProblems = 12, kSamples = 2 * kProblems;

// "what is 7" is answered rightly where the seed is even.
ServedReply taught(const ServedRequest& request) {
  const std::string number = request.text().substr(std::string("what is ").size());
  const bool right = request.body["seed"].get<int64_t>() % 2 == 0;
  Json reply = Json::parse(chat_body({"<answer>" + (right ? number : "no") + "</answer>"}));
  reply["choices"][0]["message"]["reasoning_content"] = "seed " + request.body["seed"].dump();
  return {.body = reply.dump(), .delay_seconds = 0.01};
}

class EndpointRun : public ::testing::Test {
 protected:
  EndpointRun() {
    std::string train;
    for (int n = 0; n <= kProblems; ++n) train += Json{{"prompt", "what is " + std::to_string(n)}, {"answer", std::to_string(n)}}.dump() + "\n";
    // The last one is a question of the evaluation set.
    const std::string eval = Json{{"prompt", "What is " + std::to_string(kProblems) + "?"}, {"answer", "12"}}.dump() + "\n";
    recipe_ = kRecipe;
    for (const auto& [mark, value] : {std::pair{"TRAIN", folder_.write("train.jsonl", train)},
                                      std::pair{"EVAL", folder_.write("eval.jsonl", eval)}, std::pair{"URL", server_.base_url()}}) {
      recipe_.replace(recipe_.find(mark), std::string(mark).size(), value);
    }
    recipe_ = folder_.write("teach.json", recipe_);
  }

  pid_t begin(const std::string& out) const {
    return start({GRPO_PROGRAM, "run", recipe_, "--device", "cpu", "--out", path(out)}, path("errors"));
  }
  // How a run ends that nobody disturbs.
  int end(const std::string& out) const {
    int status = 0;
    waitpid(begin(out), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string errors() const { return read_file(path("errors")); }
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::string journal(const std::string& out) const { return path(out + "/stages/01-teach/replies.jsonl"); }
  std::string kept(const std::string& out) const { return read_file(path(out + "/stages/01-teach/data/kept.jsonl")); }
  Json manifest(const std::string& out) const { return read_json_file(path(out + "/summary.json"))["stages"][0]; }

  // The requests whose replies are on the disk; the journal of a killed run may end with half a line.
  std::set<std::string> accepted(const std::string& out) const {
    std::set<std::string> requests;
    if (!fs::exists(journal(out))) return requests;
    std::istringstream text(read_file(journal(out)));
    for (std::string line; std::getline(text, line) && !text.eof();) {
      const Json json = Json::parse(line);
      if (json.contains("reply")) requests.insert(json["request"]);
    }
    return requests;
  }
  void serve(ChatServer::Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }

  TemporaryFolder folder_;
  std::mutex mutex_;
  ChatServer::Script script_ = taught;
  ChatServer server_{[this](const ServedRequest& request) {
    ChatServer::Script script;
    {
      const std::lock_guard lock(mutex_);
      script = script_;
    }
    return script(request);
  }};
  std::string recipe_;
};

TEST_F(EndpointRun, SamplesOfATeacherAreScoredKeptAndSayWhereTheyComeFrom) {
  ASSERT_EQ(end("out"), 0) << errors();
  EXPECT_EQ(server_.requests().size(), static_cast<size_t>(kSamples));
  std::set<std::string> expected, got;
  for (const ServedRequest& request : server_.requests()) {
    EXPECT_EQ(request.body["messages"][0], (Json{{"role", "system"}, {"content", "Be brief."}}));
    const std::string number = request.text().substr(std::string("what is ").size());
    EXPECT_NE(number, std::to_string(kProblems)) << "a question of the evaluation set";
    if (request.body["seed"].get<int64_t>() % 2 != 0) continue;
    expected.insert("<think>\nseed " + request.body["seed"].dump() + "\n</think>\n\n<answer>" + number + "</answer>");
  }
  for (const Json& row : lines_in(path("out/stages/01-teach/data/kept.jsonl"))) {
    got.insert(row["completion"]);
    EXPECT_EQ(row["provenance"]["endpoint"], "teacher");
    EXPECT_FALSE(row["provenance"].contains("from"));
    EXPECT_EQ(row["provenance"]["scores"]["exact"], 1.0);
  }
  EXPECT_EQ(got, expected);
  const Json told = manifest("out");
  EXPECT_EQ(told["steps"], 3);
  EXPECT_EQ(told["endpoint"], "teacher");
  EXPECT_EQ(told["contaminated"], (Json{{"rows", 1}, {"sets", {{path("eval.jsonl"), 1}}}}));
  EXPECT_EQ(told["counts"]["samples"], kSamples);
  const Json& usage = told["counts"]["endpoint"];
  EXPECT_EQ(usage["calls"], kSamples);
  EXPECT_EQ(usage["prompt_tokens"], 10 * kSamples);
  EXPECT_EQ(usage["completion_tokens"], 3 * kSamples);
  EXPECT_DOUBLE_EQ(usage["cost"].get<double>(), (10 * 1.0 + 3 * 2.0) * kSamples / 1e6);
  EXPECT_TRUE(holds(errors(), "teacher: 24 calls, 0 retries, 0 failed, 240 prompt and 72 completion tokens, cost 0.0004"));
  // A finished run asks for nothing.
  ASSERT_EQ(end("out"), 0) << errors();
  EXPECT_EQ(server_.requests().size(), static_cast<size_t>(kSamples));
}

TEST_F(EndpointRun, KilledInTheMiddleItAsksForNothingTwiceAndEndsWithTheSameBytes) {
  ASSERT_EQ(end("whole"), 0) << errors();
  // The first try of every call fails, in one of five ways.
  std::mutex mutex;
  std::set<std::string> seen;
  const std::string body = chat_body({"never"});
  serve([&](const ServedRequest& request) -> ServedReply {
    {
      const std::lock_guard lock(mutex);
      if (!seen.insert(request_hash(request.body)).second) return taught(request);
    }
    switch (request.body["seed"].get<int64_t>() % 5) {
      case 0: return {.status = 429, .headers = {{"Retry-After", "0.05"}}};
      case 1: return {.status = 500};
      case 2: return {.body = body.substr(0, body.size() / 2)};
      case 3: return {.body = body, .close_after_bytes = 10};
      default: return {.delay_seconds = 30};
    }
  });
  int kills = 0;
  std::set<std::string> before;
  const auto expect_nothing_twice = [&](size_t first) {
    const std::vector<ServedRequest> requests = server_.requests();
    for (size_t i = first; i < requests.size(); ++i) EXPECT_FALSE(before.contains(request_hash(requests[i].body))) << i;
  };
  for (const size_t wanted : {1, 4, 9, 15, 20}) {
    const size_t first = server_.requests().size();
    kills += !ends_before(begin("killed"), [&] { return accepted("killed").size() >= wanted; });
    expect_nothing_twice(first);
    const std::set<std::string> now = accepted("killed");
    for (const std::string& request : before) EXPECT_TRUE(now.contains(request)) << "a reply is lost";
    before = now;
  }
  EXPECT_GE(kills, 4);
  const size_t first = server_.requests().size();
  ASSERT_EQ(end("killed"), 0) << errors();
  expect_nothing_twice(first);
  EXPECT_EQ(kept("killed"), kept("whole"));
  EXPECT_EQ(accepted("killed").size(), static_cast<size_t>(kSamples));
  EXPECT_EQ(manifest("killed")["counts"]["endpoint"]["completion_tokens"], 3 * kSamples);
  EXPECT_EQ(without_times(lines_in(path("killed/metrics.jsonl"))), without_times(lines_in(path("whole/metrics.jsonl"))));
}

TEST_F(EndpointRun, ToldToStopItSaysSoAndGoesOn) {
  const pid_t child = begin("out");
  while (accepted("out").size() < 5) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM) << errors();
  const size_t kept = accepted("out").size(), first = server_.requests().size();
  EXPECT_GE(kept, 5u);
  ASSERT_EQ(end("out"), 0) << errors();
  EXPECT_EQ(server_.requests().size() - first, kSamples - kept);
}

TEST_F(EndpointRun, WhereTheServerFailsTooOftenItStopsWithOneErrorAndKeepsWhatCame) {
  serve([&](const ServedRequest& request) {
    return request.number < 10 ? taught(request) : ServedReply{.status = 404, .body = R"({"error": {"message": "no such model"}})"};
  });
  EXPECT_EQ(end("out"), 1);
  EXPECT_TRUE(holds(errors(), "endpoint_error_rate_max (0.1)"));
  EXPECT_TRUE(holds(errors(), "status 404: no such model"));
  // The first step has 8 calls; a failure of the second one's 8 is too many.
  const size_t kept = accepted("out").size();
  EXPECT_GE(kept, 8u);
  EXPECT_LE(kept, 10u);
  serve(taught);
  const size_t first = server_.requests().size();
  ASSERT_EQ(end("out"), 0) << errors();
  EXPECT_EQ(server_.requests().size() - first, kSamples - kept);
  EXPECT_GT(manifest("out")["counts"]["endpoint"]["failures"], 0);
}

}  // namespace
}  // namespace grpo

#include "rewards/plugins/http.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>

#include "rewards/answer_text.h"
#include "rewards/plugins/batches.h"
#include "rewards/plugins/http_options.h"
#include "rewards/plugins/http_pool.h"
#include "rewards/plugins/http_retry.h"
#include "rewards/plugins/line_log.h"
#include "rewards/plugins/wire.h"
#include "rewards/score_of.h"

namespace grpo {
namespace {

struct Options {
  HttpOptions http;
  double timeout = 180.0;
  int64_t retries = 5;
  double backoff = 1.0;
  int64_t workers = 4;
  int64_t batch = 0;
};

std::string request_body(const Problem& problem, std::span<const Episode> episodes) {
  std::vector<std::string> queries;
  for (const Episode& episode : episodes) queries.push_back(problem.prompt + episode.completion);
  Json request;
  request["query"] = queries;
  request["prompts"] = std::vector<std::string>(episodes.size(), problem.prompt);
  request["labels"] = std::vector<std::string>(episodes.size(), problem.answer);
  return to_line(request);
}

class Server {
 public:
  Server(Options options, const std::string& log_file)
      : options_(options),
        pool_(std::move(options.http), static_cast<size_t>(options.workers)),
        log_(log_file, "http " + options_.http.url.host_header()) {}

  std::vector<Score> score(const Problem& problem, std::span<const Episode> episodes) {
    std::vector<Score> scores;
    std::string failure;
    try {
      HttpPool::Lease connection = pool_.take();
      failure = call(connection, problem, episodes, scores);
    } catch (const std::exception& e) {
      failure = e.what();
    }
    if (!failure.empty()) {
      log_.write(fmt::format("grpo: problem {}, {} completions: {}", problem.id, episodes.size(), failure));
      scores.assign(episodes.size(), failed("the reward server: " + failure));
    }
    return scores;
  }

 private:
  // Fills `scores`, or returns why there are none.
  std::string call(HttpPool::Lease& connection, const Problem& problem, std::span<const Episode> episodes,
                   std::vector<Score>& scores) {
    const std::string body = request_body(problem, episodes);
    std::string failure;
    for (int64_t tries = 0; tries <= options_.retries; ++tries) {
      if (tries > 0) {
        const double pause = backoff_seconds(options_.backoff, tries, static_cast<uint64_t>(problem.id));
        std::this_thread::sleep_for(std::chrono::duration<double>(pause));
      }
      try {
        const HttpReply reply = connection.post(options_.http.url.target, body, options_.timeout);
        if (reply.status == 200) {
          scores = read_body(reply.body, episodes.size());
          return "";
        }
        const std::string said = excerpt(trim(reply.body));
        failure = fmt::format("status {}{}{}", reply.status, said.empty() ? "" : ": ", said);
        if (!may_pass_later(reply.status)) return failure;
      } catch (const NetworkError& e) {
        failure = e.what();
      } catch (const Error& wrong) {
        return wrong.summary();
      }
    }
    return options_.retries == 0 ? failure : fmt::format("{} ({} tries)", failure, options_.retries + 1);
  }

  std::vector<Score> read_body(const std::string& body, size_t count) const {
    Json reply;
    try {
      reply = parse_json(body, "reply");
    } catch (const std::exception&) {
      throw Error(fmt::format("replied \"{}\" where JSON was expected", excerpt(body)), "reply");
    }
    if (!reply.is_object())
      throw Error(fmt::format("replied {} where an object was expected", json_type_name(reply)), "reply");
    return read_scores(reply, count);
  }

  const Options options_;
  HttpPool pool_;
  LineLog log_;
};

}  // namespace

Reward http_reward(ObjectReader& options, const std::string& folder, const RewardContext& context) {
  Options read;
  read.http = read_http_options(options, "url", folder);
  read.timeout = options.number("timeout", 180.0, {.min = 0.0, .max = 1e6, .min_exclusive = true});
  read.retries = options.integer("retries", 5, {.min = 0, .max = 1000});
  read.backoff = options.number("backoff", 1.0, {.min = 0.0, .max = 1e6});
  read.workers = options.integer("workers", 4, {.min = 1, .max = 1024});
  read.batch = options.integer("batch", 0, {.min = 0, .max = 1e9});
  const auto batch = static_cast<size_t>(read.batch);
  const auto server = std::make_shared<Server>(std::move(read), context.log_file);
  return in_batches("http", batch, "",
                    [server](const Problem& problem, std::span<const Episode> episodes,
                             std::span<const Score>) { return server->score(problem, episodes); });
}

}  // namespace grpo

#include "rewards/plugins/workers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "rewards/answer_text.h"
#include "rewards/score_of.h"

namespace grpo {
namespace {

using std::chrono::steady_clock;

// The first failures may be chance; from then on starts are spaced out, doubling up to the last number.
constexpr int64_t kFreeFailures = 3;
constexpr double kFirstPauseSeconds = 0.05;
constexpr double kLongestPauseSeconds = 2.0;

Deadline after(double seconds) {
  return steady_clock::now() +
         std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
}

ChildOptions child_options(const ProgramOptions& options) {
  return {.command = options.command,
          .environment = options.environment,
          .folder = options.folder,
          .memory_bytes_max = options.memory_mb << 20};
}

}  // namespace

Workers::Workers(ProgramOptions options, const std::string& log_file)
    : options_(std::move(options)), child_options_(child_options(options_)), log_(log_file, options_.name) {
  for (int64_t i = 0; i < options_.workers; ++i) idle_.push_back(std::make_unique<Worker>());
}

Workers::~Workers() {
  // All at the same time: each may take its second.
  std::vector<std::thread> enders;
  for (auto& worker : idle_) {
    if (worker->child) enders.emplace_back([&worker] { worker->child.reset(); });
  }
  for (std::thread& ender : enders) ender.join();
}

std::unique_ptr<Workers::Worker> Workers::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !idle_.empty(); });
  std::unique_ptr<Worker> worker = std::move(idle_.back());
  idle_.pop_back();
  return worker;
}

void Workers::give_back(std::unique_ptr<Worker> worker) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
  }
  changed_.notify_one();
}

std::vector<Score> Workers::score(const Problem& problem, std::span<const Episode> episodes,
                                  std::span<const Score> correct) {
  std::unique_ptr<Worker> worker = take();
  std::vector<Score> scores;
  std::string failure;
  try {
    failure = call(*worker, problem, episodes, correct, scores);
  } catch (const std::exception& e) {
    failure = fmt::format("the call failed: {}", e.what());
    worker->child.reset();
  }
  if (!failure.empty()) {
    log_.write(fmt::format("grpo: problem {}, {} completions: {}", problem.id, episodes.size(), failure));
    scores.assign(episodes.size(), failed(failure));
  }
  give_back(std::move(worker));
  return scores;
}

// Kills what failed and says what happened, with its last words.
std::string Workers::failure_of(Worker& worker, const std::string& what) {
  worker.child->kill();
  const std::string said = worker.child->stderr_tail();
  worker.child.reset();
  return fmt::format("the program {}{}", what, said.empty() ? "" : "; its stderr ends: " + said);
}

// Makes sure that a program runs and is ready. Returns what went wrong.
std::string Workers::start(Worker& worker) {
  if (worker.child && worker.child->is_well()) return "";
  worker.child.reset();
  wait_for_next_start();
  worker.num_requests = worker.num_replies = 0;
  std::string failure;
  try {
    worker.child = std::make_unique<Child>(child_options_, launcher_, log_);
  } catch (const Error& e) {
    failure = e.summary();
  }
  if (worker.child && options_.ready_line) {
    const Child::Exchange ready = worker.child->exchange(
        "", after(options_.start_timeout), fmt::format("start_timeout {} s", options_.start_timeout));
    if (!ready.replied) {
      failure = failure_of(worker, ready.failure + ", while starting");
    } else if (trim(ready.reply) != R"({"ready": true})") {
      failure = failure_of(
          worker, fmt::format("wrote \"{}\" where {{\"ready\": true}} was expected", excerpt(ready.reply)));
    }
  }
  if (failure.empty()) return "";
  count_start(false);
  const std::lock_guard lock(mutex_);
  return failed_starts_ < 2
             ? failure
             : fmt::format("{} (its start has failed {} times in a row)", failure, failed_starts_);
}

std::string Workers::call(Worker& worker, const Problem& problem, std::span<const Episode> episodes,
                          std::span<const Score> correct, std::vector<Score>& scores) {
  while (true) {
    if (std::string failure = start(worker); !failure.empty()) return failure;
    const int64_t id = worker.num_requests++;
    const std::string request = request_line(id, problem, episodes, correct, options_.wire);
    const Child::Exchange exchange = worker.child->exchange(request, after(options_.timeout),
                                                            fmt::format("timeout {} s", options_.timeout));
    if (exchange.replied) {
      ++worker.num_replies;
      count_start(true);
      try {
        scores = read_scores(read_reply(exchange.reply, id), episodes.size());
        return "";
      } catch (const Error& wrong) {
        return failure_of(worker, wrong.summary());
      }
    }
    const bool fresh = worker.num_replies == 0;
    // One that ends by itself between two requests, as its own choice, is started anew.
    if (exchange.retired && !fresh) {
      worker.child.reset();
      continue;
    }
    // A program that says when it is ready has started well.
    if (fresh && exchange.exited && !options_.ready_line) count_start(false);
    return failure_of(worker, exchange.failure);
  }
}

void Workers::count_start(bool well) {
  const std::lock_guard lock(mutex_);
  if (well) {
    failed_starts_ = 0;
    next_start_ = {};
    return;
  }
  if (++failed_starts_ < kFreeFailures) return;
  const double doubled =
      kFirstPauseSeconds *
      std::exp2(static_cast<double>(std::min<int64_t>(failed_starts_ - kFreeFailures, 30)));
  next_start_ = after(std::min(doubled, kLongestPauseSeconds));
}

void Workers::wait_for_next_start() {
  steady_clock::time_point at;
  {
    const std::lock_guard lock(mutex_);
    at = next_start_;
  }
  std::this_thread::sleep_until(at);
}

}  // namespace grpo

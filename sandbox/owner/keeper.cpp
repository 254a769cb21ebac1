#include "sandbox/owner/keeper.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "sandbox/owner/host.h"
#include "sandbox/owner/self_test.h"
#include "sandbox/wire.h"

namespace grpo {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStartTime{30'000};     // until the runner has answered and its first slot stands
constexpr milliseconds kSlotlessTime{10'000};  // a runner without any slot for so long is of no use
constexpr int kEndTime_ms = 5'000;             // for tearing down all boxes
constexpr int kAttempts = 3;                   // at starting anew, before runs are turned away

void close_all(const std::vector<int>& descriptors) {
  for (const int descriptor : descriptors) close(descriptor);
}

// The next message; Error if there is none in time.
Message expect_message(int control, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  pollfd wanted{.fd = control, .events = POLLIN, .revents = 0};
  int ready = 0;
  while ((ready = poll(&wanted, 1, std::max(0, static_cast<int>(left.count())))) < 0 && errno == EINTR) {
  }
  if (ready == 0)
    throw Error("the sandbox's runner says nothing", "sandbox: runner", "is the host overloaded?");
  std::optional<Message> message = receive_message(control);
  if (message) return std::move(*message);
  throw Error("the sandbox's runner died while it started", "sandbox: runner",
              "what it wrote on stderr says why; was it killed for lack of memory?");
}

[[noreturn]] void fail_below_minimum(const std::string& what, const std::string& why) {
  throw Error(what + (why.empty() ? "" : ": " + why), "sandbox: minimum_tier", how_to_allow_more());
}

}  // namespace

Keeper::Keeper(const SandboxOptions& options, SlotQueue& queue)
    : options_(options), queue_(queue), runner_path_(find_runner(options.runner)) {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  std::promise<void> started;
  std::future<void> start = started.get_future();
  thread_ = std::thread([this, &started] { keep(started); });
  try {
    start.get();
  } catch (...) {
    thread_.join();
    close(wake_);
    throw;
  }
}

Keeper::~Keeper() {
  ending_ = true;
  try_again();
  thread_.join();
  close(wake_);
}

void Keeper::try_again() {
  const uint64_t one = 1;
  // Fails only when the counter is full: then it wakes the thread anyway.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void Keeper::replace(int slot) {
  {
    const std::lock_guard lock(mutex_);
    to_replace_.push_back(slot);
  }
  try_again();
}

void Keeper::send_replacements() {
  std::vector<int> slots;
  {
    const std::lock_guard lock(mutex_);
    slots.swap(to_replace_);
  }
  try {
    for (const int slot : slots) send_message(runner_.control, {{"replace", slot}}, {});
  } catch (const std::system_error&) {
    // It died: reading says so.
  }
}

void Keeper::keep(std::promise<void>& started) {
  try {
    start(options_.minimum_tier);
  } catch (...) {
    queue_.lose_all();
    end_runner(runner_, 0);
    runner_id_ = -1;
    started.set_exception(std::current_exception());
    return;
  }
  started.set_value();
  while (!ending_) {
    const auto born = Clock::now();
    serve();
    queue_.lose_all();
    end_runner(runner_, ending_ ? kEndTime_ms : 0);
    runner_id_ = -1;
    if (ending_) return;
    if (Clock::now() - born < milliseconds(1'000))
      pause(milliseconds(200));  // it dies at once: not in a busy loop
    start_anew();
  }
  end_runner(runner_, kEndTime_ms);
}

void Keeper::start(Tier minimum) {
  {
    const std::lock_guard lock(mutex_);
    to_replace_.clear();  // slots of one that is gone
  }
  runner_ = start_runner(runner_path_);
  runner_id_ = runner_.id;  // before anybody can have a slot of it
  introduce(minimum);
  await_first_slot();
}

void Keeper::introduce(Tier minimum) {
  const auto deadline = Clock::now() + kStartTime;
  const Json greeting = {{"slots", options_.slots},
                         {"minimum_tier", static_cast<int>(minimum)},
                         {"folders", options_.folders},
                         {"cache", options_.cache}};
  try {
    send_message(runner_.control, greeting, {});
  } catch (const std::system_error&) {
    // It died already: reading says so.
  }
  Message answer = expect_message(runner_.control, deadline);
  close_all(answer.descriptors);
  const std::string why = answer.body.value("why", "");
  if (answer.body.contains("error")) fail_below_minimum(answer.body.at("error").get<std::string>(), why);
  const int number = answer.body.at("tier").get<int>();
  const std::optional<Tier> tier = tier_of("T" + std::to_string(number));
  if (!tier)
    throw Error("the sandbox's runner speaks of a tier " + std::to_string(number), "sandbox: runner");
  if (!at_least(*tier, minimum)) {
    fail_below_minimum("this host allows a sandbox of tier " + tier_name(*tier) +
                           ", and the least that is wanted is " + tier_name(minimum),
                       why);
  }
  if (!introduced_) {  // later starts do not change what has been said
    tier_ = *tier;
    why_ = why;
    introduced_ = true;
  }
}

void Keeper::await_first_slot() {
  const auto deadline = Clock::now() + kStartTime;
  while (true) {
    Message message = expect_message(runner_.control, deadline);
    if (message.body.contains("error")) {
      close_all(message.descriptors);
      throw Error(message.body.at("error").get<std::string>(), "sandbox: runner", how_to_allow_more());
    }
    if (message.descriptors.size() != 1 || !message.body.contains("slot")) {
      close_all(message.descriptors);
      throw Error("the sandbox's runner sent a message that is none: " + message.body.dump(),
                  "sandbox: runner", "is " + runner_path_ + " of the same version as this program?");
    }
    const int socket = message.descriptors[0];
    try {
      self_test(socket, tier_);
    } catch (...) {
      close(socket);
      throw;
    }
    queue_.arrive(message.body.at("slot").get<int>(), socket);
    return;
  }
}

void Keeper::serve() {
  while (!ending_) {
    pollfd wanted[] = {{.fd = runner_.control, .events = POLLIN, .revents = 0},
                       {.fd = wake_, .events = POLLIN, .revents = 0}};
    const int ready = poll(wanted, 2, 1'000);
    if (ready < 0 && errno != EINTR) return;
    if (ready > 0 && wanted[1].revents != 0) {
      uint64_t calls = 0;
      [[maybe_unused]] const ssize_t got = read(wake_, &calls, sizeof(calls));
      send_replacements();
    }
    if (ready > 0 && wanted[0].revents != 0 && !take_message()) return;
    const auto since = queue_.without_slots_since();
    if (since && Clock::now() - *since > kSlotlessTime) return;
  }
}

bool Keeper::take_message() {
  try {
    std::optional<Message> message = receive_message(runner_.control);
    if (!message) return false;
    if (message->descriptors.size() == 1 && message->body.contains("slot")) {
      queue_.arrive(message->body.at("slot").get<int>(), message->descriptors[0]);
    } else {
      close_all(message->descriptors);
      // Why it ends: it does so at once, and a new one is started.
      if (message->body.contains("error"))
        fmt::print(stderr, "the sandbox's runner failed: {}\n", message->body.at("error").get<std::string>());
    }
    return true;
  } catch (const std::exception&) {
    return false;  // it speaks nonsense: a new one will not
  }
}

void Keeper::start_anew() {
  for (int attempt = 1; !ending_; ++attempt) {
    try {
      start(tier_);  // not less than what verdicts so far were made with
      ++restarts_;
      queue_.close_with("");
      return;
    } catch (const std::exception& error) {
      queue_.lose_all();
      end_runner(runner_, 0);
      runner_id_ = -1;
      if (attempt < kAttempts) {
        pause(milliseconds(100 * attempt));
        continue;
      }
      queue_.close_with(std::string("the runner died and cannot be started anew: ") + error.what());
    }
    pause(milliseconds(1'000));
    while (!ending_) {  // until somebody wants a run
      pollfd wanted{.fd = wake_, .events = POLLIN, .revents = 0};
      if (poll(&wanted, 1, -1) <= 0) continue;
      uint64_t calls = 0;
      [[maybe_unused]] const ssize_t got = read(wake_, &calls, sizeof(calls));
      break;
    }
  }
}

void Keeper::pause(milliseconds time) {
  const auto until = Clock::now() + time;
  while (!ending_ && Clock::now() < until) {
    std::this_thread::sleep_for(std::min(milliseconds(20), time));
  }
}

}  // namespace grpo

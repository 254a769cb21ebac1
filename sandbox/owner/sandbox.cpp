#include "sandbox/sandbox.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "sandbox/owner/exchange.h"
#include "sandbox/owner/keeper.h"
#include "sandbox/owner/options.h"
#include "sandbox/owner/runner_process.h"
#include "sandbox/owner/slot_queue.h"
#include "sandbox/wire.h"

namespace grpo {
namespace {

constexpr int64_t kTimeMost_ms = int64_t{48} * 3600 * 1000;
constexpr int kStaleSocketsMost = 1'000;

int64_t memory_of(const RunRequest& request) {
  int64_t sum = 0;
  for (const Program& program : request.programs) sum += program.limits.memory_bytes;
  return sum;
}

std::string fault_of(const Limits& l, int64_t budget_bytes) {
  const bool room = l.cpu_ms > 0 && l.memory_bytes > 0 && l.processes > 0 && l.open_files > 0;
  if (!room) return "a limit is zero or negative";
  for (const int64_t limit : {l.wall_ms, l.stack_bytes, l.file_bytes, l.tmp_bytes, l.tmp_files,
                              l.stdout_bytes, l.stderr_bytes, l.stderr_kept_bytes}) {
    if (limit < 0) return "a limit is negative";
  }
  if (l.cpu_ms > kTimeMost_ms || l.wall_limit_ms() > kTimeMost_ms)
    return "a time limit is longer than two days";
  if (l.memory_bytes <= budget_bytes) return {};
  return fmt::format(
      "one program may use {} MiB of memory and all runs together {} MiB: raise \"memory_mb\" of the "
      "sandbox, or lower the limit",
      l.memory_bytes >> 20, budget_bytes >> 20);
}

// Why nobody can run this request; empty: it can be run.
std::string fault_of(const RunRequest& request, int64_t budget_bytes) {
  const size_t count = request.programs.size();
  if (count < 1 || count > 2) return fmt::format("a run is of one or two programs, not {}", count);
  if (request.connection != Connection::kNone && count != 2) return "a connection needs two programs";
  for (const Program& program : request.programs) {
    if (program.command.empty()) return "a program has no command";
    const std::string fault = fault_of(program.limits, budget_bytes);
    if (!fault.empty()) return fault;
  }
  if (memory_of(request) <= budget_bytes) return {};
  return fmt::format(
      "both programs may use {} MiB of memory and all runs together {} MiB: raise \"memory_mb\" of the "
      "sandbox, or lower the limits",
      memory_of(request) >> 20, budget_bytes >> 20);
}

}  // namespace

struct Sandbox::State {
  explicit State(SandboxOptions given)
      : options(resolve(std::move(given))),
        queue(options.slots, options.memory_bytes),
        keeper(options, queue) {}

  RunResult failed(std::string why) const {
    RunResult result;
    result.failure = std::move(why);
    result.tier = keeper.tier();
    return result;
  }

  const SandboxOptions options;
  SlotQueue queue;
  Keeper keeper;
};

Sandbox::Sandbox(SandboxOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Sandbox::~Sandbox() = default;

RunResult Sandbox::run(const RunRequest& request) {
  const std::string fault = fault_of(request, state_->options.memory_bytes);
  if (!fault.empty()) return state_->failed(fault);
  std::vector<int> descriptors;
  const Json body = encode(request, descriptors);
  bool again = false;
  pid_t lost_runner = 0;
  for (int stale_sockets = 0; stale_sockets < kStaleSocketsMost; ++stale_sockets) {
    std::string closed;
    const std::optional<SlotQueue::Turn> turn =
        state_->queue.enter(memory_of(request), again || stale_sockets > 0, closed);
    if (!turn) {
      state_->keeper.try_again();
      return state_->failed(closed);
    }
    const pid_t runner = state_->keeper.runner_process();
    Exchange done = exchange(turn->socket, body, descriptors, patience(request));
    state_->queue.leave(*turn, done.outcome == Exchanged::kResult || done.outcome == Exchanged::kRefused);
    if (done.outcome == Exchanged::kResult) return std::move(done.result);
    if (done.outcome == Exchanged::kRefused) return state_->failed("the run cannot be sent: " + done.what);
    if (done.outcome == Exchanged::kNotStarted) continue;
    if (done.outcome == Exchanged::kSilent) state_->keeper.replace(turn->slot);
    if (!runner_lives(runner)) {
      // The death of a runner takes all its slots along, and counts once, though we may have had two of them.
      if (again && (runner == lost_runner || runner < 0)) continue;
      lost_runner = runner;
    }
    if (again)
      return state_->failed(
          fmt::format("the run was tried twice; the second time, in slot {}: {}", turn->slot, done.what));
    again = true;
  }
  return state_->failed("no slot stays alive");
}

Tier Sandbox::tier() const {
  return state_->keeper.tier();
}

const std::string& Sandbox::why() const {
  return state_->keeper.why();
}

int64_t Sandbox::slots() const {
  return state_->options.slots;
}

const SandboxOptions& Sandbox::options() const {
  return state_->options;
}

int Sandbox::runner_process() const {
  return state_->keeper.runner_process();
}

int64_t Sandbox::restarts() const {
  return state_->keeper.restarts();
}

}  // namespace grpo

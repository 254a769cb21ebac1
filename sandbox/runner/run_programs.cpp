#include "sandbox/runner/run_programs.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <deque>
#include <stdexcept>
#include <system_error>

#include "sandbox/box/limits.h"
#include "sandbox/runner/channel.h"

namespace grpo {
namespace {

struct Run {
  const RunRequest& request;
  int owner;
  std::deque<RunningProgram> programs;
  std::deque<Channel> channels;  // channels[i]: from program i to the other
};

void check(const RunRequest& request) {
  const size_t count = request.programs.size();
  const size_t wanted = request.connection == Connection::kNone ? count : 2;
  if (count < 1 || count > 2 || count != wanted) {
    throw std::runtime_error("a run has one program, or two; only two can be connected");
  }
}

void connect(Run& run) {
  if (run.request.connection == Connection::kSocket) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    for (size_t i = 0; i < 2; ++i) run.programs[i].connect_peer(Descriptor(ends[i]));
  } else if (run.request.connection == Connection::kPipes) {
    run.channels.resize(2);
    for (size_t i = 0; i < 2; ++i) {
      run.programs[i].connect_pipes(run.channels[1 - i].take_reading(), run.channels[i].take_writing());
    }
  }
}

// Waits for anything to happen until `until`, and lets it happen.
void wait_and_serve(Run& run, Clock::time_point until) {
  // Per program: its end, its output, its errors, what it says to the other; and the owner.
  constexpr size_t kEach = 4;
  std::array<pollfd, 2 * kEach + 1> waiting{};
  size_t count = 0;
  for (size_t i = 0; i < run.programs.size(); ++i) {
    const RunningProgram& program = run.programs[i];
    waiting[count++] = {program.ended(), POLLIN, 0};
    waiting[count++] = {program.output(), POLLIN, 0};
    waiting[count++] = {program.error(), POLLIN, 0};
    if (run.channels.empty()) {
      waiting[count++] = {-1, 0, 0};
    } else {
      const Channel& channel = run.channels[i];
      waiting[count++] = {channel.waits_for(),
                          static_cast<short>(channel.waits_to_write() ? POLLOUT : POLLIN), 0};
    }
  }
  waiting[count++] = {run.owner, POLLRDHUP, 0};
  timespec time{};
  if (until != Clock::time_point::max()) {
    const auto left = std::max(until - Clock::now(), Clock::duration::zero());
    time.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    time.tv_nsec =
        (std::chrono::duration_cast<std::chrono::nanoseconds>(left) % std::chrono::seconds(1)).count();
  }
  const int ready =
      ppoll(waiting.data(), count, until == Clock::time_point::max() ? nullptr : &time, nullptr);
  if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "ppoll");
  if (ready <= 0) return;
  if (waiting[count - 1].revents != 0) throw std::runtime_error("the owner left");
  for (size_t i = 0; i < run.programs.size(); ++i) {
    const pollfd* const at = &waiting[i * kEach];
    RunningProgram& program = run.programs[i];
    if (at[1].revents != 0) program.read_output();
    if (at[2].revents != 0) program.read_error();
    if (at[3].revents != 0) {
      run.channels[i].move();
      if (run.channels[i].bytes() > run.request.programs[i].limits.stdout_bytes)
        program.end(LimitFired::kStdout);
    }
    if (at[0].revents != 0) program.reap();
  }
}

// A driver's end is the end of the run: its candidate has as long as it takes to notice.
constexpr auto kToNotice = std::chrono::milliseconds(20);

// When a candidate whose driver has ended has to be gone.
Clock::time_point dismissal(const Run& run, Clock::time_point driver_ended) {
  const bool waits = run.request.connection == Connection::kSocket && !run.programs[0].running();
  return waits && run.programs[1].running() ? driver_ended + kToNotice : Clock::time_point::max();
}

bool anyone_running(const Run& run) {
  for (const RunningProgram& program : run.programs) {
    if (program.running()) return true;
  }
  return false;
}

// The kernel killed because the slot's group was full. It is the last program that is not to be trusted; the one before it,
// a driver or an interactor, has no part in it unless the watch saw it exceed its own share.
void blame_for_full_group(Run& run) {
  for (const RunningProgram& program : run.programs) {
    if (program.met_memory_limit()) return;
  }
  run.programs.back().note_kernel_kill();
}

// The kernel killed though the slot had room: who ended badly may have been among those. Throws if somebody did.
void check_for_full_host(const std::vector<ProgramResult>& results) {
  for (const ProgramResult& result : results) {
    if (result.limit == LimitFired::kNone && !result.exited_with(0)) {
      throw std::runtime_error("the host had no memory left, and its kernel killed processes during the run");
    }
  }
}

std::vector<ProgramResult> run_all(const Workplace& workplace, const RunRequest& request, int owner) {
  check(request);
  Run run{request, owner, {}, {}};
  for (size_t i = 0; i < request.programs.size(); ++i) {
    run.programs.emplace_back(workplace, request.programs[i], static_cast<int>(i));
  }
  connect(run);
  if (run.programs.size() == 2) {
    run.programs[0].accompany(run.programs[1]);
    run.programs[1].accompany(run.programs[0]);
  }
  int64_t memory_bytes = 0;
  for (const Program& program : request.programs) memory_bytes += watched_memory_bytes(program.limits);
  workplace.memory.set(memory_bytes);
  const int64_t kills_before = workplace.memory.kills(), met_before = workplace.memory.times_met();
  for (RunningProgram& program : run.programs) program.start();
  Clock::time_point driver_ran = Clock::now();
  while (anyone_running(run)) {
    const Clock::time_point now = Clock::now();
    if (run.programs[0].running()) driver_ran = now;
    Clock::time_point until = dismissal(run, driver_ran);
    if (now >= until) {
      run.programs[1].dismiss();
      until = Clock::time_point::max();
    }
    for (RunningProgram& program : run.programs) until = std::min(until, program.watch(now));
    wait_and_serve(run, until);
  }
  const bool killed = workplace.memory.kills() > kills_before;
  const bool full = killed && workplace.memory.times_met() > met_before;
  if (full) blame_for_full_group(run);
  std::vector<ProgramResult> results;
  for (size_t i = 0; i < run.programs.size(); ++i) {
    results.push_back(run.programs[i].result());
    if (!run.channels.empty()) results.back().out_bytes = run.channels[i].bytes();
  }
  // An interactor that heard its candidate's end and came to its own may be reaped first all the same: times then say what the
  // pipe knows.
  if (!run.channels.empty() && run.channels[1].ended_by_who_says())
    results[1].wall_us = std::min(results[1].wall_us, results[0].wall_us - 1);
  if (killed && !full) check_for_full_host(results);
  return results;
}

}  // namespace

RunResult run_programs(const Workplace& workplace, const RunRequest& request, int owner) {
  RunResult result;
  result.tier = workplace.settings.tier;
  result.slot = workplace.settings.slot;
  try {
    result.programs = run_all(workplace, request, owner);
  } catch (const std::exception& error) {
    result.failure = error.what();
  }
  return result;
}

}  // namespace grpo

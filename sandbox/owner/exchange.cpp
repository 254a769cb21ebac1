#include "sandbox/owner/exchange.h"

#include <poll.h>

#include <cerrno>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "sandbox/wire.h"

namespace grpo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSlack{
    10'000};  // making and tearing down a box takes milliseconds, or a busy host

// True if there is something to read, or the other side is gone, before the deadline.
bool readable(int socket, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() < 0) return false;
    pollfd wanted{.fd = socket, .events = POLLIN, .revents = 0};
    const int ready = poll(&wanted, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR && errno != EAGAIN) return true;  // receiving will say what is wrong
  }
}

// Files that came back were written in the slot's control group, and would count there as long as they are kept: with a
// cache of compiled programs, until no memory is left for the slot's next run.
void take_over_outputs(RunResult& result) {
  for (ProgramResult& program : result.programs) {
    for (std::optional<Blob>& output : program.outputs) {
      if (output) output = output->copy();
    }
  }
}

}  // namespace

std::chrono::milliseconds patience(const RunRequest& request) {
  std::chrono::milliseconds time = kSlack;
  for (const Program& program : request.programs) {
    time += std::chrono::milliseconds(program.limits.wall_most_ms());
  }
  return time;
}

Exchange exchange(int socket, const Json& body, std::span<const int> descriptors,
                  std::chrono::milliseconds patience) {
  Exchange done;
  try {
    send_message(socket, body, descriptors);
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    const bool dead = code == EPIPE || code == ECONNRESET || code == ENOTCONN;
    done.outcome = dead ? Exchanged::kNotStarted : Exchanged::kRefused;
    done.what = error.what();
    return done;
  } catch (const std::exception& error) {
    done.outcome = Exchanged::kRefused;
    done.what = error.what();
    return done;
  }
  if (!readable(socket, Clock::now() + patience)) {
    done.outcome = Exchanged::kSilent;
    done.what = "no answer within " + std::to_string(patience.count()) + " ms";
    return done;
  }
  done.outcome = Exchanged::kDied;
  try {
    std::optional<Message> message = receive_message(socket);
    if (message) {
      done.result = decode_result(std::move(*message));
      take_over_outputs(done.result);
      done.outcome = Exchanged::kResult;
    } else {
      done.what = "its worker died";
    }
  } catch (const std::exception& error) {
    done.what = std::string("its answer is broken: ") + error.what();
  }
  return done;
}

}  // namespace grpo

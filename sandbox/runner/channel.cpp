#include "sandbox/runner/channel.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <system_error>

namespace grpo {
namespace {

constexpr size_t kAtOnce = size_t{64} << 10;

}  // namespace

Channel::Channel() {
  int first[2], second[2];
  if (pipe2(first, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  from_ = Descriptor(first[0]);
  writing_ = Descriptor(first[1]);
  if (pipe2(second, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  reading_ = Descriptor(second[0]);
  to_ = Descriptor(second[1]);
}

void Channel::move() {
  const ssize_t moved = splice(from_.get(), nullptr, to_.get(), nullptr, kAtOnce, SPLICE_F_NONBLOCK);
  if (moved > 0) {
    bytes_ += moved;
    full_ = false;
  } else if (moved < 0 && (errno == EAGAIN || errno == EINTR)) {
    // It was readable, so it is the other end that has no room; or it has room now, and the rest comes by reading.
    full_ = !full_ && errno == EAGAIN;
  } else {
    pollfd hearing{to_.get(), POLLOUT, 0};
    ended_by_who_says_ = moved == 0 && poll(&hearing, 1, 0) >= 0 && (hearing.revents & POLLERR) == 0;
    from_.reset();
    to_.reset();
  }
}

}  // namespace grpo

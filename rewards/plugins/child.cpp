#include "rewards/plugins/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/launch.h"
#include "rewards/plugins/process_tree.h"

namespace grpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kMemoryLooksApart{50};
constexpr milliseconds kPoliteEnd{1000};
// How long a program that closed its stdout may take to end, so that its status can be told.
constexpr milliseconds kLastWords{200};
constexpr milliseconds kLastBreath{5000};

void close_file(int& file) {
  if (file >= 0) close(file);
  file = -1;
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      throw Error("there is no pipe for a program: " + std::generic_category().message(errno), "");
    }
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_file(read_end);
    close_file(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

int keep_nonblocking(int& file) {
  const int kept = std::exchange(file, -1);
  fcntl(kept, F_SETFL, fcntl(kept, F_GETFL) | O_NONBLOCK);
  return kept;
}

std::string new_mark() {
  static std::atomic<uint64_t> count{0};
  return fmt::format("{}-{}-{}", getpid(), ++count, steady_clock::now().time_since_epoch().count());
}

// While it lives, writing to a pipe that nobody reads fails with EPIPE and sends this thread no signal.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    if (!was_pending_) {
      const timespec now = {};
      while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace

Child::Child(const ChildOptions& options, LaunchThread& launcher, LineLog& log)
    : options_(options), mark_(new_mark()), stderr_lines_(log) {
  Pipe in, out, err;
  Launch program{.command = options_.command,
                 .environment = options_.environment,
                 .folder = options_.folder,
                 .descriptors = {{in.read_end, 0}, {out.write_end, 1}, {err.write_end, 2}}};
  program.environment.push_back(fmt::format("{}={}", kMarkVariable, mark_));
  std::exception_ptr failure;
  launcher.run([&] {
    try {
      pid_ = launch(program);
    } catch (...) {
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  stdin_ = keep_nonblocking(in.write_end);
  stdout_ = keep_nonblocking(out.read_end);
  stderr_ = keep_nonblocking(err.read_end);
#ifdef SYS_pidfd_open
  pid_file_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0U));
#endif
}

Child::~Child() {
  if (pid_ >= 0) {
    close_file(stdin_);
    const Deadline until = steady_clock::now() + kPoliteEnd;
    while (!exited() && steady_clock::now() < until) {
      // What it still says must not keep it from ending.
      char chunk[65536];
      while (stdout_ >= 0 && read(stdout_, chunk, sizeof chunk) > 0) {
      }
      read_stderr();
      wait_for_events(false, std::min(until, steady_clock::now() + milliseconds(20)));
    }
  }
  kill();
}

bool Child::is_well() {
  if (pid_ < 0 || exited() || !unread_.empty()) return false;
  pollfd file = {.fd = stdout_, .events = POLLIN, .revents = 0};
  return poll(&file, 1, 0) == 0;
}

bool Child::exited() {
  if (pid_ < 0) return true;
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
  return info.si_pid == pid_;
}

// Sleeps until something can be read, sent or told of the child's end.
void Child::wait_for_events(bool sending, Deadline until) {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
  // Without a file for its end, that is asked for from time to time.
  const auto longest = pid_file_ >= 0 ? milliseconds(60000) : milliseconds(10);
  pollfd files[4] = {{.fd = stdout_, .events = POLLIN, .revents = 0},
                     {.fd = stderr_, .events = POLLIN, .revents = 0},
                     {.fd = pid_file_, .events = POLLIN, .revents = 0},
                     {.fd = sending ? stdin_ : -1, .events = POLLOUT, .revents = 0}};
  poll(files, 4, static_cast<int>(std::clamp(left, milliseconds(0), longest).count()));
}

void Child::send(std::string_view& request) {
  while (!request.empty()) {
    const ssize_t sent = write(stdin_, request.data(), request.size());
    if (sent > 0) {
      request.remove_prefix(static_cast<size_t>(sent));
    } else if (sent < 0 && errno == EINTR) {
      continue;
    } else {
      // Nobody reads any more: what it has answered, or that it ended, is found out by reading.
      if (errno != EAGAIN) request = {};
      return;
    }
  }
}

void Child::read_stderr() {
  constexpr int kChunksMax = 64;
  char chunk[65536];
  for (int i = 0; i < kChunksMax && stderr_ >= 0; ++i) {
    const ssize_t got = read(stderr_, chunk, sizeof chunk);
    if (got > 0) {
      stderr_lines_.add({chunk, static_cast<size_t>(got)});
    } else if (got == 0) {
      close_file(stderr_);
    } else if (errno != EINTR) {
      return;
    }
  }
}

bool Child::read_stdout(Exchange& result) {
  constexpr int kChunksMax = 64;
  char chunk[65536];
  for (int i = 0; i < kChunksMax; ++i) {
    if (const size_t end = unread_.find('\n', searched_); end != std::string::npos) {
      result.replied = true;
      result.reply = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      searched_ = 0;
      return true;
    }
    searched_ = unread_.size();
    if (unread_.size() > kReplyBytesMax) {
      result.failure = fmt::format("wrote more than {} MiB without ending its line", kReplyBytesMax >> 20);
      return true;
    }
    if (stdout_ < 0) return false;
    const ssize_t got = read(stdout_, chunk, sizeof chunk);
    if (got > 0) {
      unread_.append(chunk, static_cast<size_t>(got));
    } else if (got == 0) {
      close_file(stdout_);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return false;
}

Child::Exchange Child::exchange(std::string_view request, Deadline deadline, std::string_view time_limit) {
  const WithoutSigpipe guard;
  stderr_lines_.begin_call();
  Exchange result;
  Deadline next_look = steady_clock::now();
  bool closed = false;
  while (true) {
    // Asked before reading: what it wrote before it ended is there to be read.
    const bool ended = exited();
    send(request);
    read_stderr();
    if (read_stdout(result)) break;
    if (ended) {
      result.exited = true;
      const std::string how = ending();
      result.retired = how.empty() && unread_.empty();
      result.failure = fmt::format("{} before it replied", how.empty() ? "ended" : how);
      break;
    }
    const Deadline now = steady_clock::now();
    if (now >= deadline) {
      result.failure = closed ? "closed its stdout" : fmt::format("gave no reply within {}", time_limit);
      break;
    }
    if (stdout_ < 0 && !closed) {
      closed = true;
      deadline = std::min(deadline, now + kLastWords);
    }
    if (options_.memory_bytes_max > 0 && now >= next_look) {
      const int64_t bytes = tree_memory_bytes(pid_, options_.memory_bytes_max);
      if (bytes > options_.memory_bytes_max) {
        result.failure = fmt::format("used {} MiB of memory, the limit is {}", bytes >> 20,
                                     options_.memory_bytes_max >> 20);
        break;
      }
      next_look = now + kMemoryLooksApart;
    }
    wait_for_events(!request.empty(),
                    std::min(deadline, options_.memory_bytes_max > 0 ? next_look : deadline));
  }
  read_stderr();
  if (!result.replied) stderr_lines_.flush();
  return result;
}

// "exited with status 3", "was killed by signal 11 (Segmentation fault)"; empty for status 0.
std::string Child::ending() {
  // Its descendants are found by its id, which stays taken as long as nobody has asked for its status.
  kill_tree(pid_, mark_);
  reap();
  if (WIFSIGNALED(wait_status_)) {
    const int signal = WTERMSIG(wait_status_);
    const char* name = sigdescr_np(signal);
    return fmt::format("was killed by signal {} ({})", signal, name ? name : "unknown");
  }
  return WEXITSTATUS(wait_status_) == 0 ? ""
                                        : fmt::format("exited with status {}", WEXITSTATUS(wait_status_));
}

void Child::reap() {
  // What has been killed ends at once, unless the kernel holds it (a dead network disk): then it is left to
  // init.
  const Deadline until = steady_clock::now() + kLastBreath;
  wait_status_ = SIGKILL;
  while (waitpid(pid_, &wait_status_, WNOHANG) == 0 && steady_clock::now() < until) usleep(200);
  pid_ = -1;
}

void Child::close_pipes() {
  close_file(stdin_);
  close_file(stdout_);
  close_file(stderr_);
  close_file(pid_file_);
}

void Child::kill() {
  if (pid_ >= 0) {
    kill_tree(pid_, mark_);
    reap();
  }
  read_stderr();
  stderr_lines_.flush();
  close_pipes();
}

}  // namespace grpo

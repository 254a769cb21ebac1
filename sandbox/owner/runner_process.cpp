#include "sandbox/owner/runner_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "core/launch.h"
#include "sandbox/box/memory_group.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr int kControl = 3;  // the runner's descriptor

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string find_runner(const std::string& path) {
  const char* named = std::getenv("GRPO_RUNNER");
  const std::string wanted = !path.empty() ? path : named != nullptr ? named : "";
  if (!wanted.empty()) {
    if (is_program(wanted)) return fs::absolute(wanted).string();
    throw Error("there is no program " + wanted, "sandbox: runner",
                path.empty() ? "unset GRPO_RUNNER, or let it name grpo-runner" : "let it name grpo-runner");
  }
  std::error_code failed;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const fs::path& place : {folder / "grpo-runner", folder / "../libexec/grpo-runner"}) {
    if (is_program(place)) return place.lexically_normal().string();
  }
  throw Error("there is no grpo-runner in " + folder.string() + " nor in ../libexec beside it",
              "sandbox: runner",
              "build the target grpo-runner, or name it in the environment variable GRPO_RUNNER");
}

RunnerProcess start_runner(const std::string& path) {
  const bool talks = fcntl(STDERR_FILENO, F_GETFD) >= 0;  // asked before the socket may take that number
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error("no socket for the runner: " + std::generic_category().message(errno), "sandbox: runner");
  }
  Launch runner{.command = {path},
                .environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"},
                .folder = "/",
                .descriptors = {{.ours = ends[1], .theirs = kControl}}};
  if (talks) runner.descriptors.push_back({STDERR_FILENO, STDERR_FILENO});
  RunnerProcess started{.id = -1, .control = ends[0]};
  try {
    started.id = launch(runner);
  } catch (...) {
    close(ends[0]);
    close(ends[1]);
    throw;
  }
  close(ends[1]);
  return started;
}

bool runner_lives(pid_t id) {
  siginfo_t ended = {};
  return id > 0 && waitid(P_PID, static_cast<id_t>(id), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         ended.si_pid == 0;
}

void end_runner(RunnerProcess& runner, int patience_ms) {
  if (runner.control >= 0) close(runner.control);
  runner.control = -1;
  if (runner.id <= 0) return;
  for (int waited_ms = 0;; ++waited_ms) {
    const pid_t gone = waitpid(runner.id, nullptr, WNOHANG);
    if (gone == runner.id || (gone < 0 && errno == ECHILD)) break;
    if (waited_ms >= patience_ms) {
      kill(runner.id, SIGKILL);
      while (waitpid(runner.id, nullptr, 0) < 0 && errno == EINTR) {
      }
      break;
    }
    const timespec millisecond{.tv_sec = 0, .tv_nsec = 1'000'000};
    nanosleep(&millisecond, nullptr);
  }
  remove_memory_groups(runner.id);  // which it does itself, unless it was killed
  runner.id = -1;
}

}  // namespace grpo

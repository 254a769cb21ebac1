#include "sandbox/languages/ask_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "core/error.h"
#include "core/launch.h"

namespace grpo {
namespace {

constexpr size_t kOutputMax = 64 << 10;
constexpr auto kPatience = std::chrono::seconds(10);

// Reads until the end, the cap or the deadline; false: the deadline.
bool read_until_end(int descriptor, std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd ready{descriptor, POLLIN, 0};
    const int n = poll(&ready, 1, static_cast<int>(left.count()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    char bytes[4096];
    const ssize_t got = read(descriptor, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    if (text.size() < kOutputMax) text.append(bytes, static_cast<size_t>(got));
  }
}

}  // namespace

std::string ask_program(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "";
  Launch program{.command = command, .environment = {}, .folder = "", .descriptors = {{.ours = ends[1], .theirs = 1}}};
  for (char** variable = environ; *variable != nullptr; ++variable) program.environment.push_back(*variable);
  pid_t child = -1;
  try {
    child = launch(program);
  } catch (const Error&) {
    // Then it says nothing.
  }
  close(ends[1]);
  std::string text;
  const bool ended = child > 0 && read_until_end(ends[0], text);
  close(ends[0]);
  if (child < 0) return "";
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : "";
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace grpo

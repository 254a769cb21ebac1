#include "tests/sandbox/runner/live_runner.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "sandbox/box/memory_group.h"

namespace grpo {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

LiveRunner::LiveRunner(int count, std::vector<std::string> folders, int minimum) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error("socketpair");
  process = fork();
  if (process == 0) {
    if (ends[1] == 3) {
      fcntl(3, F_SETFD, 0);
    } else {
      dup2(ends[1], 3);
    }
    execl(GRPO_RUNNER, "grpo-runner", nullptr);
    _exit(127);
  }
  close(ends[1]);
  control = ends[0];
  send_message(control, {{"slots", count}, {"minimum_tier", minimum}, {"folders", folders}, {"cache", ""}},
               {});
  const Message answer = receive_message(control).value();
  if (answer.body.contains("error")) {
    denied = answer.body.at("error").get<std::string>() + ": " + answer.body.value("why", "");
    return;
  }
  tier = static_cast<Tier>(answer.body.at("tier").get<int>());
  slots.assign(static_cast<size_t>(count), -1);
  for (int i = 0; i < count && denied.empty(); ++i) await_slot();
}

LiveRunner::~LiveRunner() {
  end();
}

int LiveRunner::await_slot() {
  const std::optional<Message> message = receive_message(control);
  if (!message || message->descriptors.empty()) {
    denied = message ? message->body.dump() : "the runner died";
    return -1;
  }
  const int slot = message->body.at("slot");
  if (slots.at(static_cast<size_t>(slot)) >= 0) close(slots[static_cast<size_t>(slot)]);
  slots[static_cast<size_t>(slot)] = message->descriptors[0];
  return slot;
}

RunResult LiveRunner::run(const RunRequest& request, int slot) {
  std::vector<int> descriptors;
  const Json body = encode(request, descriptors);
  send_message(slots.at(static_cast<size_t>(slot)), body, descriptors);
  std::optional<Message> message = receive_message(slots[static_cast<size_t>(slot)]);
  if (!message) {
    RunResult dead;
    dead.failure = "the worker died";
    return dead;
  }
  return decode_result(std::move(*message));
}

ProgramResult LiveRunner::run(const Program& program, int slot) {
  RunRequest request;
  request.programs = {program};
  RunResult result = run(request, slot);
  EXPECT_EQ(result.failure, "");
  return result.programs.empty() ? ProgramResult{} : result.programs[0];
}

std::vector<pid_t> LiveRunner::workers() const {
  std::vector<pid_t> children;
  std::istringstream text(
      content_of("/proc/" + std::to_string(process) + "/task/" + std::to_string(process) + "/children"));
  for (pid_t child = 0; text >> child;) children.push_back(child);
  return children;
}

int LiveRunner::end() {
  for (int& slot : slots) {
    if (slot >= 0) close(slot);
    slot = -1;
  }
  if (control >= 0) close(control);
  control = -1;
  int status = 0;
  if (process > 0) {
    waitpid(process, &status, 0);
    remove_memory_groups(process);
  }
  process = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Blob probe_executable() {
  static const Blob program = Blob::of(content_of(GRPO_PROBE));
  return program;
}

Program probe(std::vector<std::string> words) {
  Program program;
  program.executable = probe_executable();
  program.command = std::move(words);
  program.command.insert(program.command.begin(), "probe");
  return program;
}

}  // namespace grpo

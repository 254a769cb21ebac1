#pragma once
// The runner as a child process: found, started with nothing of ours but a control socket, ended.

#include <sys/types.h>

#include <string>

namespace grpo {

// Where grpo-runner lies: `path` if it is not empty, $GRPO_RUNNER, beside this program, or in ../libexec from there.
// Throws Error if it is in none of these places.
std::string find_runner(const std::string& path);

struct RunnerProcess {
  pid_t id = -1;
  int control = -1;  // our end of the socket that is its descriptor 3
};

// Starts it as core/launch.h starts programs, in the folder / and with our stderr. It is killed when the calling thread
// ends, so call this from a thread that lives as long as the runner should. Throws Error with what the system said.
RunnerProcess start_runner(const std::string& path);

// False as soon as it has ended, whether or not end_runner was called. From any thread.
bool runner_lives(pid_t id);

// Closes the socket, which tells it to end; waits `patience_ms`, then kills it. Returns when it is gone, and sets both
// fields to -1. May be called on one that died already.
void end_runner(RunnerProcess& runner, int patience_ms);

}  // namespace grpo

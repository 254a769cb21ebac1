#pragma once
// A grpo-runner that a test talks to over the wire, without the owner's class.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sandbox/wire.h"
#include "tests/sandbox/host_allows.h"

namespace grpo {

class LiveRunner {
 public:
  // Starts the runner and waits until all its slots are there. If that fails, `denied` says why. minimum: the number of
  // a tier.
  explicit LiveRunner(int slots = 1, std::vector<std::string> folders = {},
                      int minimum = static_cast<int>(Tier::kT2));
  ~LiveRunner();  // closes the control socket, waits for the end
  LiveRunner(const LiveRunner&) = delete;
  LiveRunner& operator=(const LiveRunner&) = delete;

  std::string denied;
  Tier tier = Tier::kT1;
  pid_t process = -1;
  int control = -1;
  std::vector<int> slots;  // sockets

  RunResult run(const RunRequest& request, int slot = 0);
  ProgramResult run(const Program& program, int slot = 0);  // fails the test if the sandbox fails
  // Waits for the next message of the control socket and takes the socket of a slot that was made anew.
  int await_slot();
  // The processes of the runner: itself, and all below it.
  std::vector<pid_t> workers() const;
  // Closes the control socket and waits: the runner's exit code.
  int end();
};

// The program probe.cpp with these words, run from memory.
Program probe(std::vector<std::string> words);
Blob probe_executable();

}  // namespace grpo

// Skips a test whose host allows no runner of the tier T2.
#define GRPO_NEED_RUNNER(runner)                                                    \
  do {                                                                              \
    if (!(runner).denied.empty()) GRPO_NO_SANDBOX(::grpo::Tier::kT2, (runner).denied); \
  } while (false)

#include "tests/sandbox/owner/live_sandbox.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "core/error.h"
#include "tests/sandbox/host_allows.h"

namespace grpo {

namespace fs = std::filesystem;

LiveSandbox start_sandbox(SandboxOptions options) {
  if (options.minimum_tier == SandboxOptions().minimum_tier) options.minimum_tier = Tier::kT4;
  if (options.cache.empty()) {
    options.cache = (fs::temp_directory_path() / ("grpo-test-cache-" + std::to_string(geteuid()))).string();
  }
  const Tier minimum = options.minimum_tier;
  LiveSandbox live;
  try {
    live.sandbox = std::make_unique<Sandbox>(std::move(options));
  } catch (const Error& error) {
    const std::string denied = host_denies(minimum);
    if (denied.empty()) throw;
    live.why_not = denied + "\n" + error.what();
  }
  return live;
}

RunRequest shell(const std::string& script, int64_t wall_ms) {
  Program program;
  program.command = {"/bin/sh", "-c", script};
  program.limits.memory_bytes = int64_t{64} << 20;
  program.limits.wall_ms = wall_ms;
  RunRequest request;
  request.programs.push_back(std::move(program));
  return request;
}

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  std::error_code gone;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", gone)) {
    const int id = std::atoi(entry.path().filename().c_str());
    if (id <= 0 || id == getpid()) continue;
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    if (line.find(text) != std::string::npos) found.push_back(id);
  }
  return found;
}

std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const fs::directory_entry& thread :
       fs::directory_iterator("/proc/" + std::to_string(process) + "/task", gone)) {
    std::ifstream file(thread.path() / "children");
    for (pid_t child = 0; file >> child;) children.push_back(child);
  }
  return children;
}

size_t open_descriptors() {
  return static_cast<size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), {}));
}

void sleep_ms(int time_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(time_ms));
}

}  // namespace grpo

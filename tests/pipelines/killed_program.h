#pragma once
// A program that is killed at a moment of one's choice.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace grpo {

// Starts it; what it says goes nowhere, its errors to that file.
inline pid_t start(const std::vector<std::string>& arguments, const std::string& errors = "/dev/null") {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t child = -1;
  EXPECT_EQ(posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

// Waits until the child has ended, and then true, or until `moment`, and then kills it.
inline bool ends_before(pid_t child, const std::function<bool()>& moment) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) != child) {
    if (moment()) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      if (WIFSIGNALED(status)) return false;
      break;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the program failed by itself";
  return true;
}

// Whether a folder below `directory` holds a name with `part` in it. What vanishes meanwhile is not there.
inline bool holds_name(const std::string& directory, const std::string& part) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace grpo

#include "rewards/plugins/python.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "rewards/plugins/child.h"
#include "rewards/plugins/place.h"
#include "rewards/plugins/program.h"
#include "rewards/plugins/reward_shim.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kCheckTime{60};

struct Function {
  std::string file;  // absolute
  std::string name;
};

Function read_function(ObjectReader& options, const std::string& folder) {
  const std::string text = options.string("function");
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    options.fail("function", fmt::format("\"{}\" is not FILE.py:FUNCTION", text),
                 "write my_reward.py:reward, for example");
  }
  const Function function = {
      .file = fs::absolute(path_from(folder, text.substr(0, colon))).lexically_normal().string(),
      .name = text.substr(colon + 1)};
  std::error_code ignored;
  if (!fs::is_regular_file(function.file, ignored)) {
    options.fail("function", fmt::format("there is no file {}", function.file),
                 "check the path: it starts at the recipe's folder");
  }
  return function;
}

// Has the interpreter read the file.
void check_function(const ChildOptions& command, const Function& function, const ObjectReader& options) {
  LaunchThread launcher;
  LineLog nowhere("/dev/null", "");
  std::optional<Child> child;
  try {
    child.emplace(command, launcher, nowhere);
  } catch (const Error& e) {
    options.fail("interpreter", e.summary(), "give the path of a Python 3.8 or newer");
  }
  const auto deadline = std::chrono::steady_clock::now() + kCheckTime;
  const Child::Exchange check = child->exchange("", deadline, fmt::format("{} s", kCheckTime.count()));
  const std::string tail = child->stderr_tail();
  if (!check.replied) {
    options.fail("interpreter",
                 fmt::format("{} {}{}", command.command[0], check.failure, tail.empty() ? "" : ": " + tail),
                 "give the path of a Python 3.8 or newer");
  }
  const Json said = parse_json(check.reply, command.command[0]);
  if (said.contains("error")) {
    options.fail("function", fmt::format("{}: {}", function.file, said["error"].get<std::string>()));
  }
}

}  // namespace

Reward python_reward(ObjectReader& options, const std::string& folder, const RewardContext& context) {
  ProgramOptions program = read_program_options(options, true);
  const Function function = read_function(options, folder);
  const std::string interpreter =
      find_program(folder, options.string("interpreter", "python3"), options.where("interpreter"));
  const std::string format = options.choice("format", {"auto", "text", "conversational"}, "auto");
  const std::string correct = options.string("correct", "");
  const bool seeded =
      std::any_of(program.environment.begin(), program.environment.end(),
                  [](const std::string& variable) { return variable.starts_with("PYTHONHASHSEED="); });
  if (!seeded) program.environment.push_back("PYTHONHASHSEED=0");
  check_function({.command = {interpreter, "-c", kRewardShim, "check", function.file, function.name},
                  .environment = program.environment,
                  .folder = folder},
                 function, options);
  program.name = fmt::format("{}:{}", fs::path(function.file).filename().string(), function.name);
  program.command = {interpreter, "-c", kRewardShim, "serve", function.file, function.name, format};
  program.folder = folder;
  program.ready_line = true;
  Reward reward = run_program(std::move(program), correct, context);
  reward.name = "python";
  return reward;
}

}  // namespace grpo

#pragma once
// A judge with a sandbox of its own, made once per test program; and small words for tasks.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "sandbox/judge/judge.h"
#include "tests/sandbox/tiers/promises.h"

namespace grpo {

// Null where no sandbox started; `why` says why.
inline Judge* live_judge(std::string* why = nullptr) {
  static std::string denied;
  static const std::unique_ptr<Judge> judge = [] {
    try {
      SandboxOptions options;
      options.slots = 2;
      options.minimum_tier = Tier::kT4;
      options.memory_bytes = int64_t{4} << 30;
      options.folders = toolchain_folders();
      return std::make_unique<Judge>(std::make_shared<Sandbox>(options));
    } catch (const Error& error) {
      denied = error.what();
      return std::unique_ptr<Judge>();
    }
  }();
  if (why != nullptr) *why = denied;
  return judge.get();
}

// One per pair of input and expected output.
inline Task task_of(const std::vector<std::pair<std::string, std::string>>& tests, OutputRule rule = {}) {
  OutputTests output;
  output.rule = rule;
  for (const auto& [input, expected] : tests) {
    output.tests.push_back({.name = std::to_string(output.tests.size() + 1),
                            .input = Blob::of(input),
                            .expected = Blob::of(expected)});
  }
  Task task;
  task.tests = std::move(output);
  task.limits.cpu_ms = 1'000;
  task.limits.memory_bytes = int64_t{128} << 20;
  return task;
}

inline Judgement judge_c(const std::string& source, const Task& task) {
  return live_judge()->judge({"c", source}, task);
}

// What went wrong where a test expected something else.
inline std::string story(const Judgement& judgement) {
  std::string text =
      std::string(verdict_name(judgement.verdict)) + " " + judgement.message + judgement.compile_log;
  for (const TestResult& test : judgement.tests) {
    text += "\n  " + test.name + " " + verdict_name(test.verdict) + " " + test.message;
  }
  return text;
}

}  // namespace grpo

#define GRPO_NEEDS_TOOL(name) \
  if (!::grpo::find_toolchain(*::grpo::find_language(name))) GTEST_SKIP() << name << " is not installed"

#define GRPO_NEEDS_JUDGE()                                                          \
  do {                                                                              \
    std::string why;                                                                \
    if (::grpo::live_judge(&why) == nullptr) GRPO_NO_SANDBOX(::grpo::Tier::kT4, why); \
    GRPO_NEED_PROMISE(::grpo::live_judge()->sandbox().tier());                        \
  } while (false);                                                                  \
  GRPO_NEEDS_TOOL("c")

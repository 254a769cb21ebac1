#pragma once
// One sandbox for all tests of a program, two programs at a time, and short ways to judge with it.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "sandbox/python/python_tests.h"
#include "tests/sandbox/tiers/promises.h"

namespace grpo {

// Null, and `why`, where none started.
inline std::shared_ptr<Sandbox> shared_sandbox(std::string* why = nullptr) {
  static std::string denied;
  static const std::shared_ptr<Sandbox> sandbox = [] {
    SandboxOptions options;
    options.slots = 2;
    options.minimum_tier = Tier::kT4;
    try {
      return std::make_shared<Sandbox>(options);
    } catch (const Error& error) {
      denied = error.what();
      return std::shared_ptr<Sandbox>();
    }
  }();
  if (why != nullptr) *why = denied;
  return sandbox;
}

// For programs that come to an end, however busy the machine is; and for those that hang, which are to be over soon.
inline constexpr Limits kPatient = {.cpu_ms = 10'000, .wall_ms = 30'000};
inline constexpr Limits kHanging = {.cpu_ms = 500, .wall_ms = 1'200};

class PythonHost : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!shared_sandbox(&why)) GRPO_NO_SANDBOX(Tier::kT4, why);
    GRPO_NEED_PROMISE(sandbox().tier());
  }

  static Sandbox& sandbox() { return *shared_sandbox(); }

  // Calls `function` of the source once per pair {arguments, expected}.
  Judgement calls(const std::string& source, const std::string& function,
                         const std::vector<std::pair<std::string, std::string>>& pairs, double tolerance = 0.0,
                         bool stop_early = false) {
    CallTests tests;
    tests.function = function;
    tests.float_tolerance = tolerance;
    for (const auto& [arguments, expected] : pairs) {
      tests.tests.push_back({.name = "", .arguments = arguments, .expected = expected});
    }
    return judge_python_calls(sandbox(), source, tests, limits_, stop_early);
  }

  Judgement suite(const std::string& source, const Suite& suite) {
    return judge_python_suite(sandbox(), source, suite, limits_);
  }

  Judgement asserts(const std::string& source, const std::string& test_code, const std::string& entry_point = "f") {
    Suite tests;
    tests.style = Suite::Style::kAsserts;
    tests.test_code = test_code;
    tests.entry_point = entry_point;
    return suite(source, tests);
  }

  Judgement pytest(const std::string& source, const std::string& test_code) {
    Suite tests;
    tests.style = Suite::Style::kPytest;
    tests.test_code = test_code;
    return suite(source, tests);
  }

  Limits limits_ = kPatient;
};

// All that is worth knowing of a judgement that is not as expected.
inline std::string shown(const Judgement& judgement) {
  std::string text = std::string(verdict_name(judgement.verdict)) + " " + std::to_string(judgement.passed()) + "/" +
                     std::to_string(judgement.tests_total) + " " + judgement.message;
  for (const TestResult& test : judgement.tests) {
    if (test.verdict != Verdict::kAccepted) {
      text += "\n  " + test.name + ": " + verdict_name(test.verdict) + " " + test.message;
    }
  }
  return text;
}

// The verdict of a judgement, and all about it where that is not `expected`.
inline testing::AssertionResult has_verdict(const std::string& expected, const Judgement& judgement) {
  if (expected == verdict_name(judgement.verdict)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << expected << " expected: " << shown(judgement);
}

#define EXPECT_VERDICT(expected, judgement) EXPECT_TRUE(::grpo::has_verdict(expected, judgement))

}  // namespace grpo

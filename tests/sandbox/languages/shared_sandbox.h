#pragma once
// One sandbox for all tests of a program, started by the first that asks.

#include <memory>
#include <string>

#include "core/error.h"
#include "sandbox/languages/language.h"
#include "sandbox/sandbox.h"
#include "tests/sandbox/tiers/promises.h"

namespace grpo {

struct SharedSandbox {
  std::unique_ptr<Sandbox> sandbox;
  std::string why_not;  // where there is none

  static SharedSandbox& get() {
    static SharedSandbox shared;
    return shared;
  }

 private:
  SharedSandbox() {
    SandboxOptions options;
    options.minimum_tier = Tier::kT4;
    options.folders = toolchain_folders();
    try {
      sandbox = std::make_unique<Sandbox>(options);
    } catch (const Error& error) {
      why_not = error.what();
    }
  }
};

// Whether programs of the shared sandbox, which there has to be, can be compiled and run; `missing`: why not.
inline bool has_language(const std::string& name, std::string* missing = nullptr) {
  return usable_toolchain(*find_language(name), SharedSandbox::get().sandbox->tier(), missing).has_value();
}

}  // namespace grpo

// Ends a test where the host allows no sandbox, and what tests/sandbox/tiers/promises.h says; where it also has no compiler.
#define GRPO_NEED_SANDBOX()                                                                    \
  do {                                                                                         \
    const grpo::SharedSandbox& shared = grpo::SharedSandbox::get();                            \
    if (!shared.sandbox) GRPO_NO_SANDBOX(grpo::Tier::kT4, shared.why_not);                     \
    GRPO_NEED_PROMISE(shared.sandbox->tier());                                                 \
  } while (false)
#define GRPO_NEED_LANGUAGE(name)                                                               \
  do {                                                                                         \
    GRPO_NEED_SANDBOX();                                                                       \
    std::string missing;                                                                       \
    if (!grpo::has_language(name, &missing)) GTEST_SKIP() << missing;                          \
  } while (false)

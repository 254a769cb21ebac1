#pragma once
// One sandbox for all tests of a program, started by the first that asks.

#include <memory>
#include <string>

#include "core/error.h"
#include "sandbox/languages/language.h"
#include "sandbox/sandbox.h"
#include "tests/sandbox/host_allows.h"

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

inline bool has_language(const std::string& name) {
  return find_toolchain(*find_language(name)).has_value();
}

}  // namespace grpo

// Skips a test where the host allows no sandbox; where it also has no compiler.
#define GRPO_NEED_SANDBOX()                                                                    \
  do {                                                                                         \
    const grpo::SharedSandbox& shared = grpo::SharedSandbox::get();                            \
    if (!shared.sandbox) GRPO_NO_SANDBOX(grpo::Tier::kT4, shared.why_not);  \
  } while (false)
#define GRPO_NEED_LANGUAGE(name)                                                               \
  do {                                                                                         \
    std::string missing;                                                                       \
    const grpo::SharedSandbox& shared = grpo::SharedSandbox::get();                            \
    if (!shared.sandbox) GRPO_NO_SANDBOX(grpo::Tier::kT4, shared.why_not);  \
    if (!grpo::usable_toolchain(*grpo::find_language(name), shared.sandbox->tier(), &missing)) \
      GTEST_SKIP() << missing;                                                                 \
  } while (false)

// Skips a test about what only boxes with a root of their own have: /box and /cache by these names, and nothing of the
// host's files to be denied.
#define GRPO_NEED_OWN_ROOT()                                                        \
  do {                                                                              \
    const grpo::SharedSandbox& shared = grpo::SharedSandbox::get();                 \
    if (shared.sandbox && !grpo::at_least(shared.sandbox->tier(), grpo::Tier::kT2)) \
      GTEST_SKIP() << "boxes of " << grpo::tier_name(shared.sandbox->tier())        \
                   << " have no root of their own";                                 \
  } while (false)

#pragma once
// What lower tiers do not promise, by the names of the tests that say so. No test of a row of the catalogue skips on
// account of the tier without standing here, with a sentence of docs/sandbox.md as the reason.

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/tier.h"
#include "tests/sandbox/host_allows.h"

namespace grpo {

struct NotPromised {
  std::string test;                // "Suite.Name", or "Suite.*"
  Tier lowest;                     // tier that promises it
  std::string why;                 // below that; a sentence of docs/sandbox.md
  std::string file;                // where the test is, from the root
};

inline const std::vector<NotPromised>& not_promised() {
  static const std::vector<NotPromised> all = {
      {"CompileAttack.Row55WhichFilesTheHostHasIsNotSeen", Tier::kT2,
       "without a root of its own a program sees which files the host has, though not what is in them",
       "tests/sandbox/languages/compile_attacks_test.cpp"},
      {"WarmPython.*", Tier::kT2, "there is no warm interpreter without namespaces: Python starts anew for every run",
       "tests/sandbox/python/warm_python_test.cpp"},
  };
  return all;
}

// Why `tier` does not promise what the running test is about; empty: it does.
inline std::string why_not_promised(Tier tier) {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  const std::string suite = test.test_suite_name();
  for (const NotPromised& entry : not_promised()) {
    const bool it = entry.test == suite + "." + test.name() || entry.test == suite + ".*";
    if (it && !at_least(tier, entry.lowest)) return tier_name(tier) + " does not promise it: " + entry.why;
  }
  return {};
}

// The tier that the environment variable GRPO_TEST_TIER asks for: tests of all others skip, so that none seems to have been
// tried in a tier in which it was not.
inline std::optional<Tier> asked_tier() {
  const char* name = std::getenv("GRPO_TEST_TIER");
  return name == nullptr ? std::nullopt : tier_of(name);
}

}  // namespace grpo

// Ends a test (in its body, or in SetUp) whose sandbox is of another tier than is asked for, or of one that does not promise
// what the test is about. A tier that the host allows, and that the sandbox did not reach, is a failure.
#define GRPO_NEED_PROMISE(found)                                                                            \
  do {                                                                                                      \
    const ::grpo::Tier found_tier = (found);                                                                \
    if (const auto asked = ::grpo::asked_tier(); asked && *asked != found_tier) {                           \
      if (!::grpo::at_least(found_tier, *asked))                                                            \
        GRPO_NO_SANDBOX(*asked, "it is of " + ::grpo::tier_name(found_tier));                               \
      GTEST_SKIP() << "this host gives " << ::grpo::tier_name(found_tier) << ", not " << ::grpo::tier_name(*asked); \
    }                                                                                                       \
    if (const std::string why = ::grpo::why_not_promised(found_tier); !why.empty()) GTEST_SKIP() << why;    \
  } while (false)

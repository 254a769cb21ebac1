// The owner holds a runner to the tier that was asked for, whatever the runner itself thinks of it.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "core/error.h"
#include "core/json.h"
#include "sandbox/sandbox.h"
#include "tests/sandbox/owner/live_sandbox.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

// A runner that says it is of this tier, and makes no slot.
std::string that_claims(const TemporaryFolder& folder, int tier) {
  const auto answer = Json::to_cbor({{"tier", tier}, {"why", "denied: a test's wish"}});
  const std::string bytes = folder.write("answer", std::string(answer.begin(), answer.end()));
  const std::string runner = folder.write("claims", "#!/bin/sh\ncat " + bytes + " >&3\nexec sleep 60\n");
  std::filesystem::permissions(runner, std::filesystem::perms(0755));
  return runner;
}

std::string refusal_of(Tier minimum, int tier) {
  const TemporaryFolder folder;
  SandboxOptions options;
  options.slots = 1;
  options.minimum_tier = minimum;
  options.runner = that_claims(folder, tier);
  try {
    Sandbox sandbox(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "it started";
}

TEST(MinimumTier, ARunnerOfALowerTierIsTurnedAway) {
  for (const Tier minimum : {Tier::kT1, Tier::kT2, Tier::kT3}) {
    const int lower = static_cast<int>(minimum) + 1;
    const std::string text = refusal_of(minimum, lower);
    EXPECT_NE(
        text.find("this host allows a sandbox of tier T" + std::to_string(lower) +
                  ", and the least that is wanted is " + tier_name(minimum) + ": denied: a test's wish"),
        std::string::npos)
        << text;
  }
}

TEST(MinimumTier, ATierThatIsNoneIsTurnedAwayAsWell) {
  for (const int tier : {0, 5, -1}) {
    const std::string text = refusal_of(Tier::kT4, tier);
    EXPECT_NE(text.find("speaks of a tier " + std::to_string(tier)), std::string::npos) << text;
  }
}

// What verdicts so far were made with is the least for those that follow, though less was asked for at first.
TEST(MinimumTier, ARunnerThatIsStartedAnewIsOfNoLowerTierThanTheFirst) {
  const TemporaryFolder folder;
  const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  folder.write("which", (programs / "grpo-runner").string() + "\n");
  SandboxOptions options;
  options.slots = 1;
  options.minimum_tier = Tier::kT4;
  options.runner =
      folder.write("runner", "#!/bin/sh\nread -r which < " + folder.file("which") + "\nexec \"$which\"\n");
  std::filesystem::permissions(options.runner, std::filesystem::perms(0755));
  LiveSandbox live = start_sandbox(options);
  if (!live.sandbox) GTEST_SKIP() << live.why_not;
  const int lower = static_cast<int>(live.sandbox->tier()) + 1;
  if (lower > static_cast<int>(Tier::kT4))
    GTEST_SKIP() << "there is no tier below " << tier_name(live.sandbox->tier());
  ASSERT_EQ(live.sandbox->run(shell("echo first")).failure, "");

  folder.write("which", that_claims(folder, lower) + "\n");
  ASSERT_GT(live.sandbox->runner_process(), 1);
  kill(live.sandbox->runner_process(), SIGKILL);
  // The killed runner's slot may live a moment longer.
  std::string failure;
  becomes_true(
      [&] {
        failure = live.sandbox->run(shell("echo second")).failure;
        return !failure.empty();
      },
      10'000);
  EXPECT_NE(failure.find("the least that is wanted is " + tier_name(live.sandbox->tier())), std::string::npos)
      << failure;
  EXPECT_EQ(live.sandbox->restarts(), 0);
}

}  // namespace
}  // namespace grpo

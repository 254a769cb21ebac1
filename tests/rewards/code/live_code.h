#pragma once
// The reward `code` over one sandbox for all tests of a program, and small words for what it judges.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "rewards/code/code_reward.h"
#include "sandbox/judge/judge.h"
#include "tests/rewards/scoring.h"
#include "tests/sandbox/host_allows.h"

namespace grpo {

// Null where no sandbox started; `why` says why.
inline std::shared_ptr<Judge> shared_judge(std::string* why = nullptr) {
  static std::string denied;
  static const std::shared_ptr<Judge> judge = [] {
    try {
      SandboxOptions options;
      options.slots = 2;
      options.memory_bytes = int64_t{4} << 30;
      options.folders = toolchain_folders();
      return std::make_shared<Judge>(std::make_shared<Sandbox>(options));
    } catch (const Error& error) {
      denied = error.what();
      return std::shared_ptr<Judge>();
    }
  }();
  if (why != nullptr) *why = denied;
  return judge;
}

inline Reward code_with(const std::string& options, std::shared_ptr<Judge> judge = shared_judge()) {
  const Json json = parse_json(options, "options");
  ObjectReader reader(json, "test");
  Reward reward = code_reward(reader, "", {.log_file = {}, .judge = std::move(judge)});
  reader.finish();
  return reward;
}

inline std::string fenced(const std::string& source, const std::string& tag = "python") {
  return "So:\n```" + tag + "\n" + source + "\n```\n";
}

inline Group group_of(const Json& columns, const std::vector<std::string>& completions) {
  Group group;
  group.problem = problem_of("", columns);
  for (const std::string& completion : completions) group.episodes.push_back(episode_of(completion));
  return group;
}

inline std::vector<Score> scores_of(const Reward& reward, const Json& columns,
                                    const std::vector<std::string>& completions) {
  return reward.score_group(group_of(columns, completions), {});
}

inline Score score_of_one(const Reward& reward, const Json& columns, const std::string& completion) {
  return scores_of(reward, columns, {completion}).at(0);
}

// What went wrong where a test expected something else.
inline std::string story(const Score& score) {
  return std::string(score_status_name(score.status)) + ": " + score.reason + " " + score.details.dump();
}

}  // namespace grpo

#define GRPO_NEEDS_SANDBOX(language)                                                          \
  do {                                                                                        \
    std::string why;                                                                          \
    const auto judge = ::grpo::shared_judge(&why);                                            \
    if (judge == nullptr) GRPO_NO_SANDBOX(::grpo::SandboxOptions().minimum_tier, why);         \
    if (!::grpo::usable_toolchain(*::grpo::find_language(language), judge->sandbox().tier(), &why)) \
      GTEST_SKIP() << why;                                                                    \
  } while (false)

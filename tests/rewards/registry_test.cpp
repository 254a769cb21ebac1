#include "rewards/registry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/throws_error.h"

namespace grpo {
namespace {

// The options without which the reward cannot be made.
Json required_options(const std::string& name) {
  if (name == "http") return {{"url", "http://127.0.0.1:1/get_reward"}};
  if (name == "judge") return {{"base_url", "http://127.0.0.1:1/v1"}, {"model", "m"}};
  if (name == "program") return {{"command", {"cat"}}};
  if (name == "cosine" || name == "length") return {{"correct", "exact"}};
  if (name == "soft_overlong") return {{"max_completion_len", 10}, {"soft_punish_cache", 2}};
  if (name == "token_count") return {{"max_tokens", 10}};
  return Json::object();
}

// The rewards that need no file of the user's; those that do are made in the tests of plug-ins.
std::vector<std::string> names_without_files() {
  std::vector<std::string> names = reward_names();
  std::erase(names, "library");
  std::erase(names, "python");
  return names;
}

TEST(Reward, EveryKnownNameMakesARewardOfThatName) {
  for (const std::string& name : names_without_files()) {
    // A program is called what it is called.
    EXPECT_EQ(make_reward(name, required_options(name), "recipe.json").name,
              name == "program" ? "cat" : name);
  }
}

TEST(Reward, NamesAreInAlphabeticalOrder) {
  const std::vector<std::string> names = reward_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(Reward, AnUnknownNameIsAnErrorThatListsTheKnownOnes) {
  const Error error = error_of([] { make_reward("gsm9k", Json::object(), "recipe.json", "rewards[2]"); });
  EXPECT_EQ(error.where(), "recipe.json: rewards[2]");
  EXPECT_TRUE(holds(error.summary(), "gsm9k"));
  for (const std::string& name : reward_names()) EXPECT_TRUE(holds(error.fix(), name));
}

TEST(Reward, AnUnknownOptionIsAnErrorForEveryReward) {
  for (const std::string& name : names_without_files()) {
    Json options = required_options(name);
    options["max_tokens_"] = 10;
    const Error error = error_of([&] { make_reward(name, options, "recipe.json", "rewards[0]"); });
    EXPECT_EQ(error.where(), "recipe.json: rewards[0].max_tokens_") << name;
  }
}

TEST(Reward, BadOptionValuesAreErrors) {
  EXPECT_THROW(make_reward("gsm8k", {{"profile", "lenient"}}, "r"), Error);
  EXPECT_THROW(make_reward("gsm8k", {{"extract", "last_line"}}, "r"), Error);
  EXPECT_THROW(make_reward("exact", {{"extract", "completion"}}, "r"), Error);
  EXPECT_THROW(make_reward("exact", {{"ignore_case", 1}}, "r"), Error);
  EXPECT_THROW(make_reward("format", {{"allow_blank_think", "yes"}}, "r"), Error);
  EXPECT_THROW(make_reward("exact", Json::array(), "r"), Error);
}

}  // namespace
}  // namespace grpo

// Rewards that run code in the commands that reward: score, eval, check, run; and what grpo env says of the sandbox.

#include "tests/cli/program.h"
#include "tests/sandbox/languages/shared_sandbox.h"

namespace grpo {
namespace {

const char* const kRight = "<think></think><answer>```python\nprint(2*int(input()))\n```</answer>";
const char* const kWrong = "<think></think><answer>```python\nprint(3*int(input()))\n```</answer>";

Json columns_of_double() {
  return {{"language", "python"},
          {"tests", {{{"input", "1\n"}, {"output", "2\n"}}, {{"input", "10\n"}, {"output", "20\n"}}}}};
}

Json scored(const std::string& completion) {
  Json row = columns_of_double();
  row["completion"] = completion;
  return row;
}

class CodeReward : public ProgramTest {
 protected:
  CodeReward()
      : recipe_(
            folder_.write("recipe.json", Json{{"policy", {{"model", folder_.file("absent-model")}}},
                                              {"data", {{"train", {{"generator", "arithmetic_program"}}}}},
                                              {"rewards", {{{"name", "code"}}}},
                                              {"stage", "rl"},
                                              {"max_steps", 1},
                                              {"max_completion_length", 8}}
                                             .dump())) {}

  std::string recipe_;  // it gets as far as the policy, which is not there
};

TEST_F(CodeReward, ScoreRunsWhatTheRowsHold) {
  GRPO_NEED_LANGUAGE("python");
  const std::string rows = lines_of({scored(kRight), scored(kWrong), scored("no program")});
  const std::vector<Json> by_name = done({"score", "--reward", "code"}, rows).rows();
  ASSERT_EQ(by_name.size(), 3u);
  EXPECT_EQ(by_name[0]["reward"], 1.0) << by_name[0];
  EXPECT_EQ(by_name[1]["reward"], 0.0);
  EXPECT_EQ(by_name[2]["reward"], 0.0);
  EXPECT_EQ(done({"score", "--recipe", recipe_}, rows).rows(), by_name);
  EXPECT_EQ(done({"score", "--reward", "code", "--sandbox", R"({"slots": 1})"}, rows).rows(), by_name);
}

TEST_F(CodeReward, OptionsOfTheSandboxAreStrict) {
  const std::string rows = lines_of({scored(kRight)});
  const auto refused = [&](const std::string& options, const std::string& what, const std::string& where) {
    return failed_with(run({"score", "--reward", "code", "--sandbox", options}, rows), what, where);
  };
  EXPECT_TRUE(refused(R"({"slot": 1})", "slot", "--sandbox"));
  EXPECT_TRUE(holds(run({"score", "--reward", "code", "--sandbox", R"({"slots": "1"})"}, rows).err,
                    "--sandbox.slots"));
  EXPECT_TRUE(refused(R"({"minimum_tier": "T9"})", "T9", "--sandbox"));
  EXPECT_TRUE(refused("[1]", "expected an object", "--sandbox"));
  EXPECT_TRUE(failed_with(run({"score", "--reward", "exact", "--sandbox", "{}"}, rows), "without effect",
                          "--sandbox"));
  const auto in_recipe = [&](const std::string& override, const std::string& what, const std::string& where) {
    return failed_with(run({"check", recipe_, "--set", override}), what, where);
  };
  EXPECT_TRUE(in_recipe("sandbox.slot=1", "slot", "recipe.json: sandbox"));
  EXPECT_TRUE(in_recipe("sandbox=3", "", "recipe.json: sandbox"));
  EXPECT_TRUE(failed_with(
      run({"check", recipe_, "--set", R"(rewards=[{"name": "exact"}])", "--set", "sandbox.slots=1"}),
      "without effect", "recipe.json: sandbox"));
}

TEST_F(CodeReward, WithoutASandboxCheckAndRunFailBeforeTheyReadAnythingElse) {
  setenv("GRPO_RUNNER", folder_.file("nowhere").c_str(), 1);
  const Finished checked = run({"check", recipe_}), ran = run({"run", recipe_, "--out", folder_.file("out")});
  const Finished other = run({"check", recipe_, "--set", R"(rewards=[{"name": "exact"}])"});
  unsetenv("GRPO_RUNNER");
  EXPECT_TRUE(failed_with(checked, "nowhere", "sandbox: runner"));
  EXPECT_TRUE(failed_with(ran, "nowhere", "sandbox: runner"));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("out")));
  EXPECT_TRUE(holds(other.err, "absent-model")) << "a recipe that runs no code needs no sandbox";
}

// Rust is often found in the home folder alone.
TEST_F(CodeReward, EvalOfALanguageThatIsNotHereFailsBeforeItGenerates) {
  const std::string model = tiny_model();
  const std::string path = std::getenv("PATH"), home = std::getenv("HOME");
  setenv("PATH", "/usr/bin:/bin", 1);
  setenv("HOME", folder_.file("nobody").c_str(), 1);
  const Json env = done({"env", "--json"}).rows().at(0);
  std::string missing;
  for (const ProgrammingLanguage& language : languages()) {
    if (env["languages"][language.name]["installed"] == false) missing = language.name;
  }
  Json row = columns_of_double();
  row["prompt"] = "1";
  row["answer"] = "1";
  row["language"] = missing;
  const std::string data = folder_.write("data.jsonl", lines_of({row}));
  // A million samples, which nobody would wait for.
  const Finished evaluated = missing.empty()
                                 ? Finished{}
                                 : run({"eval", "--model", model, "--data", data, "--reward", "code", "--num-samples",
                                        "1000000", "--max-tokens", "8"});
  setenv("PATH", path.c_str(), 1);
  setenv("HOME", home.c_str(), 1);
  if (missing.empty()) GTEST_SKIP() << "all languages are in this host's system folders";
  EXPECT_TRUE(failed_with(evaluated, "programs in " + missing + " cannot be judged on this host", data + ": problem"));
}

TEST_F(CodeReward, EnvNamesTheTierAndTheLanguages) {
  const Json env = done({"env", "--json"}).rows().at(0);
  const Json& sandbox = env["sandbox"];
  ASSERT_TRUE(sandbox["usable"].is_boolean());
  if (sandbox["usable"] == true) {
    EXPECT_TRUE(tier_of(sandbox["tier"]).has_value());
    EXPECT_GE(sandbox["slots"], 1);
    EXPECT_EQ(sandbox["why"].is_null(), sandbox["tier"] == "T1");
  } else {
    EXPECT_NE(sandbox["why_not"].get<std::string>(), "");
  }
  std::set<std::string> missing;
  for (const Json& item : env["missing"]) missing.insert(item["name"].get<std::string>());
  for (const ProgrammingLanguage& language : languages()) {
    ASSERT_TRUE(env["languages"].contains(language.name));
    const Json& found = env["languages"][language.name];
    EXPECT_EQ(found["installed"], has_language(language.name));
    EXPECT_EQ(missing.contains(language.name), found["installed"] == false) << language.name;
  }
  setenv("GRPO_RUNNER", folder_.file("nowhere").c_str(), 1);
  const Json without = done({"env", "--json"}).rows().at(0);
  unsetenv("GRPO_RUNNER");
  EXPECT_EQ(without["sandbox"]["usable"], false);
  EXPECT_NE(without["sandbox"]["why_not"], "");
}

}  // namespace
}  // namespace grpo

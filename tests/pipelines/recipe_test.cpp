// Recipes as text: overrides, defaults, stages, and every way to write one wrong.

#include "pipelines/recipe.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

class RecipeText : public ::testing::Test {
 protected:
  Recipe read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return read_recipe(folder_.write("recipe.json", text), overrides);
  }
  Error refused(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return error_of([&] { read(text, overrides); });
  }

  TemporaryFolder folder_;
  const std::string single_ = R"({
    // comments are allowed
    "name": "one", "seed": 7, "policy": {"model": "m"}, "stage": "rl", "max_steps": 5,
    "data": {"train": "a.jsonl", "columns": {"prompt": "q"}}, "rewards": [{"name": "exact"}, {"name": "format"}]})";
  const std::string staged_ = R"({
    "policy": {"model": "m"}, "max_steps": 5, "beta": 0.1, "eval": {"steps": 4, "num_problems": 9},
    "data": {"train": {"generator": "chain", "operators": 3}, "template": "none"},
    "stages": [
      {"name": "warm", "stage": "sft", "max_steps": 2, "data": {"train": {"generator": "chain"}}},
      {"name": "think", "stage": "rl", "eval": {"steps": 1}},
      {"stage": "rl", "from": "warm", "beta": null}]})";
};

TEST_F(RecipeText, ARecipeWithoutStagesIsOneStageOfItsTopLevel) {
  const Recipe recipe = read(single_);
  EXPECT_EQ(recipe.name, "one");
  EXPECT_EQ(recipe.seed, 7u);
  EXPECT_EQ(recipe.policies.at(""), (Json{{"model", "m"}}));
  ASSERT_EQ(recipe.stages.size(), 1u);
  const StageSpec& stage = recipe.stages[0];
  EXPECT_EQ(stage.type, "rl");
  EXPECT_EQ(stage.name, "rl");
  EXPECT_EQ(stage.from, "base");
  EXPECT_EQ(stage.path, "");
  EXPECT_EQ(stage.options["max_steps"], 5);
  for (const char* key : {"name", "seed", "policy", "stage", "from"})
    EXPECT_FALSE(stage.options.contains(key)) << key;
}

TEST_F(RecipeText, TopLevelKeysAreDefaultsOfStagesAndObjectsMergeKeyByKey) {
  const Recipe recipe = read(staged_);
  ASSERT_EQ(recipe.stages.size(), 3u);
  const Json &warm = recipe.stages[0].options, &think = recipe.stages[1].options,
             &last = recipe.stages[2].options;
  EXPECT_EQ(warm["max_steps"], 2);
  EXPECT_EQ(think["max_steps"], 5);
  EXPECT_EQ(think["beta"], 0.1);
  EXPECT_TRUE(last["beta"].is_null());
  EXPECT_EQ(think["eval"], (Json{{"steps", 1}, {"num_problems", 9}}));
  // One level deep: a source of its own is whole, and has no option of the default's source.
  EXPECT_EQ(warm["data"]["train"], (Json{{"generator", "chain"}}));
  EXPECT_EQ(warm["data"]["template"], "none");
  EXPECT_EQ(think["data"]["train"]["operators"], 3);
  EXPECT_EQ(recipe.stages[1].path, "stages[1]");
}

TEST_F(RecipeText, AStageStartsFromTheOneBeforeUnlessItSaysOtherwise) {
  const Recipe recipe = read(staged_);
  EXPECT_EQ(recipe.stages[0].from, "base");
  EXPECT_EQ(recipe.stages[1].from, "warm");
  EXPECT_EQ(recipe.stages[2].from, "warm");
  EXPECT_EQ(recipe.stages[2].name, "rl");
}

TEST_F(RecipeText, OverridesReplaceCreateAndAddressStagesByName) {
  const Recipe recipe =
      read(staged_, {"seed=9", "max_steps=8", "think.max_steps=3", "think.data.train.operators=2",
                     "warm.new.deep.key=text", "policy.model=/a=b", "rl.temperature=0.5",
                     "stages.0.max_steps=4", "think.beta=null", "think.flag=true"});
  EXPECT_EQ(recipe.seed, 9u);
  EXPECT_EQ(recipe.policies.at("")["model"], "/a=b");
  EXPECT_EQ(recipe.stages[0].options["max_steps"], 4);
  EXPECT_EQ(recipe.stages[1].options["max_steps"], 3);
  EXPECT_EQ(recipe.stages[2].options["max_steps"], 8);
  EXPECT_EQ(recipe.stages[1].options["data"]["train"], (Json{{"operators", 2}}));
  EXPECT_EQ(recipe.stages[0].options["new"]["deep"]["key"], "text");
  EXPECT_EQ(recipe.stages[2].options["temperature"], 0.5) << "a stage without a name goes by its type";
  EXPECT_TRUE(recipe.stages[1].options["beta"].is_null());
  EXPECT_EQ(recipe.stages[1].options["flag"], true);
}

TEST_F(RecipeText, OverridesTakeTheLastOfTwoAndListElementsByIndex) {
  const Recipe recipe =
      read(single_, {"max_steps=1", "max_steps=2", "rewards.1.weight=0.5", "rewards.0={\"name\": \"x\"}"});
  EXPECT_EQ(recipe.stages[0].options["max_steps"], 2);
  EXPECT_EQ(recipe.stages[0].options["rewards"][1], (Json{{"name", "format"}, {"weight", 0.5}}));
  EXPECT_EQ(recipe.stages[0].options["rewards"][0], (Json{{"name", "x"}}));
  EXPECT_EQ(recipe.resolved["max_steps"], 2);
}

TEST_F(RecipeText, TheResolvedRecipeReadsAsTheSameRecipe) {
  const Recipe first = read(staged_, {"think.max_steps=3", "seed=4"});
  const Recipe second = read(first.resolved.dump());
  EXPECT_EQ(second.seed, 4u);
  EXPECT_EQ(second.resolved, first.resolved);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(second.stages[i].options, first.stages[i].options);
}

TEST_F(RecipeText, AnOverrideThatCannotBeAppliedIsNamed) {
  for (const char* override : {"max_steps", "=3", "a..b=1", "seed.x=1", "rewards.2.weight=1", "rewards.x=1",
                               "rewards.99999999999999999999999.x=1", ".a=1"}) {
    EXPECT_TRUE(holds(refused(single_, {override}).where(), std::string("--set ") + override)) << override;
  }
}

TEST_F(RecipeText, MalformedStagesAreNamedByTheirPath) {
  struct Case {
    std::string stages;
    std::string where;
    std::string what;
  };
  const std::vector<Case> cases = {
      {"[]", "stages", "at least one"},
      {"{}", "stages", "list"},
      {"[3]", "stages[0]", "object"},
      {R"([{"name": "a"}])", "stages[0].stage", "stage"},
      {R"([{"stage": "dpo"}])", "stages[0].stage", "dpo"},
      {R"([{"stage": "sft", "name": 5}])", "stages[0].name", "string"},
      {R"([{"stage": "sft", "name": "a/b"}])", "stages[0].name", "letters"},
      {R"([{"stage": "sft", "name": "base"}])", "stages[0]", "base"},
      {R"([{"stage": "sft"}, {"stage": "sft"}])", "stages[1]", "\"sft\" is taken"},
      {R"([{"stage": "sft", "name": "a"}, {"stage": "rl", "from": "b"}])", "stages[1]", "\"b\""},
      {R"([{"stage": "sft", "name": "a", "from": "c"}, {"stage": "rl", "name": "c"}])", "stages[0]", "\"c\""},
      {R"([{"stage": "sft", "name": "a", "from": "a"}])", "stages[0]", "\"a\""},
  };
  for (const Case& c : cases) {
    // With an override, which has to pass over stages it cannot read.
    for (const std::vector<std::string>& overrides : {std::vector<std::string>{}, {"rl.x.y=1"}}) {
      const Error error = refused(R"({"policy": {"model": "m"}, "stages": )" + c.stages + "}", overrides);
      EXPECT_TRUE(holds(error.where(), c.where)) << c.stages;
      EXPECT_TRUE(holds(error.what(), c.what)) << c.stages;
    }
  }
}

TEST_F(RecipeText, MalformedTopLevelsAreNamed) {
  EXPECT_TRUE(holds(refused("[1]").where(), "recipe.json"));
  EXPECT_TRUE(holds(refused(R"({"stage": "rl"})").where(), "policy"));
  EXPECT_TRUE(holds(refused(R"({"policy": "m", "stage": "rl"})").where(), "policy"));
  EXPECT_TRUE(holds(refused(R"({"policy": {}, "seed": -1, "stage": "rl"})").where(), "seed"));
  EXPECT_TRUE(holds(refused(R"({"policy": {}, "seed": 1.5, "stage": "rl"})").where(), "seed"));
  EXPECT_TRUE(holds(refused(R"({"policy": {}, "name": 1, "stage": "rl"})").where(), "name"));
  EXPECT_TRUE(holds(refused(R"({"policy": {}, "policy": {}, "stage": "rl"})").what(), "policy"));
  EXPECT_TRUE(holds(refused("{\"policy\": {},\n \"stage\" \"rl\"}").where(), "line 2"));
  EXPECT_TRUE(holds(error_of([&] { read_recipe(folder_.file("none.json"), {}); }).where(), "none.json"));
}

}  // namespace
}  // namespace grpo

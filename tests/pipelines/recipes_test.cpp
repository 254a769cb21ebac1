// The recipes that come with the program, on data and models small enough for a test: what they name is there, what they set
// is read, and every stage has its plan.

#include <gtest/gtest.h>

#include <filesystem>

#include "pipelines/run.h"
#include "tests/cli/tiny_checkpoint.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// In a folder of its own, since recipes take relative paths from the working directory.
class Recipes : public ::testing::Test {
 protected:
  Recipes() : before_(fs::current_path()) {
    fs::create_directory(folder_.file("data"));
    fs::current_path(folder_.path());
  }
  ~Recipes() override { fs::current_path(before_); }

  void rows(const std::string& name, const Json& row, int count) const {
    std::string text;
    for (int i = 0; i < count; ++i) text += row.dump() + "\n";
    folder_.write("data/" + name, text);
  }
  static Json check(const std::string& recipe, const std::vector<std::string>& overrides) {
    return check_recipe(std::string(GRPO_SOURCE_DIR "/recipes/") + recipe, overrides, {.device = "cpu"});
  }

  TemporaryFolder folder_;
  fs::path before_;
};

TEST_F(Recipes, R1PlansAllOfItsStagesOnDataAsItsHeaderDescribesThem) {
  rows("math.jsonl", {{"question", "1+1"}, {"answer", "2"}, {"language", "en"}}, 4);
  rows("stem.jsonl", {{"question", "Which?"}, {"options", {"a", "b"}}, {"answer", "A"}, {"language", "en"}}, 4);
  rows("code.jsonl", {{"question", "Add."}, {"language", "en"}, {"tests", {{{"input", "1 2\n"}, {"output", "3\n"}}}}}, 4);
  rows("general.jsonl", {{"question", "Say."}, {"language", "en"}}, 4);
  rows("general_sft.jsonl", {{"question", "Say."}, {"completion", "Yes."}}, 4);
  std::string pairs, labels;
  for (int i = 0; i < 200; ++i) {
    const std::string prompt = "Say " + std::to_string(i);
    pairs += Json{{"prompt", prompt}, {"chosen", i % 2 ? "Yes." : "Yes, now."}, {"rejected", i % 2 ? "No, never." : "No."},
                  {"score_chosen", 9}, {"score_rejected", 2}}.dump() + "\n";
    labels += Json{{"prompt", prompt}, {"completion", "Yes."}, {"label", i % 2 == 0}}.dump() + "\n";
  }
  folder_.write("data/helpful.jsonl", pairs);
  folder_.write("data/safety.jsonl", labels);
  for (const char* set : {"aime24.jsonl", "math500.jsonl"}) rows(set, {{"question", "How many of them are there in all?"}, {"answer", "7"}}, 3);
  const std::string model = folder_.file("model");
  write_tiny_checkpoint(model, {{"max_position_embeddings", 256}}, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,?+\n");
  const Json checked = check("r1.json", {"policy.model=" + model, "policies.student.model=" + model, "max_completion_length=8",
                                         "data.template=none", "tokens_per_micro_batch=64", "helpful.data.template=none", "safe.data.template=none", "helpful.max_length=64", "safe.max_length=64"});
  std::vector<std::string> names;
  for (const Json& stage : checked["stages"]) {
    names.push_back(stage["name"]);
    EXPECT_GT(stage["memory"]["peak_bytes"], 0) << names.back();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"zero", "collect", "cold", "reasoning", "sample_math", "sample_code", "sample_stem", "again",
                                             "helpful", "safe", "all", "student", "exam"}));
  // The paper's numbers, of what the preset and the stage say together.
  const Json& zero = checked["stages"][0];
  EXPECT_EQ(zero["problems"], 12);
  EXPECT_EQ(zero["max_steps"], 10400);
  EXPECT_EQ(zero["loss"]["epsilon"], 0.2);
  EXPECT_EQ(zero["loss"]["beta"], 0.001);
  EXPECT_EQ(checked["stages"][3]["loss"]["epsilon"], 10.0);
}

TEST_F(Recipes, ThoseThatNeedNothingCheckAsTheyAre) {
  for (const char* recipe : {"quickstart.json", "r1_tiny.json", "sanity.json"}) EXPECT_FALSE(check(recipe, {})["stages"].empty()) << recipe;
}

}  // namespace
}  // namespace grpo

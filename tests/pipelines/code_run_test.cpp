// The recipe that learns to program, with few steps: what its rubric says of programs, and that being killed changes
// nothing.

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "pipelines/code_judge.h"
#include "pipelines/data.h"
#include "pipelines/problems/generator.h"
#include "pipelines/run.h"
#include "rewards/rubric.h"
#include "tests/pipelines/killed_program.h"
#include "tests/pipelines/run_lines.h"
#include "tests/sandbox/languages/shared_sandbox.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

const std::string kRecipe = GRPO_SOURCE_DIR "/recipes/r1_zero_code.json";

class CodeRun : public ::testing::Test {
 protected:
  void SetUp() override { GRPO_NEED_LANGUAGE("python"); }

  std::string path(const std::string& name) const { return folder_.file(name); }

  TemporaryFolder folder_;
};

// What the words give when they are written as one expression: products and remainders bind first.
int64_t as_one_expression(const std::string& question, int64_t input) {
  std::istringstream text(question);
  int64_t sum = 0, sign = 1, product = input;
  for (std::string word, number; text >> word >> number;) {
    const int64_t n = std::stoll(number);
    if (word == "times") product *= n;
    if (word == "mod") product = ((product % n) + n) % n;
    if (word != "plus" && word != "minus") continue;
    sum += sign * product;
    sign = word == "plus" ? 1 : -1;
    product = n;
  }
  return sum + sign * product;
}

bool works_as_one_expression(const GeneratedProblem& problem) {
  for (const Json& test : problem.columns["tests"]) {
    const int64_t value = as_one_expression(problem.question, std::stoll(test["input"].get<std::string>()));
    if (std::to_string(value) + "\n" != test["output"]) return false;
  }
  return true;
}

TEST_F(CodeRun, TheRubricTellsProgramsThatWorkFromThoseThatDoNot) {
  const Recipe recipe = read_recipe(kRecipe, {});
  const std::shared_ptr<Judge> judge = start_judge(recipe);
  ASSERT_NE(judge, nullptr);
  const Rubric rubric =
      read_rubric(recipe.stages[1].options["rewards"], kRecipe, "rewards", {.log_file = "", .judge = judge});
  const Json options = {{"operations", 4}};
  const Generator generator = make_generator("arithmetic_program", options, "test");
  int wrong = 0;
  for (int64_t index = 0; index < 20; ++index) {
    const GeneratedProblem generated = generator.generate(5, index);
    Group group;
    group.problem.columns = generated.columns;
    group.problem.answer = generated.answer;
    const std::string fence = "<think></think><answer>```python\n";
    for (const std::string& completion :
         {generated.worked_solution, generated.direct_solution, fence + "print(7)\n```</answer>",
          fence + "x=int(input(\n```</answer>", fence + "while 1: pass\n```</answer>",
          std::string("<answer>7</answer>")}) {
      Episode episode;
      episode.completion = completion;
      episode.finish_reason = FinishReason::kEos;
      group.episodes.push_back(episode);
    }
    // A program that never ends costs its time limit.
    if (index > 0) group.episodes.erase(group.episodes.begin() + 4);
    score_group(rubric, group);
    const bool direct_works = works_as_one_expression(generated);
    wrong += direct_works ? 0 : 1;
    EXPECT_EQ(group.episodes[0].reward, 1.1) << generated.question;
    EXPECT_EQ(group.episodes[1].reward, direct_works ? 1.1 : 0.1) << generated.question;
    for (size_t i = 2; i + 1 < group.episodes.size(); ++i)
      EXPECT_EQ(group.episodes[i].reward, 0.1) << group.episodes[i].completion;
    EXPECT_EQ(group.episodes.back().reward, 0.0);
  }
  EXPECT_GT(wrong, 5);
}

// Small enough for a test, and warm enough that some programs pass.
std::vector<std::string> few_steps() {
  return {"data.train.operations=2",
          "data.eval.operations=2",
          "eval.num_problems=20",
          "sft.max_steps=150",
          "sft.samples_per_step=16",
          "sft.warmup_steps=10",
          "rl.max_steps=2",
          "rl.prompts_per_step=4",
          "rl.num_generations=8",
          "rl.save_steps=1",
          "rl.log_episodes=-1",
          "eval.steps=1",
          "policy.config.hidden_size=64",
          "policy.config.num_hidden_layers=2"};
}

TEST_F(CodeRun, AKilledRunEndsWithTheBytesOfAnUninterruptedOneAndItsRewardsAreReal) {
  const auto start_into = [&](const std::string& out) {
    std::vector<std::string> arguments = {GRPO_PROGRAM, "run",   kRecipe,  "--device",
                                          "cpu",        "--out", path(out)};
    for (const std::string& override : few_steps()) arguments.insert(arguments.end(), {"--set", override});
    return start(arguments);
  };
  ASSERT_TRUE(ends_before(start_into("whole"), [] { return false; }));
  EXPECT_FALSE(ends_before(start_into("killed"), [&] {
    return fs::exists(path("killed/stages/02-rl/checkpoint-000001/manifest.json"));
  })) << "it was over before it could be killed";
  ASSERT_TRUE(ends_before(start_into("killed"), [] { return false; }));

  const std::string model = "/stages/02-rl/model/model.safetensors";
  EXPECT_EQ(read_file(path("whole" + model)), read_file(path("killed" + model)));
  EXPECT_NE(read_file(path("whole" + model)), read_file(path("whole/stages/01-sft/model/model.safetensors")));
  EXPECT_EQ(without_times(lines_in(path("whole/metrics.jsonl"))),
            without_times(lines_in(path("killed/metrics.jsonl"))));
  const std::vector<Json> episodes = lines_in(path("whole/episodes.jsonl"));
  EXPECT_EQ(episodes, lines_in(path("killed/episodes.jsonl")));

  // Some programs passed and some did not, and a judge of its own says the same of each.
  ASSERT_EQ(episodes.size(), 2u * 4 * 8);
  const Rubric rubric =
      read_rubric(parse_json(R"([{"name": "code", "language": "python"}])", "test"), "test", "rewards");
  int passed = 0;
  for (const Json& row : episodes) {
    Group group;
    group.problem.columns = row["columns"];
    Episode episode;
    episode.completion = row["completion"];
    group.episodes = {episode};
    score_group(rubric, group);
    ASSERT_TRUE(row["rewards"]["code"]["value"].is_number()) << row;
    EXPECT_EQ(group.episodes[0].reward, row["rewards"]["code"]["value"].get<double>()) << row["completion"];
    passed += row["rewards"]["code"]["value"] == 1.0 ? 1 : 0;
  }
  EXPECT_GT(passed, 0);
  EXPECT_LT(passed, static_cast<int>(episodes.size()));
}

TEST_F(CodeRun, CheckSaysWhichSandboxThereIs) {
  const Json found = check_recipe(kRecipe, {}, {.device = "cpu"});
  EXPECT_TRUE(found["sandbox"]["tier"].is_string()) << found;
  EXPECT_GE(found["sandbox"]["slots"], 1);
  EXPECT_FALSE(
      check_recipe(GRPO_SOURCE_DIR "/recipes/quickstart.json", {}, {.device = "cpu"}).contains("sandbox"));
}

TEST_F(CodeRun, CheckRefusesALanguageThatIsNotHere) {
  const ProgrammingLanguage* absent = nullptr;
  for (const ProgrammingLanguage& language : languages()) {
    if (!has_language(language.name)) absent = &language;
  }
  if (!absent) GTEST_SKIP() << "every language is installed";
  const Error error = error_of([&] {
    check_recipe(kRecipe, {R"(rewards=[{"name": "code", "language": ")" + absent->name + "\"}]"},
                 {.device = "cpu"});
  });
  EXPECT_TRUE(holds(error.summary(), absent->name));
  EXPECT_TRUE(holds(error.where(), kRecipe));
}

}  // namespace
}  // namespace grpo

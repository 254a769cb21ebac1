// grpo run and grpo check on small recipes, and every recipe of the project.

#include "tests/cli/program.h"
#include "tests/sandbox/languages/shared_sandbox.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

class RecipeCommand : public ProgramTest {
 protected:
  // Two stages from scratch that take a few seconds.
  RecipeCommand() {
    recipe_ = folder_.write("recipe.json", R"({
      // small enough for a test
      "name": "tiny", "seed": 1,
      "policy": {"tokenizer": {"characters": "0123456789+-*= ", "tags": ["<think>", "</think>", "<answer>", "</answer>"]},
                 "config": {"model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
                            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 96}},
      "data": {"train": {"generator": "chain", "operators": 1}, "eval": {"generator": "chain", "operators": 1, "split": "eval"}},
      "rewards": [{"name": "exact"}],
      "eval": {"num_problems": 8, "max_completion_length": 24},
      "stages": [
        {"name": "warm", "stage": "sft", "max_steps": 3},
        {"name": "zero", "stage": "rl", "max_steps": 2, "prompts_per_step": 2, "num_generations": 4,
         "max_completion_length": 24}]})");
  }

  std::string recipe_;
};

TEST_F(RecipeCommand, RunTrainsAndLeavesAModelThatTheOtherCommandsRead) {
  const std::string out = folder_.file("run");
  const Finished found = done({"run", recipe_, "--out", out});
  EXPECT_TRUE(holds(found.out, "warm"));
  EXPECT_TRUE(holds(found.out, "zero"));
  const std::string model = out + "/stages/02-zero/model";
  EXPECT_TRUE(holds(found.out, model));
  EXPECT_EQ(done({"inspect", model, "--json"}).rows()[0]["family"], "llama");
  EXPECT_EQ(done({"generate", "--model", model, "--max-tokens", "4"}, R"({"prompt": "1+1="})").rows().size(),
            1u);
}

TEST_F(RecipeCommand, RunPrintsFirstAndLastAccuracyOfEveryStage) {
  const std::string out = folder_.file("run");
  const Finished found = done({"run", recipe_, "--out", out});
  const Json summary = read_json_file(out + "/summary.json");
  ASSERT_EQ(summary["stages"].size(), 2u);
  for (const Json& stage : summary["stages"]) {
    const Json& first = stage["eval"].front();
    const Json& last = stage["eval"].back();
    char accuracy[64], length[64];
    const bool one = stage["eval"].size() == 1;
    std::snprintf(accuracy, sizeof accuracy, one ? "%.4f" : "%.4f -> %.4f", first["accuracy"].get<double>(),
                  last["accuracy"].get<double>());
    std::snprintf(length, sizeof length, one ? "%.1f" : "%.1f -> %.1f", first["mean_length"].get<double>(),
                  last["mean_length"].get<double>());
    const size_t begin = found.out.find("\n" + stage["name"].get<std::string>() + " ") + 1;
    const std::string line = found.out.substr(begin, found.out.find('\n', begin) - begin);
    EXPECT_TRUE(holds(line, accuracy));
    EXPECT_TRUE(holds(line, length));
  }
}

TEST_F(RecipeCommand, RunOnAFinishedRunSaysTheSameAgain) {
  const std::string out = folder_.file("run");
  const Finished first = done({"run", recipe_, "--out", out});
  const Finished second = done({"run", recipe_, "--out", out});
  EXPECT_EQ(first.out, second.out);
}

TEST_F(RecipeCommand, RunIntoTheFolderOfAnotherRecipeIsRefused) {
  const std::string out = folder_.file("run");
  done({"run", recipe_, "--out", out});
  EXPECT_EQ(run({"run", recipe_, "--out", out, "--set", "seed=2"}).status, 1);
  EXPECT_EQ(run({"run", recipe_, "--out", folder_.path()}).status, 1);
}

TEST_F(RecipeCommand, CheckDescribesEveryStageAndWritesNothing) {
  const auto before = names();
  const Finished found = done({"check", recipe_});
  EXPECT_TRUE(holds(found.out, "warm"));
  EXPECT_TRUE(holds(found.out, "zero"));
  EXPECT_TRUE(holds(found.out, "the recipe is good"));
  EXPECT_EQ(names(), before);
}

TEST_F(RecipeCommand, AnUnknownKeyFailsCheckAndRunBeforeAnythingIsWritten) {
  const auto before = names();
  for (const char* key :
       {"zero.num_generation=4", "warm.lerning_rate=1", "data.trian=x", "eval.num_problem=3"}) {
    const std::string name = std::string(key).substr(std::string(key).find('.') + 1);
    const std::string unknown = name.substr(0, name.find('='));
    for (const auto& command : {std::vector<std::string>{"check", recipe_, "--set", key},
                                {"run", recipe_, "--out", folder_.file("run"), "--set", key}}) {
      const Finished found = run(command);
      EXPECT_EQ(found.status, 1) << key;
      EXPECT_TRUE(holds(found.err, unknown));
      EXPECT_TRUE(holds(found.err, "recipe.json"));
    }
  }
  EXPECT_EQ(names(), before);
}

TEST_F(RecipeCommand, AMissingRecipeModelOrDataFileIsNamed) {
  EXPECT_TRUE(failed_with(run({"check", folder_.file("absent.json")}), "cannot open", "absent.json"));
  const Finished data = run({"check", recipe_, "--set", "data.train=absent.jsonl"});
  EXPECT_EQ(data.status, 1);
  EXPECT_TRUE(holds(data.err, "absent.jsonl"));
  const Finished model = run({"check", recipe_, "--set", R"(policy={"model": "absent-model"})"});
  EXPECT_EQ(model.status, 1);
  EXPECT_TRUE(holds(model.err, "absent-model"));
}

TEST_F(RecipeCommand, EveryRecipeOfTheProjectPassesCheck) {
  // A base checkpoint and data, which recipes leave to the user, for those that ask for them.
  std::string printable;
  for (char c = ' '; c <= '~'; ++c) printable += c;
  write_tiny_checkpoint(folder_.file("model"), {{"max_position_embeddings", 4096}}, printable);
  const std::string data =
      folder_.write("train.jsonl", R"({"question": "1+1?", "answer": "1+1=2 #### 2", "completion": "2"})");
  int64_t checked = 0;
  for (const auto& entry : fs::directory_iterator(std::string(GRPO_SOURCE_DIR) + "/recipes")) {
    if (entry.path().extension() != ".json") continue;
    if (entry.path().filename() == "r1.json") continue;  // wants a folder of data: tests/pipelines/recipes_test.cpp
    const Json recipe = read_json_file(entry.path().string());
    if (recipe.contains("sandbox") && !SharedSandbox::get().sandbox) continue;  // this machine allows none
    std::vector<std::string> command = {"check", entry.path().string()};
    const auto left_open = [](const Json& object, const char* key) {
      return object.contains(key) && object[key].is_null();
    };
    if (left_open(recipe["policy"], "model"))
      command.insert(command.end(), {"--set", "policy.model=" + folder_.file("model")});
    if (left_open(recipe, "teacher")) command.insert(command.end(), {"--set", "teacher=" + folder_.file("model")});
    if (left_open(recipe["data"], "train")) command.insert(command.end(), {"--set", "data.train=" + data});
    const Finished found = run(command);
    EXPECT_EQ(found.status, 0) << entry.path() << "\n" << found.err;
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

// A recipe on a checkpoint with a chat template that opens the answer, as the R1 distills do.
TEST_F(RecipeCommand, AChatTemplateMakesThePromptsAndGradersSeeTheAnswerItOpens) {
  const std::string model = tiny_model();
  folder_.write(
      "model/chat_template.jinja",
      "{% for m in messages %}{{ m.content }}={% endfor %}{% if add_generation_prompt %}<think>{% endif %}");
  folder_.write("rows.jsonl", Json{{"prompt", "1+1"}, {"answer", "2"}}.dump() + "\n");
  const Json recipe = {
      {"policy", {{"model", model}}},
      {"data", {{"train", folder_.file("rows.jsonl")}, {"template", "chat"}, {"system", "9"}}},
      {"rewards", {{{"name", "format"}}}},
      {"stage", "rl"},
      {"max_steps", 1},
      {"prompts_per_step", 1},
      {"num_generations", 4},
      {"max_completion_length", 6}};
  const std::string out = folder_.file("run");
  done({"run", folder_.write("chat.json", recipe.dump()), "--out", out});
  std::istringstream lines(read_file(out + "/episodes.jsonl"));
  int episodes = 0;
  for (std::string line; std::getline(lines, line); ++episodes) {
    const Json episode = Json::parse(line);
    EXPECT_EQ(episode["prompt"], "9=1+1=<think>");
    EXPECT_TRUE(episode["completion"].get<std::string>().starts_with("<think>")) << line;
    EXPECT_LE(episode["completion_ids"].size(), 6u);
  }
  EXPECT_EQ(episodes, 4);
  // The trained model keeps its template.
  const std::string row = R"({"messages": [{"role": "user", "content": "1"}]})";
  const std::vector<Json> ids = done({"tokenize", "--model", model}, row).rows();
  EXPECT_EQ(ids[0]["input_ids"], Json({1, 13, 15}));
  std::string trained;
  for (const auto& entry : fs::directory_iterator(out + "/stages"))
    trained = entry.path().string() + "/model";
  EXPECT_EQ(done({"tokenize", "--model", trained}, row).rows(), ids);
}

}  // namespace
}  // namespace grpo

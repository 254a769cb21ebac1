// Stages that learn conversations, from a recipe to a model: what they count, that one turn is as good as its prompt and
// completion, and that a model answers at every turn what it has learned to.

#include <gtest/gtest.h>

#include "pipelines/run.h"
#include "tests/cli/tiny_checkpoint.h"
#include "tests/pipelines/run_lines.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// Turns of the user are "+text=", those of the assistant "-text<eos>".
constexpr const char* kKeeps =
    "{% for m in messages %}{% if m.role == 'user' %}+{{ m.content }}={% else %}-{{ m.content }}<eos>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}-{% endif %}";
// The same, but earlier answers are cut to their first digit.
constexpr const char* kForgets =
    "{% for m in messages %}{% if m.role == 'user' %}+{{ m.content }}={% else %}-{{ m.content if loop.last else m.content[:1] }}<eos>"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}-{% endif %}";

Json say(const std::string& role, const std::string& content) { return {{"role", role}, {"content", content}}; }

class ConversationRun : public ::testing::Test {
 protected:
  void write_model(const char* chat_template) const {
    write_tiny_checkpoint(folder_.file("model"));
    folder_.write("model/chat_template.jinja", chat_template);
  }
  std::string rows(const std::string& name, const std::vector<Json>& rows) const {
    std::string text;
    for (const Json& row : rows) text += row.dump() + "\n";
    return folder_.write(name, text);
  }
  // A supervised stage on this data; `more` are further keys.
  std::string recipe(const Json& data, const Json& more) const {
    Json recipe = {{"name", "talk"}, {"seed", 1},           {"policy", {{"model", folder_.file("model")}}}, {"stage", "sft"},
                   {"data", data},   {"learning_rate", 1e-2}, {"samples_per_step", 4}};
    recipe.update(more);
    return folder_.write("recipe.json", recipe.dump());
  }
  Json run(const std::string& recipe, const std::string& out) const { return run_recipe(recipe, {}, folder_.file(out), {.device = "cpu"}); }
  std::vector<Json> metrics(const std::string& out) const { return without_times(lines_in(folder_.file(out + "/metrics.jsonl"))); }

  TemporaryFolder folder_;
};

TEST_F(ConversationRun, ARowOfOneTurnTeachesWhatItsPromptAndCompletionTeachToTheLastBit) {
  write_model(kKeeps);
  std::vector<Json> talks, pairs;
  for (int i = 0; i < 9; ++i) {
    const std::string question = std::to_string(i) + "+1", answer = std::to_string(i + 1);
    talks.push_back({{"messages", {say("user", question), say("assistant", answer)}}});
    pairs.push_back({{"prompt", question}, {"completion", answer}});
  }
  run(recipe({{"train", rows("talks.jsonl", talks)}, {"template", "chat"}, {"columns", {{"messages", "messages"}}}}, {{"num_train_epochs", 2}}), "talks");
  run(recipe({{"train", rows("pairs.jsonl", pairs)}, {"template", "chat"}, {"columns", {{"completion", "completion"}}}}, {{"num_train_epochs", 2}}), "pairs");
  EXPECT_EQ(metrics("talks").size(), 5u);  // 18 samples, 4 at a time
  EXPECT_EQ(metrics("talks"), metrics("pairs"));
}

const std::vector<Json> kTalks = {
    {{"messages", {say("user", "1"), say("assistant", "23"), say("user", "4"), say("assistant", "56")}}},
    {{"messages", {say("user", "7"), say("assistant", "89"), say("user", "4"), say("assistant", "10")}}},
};

TEST_F(ConversationRun, CountsTheSequencesThatConversationsBecome) {
  const Json data = {{"train", rows("talks.jsonl", kTalks)}, {"template", "chat"}, {"columns", {{"messages", "messages"}}}};
  for (const auto& [chat, sequences] : {std::pair{kKeeps, 2}, {kForgets, 4}}) {
    write_model(chat);
    const Json checked = check_recipe(recipe(data, {{"num_train_epochs", 6}}), {}, {.device = "cpu"});
    EXPECT_EQ(checked["stages"][0]["problems"], sequences);
    EXPECT_GT(checked["stages"][0]["memory"]["peak_bytes"], 0);
    EXPECT_EQ(run(recipe(data, {{"num_train_epochs", 6}}), "out" + std::to_string(sequences))["stages"][0]["steps"], 6 * sequences / 4);
  }
  Json last = data;
  last["turns"] = "last";
  EXPECT_EQ(check_recipe(recipe(last, {{"num_train_epochs", 6}}), {}, {.device = "cpu"})["stages"][0]["problems"], 2);
}

// Evaluation asks by the path of inference: both templates, both turns. The second answer depends on the first question.
TEST_F(ConversationRun, AModelAnswersAtEveryTurnWhatItHasLearnedBesideOtherData) {
  std::vector<Json> questions;
  for (const Json& talk : kTalks) {
    const Json& m = talk["messages"];
    questions.push_back({{"question", {m[0]}}, {"gold", m[1]["content"]}});
    questions.push_back({{"question", {m[0], m[1], m[2]}}, {"gold", m[3]["content"]}});
  }
  questions.push_back({{"question", "2"}, {"gold", "0"}});
  const Json data = {
      {"template", "chat"},
      {"columns", {{"prompt", "question"}, {"answer", "gold"}}},
      {"eval", rows("questions.jsonl", questions)},
      {"train", {{{"name", "talks"}, {"train", rows("talks.jsonl", kTalks)}, {"columns", {{"messages", "messages"}}}, {"weight", 2}},
                 {{"name", "pairs"}, {"train", rows("pairs.jsonl", {{{"prompt", "2"}, {"completion", "0"}}})}, {"columns", {{"completion", "completion"}}}}}}};
  for (const char* chat : {kKeeps, kForgets}) {
    write_model(chat);
    const std::string out = chat == kKeeps ? "keeps" : "forgets";
    run(recipe(data, {{"max_steps", 80}, {"samples_per_step", 8}, {"rewards", {{{"name", "exact"}, {"extract", "all"}}}},
                      {"eval", {{"temperature", 0.0}, {"max_completion_length", 6}}}}),
        out);
    EXPECT_EQ(metrics(out).back()["eval_accuracy"], 1.0) << out;
  }
}

TEST_F(ConversationRun, AModelThatDoesNotStopWhereTheTemplateEndsTurnsIsRefusedByTheCheck) {
  write_tiny_checkpoint(folder_.file("model"), {{"eos_token_id", kTinyEos - 1}});
  folder_.write("model/chat_template.jinja", kKeeps);
  const std::string made = recipe({{"train", rows("talks.jsonl", kTalks)}, {"template", "chat"}, {"columns", {{"messages", "messages"}}}}, {{"max_steps", 1}});
  const Error error = error_of([&] { check_recipe(made, {}, {.device = "cpu"}); });
  EXPECT_TRUE(holds(error.summary(), "the model stops at 18 alone"));
  EXPECT_TRUE(holds(error.where(), "talks.jsonl: line 1: messages[1]"));
}

}  // namespace
}  // namespace grpo

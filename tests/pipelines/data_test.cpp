// Problems from files and generators: columns, templates, answers, lengths, and the order of an epoch.

#include "pipelines/data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pipelines/problems/generator.h"
#include "tests/temporary_folder.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

const Tokenizer& characters() {
  static const Tokenizer tokenizer = Tokenizer::from_json(
      character_tokenizer_json("0123456789+-*= {promt}", {"<think>", "</think>", "<answer>", "</answer>"},
                               {"<eos>"}),
      "test");
  return tokenizer;
}

class DataSet : public ::testing::Test {
 protected:
  // Rows of a file and the other keys of "data".
  ProblemSource source(const std::vector<Json>& rows, Json data = Json::object(),
                       DataUse use = DataUse::kTrainRl, int64_t reserved = 10, uint64_t seed = 1) const {
    std::string text;
    for (const Json& row : rows) text += row.dump() + "\n";
    data["train"] = folder_.write("rows.jsonl", text);
    return {read_data_options(data, "recipe.json", "data", use), characters(), kContext, reserved, seed};
  }
  Error refused(const std::vector<Json>& rows, const Json& data = Json::object(),
                DataUse use = DataUse::kTrainRl) const {
    return error_of([&] { source(rows, data, use); });
  }

  static constexpr int64_t kContext = 30;
  TemporaryFolder folder_;
};

std::vector<Json> sums(int64_t count) {
  std::vector<Json> rows;
  for (int64_t i = 0; i < count; ++i) {
    rows.push_back(
        {{"prompt", std::to_string(i) + "+1="}, {"answer", std::to_string(i + 1)}, {"level", i % 3}});
  }
  return rows;
}

TEST_F(DataSet, APromptIsTheColumnItsIdsItsAnswerAndTheWholeRow) {
  const auto rows = sums(3);
  const ProblemSource set = source(rows);
  EXPECT_EQ(set.size(), 3);
  EXPECT_EQ(set.dropped(), 0);
  const std::vector<Problem> problems = set.head(0);
  ASSERT_EQ(problems.size(), 3u);
  for (int64_t i = 0; i < 3; ++i) {
    const Problem& problem = problems[static_cast<size_t>(i)];
    EXPECT_EQ(problem.id, i);
    EXPECT_EQ(problem.prompt, rows[static_cast<size_t>(i)]["prompt"]);
    EXPECT_EQ(problem.prompt_ids, (std::vector<int64_t>{i, 10, 1, 13}));
    EXPECT_EQ(problem.answer, std::to_string(i + 1));
    EXPECT_EQ(problem.columns, rows[static_cast<size_t>(i)]);
  }
  EXPECT_EQ(set.head(2).size(), 2u);
  EXPECT_EQ(set.head(99).size(), 3u);
}

TEST_F(DataSet, ColumnsAreMappedAndNumbersAreReadAsText) {
  const ProblemSource set =
      source({{{"q", "1+2="}, {"gold", 3}}}, {{"columns", {{"prompt", "q"}, {"answer", "gold"}}}});
  EXPECT_EQ(set.head(1)[0].prompt, "1+2=");
  EXPECT_EQ(set.head(1)[0].answer, "3");
}

TEST_F(DataSet, AnEpochIsAPermutationAnotherOneEachTimeAndTheSameForTheSameSeed) {
  constexpr int64_t count = 23;
  const ProblemSource set = source(sums(count), Json::object(), DataUse::kTrainRl, 10, 5);
  const ProblemSource same = source(sums(count), Json::object(), DataUse::kTrainRl, 10, 5);
  const ProblemSource other = source(sums(count), Json::object(), DataUse::kTrainRl, 10, 6);
  std::vector<std::vector<int64_t>> epochs(3);
  std::vector<int64_t> of_other;
  for (int64_t n = 0; n < 3 * count; ++n) {
    epochs[static_cast<size_t>(n / count)].push_back(set.draw(n).id);
    if (n < count) of_other.push_back(other.draw(n).id);
  }
  for (const auto& epoch : epochs) EXPECT_EQ(std::set<int64_t>(epoch.begin(), epoch.end()).size(), 23u);
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_NE(epochs[0], of_other);
  EXPECT_FALSE(std::is_sorted(epochs[0].begin(), epochs[0].end()));
  // Random access: backwards and across the borders of epochs, as after a resume.
  for (int64_t n = 3 * count - 1; n >= 0; n -= 5) {
    EXPECT_EQ(same.draw(n).id, epochs[static_cast<size_t>(n / count)][static_cast<size_t>(n % count)]) << n;
  }
}

TEST_F(DataSet, ARowWithoutItsColumnIsNamedWithTheColumnsItHas) {
  auto rows = sums(3);
  rows[1].erase("answer");
  const Error error = refused(rows);
  EXPECT_TRUE(holds(error.where(), "rows.jsonl: line 2"));
  EXPECT_TRUE(holds(error.summary(), "\"answer\""));
  EXPECT_TRUE(holds(error.summary(), "prompt, level"));
  EXPECT_TRUE(holds(error.fix(), "data.columns.answer"));
  rows[1]["answer"] = nullptr;
  EXPECT_TRUE(holds(refused(rows).where(), "line 2"));
  EXPECT_TRUE(holds(refused(sums(2), {{"columns", {{"prompt", "question"}}}}).summary(), "\"question\""));
}

TEST_F(DataSet, AnAnswerTheExtractorCannotFindIsNamedWithItsRow) {
  const std::vector<Json> rows = {{{"prompt", "1"}, {"answer", "so #### 5"}},
                                  {{"prompt", "2"}, {"answer", "5"}}};
  const Error error = refused(rows, {{"answer_extractor", "####"}});
  EXPECT_TRUE(holds(error.where(), "line 2"));
  EXPECT_TRUE(holds(error.summary(), "####"));
  EXPECT_EQ(source({rows[0]}, {{"answer_extractor", "####"}}).head(1)[0].answer, "5");
}

TEST_F(DataSet, EmptySetsAndEmptyPromptsAreErrors) {
  EXPECT_TRUE(holds(refused({}).where(), "rows.jsonl"));
  EXPECT_TRUE(holds(refused({sums(1)[0], {{"prompt", ""}, {"answer", "1"}}}).where(), "line 2"));
}

TEST_F(DataSet, APromptLongerThanFitsIsAnErrorOrDroppedAndCounted) {
  auto rows = sums(4);
  rows[2]["prompt"] = std::string(20, '7');  // the context of 30 less 10 for the completion: just fits
  EXPECT_EQ(source(rows).size(), 4);
  rows[2]["prompt"] = std::string(21, '7');
  const Error error = refused(rows);
  EXPECT_TRUE(holds(error.where(), "line 3"));
  EXPECT_TRUE(holds(error.summary(), "21 tokens"));
  EXPECT_TRUE(holds(error.summary(), "20 fit"));
  const ProblemSource dropped = source(rows, {{"prompt_overflow", "drop"}});
  EXPECT_EQ(dropped.size(), 3);
  EXPECT_EQ(dropped.dropped(), 1);
  std::set<int64_t> ids;
  for (int64_t n = 0; n < 3; ++n) ids.insert(dropped.draw(n).id);
  EXPECT_EQ(ids, (std::set<int64_t>{0, 1, 3})) << "ids are those of the rows, dropped or not";
  EXPECT_EQ(source(rows, {{"prompt_overflow", "drop"}, {"max_prompt_length", 4}}).size(), 3);
  EXPECT_TRUE(holds(refused(sums(12), {{"max_prompt_length", 4}}).summary(), "5 tokens"));
  EXPECT_TRUE(
      holds(refused(rows, {{"prompt_overflow", "drop"}, {"max_prompt_length", 3}}).summary(), "all 4"));
}

TEST_F(DataSet, ACompletionLengthThatLeavesNoRoomIsAnError) {
  EXPECT_TRUE(holds(error_of([&] { source(sums(1), Json::object(), DataUse::kTrainRl, kContext); }).summary(),
                    "context of 30"));
}

TEST_F(DataSet, SupervisedRowsGiveTheCompletionAndMustFitTheContextWhole) {
  std::vector<Json> rows = {{{"prompt", "1+1="}, {"text", "<answer>2</answer>"}},
                            {{"prompt", "1+2="}, {"text", std::string(25, '3')}}};
  const Json data = {{"columns", {{"completion", "text"}}}};
  const ProblemSource set = source(rows, data, DataUse::kTrainSft, 1);
  std::set<std::string> completions;
  for (int64_t n = 0; n < 2; ++n) {
    const SftSample sample = set.draw_sft(n);
    EXPECT_EQ(sample.completion, rows[static_cast<size_t>(sample.problem.id)]["text"]);
    completions.insert(sample.completion);
  }
  EXPECT_EQ(completions.size(), 2u);
  rows[1]["text"] = std::string(26, '3');  // 4 + 26 and the end token
  const Error error = error_of([&] { source(rows, data, DataUse::kTrainSft, 1); });
  EXPECT_TRUE(holds(error.where(), "line 2"));
  EXPECT_TRUE(holds(error.summary(), "31 tokens"));
  Json dropping = data;
  dropping["prompt_overflow"] = "drop";
  const ProblemSource dropped = source(rows, dropping, DataUse::kTrainSft, 1);
  EXPECT_EQ(dropped.dropped(), 1);
  EXPECT_EQ(dropped.draw_sft(5).completion, "<answer>2</answer>");
  rows[0].erase("text");
  EXPECT_TRUE(holds(error_of([&] { source(rows, data, DataUse::kTrainSft, 1); }).where(), "line 1"));
  EXPECT_TRUE(
      holds(error_of([&] { source(sums(2), Json::object(), DataUse::kTrainSft, 1).draw_sft(0); }).fix(),
            "data.columns.completion"));
}

TEST_F(DataSet, TheTemplateIsAppliedToTheQuestionOnce) {
  const ProblemSource set = source({{{"prompt", "1{prompt}2"}, {"answer", "3"}}}, {{"template", "none"}});
  EXPECT_EQ(set.head(1)[0].prompt, "1{prompt}2");
  const ProblemSource own =
      source({{{"prompt", "1{prompt}2"}, {"answer", "3"}}}, {{"template", "9 {prompt}= "}});
  EXPECT_EQ(own.head(1)[0].prompt, "9 1{prompt}2= ");
  EXPECT_EQ(own.head(1)[0].columns["prompt"], "1{prompt}2");
}

// Word for word Table 1 of arXiv 2501.12948, with the question in the place of "prompt".
TEST(R1ZeroTemplate, IsThePublishedOne) {
  const std::string& text = r1_zero_template();
  EXPECT_TRUE(text.starts_with(
      "A conversation between User and Assistant. The user asks a question, and the Assistant "
      "solves it. The assistant first thinks about the reasoning process in the mind and then "
      "provides the user with the answer."));
  EXPECT_TRUE(
      holds(text,
            "are enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., <think> "
            "reasoning process here </think> <answer> answer here </answer>."));
  EXPECT_TRUE(text.ends_with(" User: {prompt}. Assistant:"));
  EXPECT_EQ(text.find("{prompt}"), text.rfind("{prompt}"));
}

TEST_F(DataSet, KeysAreStrictAndNamedByTheirPath) {
  struct Case {
    Json data;
    std::string where;
  };
  const std::vector<Case> cases = {
      {{{"colums", {{"prompt", "q"}}}}, "data"},
      {{{"columns", {{"promt", "q"}}}}, "data.columns"},
      {{{"columns", 3}}, "data.columns"},
      {{{"answer_extractor", "latex"}}, "data.answer_extractor"},
      {{{"template", "no place for it"}}, "data.template"},
      {{{"prompt_overflow", "truncate"}}, "data.prompt_overflow"},
      {{{"max_prompt_length", -1}}, "data.max_prompt_length"},
      {{{"worked_fraction", 0.5}}, "data.worked_fraction"},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(holds(refused(sums(1), c.data).where(), "recipe.json: " + c.where)) << c.data;
  }
  EXPECT_TRUE(holds(refused(sums(1), {{"worked_fraction", 1.5}}, DataUse::kTrainSft).where(),
                    "data.worked_fraction"));
  for (const Json& train : {Json(), Json(3), Json::array()}) {
    const Error error = error_of([&] {
      read_data_options({{"train", train}}, "r.json", "data", DataUse::kTrainRl);
    });
    EXPECT_TRUE(holds(error.where(), "r.json: data.train"));
  }
  EXPECT_TRUE(holds(error_of([&] {
                      read_data_options({{"train", "x"}}, "r.json", "data", DataUse::kEval);
                    }).where(),
                    "data.eval"));
}

// --- generators

ProblemSource chains(uint64_t seed, const Json& data = Json::object(), DataUse use = DataUse::kTrainRl) {
  Json all = {{"train", {{"generator", "chain"}, {"operators", 2}}},
              {"eval", {{"generator", "chain"}, {"operators", 2}, {"split", "eval"}}}};
  all.update(data);
  return {read_data_options(all, "recipe.json", "data", use), characters(), 60, 10, seed};
}

TEST(GeneratedData, IsEndlessAFunctionOfSeedAndPositionAndHeldOut) {
  const ProblemSource set = chains(1), same = chains(1), other = chains(2),
                      held_out = chains(1, Json::object(), DataUse::kEval);
  EXPECT_EQ(set.size(), 0);
  std::set<std::string> prompts, held_out_prompts;
  int64_t equal = 0;
  for (int64_t n = 199; n >= 0; --n) {
    const Problem problem = set.draw(n);
    EXPECT_EQ(problem.id, n);
    EXPECT_EQ(problem.prompt_ids, characters().encode(problem.prompt));
    EXPECT_EQ(same.draw(n).prompt, problem.prompt);
    equal += other.draw(n).prompt == problem.prompt;
    prompts.insert(problem.prompt);
    held_out_prompts.insert(held_out.draw(n).prompt);
  }
  EXPECT_LT(equal, 20);
  for (const std::string& prompt : held_out_prompts) EXPECT_FALSE(prompts.contains(prompt)) << prompt;
  const std::vector<Problem> head = set.head(5);
  ASSERT_EQ(head.size(), 5u);
  for (int64_t n = 0; n < 5; ++n) EXPECT_EQ(head[static_cast<size_t>(n)].prompt, set.draw(n).prompt);
}

TEST(GeneratedData, WorkedFractionIsTheShareOfSolutionsThatThink) {
  for (const double fraction : {0.0, 0.3, 1.0}) {
    const ProblemSource set = chains(3, {{"worked_fraction", fraction}}, DataUse::kTrainSft);
    int64_t worked = 0;
    constexpr int64_t count = 2000;
    for (int64_t n = 0; n < count; ++n) {
      const SftSample sample = set.draw_sft(n);
      EXPECT_EQ(sample.problem.prompt, set.draw(n).prompt);
      EXPECT_TRUE(holds(sample.completion, "<answer>" + sample.problem.answer + "</answer>"));
      worked += !sample.completion.starts_with("<think></think>");
    }
    EXPECT_NEAR(static_cast<double>(worked) / count, fraction, fraction == 0.3 ? 0.035 : 0.0);
  }
}

TEST(GeneratedData, AnUnknownGeneratorOrOptionIsNamed) {
  const auto refused = [](const Json& train) { return error_of([&] { chains(1, {{"train", train}}); }); };
  EXPECT_TRUE(holds(refused({{"generator", "sudoku"}}).what(), "chain"));
  EXPECT_TRUE(holds(refused({{"generator", "chain"}, {"operator", 3}}).what(), "operator"));
  EXPECT_TRUE(holds(refused({{"operators", 3}}).what(), "chain"));
  EXPECT_TRUE(holds(error_of([] {
                      chains(1, {{"max_prompt_length", 3}}).draw(0);
                    }).fix(),
                    "max_prompt_length"));
}

// --- a published set, as it is

TEST(PublishedData, Gsm8kLoadsWithAColumnMapAndAnExtractor) {
  const std::string file = test_data("math/gsm8k_test.jsonl"), model = test_data("models/stories260K");
  GRPO_NEEDS_DATA(file);
  GRPO_NEEDS_DATA(model);
  const Tokenizer tokenizer = Tokenizer::load(model);
  const Json data = {{"train", file},
                     {"columns", {{"prompt", "question"}, {"answer", "answer"}}},
                     {"answer_extractor", "####"},
                     {"template", "r1_zero"},
                     {"prompt_overflow", "drop"}};
  const DataOptions options = read_data_options(data, "recipe.json", "data", DataUse::kTrainRl);
  const ProblemSource all(options, tokenizer, 100000, 100, 1);
  EXPECT_EQ(all.size(), 1319);
  EXPECT_EQ(all.dropped(), 0);
  const Problem first = all.head(1)[0];
  EXPECT_EQ(first.answer, "18");  // Janet's ducks
  EXPECT_TRUE(holds(first.prompt, "User: Janet"));
  EXPECT_TRUE(first.prompt.ends_with(". Assistant:"));
  EXPECT_EQ(first.prompt_ids.front(), 1) << "one BOS";
  EXPECT_NE(first.prompt_ids[1], 1);
  EXPECT_EQ(tokenizer.decode(first.prompt_ids), first.prompt);

  const ProblemSource short_ones(options, tokenizer, 612, 100, 1);
  EXPECT_EQ(short_ones.size() + short_ones.dropped(), 1319);
  EXPECT_GT(short_ones.dropped(), 0);
  for (const Problem& problem : short_ones.head(0)) EXPECT_LE(problem.prompt_ids.size(), 512u);
}

// --- chat templates

class ChatDataSet : public ::testing::Test {
 protected:
  ProblemSource source(const std::vector<Json>& rows, Json data, const char* chat_template = kTemplate,
                       DataUse use = DataUse::kTrainRl) const {
    std::string text;
    for (const Json& row : rows) text += row.dump() + "\n";
    data["train"] = folder_.write("rows.jsonl", text);
    if (!data.contains("template")) data["template"] = "chat";
    std::optional<ChatTemplate> chat;
    if (chat_template != nullptr)
      chat = ChatTemplate::from_text(chat_template, {{"bos_token", "<eos>"}}, "chat.jinja");
    return {read_data_options(data, "recipe.json", "data", use), characters(), 60, 10, 1, chat};
  }
  Problem only(const Json& row, const Json& data = Json::object(),
               const char* chat_template = kTemplate) const {
    return source({row}, data, chat_template).head(1)[0];
  }
  Error refused(const std::vector<Json>& rows, const Json& data,
                const char* chat_template = kTemplate) const {
    return error_of([&] { source(rows, data, chat_template); });
  }

  static constexpr const char* kTemplate =
      "{{ bos_token }}{% for m in messages %}{{ m.role[0] if m.role == 'tool' else '-' }}{{ m.content }}={% "
      "endfor %}"
      "{% if add_generation_prompt %}+{{ extra }}{% endif %}";
  TemporaryFolder folder_;
};

TEST_F(ChatDataSet, TextIsOneUserMessageAndAListIsUsedAsItIs) {
  const Problem text = only({{"prompt", "1+1"}, {"answer", "2"}});
  EXPECT_EQ(text.prompt, "<eos>-1+1=+");
  // The template's BOS, and no other.
  EXPECT_EQ(text.prompt_ids, (std::vector<int64_t>{characters().token_to_id("<eos>"), 11, 1, 10, 1, 13, 10}));
  EXPECT_EQ(text.completion_prefix, "");
  const Json turns = {{{"role", "user"}, {"content", "1"}},
                      {{"role", "assistant"}, {"content", "2"}},
                      {{"role", "tool"}, {"content", "3"}}};
  EXPECT_EQ(only({{"prompt", turns}, {"answer", "2"}}).prompt, "<eos>-1=-2=t3=+");
}

TEST_F(ChatDataSet, ASystemTextStandsFirstUnlessTheRowBringsItsOwn) {
  const Json data = {{"system", "9"}};
  EXPECT_EQ(only({{"prompt", "1"}, {"answer", "2"}}, data).prompt, "<eos>-9=-1=+");
  const Json own = {{{"role", "system"}, {"content", "8"}}, {{"role", "user"}, {"content", "1"}}};
  EXPECT_EQ(only({{"prompt", own}, {"answer", "2"}}, data).prompt, "<eos>-8=-1=+");
}

TEST_F(ChatDataSet, AnAnswerPrefixIsPartOfThePromptAndOfWhatGradersSee) {
  const Problem problem = only({{"prompt", "1"}, {"answer", "2"}},
                               {{"answer_prefix", "<think>"}, {"chat_template_kwargs", {{"extra", 7}}}});
  EXPECT_EQ(problem.prompt, "<eos>-1=+7<think>");
  EXPECT_EQ(problem.completion_prefix, "<think>");
}

TEST_F(ChatDataSet, TheThinkTagThatATemplateOpensIsWhatGradersSeeAsWell) {
  const char* opens = "{{ messages[0].content }}<think> ";
  EXPECT_EQ(only({{"prompt", "1"}, {"answer", "2"}}, Json::object(), opens).completion_prefix, "<think> ");
  const Problem same = only({{"prompt", "1"}, {"answer", "2"}}, {{"answer_prefix", "<think> "}}, opens);
  EXPECT_EQ(same.prompt, "1<think> ");
  EXPECT_EQ(same.completion_prefix, "<think> ");
}

TEST_F(ChatDataSet, ASupervisedCompletionThatStartsWithThePrefixIsNotLearnedTwice) {
  const Json data = {{"answer_prefix", "<think>"}, {"columns", {{"completion", "solution"}}}};
  const std::vector<Json> rows = {{{"prompt", "1"}, {"solution", "<think>1+1</think><answer>2</answer>"}}};
  const SftSample sample = source(rows, data, kTemplate, DataUse::kTrainSft).draw_sft(0);
  EXPECT_EQ(sample.problem.prompt, "<eos>-1=+<think>");
  EXPECT_EQ(sample.completion, "1+1</think><answer>2</answer>");
}

TEST_F(ChatDataSet, GeneratedQuestionsGoThroughTheTemplateToo) {
  DataOptions options =
      read_data_options({{"train", {{"generator", "chain"}, {"operators", 2}}}, {"template", "chat"}},
                        "recipe.json", "data", DataUse::kTrainRl);
  const ProblemSource set(options, characters(), 60, 10, 1,
                          ChatTemplate::from_text("{{ messages[0].content }}+", {}, "t"));
  EXPECT_TRUE(set.draw(0).prompt.ends_with("+"));
}

TEST_F(ChatDataSet, AModelWithoutTemplateAndAMisfitAreRefused) {
  const std::vector<Json> rows = {{{"prompt", "1"}, {"answer", "2"}}};
  EXPECT_TRUE(holds(refused(rows, Json::object(), nullptr).summary(), "the model has no chat template"));
  EXPECT_TRUE(holds(refused(rows, Json::object(), nullptr).where(), "recipe.json: data.template"));
  for (const char* key : {"system", "answer_prefix", "template_date"}) {
    const Error error = refused(rows, {{"template", "none"}, {key, "2025-01-01"}});
    EXPECT_TRUE(holds(error.summary(), "without effect")) << key;
    EXPECT_TRUE(holds(error.where(), std::string("data.") + key)) << key;
  }
  EXPECT_TRUE(holds(refused(rows, {{"chat_template_kwargs", 1}}).where(), "data.chat_template_kwargs"));
  EXPECT_TRUE(holds(refused(rows, {{"template_date", "tomorrow"}}).where(), "data.template_date"));
  EXPECT_TRUE(holds(refused(rows, {{"template_date", "2025-01-01"}}).summary(), "writes no date"));
}

TEST_F(ChatDataSet, ARowThatTheTemplateRefusesIsNamedWithItsColumn) {
  const char* strict =
      "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}{% endfor "
      "%}1";
  const std::vector<Json> rows = {{{"prompt", "1"}, {"answer", "2"}},
                                  {{"prompt", {{{"role", "tool"}, {"content", ""}}}}, {"answer", "2"}}};
  const Error error = refused(rows, Json::object(), strict);
  EXPECT_EQ(error.summary(), "no tools");
  EXPECT_TRUE(holds(error.where(), "rows.jsonl: line 2: prompt"));
  EXPECT_TRUE(holds(error.where(), "chat.jinja: line 1"));
}

TEST_F(ChatDataSet, MessagesWithoutAChatTemplateAreNoPrompt) {
  const std::vector<Json> rows = {{{"prompt", {{{"role", "user"}, {"content", "1"}}}}, {"answer", "2"}}};
  const Error error = refused(rows, {{"template", "none"}});
  EXPECT_TRUE(holds(error.summary(), "list of messages"));
  EXPECT_TRUE(holds(error.where(), "line 1: prompt"));
}

TEST_F(ChatDataSet, ATemplateThatWritesTheDayMustBeToldWhichSoThatAResumedRunSeesTheSamePrompts) {
  const char* dated = "{{ strftime_now('%Y') }}{{ messages[0].content }}";
  const std::vector<Json> rows = {{{"prompt", "+1"}, {"answer", "2"}}};
  EXPECT_TRUE(holds(refused(rows, Json::object(), dated).fix(), "data.template_date"));
  EXPECT_EQ(only(rows[0], {{"template_date", "2024-02-29"}}, dated).prompt, "2024+1");
}

TEST_F(DataSet, ATextThatTheVocabularyCannotExpressIsNamedByItsRow) {
  auto rows = sums(3);
  rows[2]["prompt"] = "?";
  EXPECT_TRUE(holds(refused(rows).where(), "rows.jsonl: line 3"));
}

}  // namespace
}  // namespace grpo

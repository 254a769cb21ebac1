// Conversations as supervised data: columns, shapes of rows, lengths, order, and what is refused.

#include <gtest/gtest.h>

#include <set>

#include "pipelines/conversation_messages.h"
#include "pipelines/mixture.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

// Ids: 0-9 the digits, then + - * = and the tags, <eos>, <stop>.
const Tokenizer& characters() {
  static const Tokenizer tokenizer = Tokenizer::from_json(
      character_tokenizer_json("0123456789+-*= (s)", {"<think>", "</think>"}, {"<eos>", "<stop>"}), "test");
  return tokenizer;
}
int64_t id(const std::string& token) { return characters().token_to_id(token); }

// A turn of the user is "+text=", one of the assistant "-text<eos>", a system text "(text)".
constexpr const char* kKeeps =
    "{% for m in messages %}{% if m.role == 'user' %}+{{ m.content }}={% elif m.role == 'assistant' %}-{{ m.content }}<eos>"
    "{% elif m.role == 'system' %}({{ m.content }}){% endif %}{% endfor %}{% if add_generation_prompt %}-{% endif %}";
// The same, but earlier answers are cut to their first digit.
constexpr const char* kForgets =
    "{% for m in messages %}{% if m.role == 'user' %}+{{ m.content }}={% elif m.role == 'assistant' %}-"
    "{{ m.content if loop.last else m.content[:1] }}<eos>{% endif %}{% endfor %}{% if add_generation_prompt %}-{% endif %}";

Json say(const std::string& role, const std::string& content) { return {{"role", role}, {"content", content}}; }
const Json kTwoTurns = {say("user", "1"), say("assistant", "23"), say("user", "4"), say("assistant", "56")};

class Conversations : public ::testing::Test {
 protected:
  ProblemSource source(const std::vector<Json>& rows, Json data = Json::object(), const char* chat_template = kKeeps,
                       DataUse use = DataUse::kTrainSft, int64_t context = 40) const {
    std::string text;
    for (const Json& row : rows) text += row.dump() + "\n";
    data["train"] = folder_.write("rows.jsonl", text);
    data["eval"] = data["train"];
    if (!data.contains("template")) data["template"] = "chat";
    if (!data.contains("columns")) data["columns"] = {{"messages", "messages"}};
    DataOptions options = read_data_options(data, "recipe.json", "data", use);
    options.end_token_ids = ends_;
    return {options, characters(), context, 1, 7, ChatTemplate::from_text(chat_template, {}, "chat.jinja")};
  }
  static std::vector<Json> rows(const std::vector<Json>& conversations) {
    std::vector<Json> out;
    for (const Json& messages : conversations) out.push_back({{"messages", messages}});
    return out;
  }
  // The sequences of a set, in the order of their ids, learned ones in brackets.
  std::vector<std::string> learned(const ProblemSource& set) const {
    std::vector<std::string> out(static_cast<size_t>(set.size()));
    std::set<int64_t> ids;
    for (int64_t n = 0; n < set.size(); ++n) ids.insert(set.draw(n).id);
    for (int64_t n = 0; n < set.size(); ++n) {
      const SftSample sample = set.draw_sft(n);
      std::string& text = out[static_cast<size_t>(std::distance(ids.begin(), ids.find(sample.problem.id)))];
      bool inside = false;
      for (size_t i = 0; i < sample.conversation->ids.size(); ++i) {
        if ((sample.conversation->learned[i] != 0) != inside) text += inside ? "]" : "[";
        inside = sample.conversation->learned[i] != 0;
        text += characters().decode({sample.conversation->ids[i]}, false);
      }
      text += inside ? "]" : "";
    }
    return out;
  }
  std::vector<std::string> learned_of(const Json& messages, const Json& data = Json::object(), const char* chat_template = kKeeps) const {
    return learned(source(rows({messages}), data, chat_template));
  }
  Error refused(const std::vector<Json>& conversations, const Json& data = Json::object(), const char* chat_template = kKeeps) const {
    return error_of([&] { source(rows(conversations), data, chat_template); });
  }

  TemporaryFolder folder_;
  Ids ends_ = {id("<eos>")};
};

using Table = std::vector<std::string>;

TEST_F(Conversations, AreLearnedInOneSequenceOrOnePerTurnAsTheTemplateHasThem) {
  EXPECT_EQ(learned_of(kTwoTurns), (Table{"+1=-[23<eos>]+4=-[56<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), kForgets), (Table{"+1=-[23<eos>]", "+1=-2<eos>+4=-[56<eos>]"}));
}

TEST_F(Conversations, OfWhichOnlyTheLastTurnIsWantedHaveOneSequenceAnyway) {
  EXPECT_EQ(learned_of(kTwoTurns, {{"turns", "last"}}), (Table{"+1=-23<eos>+4=-[56<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, {{"turns", "last"}}, kForgets), (Table{"+1=-2<eos>+4=-[56<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, {{"turns", "all"}}), learned_of(kTwoTurns));
}

TEST_F(Conversations, WhatFollowsTheLastAnswerIsNoPartOfTheSequence) {
  Json longer = kTwoTurns;
  longer.push_back(say("user", "7"));
  EXPECT_EQ(learned_of(longer), learned_of(kTwoTurns));
}

TEST_F(Conversations, OfShareGptAreTheSame) {
  const Json shared = {{{"from", "system"}, {"value", "9"}}, {{"from", "human"}, {"value", "1"}}, {{"from", "gpt"}, {"value", "23"}}};
  const Json messages = {say("system", "9"), say("user", "1"), say("assistant", "23")};
  EXPECT_EQ(learned_of(shared), (Table{"(9)+1=-[23<eos>]"}));
  EXPECT_EQ(learned_of(shared), learned_of(messages));
  const ProblemSource named = source({{{"conversations", shared}}}, {{"columns", {{"messages", "conversations"}}}});
  EXPECT_EQ(learned(named), (Table{"(9)+1=-[23<eos>]"}));
}

TEST_F(Conversations, TakeTheSystemTextOfTheOptionsWhereTheyBringNone) {
  EXPECT_EQ(learned_of({say("user", "1"), say("assistant", "2")}, {{"system", "8"}}), (Table{"(8)+1=-[2<eos>]"}));
  EXPECT_EQ(learned_of({say("system", "9"), say("user", "1"), say("assistant", "2")}, {{"system", "8"}}), (Table{"(9)+1=-[2<eos>]"}));
}

// A template that writes no end leaves it to the model; what follows at inference does not have it, so turns part.
TEST_F(Conversations, EndWithTheModelsOwnTokenWhereTheTemplateWritesNone) {
  constexpr const char* endless =
      "{% for m in messages %}{{ '+' if m.role == 'user' else '-' }}{{ m.content }}{% endfor %}{% if add_generation_prompt %}-{% endif %}";
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), endless), (Table{"+1-[23<eos>]", "+1-23+4-[56<eos>]"}));
  ends_.clear();
  EXPECT_TRUE(holds(refused({kTwoTurns}, Json::object(), endless).summary(), "writes no token that ends this turn"));
}

TEST_F(Conversations, ThatEndWithATokenAtWhichTheModelDoesNotStopAreRefused) {
  ends_ = {id("<stop>")};
  const Error error = refused({kTwoTurns});
  EXPECT_TRUE(holds(error.summary(), "ends a turn with \"<eos>\""));
  EXPECT_TRUE(holds(error.where(), "rows.jsonl: line 1: messages[1]"));
  EXPECT_TRUE(holds(error.fix(), "generation_config.json"));
  // Behind it a token that ends everything (Phi's).
  constexpr const char* both =
      "{% for m in messages %}{{ '+' if m.role == 'user' else '-' }}{{ m.content }}<eos>{% endfor %}"
      "{% if add_generation_prompt %}-{% else %} <stop>{% endif %}";
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), both), (Table{"+1<eos>-[23<eos> <stop>]", "+1<eos>-23<eos>+4<eos>-[56<eos> <stop>]"}));
  ends_ = {id("<stop>"), id("<eos>")};
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), both), (Table{"+1<eos>-[23<eos>]+4<eos>-[56<eos>]"}));
}

TEST_F(Conversations, MarkedByTheTemplateAreLearnedWhereItSaysAndTheEndOfTheTurnInAnyCase) {
  const auto marks = [](const std::string& answer) {
    return "{% for m in messages %}{% if m.role == 'user' %}+{{ m.content }}={% else %}" + answer +
           "{% endif %}{% endfor %}{% if add_generation_prompt %}-{% endif %}";
  };
  const std::string g = "{% generation %}", e = "{% endgeneration %}";
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks("-" + g + "{{ m.content }}<eos>" + e).c_str()), (Table{"+1=-[23<eos>]+4=-[56<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks(g + "-{{ m.content }}<eos>" + e).c_str()), (Table{"+1=[-23<eos>]+4=[-56<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks("-" + g + "{{ m.content }}" + e + "<eos>").c_str()), (Table{"+1=-[23<eos>]+4=-[56<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks("-" + g + "{{ m.content }}" + e + " <eos> ").c_str()),
            (Table{"+1=-[23 <eos>] +4=-[56 <eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks("-{{ m.content[:1] }}" + g + "{{ m.content[1:] }}" + e + "<eos>").c_str()),
            (Table{"+1=-2[3<eos>]+4=-5[6<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks("-" + g + "{{ m.content }}" + e).c_str()), (Table{"+1=-[23<eos>]", "+1=-23+4=-[56<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, {{"turns", "last"}}, marks("-" + g + "{{ m.content }}<eos>" + e).c_str()), (Table{"+1=-23<eos>+4=-[56<eos>]"}));
  // Two stretches of a turn, and one that earlier turns lose.
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks("-" + g + "{{ m.content }}" + e + "*" + g + "<eos>" + e).c_str()),
            (Table{"+1=-[23]*[<eos>]+4=-[56]*[<eos>]"}));
  EXPECT_EQ(learned_of(kTwoTurns, Json::object(), marks("-" + g + "{{ m.content if loop.last else m.content[:1] }}<eos>" + e).c_str()),
            (Table{"+1=-[23<eos>]", "+1=-2<eos>+4=-[56<eos>]"}));
  EXPECT_TRUE(holds(refused({kTwoTurns}, Json::object(), marks("-{{ m.content }}<eos>{% if false %}" + g + e + "{% endif %}").c_str()).summary(),
                    "marks nothing of this turn"));
}

TEST_F(Conversations, WhoseThoughtTheTemplateDropsAreLearnedWithIt) {
  constexpr const char* drops =
      "{% for m in messages %}{% if m.role == 'user' %}+{{ m.content }}={% else %}-{{ m.content.split('</think>')[-1] }}<eos>{% endif %}"
      "{% endfor %}{% if add_generation_prompt %}-{% endif %}";
  const Json talk = {say("user", "1"), say("assistant", "<think>9</think>2"), say("user", "3"), say("assistant", "4")};
  EXPECT_EQ(learned_of(talk, Json::object(), drops), (Table{"+1=-[<think>9</think>2<eos>]", "+1=-2<eos>+3=-[4<eos>]"}));
}

TEST_F(Conversations, AreNumberedDrawnInEpochsAndMixedByTheirSequences) {
  const auto many = rows({kTwoTurns, {say("user", "7"), say("assistant", "8")}, kTwoTurns});
  const ProblemSource set = source(many, Json::object(), kForgets);
  EXPECT_EQ(set.size(), 5);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<int64_t> ids;
    for (int64_t n = 0; n < 5; ++n) ids.insert(set.draw_sft(epoch * 5 + n).problem.id);
    EXPECT_EQ(ids, (std::set<int64_t>{0, 1, 2, 3, 4}));
  }
  std::vector<Mixture::Part> parts;
  parts.push_back({.name = "talk", .source = source(many, Json::object(), kForgets)});
  parts.push_back({.name = "pairs", .source = source({{{"prompt", "1"}, {"completion", "2"}}}, {{"columns", {{"completion", "completion"}}}})});
  const Mixture mixed(std::move(parts), 3);
  EXPECT_EQ(mixed.size(), 6);
  int64_t talks = 0;
  for (int64_t n = 0; n < 100; ++n) {
    const SftSample sample = mixed.draw_sft(n);
    EXPECT_EQ(sample.conversation.has_value(), sample.problem.source == "talk");
    talks += sample.conversation.has_value();
  }
  EXPECT_GT(talks, 25);
  EXPECT_LT(talks, 75);
}

TEST_F(Conversations, GiveProblemsThatAskForTheirFirstLearnedTurn) {
  const ProblemSource set = source(rows({kTwoTurns}));
  const Problem problem = set.draw(0);
  EXPECT_EQ(problem.prompt, "+1=-");
  EXPECT_EQ(problem.prompt_ids, characters().encode("+1=-", false));
  EXPECT_EQ(problem.columns["messages"], kTwoTurns);
}

TEST_F(Conversations, LongerThanTheContextOrThePromptLimitAreAnErrorOrDropped) {
  const std::vector<Json> both = {{say("user", "1"), say("assistant", std::string(37, '2'))}, {say("user", "11"), say("assistant", "2")}};
  const Error error = refused(both);
  EXPECT_EQ(error.summary(), "the conversation is 42 tokens, the model's context is 40");
  EXPECT_TRUE(holds(error.where(), "rows.jsonl: line 1"));
  const ProblemSource dropped = source(rows(both), {{"prompt_overflow", "drop"}});
  EXPECT_EQ(dropped.dropped(), 1);
  EXPECT_EQ(learned(dropped), (Table{"+11=-[2<eos>]"}));
  EXPECT_EQ(dropped.draw(0).id, 1);
  EXPECT_TRUE(holds(refused({both[1]}, {{"max_prompt_length", 4}}).summary(), "the prompt has 5 tokens, and 4 fit"));
  EXPECT_TRUE(holds(refused(both, {{"max_prompt_length", 4}, {"prompt_overflow", "drop"}}).summary(), "all 2 rows"));
}

TEST_F(Conversations, WithFaultsAreNamedByRowAndMessage) {
  struct Case {
    Json messages;
    std::string summary, where;
  };
  const Json good = {say("user", "1"), say("assistant", "2")};
  const std::vector<Case> cases = {
      {Json::array(), "the conversation is empty", "line 2: messages"},
      {"+1=2", "expected a list of messages, found string", "line 2: messages"},
      {Json(), "the row has no column \"messages\"", "line 2"},
      {{"hello"}, "expected a message, found string", "line 2: messages[0]"},
      {{{{"content", "1"}}}, "has no \"role\"", "line 2: messages[0]"},
      {{say("user", "1")}, "no turn of the assistant", "line 2: messages"},
      {{say("assistant", "1"), say("user", "1")}, "begins with the assistant", "line 2: messages[0]"},
      {{say("user", "1"), say("assistant", "")}, "the message of the assistant is empty", "line 2: messages[1].content"},
      {{say("user", "1"), {{"role", "assistant"}, {"content", nullptr}}}, "the message of the assistant is empty", "line 2: messages[1].content"},
      {{say("user", ""), say("assistant", "1")}, "the message of the user is empty", "line 2: messages[0].content"},
      {{say("user", "1"), {{"role", "tool"}}, say("assistant", "1")}, "has no \"content\"", "line 2: messages[1]"},
      {{{{"from", "human"}, {"value", "1"}}, {{"from", "bing"}, {"value", "1"}}}, "nobody here is called \"bing\"", "line 2: messages[1].from"},
      {{{{"from", "human"}}, {{"from", "gpt"}, {"value", "1"}}}, "has no \"value\"", "line 2: messages[0]"},
      {{say("user", "1"), say("narrator", "9"), say("assistant", "1")}, "leaves out what \"narrator\" says", "line 2: messages[1]"},
      {{say("user", "1"), {{"role", "assistant"}, {"content", "2"}, {"thinking", "3"}}}, "leaves out \"thinking\"", "line 2: messages[1].thinking"},
      {{say("user", "?"), say("assistant", "1")}, "", "line 2: messages"},
  };
  for (const Case& c : cases) {
    const Error error = refused({good, c.messages});
    EXPECT_TRUE(holds(error.summary(), c.summary)) << c.messages;
    EXPECT_TRUE(holds(error.where(), "rows.jsonl: " + c.where)) << c.messages;
  }
}

TEST_F(Conversations, ThatTheTemplateRefusesAreNamedByRowAndTheTemplatesLine) {
  constexpr const char* alternating =
      "{% for m in messages %}\n{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}1";
  const Error error = refused({{say("user", "1"), say("user", "1"), say("assistant", "2")}}, Json::object(), alternating);
  EXPECT_EQ(error.summary(), "roles must alternate");
  EXPECT_TRUE(holds(error.where(), "rows.jsonl: line 1: messages (chat.jinja: line 2)"));
}

TEST_F(Conversations, TheFirstOfManyFaultyRowsIsNamed) {
  std::vector<Json> many(300, kTwoTurns);
  for (size_t faulty = 131; faulty < many.size(); ++faulty) many[faulty] = {say("user", "1")};
  for (int time = 0; time < 20; ++time) ASSERT_TRUE(holds(refused(many).where(), "rows.jsonl: line 132"));
}

TEST_F(Conversations, ToolsOfARowGoToTheTemplateAsAListOrAsText) {
  constexpr const char* with_tools =
      "{% if tools %}({% for t in tools %}{{ t.name }}{% endfor %}){% endif %}{% for m in messages %}{{ '+' if m.role == 'user' else '-' }}"
      "{{ m.content }}<eos>{% endfor %}{% if add_generation_prompt %}-{% endif %}";
  const Json messages = {say("user", "1"), say("assistant", "2")}, tools = {{{"name", "7"}}, {{"name", "8"}}};
  const auto set = [&](const Json& value, const Json& columns = {{"messages", "messages"}}) {
    return learned(source({{{"messages", messages}, {"tools", value}}}, {{"columns", columns}}, with_tools));
  };
  EXPECT_EQ(set(tools), (Table{"(78)+1<eos>-[2<eos>]"}));
  EXPECT_EQ(set(tools.dump()), set(tools));
  for (const Json& none : {Json(), Json(""), Json::array(), Json("[]")}) EXPECT_EQ(set(none), (Table{"+1<eos>-[2<eos>]"}));
  EXPECT_EQ(set(tools, {{"messages", "messages"}, {"tools", "others"}}), (Table{"+1<eos>-[2<eos>]"}));
  EXPECT_TRUE(holds(error_of([&] { set(3); }).where(), "line 1: tools"));
}

TEST_F(Conversations, OptionsThatDoNotGoTogetherAreRefusedByTheirKey) {
  struct Case {
    Json data;
    DataUse use;
    std::string where, what;
  };
  const Json columns = {{"messages", "m"}};
  const std::vector<Case> cases = {
      {{{"columns", columns}}, DataUse::kTrainSft, "data.columns.messages", "needs a chat template"},
      {{{"columns", columns}, {"template", "r1_zero"}}, DataUse::kTrainSft, "data.columns.messages", "needs a chat template"},
      {{{"columns", {{"messages", "m"}, {"completion", "c"}}}, {"template", "chat"}}, DataUse::kTrainSft, "data.columns.messages", "or a prompt"},
      {{{"columns", columns}, {"template", "chat"}}, DataUse::kTrainRl, "data.columns.messages", "only supervised stages"},
      {{{"columns", columns}, {"template", "chat"}, {"train", {{"generator", "chain"}}}}, DataUse::kTrainSft, "data.columns.messages", "no columns"},
      {{{"columns", {{"tools", "t"}}}, {"template", "chat"}}, DataUse::kTrainSft, "data.columns.tools", "without effect"},
      {{{"turns", "last"}, {"template", "chat"}}, DataUse::kTrainSft, "data.turns", "without effect"},
      {{{"columns", columns}, {"turns", "first"}, {"template", "chat"}}, DataUse::kTrainSft, "data.turns", "first"},
  };
  for (Case c : cases) {
    if (!c.data.contains("train")) c.data["train"] = "rows.jsonl";
    const Error error = error_of([&] { read_data_options(c.data, "recipe.json", "data", c.use); });
    EXPECT_TRUE(holds(error.where(), "recipe.json: " + c.where)) << c.data;
    EXPECT_TRUE(holds(error.what(), c.what)) << c.data;
  }
}

// The recipe's "data" is one object for both: evaluation asks the questions of its own columns.
TEST_F(Conversations, LeaveEvaluationItsPrompts) {
  const ProblemSource eval = source({{{"question", "1"}, {"gold", "2"}}},
                                    {{"columns", {{"messages", "messages"}, {"prompt", "question"}, {"answer", "gold"}}}, {"turns", "last"}},
                                    kKeeps, DataUse::kEval);
  EXPECT_EQ(eval.head(1)[0].prompt, "+1=-");
  EXPECT_EQ(eval.head(1)[0].answer, "2");
}

}  // namespace
}  // namespace grpo

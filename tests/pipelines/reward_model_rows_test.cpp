// Every shape of preference rows, what is wrong with rows, and the published data sets.

#include "pipelines/reward_model_rows.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

class PreferenceRows : public ::testing::Test {
 protected:
  std::vector<PreferenceRow> read(const std::vector<Json>& rows, bool as_messages = false,
                                  const PreferenceColumns& columns = {}) {
    std::string lines;
    for (const Json& row : rows) lines += row.dump() + "\n";
    counts_ = {};
    return read_preference_rows(folder_.write("rows.jsonl", lines), columns, as_messages, counts_);
  }
  PreferenceRow read_one(const Json& row, bool as_messages = false) {
    const auto rows = read({row}, as_messages);
    EXPECT_EQ(rows.size(), 1u);
    return rows.empty() ? PreferenceRow() : rows.front();
  }
  std::string refusal(const Json& row) {
    return error_text([&] { read({row}); });
  }

  TemporaryFolder folder_;
  PreferenceCounts counts_;
};

Json user(const std::string& text) { return {{"role", "user"}, {"content", text}}; }
Json assistant(const std::string& text) { return {{"role", "assistant"}, {"content", text}}; }
Json turns(const std::vector<Json>& messages) { return messages; }

TEST_F(PreferenceRows, ReadTextWithMarginAndScores) {
  const PreferenceRow row = read_one({{"prompt", "1+1="}, {"chosen", "2"}, {"rejected", "3"}, {"margin", 0.5},
                                      {"score_chosen", 8.5}, {"score_rejected", 6}});
  EXPECT_EQ(row.prompt, "1+1=");
  EXPECT_EQ(row.chosen, "2");
  EXPECT_EQ(row.rejected, "3");
  EXPECT_EQ(row.margin, 0.5);
  EXPECT_EQ(row.score_difference, 2.5);
  EXPECT_FALSE(row.label.has_value());
  EXPECT_TRUE(holds(row.where, "rows.jsonl: line 1"));
}

TEST_F(PreferenceRows, ReadMessagesWithAndWithoutThePromptInTheAnswers) {
  const Json prompt = turns({user("hi"), assistant("hello"), user("1+1?")});
  Json chosen = prompt, rejected = prompt;
  chosen.push_back(assistant("2"));
  rejected.push_back(assistant("3"));
  for (const Json& row : std::vector<Json>{
           {{"prompt", prompt}, {"chosen", turns({assistant("2")})}, {"rejected", turns({assistant("3")})}},
           {{"prompt", prompt}, {"chosen", chosen}, {"rejected", rejected}},
           {{"chosen", chosen}, {"rejected", rejected}}}) {
    const PreferenceRow read = read_one(row);
    EXPECT_EQ(read.prompt, prompt) << row;
    EXPECT_EQ(read.chosen, "2");
    EXPECT_EQ(read.rejected, "3");
  }
  // UltraFeedback: the prompt as text beside whole conversations.
  const PreferenceRow read = read_one({{"prompt", "1+1?"}, {"chosen", turns({user("1+1?"), assistant("2")})},
                                       {"rejected", turns({user("1+1?"), assistant("3")})}});
  EXPECT_EQ(read.prompt, turns({user("1+1?")}));
  EXPECT_EQ(read.chosen, "2");
}

TEST_F(PreferenceRows, ReadEqualAnswersAsTheyAre) {
  const PreferenceRow row = read_one({{"chosen", turns({user("a"), assistant("b")})}, {"rejected", turns({user("a"), assistant("b")})}});
  EXPECT_EQ(row.prompt, turns({user("a")}));
  EXPECT_EQ(row.chosen, row.rejected);
}

TEST_F(PreferenceRows, SplitDialoguesAtTheLastAnswer) {
  const std::string prompt = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:";
  const Json row = {{"chosen", prompt + " good"}, {"rejected", prompt + " bad"}};
  const PreferenceRow text = read_one(row);
  EXPECT_EQ(text.prompt, prompt);
  EXPECT_EQ(text.chosen, " good");
  EXPECT_EQ(text.rejected, " bad");
  const PreferenceRow messages = read_one(row, /*as_messages=*/true);
  EXPECT_EQ(messages.prompt, turns({user("a"), assistant("b"), user("c")}));
  EXPECT_EQ(messages.chosen, "good");
}

TEST_F(PreferenceRows, LeaveOutAnswersToTwoPrompts) {
  const auto rows = read({{{"chosen", "\n\nHuman: a\n\nAssistant: b"}, {"rejected", "\n\nHuman: c\n\nAssistant: d"}},
                          {{"chosen", turns({user("a"), assistant("b")})}, {"rejected", turns({user("c"), assistant("d")})}},
                          {{"chosen", "\n\nHuman: a\n\nAssistant: b"}, {"rejected", "\n\nHuman: a\n\nAssistant: d"}}});
  EXPECT_EQ(rows.size(), 1u);
  EXPECT_EQ(counts_.two_prompts, 2);
  EXPECT_EQ(counts_.rows, 3);
}

TEST_F(PreferenceRows, FollowTheMajorityOfAnnotators) {
  const auto row = [](int a, int b, int c) {
    return Json{{"instruction", "say"}, {"input", "x"}, {"response1", "one"}, {"response2", "two"},
                {"annotator1", a}, {"annotator2", b}, {"annotator3", c}};
  };
  const auto rows = read({row(2, 2, 1), row(1, 1, 0), row(0, 0, 2), row(0, 1, 2), row(0, 0, 0)});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(counts_.ties, 3);
  EXPECT_EQ(rows[0].prompt, "say\n\nx");
  EXPECT_EQ(rows[0].chosen, "two");
  EXPECT_EQ(rows[0].rejected, "one");
  EXPECT_EQ(rows[1].chosen, "one");
}

TEST_F(PreferenceRows, ReadLabelsOfTheBetterAnswerAndShareGptTurns) {
  const PreferenceRow llmbar = read_one({{"input", "q"}, {"output_1", "a"}, {"output_2", "b"}, {"label", 2}});
  EXPECT_EQ(llmbar.chosen, "b");
  EXPECT_EQ(llmbar.rejected, "a");
  const PreferenceRow sharegpt = read_one({{"conversations", {{{"from", "human"}, {"value", "q"}}}},
                                           {"chosen", {{"from", "gpt"}, {"value", "a"}}},
                                           {"rejected", {{"from", "gpt"}, {"value", "b"}}}});
  EXPECT_EQ(sharegpt.prompt, turns({user("q")}));
  EXPECT_EQ(sharegpt.chosen, "a");
}

TEST_F(PreferenceRows, ReadSingleAnswersWithEveryKindOfLabel) {
  for (const auto& [label, value] : std::vector<std::pair<Json, double>>{
           {true, 1.0}, {false, 0.0}, {"safe", 1.0}, {"unsafe", 0.0}, {1, 1.0}, {0.25, 0.25}}) {
    const PreferenceRow row = read_one({{"prompt", "q"}, {"completion", "a"}, {"label", label}});
    EXPECT_EQ(row.label, value) << label;
    EXPECT_FALSE(row.rejected.has_value());
    EXPECT_EQ(row.chosen, "a");
  }
  const PreferenceRow kto = read_one({{"messages", turns({user("q"), assistant("a")})}, {"label", false}});
  EXPECT_EQ(kto.prompt, turns({user("q")}));
  EXPECT_EQ(kto.chosen, "a");
  const PreferenceRow trl = read_one({{"prompt", turns({user("q")})}, {"completion", turns({assistant("a")})}, {"label", true}});
  EXPECT_EQ(trl.prompt, turns({user("q")}));
  EXPECT_EQ(trl.chosen, "a");
}

TEST_F(PreferenceRows, AnswersMayBeNumbersAndTruthValues) {
  const PreferenceRow row = read_one({{"prompt", "2+2?"}, {"chosen", 4}, {"rejected", false}});
  EXPECT_EQ(row.chosen, "4");
  EXPECT_EQ(row.rejected, "false");
}

TEST_F(PreferenceRows, ColumnsMayHaveOtherNames) {
  const auto rows = read({{{"question", "q"}, {"good", "a"}, {"bad", "b"}}}, false,
                         {.prompt = "question", .chosen = "good", .rejected = "bad"});
  EXPECT_EQ(rows.at(0).prompt, "q");
  EXPECT_EQ(rows.at(0).rejected, "b");
}

TEST_F(PreferenceRows, RefuseWhatTheyCannotReadNamingRowAndColumn) {
  EXPECT_TRUE(holds(refusal({{"question", "q"}, {"answer", "a"}}), "neither a pair of answers nor an answer with a label; it has: question, answer"));
  EXPECT_TRUE(holds(refusal({{"question", "q"}, {"answer", "a"}}), "line 1"));
  EXPECT_TRUE(holds(refusal({{"prompt", "q"}, {"chosen", "a"}, {"rejected", {{"text", "b"}}}}), "line 1: rejected"));
  EXPECT_TRUE(holds(refusal({{"prompt", "q"}, {"chosen", "a"}, {"rejected", turns({assistant("b")})}}), "one answer is text, the other messages"));
  EXPECT_TRUE(holds(refusal({{"chosen", "no dialogue"}, {"rejected", "either"}}), "no prompt"));
  EXPECT_TRUE(holds(refusal({{"prompt", "q"}, {"completion", "a"}, {"label", "maybe"}}), "\"maybe\" is no label"));
  EXPECT_TRUE(holds(refusal({{"prompt", "q"}, {"completion", "a"}, {"label", 2}}), "2 is no label"));
  EXPECT_TRUE(holds(refusal({{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b"}, {"score_chosen", 1}}), "only one answer has a score"));
  EXPECT_TRUE(holds(refusal({{"input", "q"}, {"output_1", "a"}, {"output_2", "b"}, {"label", 3}}), "expected 1 or 2"));
  EXPECT_TRUE(holds(refusal({{"messages", turns({assistant("a")})}, {"label", true}}), "no prompt"));
  EXPECT_TRUE(holds(error_text([&] {
                      read({{{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b"}}, {{"prompt", "q"}, {"completion", "a"}, {"label", true}}});
                    }),
                    "mixes pairs of answers with single ones | "));
}

TEST(Dialogue, TextThatBeginsOtherwiseIsRefused) {
  EXPECT_EQ(dialogue_messages("\n\nHuman: a: b\n\nAssistant:", "row"), turns({user("a: b")}));
  EXPECT_TRUE(holds(error_text([] { dialogue_messages("Human: a", "row 7"); }), "row 7"));
}

TEST(PublishedPreferences, AreReadWhole) {
  struct Set {
    const char* file;
    size_t read;
    int64_t rows, ties, two_prompts;
  };
  for (const Set& set : std::vector<Set>{{"hh_rlhf_harmless_base_test.jsonl.gz", 2307, 2312, 0, 5},
                                         {"pandalm_testset-v1.json.gz", 894, 999, 105, 0},
                                         {"llmbar_natural.json", 100, 100, 0, 0},
                                         {"llmbar_neighbor.json", 134, 134, 0, 0},
                                         {"dpo_en_demo.json.gz", 300, 300, 0, 0},
                                         {"kto_en_demo.json.gz", 300, 300, 0, 0}}) {
    GRPO_NEEDS_DATA(test_data(std::string("preference/") + set.file));
    PreferenceCounts counts;
    const auto rows = read_preference_rows(test_data(std::string("preference/") + set.file), {}, true, counts);
    EXPECT_EQ(rows.size(), set.read) << set.file;
    EXPECT_EQ(counts.rows, set.rows) << set.file;
    EXPECT_EQ(counts.ties, set.ties) << set.file;
    EXPECT_EQ(counts.two_prompts, set.two_prompts) << set.file;
  }
}

}  // namespace
}  // namespace grpo

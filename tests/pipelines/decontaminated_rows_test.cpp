#include "pipelines/decontaminated_rows.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

const std::string kTen = "how many apples does Ann have after eating three today";
const std::string kOther = "a completely different question about trains that leave two stations";

class DecontaminatedRows : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::vector<Json>& rows) const {
    std::string text;
    for (const Json& row : rows) text += row.dump() + "\n";
    return folder_.write(name, text);
  }
  static std::vector<DataRow> rows(const std::vector<Json>& columns) {
    std::vector<DataRow> rows;
    for (const Json& row : columns) rows.push_back({.columns = row, .where = "train.jsonl: line " + std::to_string(rows.size() + 1)});
    return rows;
  }
  static DecontaminationOptions read(const Json& data) { return read_decontamination(data, "r.json", "data").value(); }

  TemporaryFolder folder_;
};

TEST_F(DecontaminatedRows, ThoseWithTenWordsOfAnEvaluationSetAreFound) {
  const std::string eval = file("eval.jsonl", {{{"question", "Tell me: " + kTen + "?"}, {"answer", "4"}}});
  const Json data = {{"eval", eval}, {"columns", {{"prompt", "question"}, {"answer", "answer"}, {"completion", "solution"}}}, {"decontaminate", Json::object()}};
  const std::vector<DataRow> train = rows({
      {{"question", kOther}, {"answer", "4"}, {"solution", "4"}},
      {{"question", "So, " + kTen + " or tomorrow"}, {"solution", "1"}},
      {{"question", kOther}, {"solution", "Recall: HOW many apples does Ann have, after eating three today?"}},
      {{"question", kTen.substr(0, kTen.rfind(' '))}, {"solution", "1"}}  // nine of the words
  });
  const ContaminatedRows found = contaminated_rows(train, "question", "solution", read(data));
  EXPECT_EQ(found.rows, (std::vector<bool>{false, true, true, false}));
  EXPECT_EQ(found.count, 2);
  EXPECT_EQ(found.sets, (std::map<std::string, int64_t>{{eval, 2}}));
  // Only what is learned is looked at.
  EXPECT_EQ(contaminated_rows(train, "question", "", read(data)).rows, (std::vector<bool>{false, true, false, false}));
  // A shorter n finds the fourth.
  Json nine = data;
  nine["decontaminate"]["ngram_size"] = 9;
  EXPECT_EQ(contaminated_rows(train, "question", "solution", read(nine)).rows, (std::vector<bool>{false, true, true, true}));
}

TEST_F(DecontaminatedRows, ShortQuestionsAreFoundWholeAndShortAnswersAreNot) {
  const std::string eval = file("eval.jsonl", {{{"prompt", "2 + 3 = ?"}, {"answer", "5"}}});
  const DecontaminationOptions options = read({{"eval", eval}, {"decontaminate", Json::object()}});
  const std::vector<DataRow> train = rows({{{"prompt", "2+3="}, {"completion", "5"}},
                                           {{"prompt", "1+4="}, {"completion", "5"}},
                                           {{"prompt", "what is 2+3=?"}, {"completion", "5"}}});
  EXPECT_EQ(contaminated_rows(train, "prompt", "completion", options).rows, (std::vector<bool>{true, false, false}));
}

TEST_F(DecontaminatedRows, MessagesAreLookedAtEachByItself) {
  const std::string eval = file("eval.jsonl", {{{"prompt", kTen}, {"answer", "5"}}, {{"prompt", "short one"}, {"answer", "6"}}});
  const DecontaminationOptions options = read({{"eval", eval}, {"decontaminate", Json::object()}});
  const auto chat = [](const std::string& user, const Json& assistant) {
    return Json{{"messages", {{{"role", "user"}, {"content", user}}, {{"role", "assistant"}, {"content", assistant}}}}};
  };
  const Json parts = {{{"type", "text"}, {"text", kTen}}};
  const std::vector<DataRow> train = rows({chat(kOther, "fine"), chat("short one", "fine"), chat(kOther, "short one"), chat(kOther, parts),
                                           chat(kTen.substr(0, 30), kTen.substr(30))});
  EXPECT_EQ(contaminated_rows(train, "messages", "", options).rows, (std::vector<bool>{false, true, false, true, false}));
}

TEST_F(DecontaminatedRows, SetsAreNamedWithTheirColumns) {
  const std::string aime = file("aime.jsonl", {{{"problem", kTen}, {"solution", kOther}}});
  const std::vector<DataRow> train = rows({{{"prompt", kTen}}, {{"prompt", kOther}}, {{"prompt", "free"}}});
  const auto found = [&](const Json& against) {
    return contaminated_rows(train, "prompt", "", read({{"decontaminate", {{"against", against}}}})).rows;
  };
  EXPECT_EQ(found({{{"path", aime}, {"columns", {"problem"}}}}), (std::vector<bool>{true, false, false}));
  EXPECT_EQ(found({{{"path", aime}, {"columns", {"problem", "solution"}}}}), (std::vector<bool>{true, true, false}));
  // A path alone stands for the columns of the training data, which it has to have.
  const Error error = error_of([&] { found({aime}); });
  EXPECT_TRUE(holds(error.summary(), "no column \"prompt\", \"answer\"; it has: problem, solution")) << error.what();
  EXPECT_TRUE(holds(error.where(), "aime.jsonl: line 1"));
  EXPECT_TRUE(holds(error_text([&] { found({{{"path", aime}, {"columns", {"problem", "hint"}}}}); }), "no column \"hint\""));
}

TEST_F(DecontaminatedRows, DataEvalIsAmongThemUnlessItIsToldOff) {
  const std::string eval = file("eval.jsonl", {{{"prompt", kTen}}}), other = file("other.jsonl", {{{"prompt", kOther}}});
  const auto paths = [](const Json& data) {
    std::vector<std::string> paths;
    for (const auto& set : read(data).against) paths.push_back(set.path);
    return paths;
  };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(paths({{"eval", eval}, {"decontaminate", {{"against", {other}}}}}), (Paths{other, eval}));
  EXPECT_EQ(paths({{"eval", eval}, {"decontaminate", {{"against", {eval}}}}}), (Paths{eval}));
  EXPECT_EQ(paths({{"eval", eval}, {"decontaminate", {{"against", {other}}, {"eval", false}}}}), (Paths{other}));
  EXPECT_EQ(paths({{"eval", {{"generator", "chain"}}}, {"decontaminate", {{"against", {other}}}}}), (Paths{other}));
  EXPECT_FALSE(read_decontamination({{"eval", eval}}, "r.json", "data"));
  EXPECT_FALSE(read_decontamination({{"decontaminate", nullptr}}, "r.json", "data"));
}

TEST_F(DecontaminatedRows, WrongOptionsAreNamed) {
  const auto refused = [](const Json& decontaminate, const Json& eval = nullptr) {
    return error_of([&] { read_decontamination({{"eval", eval}, {"decontaminate", decontaminate}}, "r.json", "data"); });
  };
  EXPECT_TRUE(holds(refused(Json::object()).summary(), "no evaluation set"));
  EXPECT_TRUE(holds(refused({{"against", "eval.jsonl"}}).where(), "data.decontaminate.against"));
  EXPECT_TRUE(holds(refused({{"against", {{{"path", "e"}, {"column", "x"}}}}}).where(), "against[0]"));
  EXPECT_TRUE(holds(refused({{"against", {"e"}}, {"ngram", 3}}).summary(), "ngram"));
  EXPECT_TRUE(holds(refused({{"against", {"e"}}, {"ngram_size", 0}}).where(), "ngram_size"));
  EXPECT_TRUE(holds(refused({{"against", {"e"}}, {"eval", true}}, {{"generator", "chain"}}).where(), "decontaminate.eval"));
  EXPECT_TRUE(holds(refused(true).where(), "decontaminate"));
}

TEST_F(DecontaminatedRows, WhereNothingIsLeftItIsAnError) {
  const std::string eval = file("eval.jsonl", {{{"prompt", kTen}}});
  const DecontaminationOptions options = read({{"eval", eval}, {"decontaminate", Json::object()}});
  const Error error = error_of([&] { contaminated_rows(rows({{{"prompt", kTen}}, {{"prompt", kTen + " again"}}}), "prompt", "", options); });
  EXPECT_TRUE(holds(error.summary(), "every one of 2 rows"));
  EXPECT_TRUE(holds(error.summary(), "2 of " + eval));
  EXPECT_TRUE(contaminated_rows({}, "prompt", "", options).rows.empty());
}

}  // namespace
}  // namespace grpo

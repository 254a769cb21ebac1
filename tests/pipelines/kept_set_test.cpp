// What only the whole set tells: duplicates, near duplicates, how many there are.
#include "pipelines/kept_set.h"

#include <gtest/gtest.h>

#include "core/data_file.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// Steps as rejection sampling leaves them: of each problem its question and the completions kept.
using Problems = std::vector<std::pair<std::string, std::vector<std::string>>>;

class KeptSet : public ::testing::Test {
 protected:
  void step(const Problems& problems) {
    std::string text;
    for (const auto& [question, completions] : problems) {
      Json rows = Json::array();
      for (const std::string& completion : completions) rows.push_back({{"question", question}, {"completion", completion}});
      text += Json{{"problem", number_++}, {"question", question}, {"pass_rate", 1.0}, {"samples", 4}, {"dropped", {{"exact", 1}}}, {"rows", rows}}.dump() + "\n";
    }
    files_.push_back(folder_.write("step" + std::to_string(files_.size()) + ".jsonl", text));
  }
  KeptCounts write(const KeepRules& rules) { return write_kept_set(files_, rules, folder_.path()); }
  std::vector<std::string> kept() const {
    std::vector<std::string> completions;
    for (const DataRow& row : read_data_file(folder_.file("kept.jsonl"))) completions.push_back(row.columns["completion"]);
    return completions;
  }
  std::vector<int64_t> kept_by_problem() const {
    std::vector<int64_t> counts;
    for (const DataRow& row : read_data_file(folder_.file("problems.jsonl"))) counts.push_back(row.columns["kept"]);
    return counts;
  }

  TemporaryFolder folder_;
  std::vector<std::string> files_;
  int64_t number_ = 0;
};

// With a question in front and one word behind they are 21 words, 17 5-grams.
const std::string kTwenty = "a b c d e f g h i j k l m n o p q r s ";
using Texts = std::vector<std::string>;

TEST_F(KeptSet, NearDuplicatesAreFoundOverAllStepsAndCounted) {
  step({{"q", {kTwenty + "t", "other words for the same thing"}}, {"p", {kTwenty + "t"}}});
  step({{"q", {kTwenty + "u"}}, {"p", {kTwenty + "u"}}});
  KeepRules rules;
  EXPECT_EQ(write(rules).kept, 5);
  rules.near_duplicates = NearDuplicateOptions{.ngram_size = 5, .threshold = 0.88};
  // 16/18 = 0.889 where the question or the last word differs, 15/19 = 0.789 where both do.
  const KeptCounts counts = write(rules);
  EXPECT_EQ(counts.kept, 3);
  EXPECT_EQ(counts.dropped, (std::map<std::string, int64_t>{{"exact", 4}, {"near duplicate", 2}}));
  EXPECT_EQ(kept(), (Texts{kTwenty + "t", "other words for the same thing", kTwenty + "u"}));
  EXPECT_EQ(kept_by_problem(), (std::vector<int64_t>{2, 0, 0, 1}));
  rules.near_duplicates->threshold = 0.9;
  EXPECT_EQ(write(rules).kept, 5);
}

TEST_F(KeptSet, AnExactDuplicateIsCountedAsOneWhereBothAreLookedFor) {
  step({{"q", {"one  two", "one two", "three"}}});
  KeepRules rules;
  rules.near_duplicates = NearDuplicateOptions{};
  EXPECT_EQ(write(rules).dropped.at("duplicate"), 1);
  EXPECT_FALSE(write(rules).dropped.contains("near duplicate"));
  rules.deduplicate = false;
  EXPECT_EQ(write(rules).dropped.at("near duplicate"), 1);
  EXPECT_EQ(kept(), (Texts{"one  two", "three"}));
}

// Short answers of different problems are different rows.
TEST_F(KeptSet, TheQuestionTellsRowsApart) {
  step({{"2+3=", {"5"}}, {"1+4=", {"5"}}});
  KeepRules rules;
  rules.near_duplicates = NearDuplicateOptions{};
  EXPECT_EQ(write(rules).kept, 2);
}

TEST_F(KeptSet, WhatIsDroppedLeavesRoomForFurtherSamples) {
  step({{"q", {"one", "one", "two", "three"}}});
  KeepRules rules;
  rules.max_samples = 2;
  const KeptCounts counts = write(rules);
  EXPECT_EQ(kept(), (Texts{"one", "two"}));
  EXPECT_EQ(counts.dropped, (std::map<std::string, int64_t>{{"exact", 1}, {"duplicate", 1}, {"max_samples", 1}}));
  EXPECT_EQ(counts.samples, 4);
  EXPECT_EQ(counts.json()["pass_rate"], 1.0);
}

TEST_F(KeptSet, ADiskThatCannotBeWrittenIsAnError) {
  step({{"q", {"one"}}});
  EXPECT_TRUE(holds(error_of([&] { write_kept_set(files_, {}, folder_.file("nowhere")); }).summary(), "cannot write"));
}

}  // namespace
}  // namespace grpo

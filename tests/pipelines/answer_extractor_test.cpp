#include "pipelines/answer_extractor.h"

#include <gtest/gtest.h>

#include <cctype>

#include "core/data_file.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

using Found = std::optional<std::string>;

TEST(AnswerExtractor, NoneIsTheWholeColumnTrimmed) {
  EXPECT_EQ(extract_gold("none", "  42 \n"), Found("42"));
  EXPECT_EQ(extract_gold("none", "a #### b"), Found("a #### b"));
  EXPECT_EQ(extract_gold("none", " \t\n"), std::nullopt);
  EXPECT_EQ(extract_gold("none", ""), std::nullopt);
}

TEST(AnswerExtractor, HashesAreFollowedByTheAnswerAndTheLastOnesCount) {
  EXPECT_EQ(extract_gold("####", "48/2 = 24\n#### 72"), Found("72"));
  EXPECT_EQ(extract_gold("####", "#### 1\n#### 1,234 "), Found("1,234"));
  EXPECT_EQ(extract_gold("####", "####-5"), Found("-5"));
  EXPECT_EQ(extract_gold("####", "no mark: 72"), std::nullopt);
  EXPECT_EQ(extract_gold("####", "### 72"), std::nullopt);
  EXPECT_EQ(extract_gold("####", "72 ####  \n"), std::nullopt);
}

TEST(AnswerExtractor, BoxedIsTheLastBoxWithItsBracesBalanced) {
  EXPECT_EQ(extract_gold("boxed", R"(so $\boxed{7}$.)"), Found("7"));
  EXPECT_EQ(extract_gold("boxed", R"(\boxed{1} then \boxed{ \frac{1}{2} } end})"), Found(R"(\frac{1}{2})"));
  EXPECT_EQ(extract_gold("boxed", R"(\boxed{\{1, 2\}})"), Found(R"(\{1, 2\})"));
  EXPECT_EQ(extract_gold("boxed", R"(\boxed{\{1})"), Found(R"(\{1)"));
  EXPECT_EQ(extract_gold("boxed", R"(\boxed{a_{b_{c}}})"), Found("a_{b_{c}}"));
  EXPECT_EQ(extract_gold("boxed", R"(\boxed{never closed)"), std::nullopt);
  EXPECT_EQ(extract_gold("boxed", R"(\boxed{})"), std::nullopt);
  EXPECT_EQ(extract_gold("boxed", R"(\boxed 7)"), std::nullopt);
  EXPECT_EQ(extract_gold("boxed", R"(\boxed{x\)"), std::nullopt);
  EXPECT_EQ(extract_gold("boxed", "7"), std::nullopt);
}

TEST(AnswerExtractor, EveryGsm8kSolutionEndsInANumber) {
  size_t rows = 0;
  for (const char* name : {"math/gsm8k_test.jsonl", "math/gsm8k_train.jsonl.gz"}) {
    GRPO_NEEDS_DATA(test_data(name));
    for (const DataRow& row : read_data_file(test_data(name))) {
      const auto gold = extract_gold("####", row.columns["answer"].get<std::string>());
      ASSERT_TRUE(gold.has_value()) << row.where;
      for (const char c : *gold) {
        ASSERT_TRUE(std::isdigit(static_cast<unsigned char>(c)) || c == ',' || c == '.' || c == '-')
            << row.where << *gold;
      }
      ++rows;
    }
  }
  EXPECT_EQ(rows, 1319u + 7473u);
}

}  // namespace
}  // namespace grpo

#include "pipelines/near_duplicates.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "tests/pipelines/random_texts.h"
#include "tests/reference/naive_text_overlap.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

std::vector<int64_t> rows_of(const std::vector<Duplicate>& duplicates) {
  std::vector<int64_t> rows;
  for (const Duplicate& duplicate : duplicates) rows.push_back(duplicate.row);
  return rows;
}

// "w0 w1 ... " with every `every`-th word exchanged.
std::string long_text(int words, int every) {
  std::string text;
  for (int i = 0; i < words; ++i) text += (every > 0 && i % every == every / 2 ? "other" : "w") + std::to_string(i) + " ";
  return text;
}

TEST(NearDuplicates, AreWhatComparingEverythingFinds) {
  size_t num_exact = 0, num_near = 0;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    Stream stream(seed);
    const std::vector<std::string> texts = random_texts(stream, 40, seed % 3 == 0 ? 6 : 60, seed % 2 == 0 ? 5 : 300);
    for (const size_t n : {1u, 3u, 5u}) {
      for (const std::optional<double> threshold : {std::optional<double>(), std::optional(0.3), std::optional(0.8), std::optional(1.0)}) {
        const auto expected = naive::duplicates(texts, n, threshold);
        const auto found = find_duplicates(texts, {.ngram_size = static_cast<int64_t>(n), .threshold = threshold});
        ASSERT_EQ(found.size(), expected.size()) << seed;
        for (size_t i = 0; i < found.size(); ++i) {
          EXPECT_EQ(found[i].row, static_cast<int64_t>(expected[i].row));
          EXPECT_EQ(found[i].of, static_cast<int64_t>(expected[i].of)) << seed << " row " << found[i].row;
          EXPECT_EQ(found[i].exact, expected[i].exact);
          EXPECT_DOUBLE_EQ(found[i].similarity, expected[i].similarity);
          ++(found[i].exact ? num_exact : num_near);
        }
      }
    }
  }
  EXPECT_GT(num_exact, 100u);
  EXPECT_GT(num_near, 100u);
}

TEST(NearDuplicates, WhiteSpaceIsNoDifference) {
  const std::vector<std::string> texts = {"a  b\n", " a\tb", "a b\xE3\x80\x80", "A b c", "ab", "", " \n"};
  const std::vector<Duplicate> found = find_duplicates(texts, {.threshold = std::nullopt});
  EXPECT_EQ(rows_of(found), (std::vector<int64_t>{1, 2, 6}));
  EXPECT_EQ(found[0].of, 0);
  EXPECT_EQ(found[2].of, 5);
}

TEST(NearDuplicates, CaseIsADifferenceOnlyToExactOnes) {
  const std::vector<std::string> texts = {"So it is four.", "so it is FOUR."};
  EXPECT_TRUE(find_duplicates(texts, {.threshold = std::nullopt}).empty());
  EXPECT_EQ(rows_of(find_duplicates(texts)), (std::vector<int64_t>{1}));
}

TEST(NearDuplicates, ASignMakesAnotherProblem) {
  EXPECT_TRUE(find_duplicates(std::vector<std::string>{"What is 2+3?", "What is 2-3?", "What is 12+3?"}).empty());
}

TEST(NearDuplicates, TheThresholdMeansWhatTheHeaderSays) {
  const std::vector<std::string> texts = {long_text(2000, 0), long_text(2000, 50), long_text(2000, 16), long_text(2000, 2)};
  const auto similarity = [&](size_t row) {
    const auto found = find_duplicates(std::vector<std::string>{texts[0], texts[row]}, {.threshold = 0.001});
    return found.empty() ? 0.0 : found[0].similarity;
  };
  EXPECT_NEAR(similarity(1), 0.8, 0.03);
  EXPECT_NEAR(similarity(2), 0.5, 0.03);
  EXPECT_LT(similarity(3), 0.1);
}

TEST(NearDuplicates, OneIsKeptOfAChainWhoseEndsDiffer) {
  // Each is near the one before it; the last is not near the first, which alone was kept.
  const std::vector<std::string> texts = {"a b c d e f", "a b c d e f g", "a b c d e f g h i j k l"};
  EXPECT_EQ(rows_of(find_duplicates(texts, {.ngram_size = 1, .threshold = 0.58})), (std::vector<int64_t>{1}));
}

TEST(NearDuplicates, EveryCharacterOfChineseIsAWord) {
  const std::vector<std::string> texts = {"一二三四五六七八九十", "一二三四五六七八九百", "十九八七六五四三二一"};
  EXPECT_EQ(rows_of(find_duplicates(texts, {.ngram_size = 2, .threshold = 0.7})), (std::vector<int64_t>{1}));
}

TEST(NearDuplicates, HostileTextsAreJustTexts) {
  const std::string bytes = "\xff\xfe\xc3";
  const std::vector<std::string> texts = {bytes, "\xff\xfe\xc2", bytes + " ", std::string(1, '\0'), std::string(2, '\0'),
                                          std::string(300000, 'a'), std::string(300000, ' ') + "x"};
  EXPECT_EQ(rows_of(find_duplicates(texts)), (std::vector<int64_t>{2}));
  EXPECT_TRUE(find_duplicates(std::vector<std::string>{}).empty());
}

TEST(NearDuplicates, ManyTextsWithOneBeginningAreComparedInTime) {
  // All begin with the same 40 words, which is what prompts of one template do.
  std::vector<std::string> texts;
  Stream stream(1);
  for (int i = 0; i < 20000; ++i) {
    std::string text = long_text(40, 0);
    for (int k = 0; k < 60; ++k) text += " x" + std::to_string(stream.below(100000));
    texts.push_back(text);
  }
  texts.push_back(texts[7] + " more");
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Duplicate> found = find_duplicates(texts);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(rows_of(found), (std::vector<int64_t>{20000}));
  EXPECT_EQ(found[0].of, 7);
}

TEST(NearDuplicates, OptionsOutOfRangeAreErrors) {
  const std::vector<std::string> texts = {"a"};
  EXPECT_THROW(find_duplicates(texts, {.ngram_size = 0}), Error);
  for (const double threshold : {0.0, -1.0, 1.01, std::nan("")})
    EXPECT_THROW(find_duplicates(texts, {.threshold = threshold}), Error);
}

}  // namespace
}  // namespace grpo

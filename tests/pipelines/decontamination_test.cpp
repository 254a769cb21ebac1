#include "pipelines/decontamination.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/pipelines/random_texts.h"
#include "tests/reference/naive_text_overlap.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

std::string words_from(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += (text.empty() ? "w" : " w") + std::to_string(i);
  return text;
}

TEST(Decontamination, FindsWhatComparingEverythingFinds) {
  size_t num_found = 0, num_clean = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Stream stream(seed);
    const auto evaluation = random_texts(stream, 20, seed % 2 == 0 ? 12 : 50, seed % 3 == 0 ? 3 : 40);
    std::vector<std::string> texts = random_texts(stream, 20, 50, seed % 3 == 0 ? 3 : 40);
    for (int i = 0; i < 10; ++i) {
      // A piece of an evaluation text within other words.
      const std::string& other = evaluation[static_cast<size_t>(stream.below(20))];
      const auto begin = static_cast<size_t>(stream.below(static_cast<int64_t>(other.size()) + 1));
      texts.push_back(random_text(stream, 10, 40) + other.substr(begin, static_cast<size_t>(stream.below(200))));
    }
    for (const int64_t n : {1, 2, 5, 10}) {
      EvaluationNgrams ngrams(n);
      ngrams.add("set", evaluation);
      for (const std::string& text : texts) {
        const auto expected = naive::overlap(text, evaluation, static_cast<size_t>(n));
        const auto found = ngrams.find(text);
        ASSERT_EQ(found.has_value(), expected.has_value()) << "seed " << seed << " n " << n << ": " << text;
        ++(found ? num_found : num_clean);
        if (!found) continue;
        EXPECT_EQ(found->ngram, expected->ngram);
        EXPECT_EQ(found->evaluation_row, static_cast<int64_t>(expected->row));
      }
    }
  }
  EXPECT_GT(num_found, 500u);
  EXPECT_GT(num_clean, 500u);
}

TEST(Decontamination, TenWordsInARowAreEnoughAndNineAreNot) {
  EvaluationNgrams ngrams;
  ngrams.add("aime", std::vector<std::string>{"short", words_from(1, 30)});
  EXPECT_FALSE(ngrams.find("before " + words_from(5, 13) + " after and so on"));
  const auto found = ngrams.find("before " + words_from(5, 14) + " after");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->evaluation_set, "aime");
  EXPECT_EQ(found->evaluation_row, 1);
  EXPECT_EQ(found->ngram, words_from(5, 14));
  EXPECT_FALSE(ngrams.find(words_from(1, 9) + " x " + words_from(10, 18)));
}

TEST(Decontamination, CasePunctuationAndMarkupAreNoDifference) {
  EvaluationNgrams ngrams;
  ngrams.add("x", std::vector<std::string>{"Let $x$ be a real number; don't assume it's positive. Find f(x)!"});
  EXPECT_TRUE(ngrams.find("so:\nLET X be a **real number**, don\xE2\x80\x99t assume it's positive? find F(x)"));
  EXPECT_FALSE(ngrams.find("let y be a real number don't assume it is positive find g"));
}

TEST(Decontamination, AShortTextIsFoundOnlyAsAWhole) {
  EvaluationNgrams ngrams;
  ngrams.add("x", std::vector<std::string>{"", "...", "What is 2 + 2?"});
  EXPECT_EQ(ngrams.find("what is 2 2")->evaluation_row, 2);
  EXPECT_FALSE(ngrams.find("tell me what is 2 2"));
  EXPECT_FALSE(ngrams.find("what is 2"));
  EXPECT_FALSE(ngrams.find("what is 2 2 " + words_from(1, 20)));
  EXPECT_FALSE(ngrams.find(""));
  EXPECT_FALSE(ngrams.find("?!"));
}

TEST(Decontamination, TheFirstSetThatHasItIsNamed) {
  EvaluationNgrams ngrams(3);
  ngrams.add("first", std::vector<std::string>{"a b c", "b c d"});
  ngrams.add("second", std::vector<std::string>{"c d e", "a b c"});
  EXPECT_EQ(ngrams.find("a b c")->evaluation_set, "first");
  EXPECT_EQ(ngrams.find("z c d e")->evaluation_set, "second");
  EXPECT_EQ(ngrams.find("z c d e")->evaluation_row, 0);
  EXPECT_EQ(ngrams.num_ngrams(), 3);
}

TEST(Decontamination, EveryCharacterOfChineseIsAWord) {
  EvaluationNgrams ngrams(5);
  ngrams.add("x", std::vector<std::string>{"设函数满足条件"});
  EXPECT_EQ(ngrams.find("已知，设函数，满足其他")->ngram, "设 函 数 满 足");
  EXPECT_FALSE(ngrams.find("已知函数满足其他"));
}

TEST(Decontamination, HostileTextsAreJustTexts) {
  EvaluationNgrams ngrams(2);
  const std::vector<std::string> evaluation = {"\xff\xfe", std::string(1, '\0'), "a\xff" "b", std::string(100000, 'a') + " b"};
  ngrams.add("x", evaluation);
  EXPECT_EQ(ngrams.find("a b")->evaluation_row, 2);  // bytes that are no text separate
  EXPECT_EQ(ngrams.find(std::string(100000, 'A') + "\xc3 B")->evaluation_row, 3);
  for (const std::string& text : {std::string("\xff"), std::string(1 << 20, '\''), std::string(1 << 20, '\x80')})
    EXPECT_FALSE(ngrams.find(text));
  EXPECT_THROW(EvaluationNgrams(0), Error);
}

TEST(Decontamination, ThreadsChangeNothing) {
  Stream stream(3);
  const auto evaluation = random_texts(stream, 100, 40, 5);
  const auto texts = random_texts(stream, 1000, 40, 5);
  EvaluationNgrams ngrams(4);
  ngrams.add("x", evaluation);
  const auto alone = find_contaminated(texts, ngrams, 1);
  const auto together = find_contaminated(texts, ngrams, 5);
  ASSERT_GT(alone.size(), 10u);
  ASSERT_EQ(alone.size(), together.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    EXPECT_EQ(alone[i].row, together[i].row);
    EXPECT_EQ(alone[i].match.ngram, together[i].match.ngram);
    EXPECT_EQ(alone[i].match.ngram, ngrams.find(texts[static_cast<size_t>(alone[i].row)])->ngram);
  }
}

TEST(Decontamination, AHundredThousandRowsAreSearchedInSeconds) {
  Stream stream(4);
  const auto text = [&](int words) {
    std::string out;
    for (int i = 0; i < words; ++i) out += "word" + std::to_string(stream.below(5000)) + " ";
    return out;
  };
  std::vector<std::string> evaluation, texts;
  for (int i = 0; i < 5000; ++i) evaluation.push_back(text(60));
  for (int i = 0; i < 100000; ++i) texts.push_back(text(60));
  for (const size_t row : {5u, 99000u}) texts[row] += evaluation[row / 50].substr(40);
  const auto start = std::chrono::steady_clock::now();
  EvaluationNgrams ngrams;
  ngrams.add("x", evaluation);
  const auto found = find_contaminated(texts, ngrams);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("seconds", std::to_string(seconds));
  EXPECT_LT(seconds, 30.0);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].row, 5);
  EXPECT_EQ(found[1].match.evaluation_row, 1980);
}

}  // namespace
}  // namespace grpo

#include "pipelines/readability.h"

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <string>

#include "core/seed.h"
#include "tests/reference/naive_text_overlap.h"

namespace grpo {
namespace {

TEST(Readability, TellsThoughtFromSummary) {
  const Readability facts = readability_of("<think>\none two\n\nthree\n```\ncode\n```\n</think>\n\nThe answer is 4.\n");
  EXPECT_EQ(facts.longest_thought_paragraph, static_cast<int64_t>(std::string("three\n```\ncode\n```").size()));
  EXPECT_EQ(facts.longest_summary_paragraph, 16);
  EXPECT_EQ(facts.code_blocks_in_thought, 1);
  EXPECT_TRUE(facts.has_thought);
  EXPECT_FALSE(facts.summary_empty);
}

TEST(Readability, CodeInTheSummaryIsNotInTheThought) {
  EXPECT_EQ(readability_of("<think>plan</think>\n```python\nx\n```\n").code_blocks_in_thought, 0);
}

TEST(Readability, ASummaryIsEmptyWhereNothingVisibleFollowsTheThought) {
  for (const char* text : {"", " \n", "<think>a</think>", "<think>a</think> \xE2\x80\x8B\n", "<think>never closed, 4",
                           "<think>a</think><answer> </answer>"}) {
    EXPECT_TRUE(readability_of(text).summary_empty) << text;
  }
  for (const char* text : {"4", "<think></think>4", "a</think>4", "<think>a</think><answer>4</answer>"})
    EXPECT_FALSE(readability_of(text).summary_empty) << text;
}

TEST(Readability, AThoughtIsThereOnlyIfItEndsAndSaysSomething) {
  EXPECT_TRUE(readability_of("so</think>4").has_thought);
  for (const char* text : {"4", "<think> </think>4", "<think>so 4", ""}) EXPECT_FALSE(readability_of(text).has_thought) << text;
  EXPECT_EQ(readability_of("plain text").longest_thought_paragraph, 0);
  EXPECT_EQ(readability_of("plain text").longest_summary_paragraph, 10);
}

TEST(LongestParagraph, EndsAtALineWithoutAVisibleCharacter) {
  EXPECT_EQ(longest_paragraph("ab\ncd\n\nefg"), 5);
  EXPECT_EQ(longest_paragraph("ab\n \t\r\ncdef\n"), 4);
  EXPECT_EQ(longest_paragraph("  ab  \n"), 2);
  EXPECT_EQ(longest_paragraph("a\r\n\r\nbc"), 2);
  EXPECT_EQ(longest_paragraph(""), 0);
  EXPECT_EQ(longest_paragraph("\n\n \n"), 0);
}

TEST(LongestParagraph, CountsCharactersAndNotBytes) {
  EXPECT_EQ(longest_paragraph("设函数"), 3);
  EXPECT_EQ(longest_paragraph("\xff\xfe" "a"), 3);
}

TEST(LongestParagraph, IsWhatReadingLineByLineFinds) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Stream stream(seed);
    std::string text;
    for (int i = 0; i < 60; ++i) text += "ab  \n\n\n"[stream.below(7)];
    // Lines joined by hand; a blank line is one of spaces alone.
    size_t longest = 0;
    std::string paragraph;
    std::istringstream lines(text + "\n\n");
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of(' ') != std::string::npos) {
        paragraph += line + "\n";
        continue;
      }
      const size_t begin = paragraph.find_first_not_of(" \n"), end = paragraph.find_last_not_of(" \n");
      if (begin != std::string::npos) longest = std::max(longest, end - begin + 1);
      paragraph.clear();
    }
    EXPECT_EQ(longest_paragraph(text), static_cast<int64_t>(longest)) << text;
  }
}

TEST(RepeatedNgramShare, IsWhatCountingFinds) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Stream stream(seed);
    std::string text;
    for (int64_t i = stream.below(60); i > 0; --i) text += "w" + std::to_string(stream.below(4)) + (i % 7 ? " " : "\n");
    for (const size_t n : {1u, 2u, 5u, 10u}) {
      const naive::Words words = naive::spaced_words(text);
      const double expected =
          words.size() < n ? 0.0
                           : 1.0 - static_cast<double>(naive::ngrams(words, n).size()) / static_cast<double>(words.size() - n + 1);
      EXPECT_DOUBLE_EQ(repeated_ngram_share(text, static_cast<int64_t>(n)), expected);
    }
  }
}

TEST(RepeatedNgramShare, IsHighInALoopAndLowInProse) {
  std::string loop = "<think>";
  for (int i = 0; i < 200; ++i) loop += "Wait, let me check that again.\n";
  const Readability looping = readability_of(loop);
  EXPECT_GT(looping.repeated_in_thought, 0.95);
  EXPECT_GT(looping.repeated, 0.95);
  EXPECT_EQ(readability_of("a b c d e f g h i j k l m n o p").repeated, 0.0);
  EXPECT_GT(readability_of("<think>" + loop + "</think>a b c d").repeated_in_thought, 0.9);
}

TEST(Readability, HostileTextsTakeLinearTime) {
  const auto start = std::chrono::steady_clock::now();
  const size_t size = 1 << 20;
  std::string tags, fences, lines;
  while (tags.size() < size) tags += "<think></think>";
  while (fences.size() < size) fences += "```\n~~~a\n";
  while (lines.size() < size) lines += "a\n\n";
  for (const std::string& text : {tags, fences, lines, std::string(size, '`'), std::string(size, '\n'), std::string(size, 'a'),
                                  std::string(size, '\xff'), std::string(size, '\0'), "<think>" + fences + "</think>"}) {
    readability_of(text);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace grpo

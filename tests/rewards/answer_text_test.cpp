#include "rewards/answer_text.h"

#include <gtest/gtest.h>

namespace grpo {
namespace {

std::string tag_content(std::string_view text) {
  const auto content = last_answer_tag(text);
  return content ? std::string(*content) : "(none)";
}

TEST(AnswerTag, TheLastClosedPairWins) {
  EXPECT_EQ(tag_content("<answer>1</answer>"), "1");
  EXPECT_EQ(tag_content("<answer>1</answer> no, <answer> 2 </answer> yes"), "2");
  EXPECT_EQ(tag_content("<answer>1</answer> and <answer>2"), "1");
  EXPECT_EQ(tag_content("<answer>1<answer>2</answer>"), "2");
  EXPECT_EQ(tag_content("<answer>2</answer> trailing</answer>"), "2");
  EXPECT_EQ(tag_content("<answer>\n a\nb \n</answer>"), "a\nb");
  EXPECT_EQ(tag_content("<answer></answer>"), "");
}

TEST(AnswerTag, IsAbsentWhereItIsNotClosedOrNotATag) {
  for (const char* text : {"", "2", "<answer>2", "2</answer>", "</answer>2<answer>", "<ANSWER>2</ANSWER>",
                           "<answer >2</answer >", "< answer>2</answer>", "<ans\nwer>2</answer>",
                           "<answer>2</ans wer>", "\xef\xbc\x9c" "answer>2</answer>"}) {
    EXPECT_EQ(tag_content(text), "(none)") << text;
  }
}

TEST(AnswerTag, WhatIsThoughtIsNotAnswered) {
  EXPECT_EQ(tag_content("<think><answer>1</answer></think>"), "(none)");
  EXPECT_EQ(tag_content("<think><answer>1</answer></think><answer>2</answer>"), "2");
  EXPECT_EQ(tag_content("<answer>1</answer> hm</think><answer>2</answer>"), "2");
  EXPECT_EQ(tag_content("<think>is it <answer>1</answer>?"), "(none)");
  EXPECT_EQ(tag_content("<answer>1</answer><think>or <answer>2</answer>"), "1");
  EXPECT_EQ(tag_content("<think>a</think><think>b</think><answer>3</answer>"), "3");
}

TEST(Extract, SelectsTheNamedPlace) {
  const std::string_view text = " one\n<answer>two</answer>\n three \n\n";
  EXPECT_EQ(extract_answer(text, Extract::kAnswerTag), "two");
  EXPECT_EQ(extract_answer(text, Extract::kLastLine), "three");
  EXPECT_EQ(extract_answer(text, Extract::kAll), "one\n<answer>two</answer>\n three");
  EXPECT_EQ(extract_answer(" \n ", Extract::kLastLine), std::nullopt);
  EXPECT_EQ(extract_answer("only", Extract::kLastLine), "only");
}

TEST(Blank, IsWhatNobodyCanSee) {
  EXPECT_TRUE(is_blank(""));
  EXPECT_TRUE(is_blank(" \t\r\n"));
  EXPECT_TRUE(is_blank("\xc2\xa0\xe3\x80\x80\xe2\x80\x8b\xef\xbb\xbf"));  // no-break, ideographic, zero-width, BOM
  EXPECT_FALSE(is_blank("."));
  EXPECT_FALSE(is_blank("\xe2\x80\x8bx"));
  EXPECT_FALSE(is_blank(" \xff"));
}

TEST(Trim, TakesWhitespaceFromBothEndsOnly) {
  EXPECT_EQ(trim(" \v a b\f\n"), "a b");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\n \n"), "");
}

TEST(Excerpt, IsShortAndAlwaysStorableAsJson) {
  EXPECT_EQ(excerpt("12"), "12");
  EXPECT_EQ(excerpt(std::string(1000, 'x')).size(), 120u);
  std::string cut_inside_a_letter(119, 'x');
  cut_inside_a_letter += "\xc3\xa9";
  for (const std::string& text : {cut_inside_a_letter, std::string("\xff\x00\xfe", 3)}) {
    EXPECT_NO_THROW(Json(excerpt(text)).dump());
  }
}

}  // namespace
}  // namespace grpo

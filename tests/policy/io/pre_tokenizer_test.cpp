#include "policy/io/pre_tokenizer.h"

#include <gtest/gtest.h>

#include "policy/io/byte_alphabet.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// The words as the model reads them.
std::vector<std::string> split(const Json& json, const std::string& text, bool at_start = true) {
  const PreTokenizer pre_tokenizer = PreTokenizer::from_json(json, "test");
  const Words words = pre_tokenizer.split(text, at_start);
  std::vector<std::string> out;
  for (const TextSpan& span : words.spans) {
    const std::string word = words.text.substr(span.begin, span.end - span.begin);
    out.push_back(pre_tokenizer.byte_level() ? to_byte_alphabet(word) : word);
  }
  return out;
}

Json split_at(const char* kind, const std::string& pattern, const char* behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{kind, pattern}}}, {"behavior", behavior}, {"invert", invert}};
}

using Parts = std::vector<std::string>;

TEST(PreTokenizer, SplitBehavioursTreatTheDelimiterAsNamed) {
  // The example of the `tokenizers` documentation: "the-final--countdown".
  const std::string text = "the-final--countdown";
  EXPECT_EQ(split(split_at("String", "-", "Removed"), text), (Parts{"the", "final", "countdown"}));
  EXPECT_EQ(split(split_at("String", "-", "Isolated"), text),
            (Parts{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split(split_at("String", "-", "MergedWithPrevious"), text),
            (Parts{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split(split_at("String", "-", "MergedWithNext"), text),
            (Parts{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split(split_at("String", "-", "Contiguous"), text),
            (Parts{"the", "-", "final", "--", "countdown"}));
}

TEST(PreTokenizer, InvertSwapsDelimitersAndText) {
  EXPECT_EQ(split(split_at("Regex", "[a-z]+", "Removed", true), "ab-cd!"), (Parts{"ab", "cd"}));
}

TEST(PreTokenizer, AStringPatternIsLiteral) {
  EXPECT_EQ(split(split_at("String", ".", "Removed"), "a.b"), (Parts{"a", "b"}));
  EXPECT_EQ(split(split_at("String", "", "Isolated"), "ab"), (Parts{"ab"}));
}

TEST(PreTokenizer, EveryWordIsMatchedAsATextOfItsOwn) {
  // (?!\S) at the end of the first word must not see the "b" behind it.
  const Json json = {
      {"type", "Sequence"},
      {"pretokenizers",
       {split_at("String", "|", "Removed"), split_at("Regex", "\\s+(?!\\S)|\\s+", "Isolated")}}};
  EXPECT_EQ(split(json, "a  |b  c"), (Parts{"a", "  ", "b", " ", " ", "c"}));
}

TEST(PreTokenizer, DigitsAreCutFromTextAndIfAskedFromEachOther) {
  EXPECT_EQ(split({{"type", "Digits"}, {"individual_digits", true}}, "ab12½c"),
            (Parts{"ab", "1", "2", "½", "c"}));
  EXPECT_EQ(split({{"type", "Digits"}, {"individual_digits", false}}, "ab12½c"), (Parts{"ab", "12½", "c"}));
}

TEST(PreTokenizer, ByteLevelPrefixesASpaceOnlyWhereThereIsNone) {
  const Json json = {
      {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  EXPECT_EQ(split(json, "a b"), (Parts{"Ġa", "Ġb"}));
  EXPECT_EQ(split(json, " a"), (Parts{"Ġa"}));
  EXPECT_EQ(split(json, "é"), (Parts{"ĠÃ©"}));
  EXPECT_EQ(split(json, ""), Parts{});
}

Json metaspace(const char* scheme, bool split) {
  return {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", split}};
}

TEST(PreTokenizer, MetaspaceMarksSpacesAndCutsInFrontOfMarks) {
  EXPECT_EQ(split(metaspace("always", true), "Hey  my friend "), (Parts{"▁Hey", "▁", "▁my", "▁friend", "▁"}));
  EXPECT_EQ(split(metaspace("never", true), "a b"), (Parts{"a", "▁b"}));
  EXPECT_EQ(split(metaspace("never", true), " a▁b"), (Parts{"▁a", "▁b"}));
  EXPECT_EQ(split(metaspace("always", false), "Hey  my"), Parts{"▁Hey▁▁my"});
  EXPECT_EQ(split(metaspace("always", true), ""), Parts{});
}

TEST(PreTokenizer, MetaspacePrependsWhereItsSchemeSaysAndNeverTwice) {
  for (const bool cut : {false, true}) {
    EXPECT_EQ(split(metaspace("always", cut), "a"), Parts{"▁a"});
    EXPECT_EQ(split(metaspace("always", cut), "a", false), Parts{"▁a"});
    EXPECT_EQ(split(metaspace("first", cut), "a"), Parts{"▁a"});
    EXPECT_EQ(split(metaspace("first", cut), "a", false), Parts{"a"});
    EXPECT_EQ(split(metaspace("never", cut), "a"), Parts{"a"});
    for (const char* scheme : {"always", "first"}) {
      EXPECT_EQ(split(metaspace(scheme, cut), " a"), Parts{"▁a"});
      EXPECT_EQ(split(metaspace(scheme, cut), "▁a"), Parts{"▁a"});
    }
  }
}

TEST(PreTokenizer, MetaspaceFirstIsTheFirstWordOfTheTextAndNotOfASplit) {
  const Json json = {{"type", "Sequence"},
                     {"pretokenizers", {split_at("String", "|", "Removed"), metaspace("first", true)}}};
  EXPECT_EQ(split(json, "a|b"), (Parts{"▁a", "b"}));
  EXPECT_EQ(split(json, "|a|b"), (Parts{"a", "b"}));  // what stood first has been removed
}

TEST(PreTokenizer, MetaspaceOfOldFilesSaysAddPrefixSpace) {
  const Json old = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"str_rep", "▁"}, {"add_prefix_space", true}};
  EXPECT_EQ(split(old, "a b"), (Parts{"▁a", "▁b"}));
  Json none = old;
  none["add_prefix_space"] = false;
  EXPECT_EQ(split(none, "a b"), (Parts{"a", "▁b"}));
}

TEST(PreTokenizer, WhiteSpaceInPatternsIsUnicodes) {
  // U+180E is no white space in Unicode though PCRE2's \s matches it; U+0085 and U+3000 are.
  EXPECT_EQ(split(split_at("Regex", "\\s", "Removed"), "a\u180eb\u0085c\u3000d"),
            (Parts{"a\u180eb", "c", "d"}));
  EXPECT_EQ(split(split_at("Regex", "[^\\s]+", "Isolated"), "a\u180eb c"), (Parts{"a\u180eb", " ", "c"}));
  EXPECT_EQ(split(split_at("Regex", "\\S+", "Isolated"), "a\u180eb c"), (Parts{"a\u180eb", " ", "c"}));
}

TEST(PreTokenizer, DollarMatchesAtEveryLine) {
  EXPECT_EQ(split(split_at("Regex", "b$", "Isolated"), "ab\nb"), (Parts{"a", "b", "\n", "b"}));
}

TEST(PreTokenizer, EmptyMatchesOnlyCut) {
  EXPECT_EQ(split(split_at("Regex", "(?=x)", "Isolated"), "éxéx"), (Parts{"é", "xé", "x"}));
}

TEST(PreTokenizer, AMegabyteOfSpacesNeedsNoMoreThanItsTime) {
  const Json json = split_at("Regex", "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", "Isolated");
  const std::string spaces(1 << 20, ' ');
  EXPECT_EQ(split(json, spaces), Parts{spaces});
  EXPECT_EQ(split(json, spaces + "x"), (Parts{spaces.substr(1), " ", "x"}));
}

TEST(SplitPattern, WhatTheEnginesReadDifferentlyIsRefused) {
  for (const char* pattern : {"\\w+", "\\bx", "\\h", "[a&&b]", "[[a]b]", "a{,3}", "(?i)a", "(?<name>a)",
                              "a{2}+", "\\x41", "[\\S]", "a\\", "(?", "[]a]", "\\G"}) {
    const std::string error = error_text([&] { split(split_at("Regex", pattern, "Isolated"), "a"); });
    EXPECT_NE(error.find("test: pre_tokenizer.pattern.Regex"), std::string::npos) << pattern << ": " << error;
  }
}

TEST(SplitPattern, ABrokenPatternIsAnErrorThatQuotesIt) {
  const std::string error = error_text([] { split(split_at("Regex", "(a", "Isolated"), "a"); });
  EXPECT_NE(error.find("the regular expression (a does not compile"), std::string::npos) << error;
}

TEST(SplitPattern, UnicodeEscapesAreTranslated) {
  EXPECT_EQ(translate_oniguruma("[\\u4e00-\\u9fff]", "test"), "[\\x{4e00}-\\x{9fff}]");
}

}  // namespace
}  // namespace grpo

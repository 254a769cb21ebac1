#include "policy/io/unicode.h"

#include <gtest/gtest.h>

#include "policy/io/byte_alphabet.h"

namespace grpo {
namespace {

const std::string kBad = "\xEF\xBF\xBD";

TEST(Utf8, IllFormedPartsAreReplacedAsTheStandardShowsThem) {
  // Unicode 15, section 3.9, tables 3-8, 3-9, 3-10 and 3-11.
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"),
            kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            kBad + kBad + kBad + kBad + kBad + "A" + kBad + kBad + "B");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), kBad + kBad + kBad + kBad + "A");
}

TEST(Utf8, ValidTextIsLeftAlone) {
  const std::string text = std::string("a\0b", 3) + "é€😀\xF4\x8F\xBF\xBF";
  EXPECT_TRUE(is_valid_utf8(text));
  EXPECT_EQ(replace_invalid_utf8(text), text);
}

TEST(Utf8, OnlyAnUnfinishedCharacterAtTheEndIsHeldBack) {
  const std::string smile = "😀";  // four bytes
  for (size_t have = 1; have < 4; ++have)
    EXPECT_EQ(complete_utf8_prefix("ab" + smile.substr(0, have)), 2u) << have;
  EXPECT_EQ(complete_utf8_prefix("ab" + smile), 6u);
  EXPECT_EQ(complete_utf8_prefix("ab\xFF"), 3u);      // can never be completed
  EXPECT_EQ(complete_utf8_prefix("ab\xE2\x28"), 4u);  // neither can this
  EXPECT_EQ(complete_utf8_prefix("ab\xED\xA0"), 4u);  // a surrogate: ill-formed already
  EXPECT_EQ(complete_utf8_prefix("\x80\x80\x80\x80"), 4u);
  EXPECT_EQ(complete_utf8_prefix(""), 0u);
}

TEST(Utf8, CharactersReadForwardsBackwardsAndAppendedAgree) {
  const std::u32string characters = U"a\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff";
  std::string text;
  for (const char32_t c : characters) append_utf8(text, c);
  EXPECT_EQ(text.size(), 1u + 1 + 2 + 2 + 3 + 3 + 4 + 4);
  size_t at = 0;
  for (const char32_t c : characters) EXPECT_EQ(next_character(text, at), c);
  EXPECT_EQ(at, text.size());
  for (auto it = characters.rbegin(); it != characters.rend(); ++it)
    EXPECT_EQ(previous_character(text, at), *it);
  EXPECT_EQ(at, 0u);
}

TEST(Unicode, WhiteSpaceIsThePropertyAndNotPerlsOpinion) {
  for (const char32_t c :
       std::u32string_view(U"\t\n\v\f\r \u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000")) {
    EXPECT_TRUE(is_white_space(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'\u180e', U'\u200b', U'\ufeff', U'\u001f', U'a'}) EXPECT_FALSE(is_white_space(c));
}

TEST(Unicode, NumbersAndWordsFollowTheCategories) {
  for (const char32_t c : {U'7', U'½', U'Ⅷ', U'٣'}) EXPECT_TRUE(is_numeric(c));
  for (const char32_t c : {U'a', U'-', U'一'}) EXPECT_FALSE(is_numeric(c));
  for (const char32_t c : {U'a', U'_', U'7', U'一', U'\u0301', U'Ⓐ', U'\u200d'}) EXPECT_TRUE(is_word(c));
  for (const char32_t c : {U' ', U'-', U'½', U'。', U'😀'}) EXPECT_FALSE(is_word(c));
}

TEST(Unicode, NfcComposesAndKeepsNulBytes) {
  EXPECT_EQ(nfc("e\xCC\x81"), "é");
  EXPECT_EQ(nfc("\xE2\x84\xAB"), "Å");                           // the Angstrom sign is the letter
  EXPECT_EQ(nfc("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "한");  // three jamo
  EXPECT_EQ(nfc("\xEF\xAC\x81"), "\xEF\xAC\x81");                // a ligature: compatibility only
  EXPECT_EQ(nfc(std::string("a\0é", 4)), std::string("a\0é", 4));
}

TEST(ByteAlphabet, SpellsEveryByteAsOneCharacterAndBack) {
  std::string bytes;
  for (int b = 0; b < 256; ++b) bytes += static_cast<char>(b);
  const std::string spelled = to_byte_alphabet(bytes);
  EXPECT_TRUE(is_valid_utf8(spelled));
  size_t characters = 0;
  for (size_t i = 0; i < spelled.size(); ++characters) next_character(spelled, i);
  EXPECT_EQ(characters, 256u);
  EXPECT_EQ(from_byte_alphabet(spelled), bytes);
  EXPECT_EQ(to_byte_alphabet(" \n\t~\xAD"), "ĠĊĉ~Ń");
}

TEST(ByteAlphabet, KnowsNothingOfOtherCharacters) {
  EXPECT_EQ(from_byte_alphabet("a b"), std::nullopt);
  EXPECT_EQ(from_byte_alphabet("一"), std::nullopt);
  EXPECT_EQ(from_byte_alphabet("\xC5\x84"), std::nullopt);  // U+0144, just behind the last stand-in
}

}  // namespace
}  // namespace grpo

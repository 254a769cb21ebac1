// The two hand-made tokenizers of tests/golden/tokenizer; the comments derive the ids from their files.
#include "policy/io/tokenizer.h"

#include <gtest/gtest.h>

#include "core/seed.h"
#include "policy/io/unicode.h"
#include "tests/temporary_folder.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

// Merges in order: ab, bc, Ġ+ab, ab+c, é (of its two bytes), 12. Numbers are cut after three digits first.
class ByteLevel : public ::testing::Test {
 protected:
  static Tokenizer load() {
    const std::string file = golden_path("tokenizer/byte_level.json");
    return Tokenizer::from_json(read_json_file(file), file);
  }
  const Tokenizer tokenizer = load();
  Ids encode(const std::string& text) const { return tokenizer.encode(text, false); }
};

TEST_F(ByteLevel, MergesApplyInTheOrderOfTheFile) {
  EXPECT_EQ(encode("abc"), (Ids{11}));            // a b c -> ab c (first merge) -> abc
  EXPECT_EQ(encode("cbc"), (Ids{2, 14}));         // c b c -> c bc
  EXPECT_EQ(encode("aab"), (Ids{0, 9}));          // a a b -> a ab
  EXPECT_EQ(encode("bc abc"), (Ids{14, 10, 2}));  // "bc", " abc": Ġ a b c -> Ġ ab c -> Ġab c; no Ġab+c
}

TEST_F(ByteLevel, PreTokenizersCutBeforeMerges) {
  EXPECT_EQ(encode("1212"), (Ids{13, 4, 5}));  // "121" -> 12 1, and "2": no merge across the cut
}

TEST_F(ByteLevel, TextIsNormalizedFirst) {
  EXPECT_EQ(encode("é"), (Ids{12}));        // bytes C3 A9 -> Ã © -> Ã©
  EXPECT_EQ(encode("e\u0301"), (Ids{12}));  // composed; e alone is not even in the vocabulary
}

TEST_F(ByteLevel, AddedTokensAreCutOutWherverTheyStand) {
  EXPECT_EQ(encode("ab<think>ab"), (Ids{9, 16, 9}));
  EXPECT_EQ(encode("<think><think>"), (Ids{16, 16}));
  EXPECT_EQ(encode("<s>"), (Ids{15}));
}

TEST_F(ByteLevel, AddedTokensTakeWhiteSpaceAlongOnTheSideTheyAsk) {
  EXPECT_EQ(encode("ab  <m> ab"),
            (Ids{9, 17, 10}));                      // lstrip: both spaces before it go, the one behind stays
  EXPECT_EQ(encode("ab<r>  ab"), (Ids{9, 18, 9}));  // rstrip
  EXPECT_EQ(encode("ab<r> \u3000<m>"), (Ids{9, 18, 17}));
}

TEST_F(ByteLevel, ASingleWordTokenNeedsItsOwnWord) {
  EXPECT_EQ(encode("ab cab"), (Ids{9, 3, 19}));  // "ab", " " and the token
  EXPECT_EQ(encode("abcab"), (Ids{11, 9}));      // b touches it: a b c a b -> abc ab
  EXPECT_EQ(encode("caba"), (Ids{2, 9, 0}));
}

TEST_F(ByteLevel, NormalizedAddedTokensMatchNormalizedText) {
  EXPECT_EQ(encode("é!"), (Ids{20}));  // the file spells it e, U+0301, !
  EXPECT_EQ(encode("e\u0301!"), (Ids{20}));
}

TEST_F(ByteLevel, TheTemplateAddsBosButNeverTwice) {
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{15, 9}));
  EXPECT_EQ(tokenizer.encode("<s>ab"), (Ids{15, 9}));
  EXPECT_EQ(tokenizer.encode(""), (Ids{15}));
}

TEST_F(ByteLevel, DecodingSkipsSpecialTokensAndKeepsTags) {
  EXPECT_EQ(tokenizer.decode({15, 9, 16, 10}), "ab<think> ab");
  EXPECT_EQ(tokenizer.decode({15, 9, 16, 10}, false), "<s>ab<think> ab");
  EXPECT_TRUE(tokenizer.is_special(15));
  EXPECT_FALSE(tokenizer.is_special(16));
  EXPECT_FALSE(tokenizer.is_special(0));
}

TEST_F(ByteLevel, HalfACharacterDecodesToTheReplacementCharacter) {
  EXPECT_EQ(tokenizer.decode({6}), "\uFFFD");
  EXPECT_EQ(tokenizer.decode({6, 7}), "é");
  EXPECT_EQ(tokenizer.decode({6, 15, 7}), "é");  // special tokens are dropped before bytes are joined
  EXPECT_EQ(tokenizer.decode({6, 6, 7, 9}), "\uFFFDéab");
}

TEST_F(ByteLevel, IdsAndTokensAreFoundBothWays) {
  EXPECT_EQ(tokenizer.vocab_size(), 21);
  EXPECT_EQ(tokenizer.token_to_id("Ġab"), 10);
  EXPECT_EQ(tokenizer.token_to_id("<think>"), 16);
  EXPECT_EQ(tokenizer.token_to_id("nothing"), -1);
  EXPECT_EQ(tokenizer.id_to_token(10), "Ġab");
  EXPECT_EQ(tokenizer.id_to_token(15), "<s>");
  EXPECT_EQ(tokenizer.id_to_token(21), "");
  EXPECT_EQ(tokenizer.id_to_token(-1), "");
}

TEST_F(ByteLevel, AnUnknownIdCannotBeDecoded) {
  EXPECT_NE(error_text([&] { tokenizer.decode({9, 21}); }).find("the id 21 is no token"), std::string::npos);
  EXPECT_NE(error_text([&] { tokenizer.decode({-1}); }).find("the id -1 is no token"), std::string::npos);
}

TEST_F(ByteLevel, ACharacterOutsideTheVocabularyIsNamedAsTheUserWroteIt) {
  const std::string error = error_text([&] { encode("ab aöb"); });
  EXPECT_NE(error.find("'ö' (U+00F6)"), std::string::npos) << error;
}

TEST_F(ByteLevel, InvalidBytesAreReadAsTheReplacementCharacter) {
  const std::string error = error_text([&] { encode("ab\xFF"); });
  EXPECT_NE(error.find("(U+FFFD)"), std::string::npos) << error;
}

TEST_F(ByteLevel, TheSourceIsKeptAsRead) {
  EXPECT_EQ(tokenizer.source(), read_json_file(golden_path("tokenizer/byte_level.json")));
  TemporaryFolder folder;
  folder.write("tokenizer.json", tokenizer.source().dump());
  EXPECT_EQ(Tokenizer::load(folder.path()).encode("abc ab"), tokenizer.encode("abc ab"));
}

// Merges in order: ▁a, ab, ▁a+b. Text gets a ▁ in front and ▁ for spaces; what is not in the vocabulary is
// spelled in bytes where all its bytes are there (C3 A9, E2 82 AC and 0A), else <unk>.
class ByteFallback : public ::testing::Test {
 protected:
  static Tokenizer load() {
    const std::string file = golden_path("tokenizer/byte_fallback.json");
    return Tokenizer::from_json(read_json_file(file), file);
  }
  const Tokenizer tokenizer = load();
  Ids encode(const std::string& text) const { return tokenizer.encode(text, false); }
};

TEST_F(ByteFallback, SpacesBecomeTheMarkAndMerge) {
  EXPECT_EQ(encode("ab"), (Ids{14}));           // ▁ a b -> ▁a b -> ▁ab
  EXPECT_EQ(encode("b ab"), (Ids{9, 11, 14}));  // ▁ b ▁ a b -> ▁ b ▁a b -> ▁ b ▁ab
  EXPECT_EQ(encode(""), Ids{});
}

TEST_F(ByteFallback, UnknownCharactersAreSpelledInBytes) {
  EXPECT_EQ(encode("é"), (Ids{9, 7, 5}));
  EXPECT_EQ(encode("€"), (Ids{9, 8, 4, 6}));
  EXPECT_EQ(encode("\n"), (Ids{9, 3}));
}

TEST_F(ByteFallback, WhatBytesCannotSpellIsUnknownAndFuses) {
  EXPECT_EQ(encode("z"), (Ids{9, 0}));
  EXPECT_EQ(encode("zq"), (Ids{9, 0}));
  EXPECT_EQ(encode("zaz"), (Ids{9, 0, 10, 0}));
  EXPECT_EQ(encode("zé"), (Ids{9, 7, 5, 0}));  // as the library has it: the unknown waits, the bytes do not
}

TEST_F(ByteFallback, EveryStretchBetweenAddedTokensIsNormalizedAlone) {
  EXPECT_EQ(encode("a<s>a"), (Ids{12, 1, 12}));
}

TEST_F(ByteFallback, TheTemplateAddsBosAndEosButNeverTwice) {
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{1, 14, 2}));
  EXPECT_EQ(tokenizer.encode("<s>ab</s>"), (Ids{1, 14, 2}));
  EXPECT_EQ(tokenizer.encode(""), (Ids{1, 2}));
}

TEST_F(ByteFallback, DecodingStripsOneLeadingSpace) {
  EXPECT_EQ(tokenizer.decode({14, 9, 11}), "ab b");
  EXPECT_EQ(tokenizer.decode({9, 9, 10}), " a");
  EXPECT_EQ(tokenizer.decode({}), "");
}

TEST_F(ByteFallback, BytesJoinToCharactersOrAreAllReplaced) {
  EXPECT_EQ(tokenizer.decode({8, 4, 6}), "€");
  EXPECT_EQ(tokenizer.decode({8, 4}), "\uFFFD\uFFFD");
  EXPECT_EQ(tokenizer.decode({3, 8}), "\uFFFD\uFFFD");
  EXPECT_EQ(tokenizer.decode({14, 8, 4, 10}), "ab\uFFFD\uFFFDa");
}

const std::string kPrintable = [] {
  std::string characters = "\n";
  for (char c = ' '; c <= '~'; ++c) characters += c;
  return characters;
}();

TEST(CharacterTokenizer, IdsFollowTheOrderGiven) {
  const Tokenizer t =
      Tokenizer::from_json(character_tokenizer_json("0é +", {"<think>", "</think>"}, {"<eos>"}), "test");
  EXPECT_EQ(t.vocab_size(), 7);
  EXPECT_EQ(t.encode("+0é <think></think><eos>"), (Ids{3, 0, 1, 2, 4, 5, 6}));
  EXPECT_EQ(t.decode({4, 0, 2, 1, 5, 6}), "<think>0 é</think>");
  EXPECT_TRUE(t.is_special(6));
  EXPECT_FALSE(t.is_special(4));
  EXPECT_EQ(t.token_to_id(" "), 2);
}

TEST(CharacterTokenizer, AnyTextOfItsAlphabetComesBack) {
  const Tokenizer t =
      Tokenizer::from_json(character_tokenizer_json(kPrintable, {"<answer>"}, {"<eos>"}), "test");
  Stream random(3);
  std::string text = "<answer>";
  for (int i = 0; i < 5000; ++i) text += kPrintable[static_cast<size_t>(random.below(kPrintable.size()))];
  const Ids ids = t.encode(text);
  EXPECT_EQ(ids.size(), 5001u);
  EXPECT_EQ(t.decode(ids), text);
}

TEST(CharacterTokenizer, ACharacterOutsideTheAlphabetIsAnErrorThatNamesIt) {
  const Tokenizer t = Tokenizer::from_json(character_tokenizer_json("01", {}, {}), "test");
  EXPECT_NE(error_text([&] { t.encode("0€1"); }).find("'€' (U+20AC)"), std::string::npos);
}

TEST(CharacterTokenizer, TokensGivenTwiceOrEmptyAreRefused) {
  EXPECT_NE(error_text([] { character_tokenizer_json("aba", {}, {}); }).find("'a' is given twice"),
            std::string::npos);
  EXPECT_NE(error_text([] { character_tokenizer_json("a", {"<t>"}, {"<t>"}); }), "");
  EXPECT_NE(error_text([] { character_tokenizer_json("a", {"a"}, {}); }), "");
  EXPECT_NE(error_text([] { character_tokenizer_json("a", {""}, {}); }), "");
  EXPECT_NE(error_text([] { character_tokenizer_json("", {}, {}); }), "");
  EXPECT_NE(error_text([] { character_tokenizer_json("\xFF", {}, {}); }), "");
}

}  // namespace
}  // namespace grpo

#include "policy/io/bpe.h"

#include <gtest/gtest.h>

#include "core/seed.h"
#include "policy/io/byte_alphabet.h"
#include "tests/reference/naive_bpe.h"

namespace grpo {
namespace {

Json model(Json vocab, Json merges) {
  return {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}};
}

std::vector<int64_t> encode(const Bpe& bpe, const std::string& word) {
  std::vector<int64_t> ids;
  EXPECT_EQ(bpe.encode_word(word, ids), std::nullopt) << word;
  return ids;
}

TEST(Bpe, EqualsTheDefinitionOnRandomVocabularies) {
  Stream random(7);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> tokens = {"a", "b", "c"};
    Json vocab = {{"a", 0}, {"b", 1}, {"c", 2}};
    Json merges = Json::array();
    reference::MergeRanks ranks;
    for (int i = 0; i < 60; ++i) {
      const std::string left = tokens[static_cast<size_t>(random.below(static_cast<int64_t>(tokens.size())))];
      const std::string right =
          tokens[static_cast<size_t>(random.below(static_cast<int64_t>(tokens.size())))];
      if (left.size() + right.size() > 12 || !ranks.emplace(std::pair(left, right), ranks.size()).second)
        continue;
      merges.push_back({left, right});
      if (!vocab.contains(left + right)) {
        vocab[left + right] = tokens.size();
        tokens.push_back(left + right);
      }
    }
    const Bpe bpe = Bpe::from_json(model(vocab, merges), "test");
    for (int sample = 0; sample < 50; ++sample) {
      std::string word;
      std::vector<std::string> symbols;
      for (int64_t n = 1 + random.below(60); n > 0; --n) {
        symbols.emplace_back(1, static_cast<char>('a' + random.below(3)));
        word += symbols.back();
      }
      std::vector<int64_t> expected;
      for (const auto& symbol : reference::naive_bpe(symbols, ranks))
        expected.push_back(vocab[symbol].get<int64_t>());
      ASSERT_EQ(encode(bpe, word), expected) << word << "\n" << merges.dump();
    }
  }
}

TEST(Bpe, EqualRanksMergeFromTheLeft) {
  const Bpe bpe = Bpe::from_json(model({{"a", 0}, {"aa", 1}}, {"a a"}), "test");
  EXPECT_EQ(encode(bpe, "aaaaa"), (std::vector<int64_t>{1, 1, 0}));
}

TEST(Bpe, IgnoreMergesTakesAWholeWordFromTheVocabulary) {
  Json json = model({{"a", 0}, {"b", 1}, {"ab", 2}}, Json::array());
  EXPECT_EQ(encode(Bpe::from_json(json, "test"), "ab"), (std::vector<int64_t>{0, 1}));
  json["ignore_merges"] = true;
  EXPECT_EQ(encode(Bpe::from_json(json, "test"), "ab"), (std::vector<int64_t>{2}));
}

TEST(Bpe, UnknownCharactersFuseOnlyWhenAsked) {
  Json json = model({{"?", 0}, {"a", 1}}, Json::array());
  json["unk_token"] = "?";
  EXPECT_EQ(encode(Bpe::from_json(json, "test"), "xyaz"), (std::vector<int64_t>{0, 0, 1, 0}));
  json["fuse_unk"] = true;
  EXPECT_EQ(encode(Bpe::from_json(json, "test"), "xyaz"), (std::vector<int64_t>{0, 1, 0}));
}

TEST(Bpe, ReportsWhereAWordCannotBeExpressed) {
  const Bpe bpe = Bpe::from_json(model({{"a", 0}, {"é", 1}}, Json::array()), "test");
  std::vector<int64_t> ids;
  EXPECT_EQ(bpe.encode_word("aéz", ids), 3u);
  EXPECT_TRUE(ids.empty());
}

// All 256 characters of the byte-level alphabet but those of `without`, and a few merges.
Bpe byte_level(const std::string& without) {
  Json vocab = Json::object(), merges = Json::array();
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (without.find(c) == without.npos) vocab[to_byte_alphabet({&c, 1})] = vocab.size();
  }
  for (const auto& [left, right] : {std::pair("a", "b"), {"ab", "c"}, {" ", "a"}, {"\xC3", "\xA9"}}) {
    merges.push_back({to_byte_alphabet(left), to_byte_alphabet(right)});
    vocab[to_byte_alphabet(std::string(left) + right)] = vocab.size();
  }
  return Bpe::from_json(model(vocab, merges), "test");
}

TEST(Bpe, BytesAreEncodedAsTheirCharactersOfTheAlphabet) {
  const Bpe bpe = byte_level("");
  Stream random(8);
  for (int round = 0; round < 2000; ++round) {
    std::string word;
    for (int64_t n = random.below(90); n > 0; --n) word += "abc \xC3\xA9"[random.below(6)];
    std::vector<int64_t> ids;
    ASSERT_EQ(bpe.encode_bytes(word, ids), std::nullopt);
    ASSERT_EQ(ids, encode(bpe, to_byte_alphabet(word)));
  }
}

TEST(Bpe, AByteThatTheAlphabetLacksIsReportedWhereItStands) {
  const Bpe bpe = byte_level("\xAAz");
  for (const std::string& front : {std::string(), std::string("ab \xC3"), std::string(100, ' ')}) {
    for (const char* byte : {"\xAA", "z"}) {
      std::vector<int64_t> ids;
      EXPECT_EQ(bpe.encode_bytes(front + byte + "ab", ids), front.size());
      EXPECT_TRUE(ids.empty());
    }
  }
}

TEST(Bpe, AWordOfAMillionCharactersIsNotQuadratic) {
  const Bpe bpe = Bpe::from_json(model({{"a", 0}, {"aa", 1}, {"aaaa", 2}}, {"a a", "aa aa"}), "test");
  EXPECT_EQ(encode(bpe, std::string(1 << 20, 'a')), std::vector<int64_t>(1 << 18, 2));
}

}  // namespace
}  // namespace grpo

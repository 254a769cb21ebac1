#include "policy/io/incremental_decoder.h"

#include <gtest/gtest.h>

#include "core/seed.h"
#include "policy/io/unicode.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;
using Pieces = std::vector<std::string>;

Tokenizer golden(const char* name) {
  const std::string file = golden_path(std::string("tokenizer/") + name);
  return Tokenizer::from_json(read_json_file(file), file);
}

// What each id completes, and what flush leaves.
Pieces stream(const Tokenizer& tokenizer, const Ids& ids, bool skip = true) {
  IncrementalDecoder decoder(tokenizer, skip);
  Pieces pieces;
  for (const int64_t id : ids) pieces.push_back(decoder.push(id));
  pieces.push_back(decoder.flush());
  return pieces;
}

std::string joined(const Pieces& pieces) {
  std::string text;
  for (const auto& piece : pieces) text += piece;
  return text;
}

TEST(IncrementalDecoder, ACharacterComesWithItsLastByte) {
  EXPECT_EQ(stream(golden("byte_level.json"), {9, 6, 7, 9}), (Pieces{"ab", "", "é", "ab", ""}));
  EXPECT_EQ(stream(golden("byte_fallback.json"), {14, 8, 4, 6, 3}), (Pieces{"ab", "", "", "€", "\n", ""}));
}

TEST(IncrementalDecoder, WhatNeverCompletesIsReplaced) {
  EXPECT_EQ(stream(golden("byte_level.json"), {6, 9, 6}), (Pieces{"", "\uFFFDab", "", "\uFFFD"}));
  EXPECT_EQ(stream(golden("byte_fallback.json"), {8, 4, 10, 7}),
            (Pieces{"", "", "\uFFFD\uFFFDa", "", "\uFFFD"}));
}

TEST(IncrementalDecoder, TheLeadingSpaceIsStrippedOnlyFromTheFront) {
  EXPECT_EQ(stream(golden("byte_fallback.json"), {9, 12, 12}), (Pieces{"", " a", " a", ""}));
}

TEST(IncrementalDecoder, SpecialTokensComeOnlyIfAskedFor) {
  EXPECT_EQ(stream(golden("byte_level.json"), {15, 9, 16}), (Pieces{"", "ab", "<think>", ""}));
  EXPECT_EQ(stream(golden("byte_level.json"), {15, 9}, false), (Pieces{"<s>", "ab", ""}));
}

TEST(IncrementalDecoder, FlushMakesItNew) {
  IncrementalDecoder decoder(golden("byte_fallback.json"));
  EXPECT_EQ(decoder.push(12), "a");
  EXPECT_EQ(decoder.push(12), " a");
  EXPECT_EQ(decoder.flush(), "");
  EXPECT_EQ(decoder.push(12), "a");
}

TEST(IncrementalDecoder, AnUnknownIdIsAnError) {
  IncrementalDecoder decoder(golden("byte_level.json"));
  EXPECT_NE(error_text([&] { decoder.push(99); }).find("the id 99"), std::string::npos);
}

TEST(IncrementalDecoder, JoinedPiecesEqualDecodeOnRandomByteLevelIds) {
  const Tokenizer tokenizer = golden("byte_level.json");
  Stream random(11);
  for (int round = 0; round < 500; ++round) {
    Ids ids;
    for (int64_t n = random.below(20); n > 0; --n) ids.push_back(random.below(tokenizer.vocab_size()));
    const Pieces pieces = stream(tokenizer, ids);
    ASSERT_EQ(joined(pieces), tokenizer.decode(ids));
    for (const auto& piece : pieces) ASSERT_TRUE(is_valid_utf8(piece));
  }
}

TEST(IncrementalDecoder, JoinedPiecesEqualDecodeWhereByteRunsAreText) {
  const Tokenizer tokenizer = golden("byte_fallback.json");
  const std::vector<Ids> units = {{0}, {3}, {7, 5}, {8, 4, 6}, {9}, {10}, {11}, {12}, {13}, {14}, {1}};
  Stream random(12);
  for (int round = 0; round < 500; ++round) {
    Ids ids;
    for (int64_t n = random.below(12); n > 0; --n) {
      const Ids& unit = units[static_cast<size_t>(random.below(static_cast<int64_t>(units.size())))];
      ids.insert(ids.end(), unit.begin(), unit.end());
    }
    ASSERT_EQ(joined(stream(tokenizer, ids)), tokenizer.decode(ids));
  }
}

TEST(IncrementalDecoder, TokensWithoutDecoderAreJoinedBySpaces) {
  Json json = read_json_file(golden_path("tokenizer/byte_level.json"));
  json["decoder"] = nullptr;
  const Tokenizer tokenizer = Tokenizer::from_json(json, "test");
  EXPECT_EQ(tokenizer.decode({9, 15, 2}), "ab c");
  EXPECT_EQ(stream(tokenizer, {9, 15, 2}), (Pieces{"ab", "", " c", ""}));
}

}  // namespace
}  // namespace grpo

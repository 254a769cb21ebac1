// The shapes of released tokenizer.json files (DeepSeek-V2 and V3, Llama 3, Qwen, Metaspace, Llama 2) with a
// tiny vocabulary, against what Hugging Face tokenizers says: tests/golden/tokenizer/make.py made fixtures
// and expectations.
#include <gtest/gtest.h>

#include "policy/io/incremental_decoder.h"
#include "policy/io/tokenizer.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

// A fixture with the values at some JSON pointers replaced.
Json shape(const std::string& file, const Json& changed = Json::object()) {
  Json json = read_json_file(golden_path("tokenizer/" + file));
  for (const auto& [pointer, value] : changed.items()) json[Json::json_pointer(pointer)] = value;
  return json;
}

Tokenizer load(const std::string& file, const Json& changed = Json::object()) {
  return Tokenizer::from_json(shape(file, changed), file);
}

class TokenizerShape : public ::testing::TestWithParam<size_t> {};

TEST_P(TokenizerShape, EqualsHuggingFaceOnEveryText) {
  const Json expected = read_json_file(golden_path("tokenizer/expected.json")).at(GetParam());
  const Tokenizer tokenizer = load(expected["file"], expected["changed"]);
  ASSERT_GE(expected["cases"].size(), 40u);
  for (const Json& c : expected["cases"]) {
    const auto text = c["text"].get<std::string>();
    SCOPED_TRACE(expected["file"].dump() + expected["changed"].dump() + ": " + c["text"].dump());
    const Ids ids = tokenizer.encode(text, false);
    EXPECT_EQ(ids, c["ids"].get<Ids>());
    EXPECT_EQ(tokenizer.without_cache().encode(text, false), ids);
    EXPECT_EQ(tokenizer.encode(text, true), c["with_special"].get<Ids>());
    EXPECT_EQ(tokenizer.decode(ids, false), c["decoded"].get<std::string>());
    IncrementalDecoder incremental(tokenizer, false);
    std::string streamed;
    for (const int64_t id : ids) streamed += incremental.push(id);
    EXPECT_EQ(streamed + incremental.flush(), c["decoded"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, TokenizerShape, ::testing::Range(size_t{0}, size_t{13}));

TEST(TokenizerShapes, EveryExpectationIsTested) {
  EXPECT_EQ(read_json_file(golden_path("tokenizer/expected.json")).size(), 13u);
}

TEST(TokenizerShapes, ByteLevelOnesBringAnyTextBack) {
  const Json expected = read_json_file(golden_path("tokenizer/expected.json"));
  for (const char* file : {"deepseek_v3.json", "llama3.json"}) {
    const Tokenizer tokenizer = load(file);
    for (const Json& c : expected[0]["cases"]) {
      const auto text = c["text"].get<std::string>();
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false), false), text) << file;
    }
  }
}

// Llama 3's file says ignore_merges: "never" is a token that no merge makes.
TEST(TokenizerShapes, IgnoreMergesFindsWholeWordsFirst) {
  const Json keep = {{"/model/ignore_merges", false}};
  const int64_t never = load("llama3.json").token_to_id("Ġnever");
  EXPECT_EQ(load("llama3.json").encode(" never", false), Ids{never});
  EXPECT_EQ(load("llama3.json", keep).encode(" never", false).size(), 6u);
}

// In a vocabulary as SentencePiece makes it no token has a mark behind another character, and words are
// encoded one by one; a merge across a mark makes that wrong, and must be seen.
TEST(TokenizerShapes, AMergeAcrossAMarkKeepsWordsTogether) {
  const Json llama2 = {
      {"/normalizer", Json::parse(R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})")},
      {"/pre_tokenizer", nullptr}};
  Json json = shape("metaspace.json", llama2);
  const Ids apart = Tokenizer::from_json(json, "test").encode("b a", false);
  const auto id = static_cast<int64_t>(json["model"]["vocab"].size());
  json["model"]["vocab"]["b▁"] = id;
  json["model"]["merges"].insert(json["model"]["merges"].begin(), "b ▁");
  const Tokenizer joined = Tokenizer::from_json(json, "test");
  EXPECT_EQ(joined.encode("b a", false), (Ids{id, joined.token_to_id("a")}));
  EXPECT_EQ(apart, (Ids{joined.token_to_id("b"), joined.token_to_id("▁a")}));
}

}  // namespace
}  // namespace grpo

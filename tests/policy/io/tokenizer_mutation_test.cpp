// Damaged tokenizer files: each one is refused with an Error, or loads and then encodes and decodes whatever
// it is given, or refuses that with an Error. Never a crash, another exception, or memory out of proportion.
// GRPO_MUTATIONS sets the number of cases.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "policy/io/incremental_decoder.h"
#include "policy/io/tokenizer.h"
#include "policy/io/unicode.h"
#include "tests/mutation.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

const std::vector<std::string> kWords = {"null",
                                         "true",
                                         "-1",
                                         "0",
                                         "1",
                                         "3",
                                         "1048575",
                                         "1048576",
                                         "16777215",
                                         "1e308",
                                         "0.5",
                                         "\"\"",
                                         "\"a\"",
                                         "\"<s>\"",
                                         "[]",
                                         "{}",
                                         "[[",
                                         "}}",
                                         "\\u0000",
                                         "\\ud800",
                                         "\\u2581",
                                         "\xC3",
                                         "\xEF\xBF",
                                         "\"Regex\"",
                                         "\"String\"",
                                         "\\\\s+",
                                         "(a|a)*b",
                                         "(?i:",
                                         "\\\\p{L}",
                                         "{1,3}",
                                         "(?!\\\\S)",
                                         "[^",
                                         "*",
                                         "9000000000000000000",
                                         "18446744073709551616",
                                         "\"type\":\"ByteLevel\",",
                                         "\"type\":\"Metaspace\",",
                                         "\"type\":\"Sequence\",",
                                         "\"id\":",
                                         "\"ids\":[",
                                         "\"lstrip\":true,",
                                         "\"rstrip\":true,",
                                         "\"single_word\":true,",
                                         "\"normalized\":true,",
                                         "\"special\":false,",
                                         "\"unk_token\":\"a\",",
                                         "\"ignore_merges\":true,",
                                         "\"byte_fallback\":true,",
                                         "\"prepend_scheme\":\"first\",",
                                         "\"behavior\":\"Contiguous\",",
                                         "\"invert\":true,"};

std::vector<std::string> nasty_texts() {
  std::string bytes;
  for (int b = 255; b >= 0; --b) bytes += static_cast<char>(b);
  return {"",
          " ",
          bytes,
          "ab 12 é cab!<s><m> <r>  <think>\r\n\n it's 'S",
          "\xE2\x96\x81\xE2\x96\x81 a\xE2\x96",
          "你好 𝐀\u0301\u200d\u0085\u2028",
          std::string(700, ' ') + "x",
          std::string(500, 'a'),
          "<s>" + std::string(60, '\n')};
}

// Encodes and decodes; an Error is an answer as well.
void use(const Tokenizer& tokenizer) {
  static const std::vector<std::string> texts = nasty_texts();
  for (const std::string& text : texts) {
    try {
      const auto ids = tokenizer.encode(text);
      for (const int64_t id : ids) ASSERT_LT(id, tokenizer.vocab_size());
      ASSERT_EQ(tokenizer.without_cache().encode(text), ids);
      ASSERT_TRUE(is_valid_utf8(tokenizer.decode(ids, false)));
      IncrementalDecoder incremental(tokenizer, true);
      std::string streamed;
      for (const int64_t id : ids) streamed += incremental.push(id);
      ASSERT_TRUE(is_valid_utf8(streamed + incremental.flush()));
    } catch (const Error&) {
    }
  }
}

// Every value in `json`, itself included.
void collect(Json& json, std::vector<Json*>& values) {
  values.push_back(&json);
  if (json.is_structured()) {
    for (Json& item : json) collect(item, values);
  }
}

const std::vector<std::string> kParts = {"pre_tokenizer", "normalizer", "decoder", "post_processor",
                                         "added_tokens"};

// `good` with one to three values replaced: by a word of the list, by another value of the file, or, if it is
// a string, by a damaged one. What is parsed again is still JSON, so this damage gets further than that of
// the text.
std::string with_values_replaced(const Json& good, uint64_t seed) {
  Json json = good;
  Stream random(seed);
  const auto any = [&](const auto& list) -> decltype(list[0]) {
    return list[static_cast<size_t>(random.below(static_cast<int64_t>(list.size())))];
  };
  for (int64_t edits = 1 + random.below(3); edits > 0; --edits) {
    std::vector<Json*> values;
    // Half of the time not in the vocabulary and the merges, of which there are many.
    Json* part = &json;
    if (json.is_object() && random.below(2) == 0) part = &json[any(kParts)];
    collect(*part, values);
    Json& value = *any(values);
    const Json other = *any(values);
    switch (random.below(3)) {
      case 0: {
        const Json word = Json::parse(any(kWords), nullptr, false);
        value = word.is_discarded() ? Json(any(kWords)) : word;
        break;
      }
      case 1:
        value = other;
        break;
      default:
        value = value.is_string() ? Json(mutated(value.get<std::string>(), kWords, random.next()))
                                  : Json(nullptr);
    }
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class TokenizerMutation : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerMutation, MakesAnErrorOrAWorkingTokenizer) {
  using Clock = std::chrono::steady_clock;
  const std::string good = read_data(golden_path(std::string("tokenizer/") + GetParam()));
  const Json parsed = parse_json(good, GetParam());
  const int64_t cases = mutation_cases(2000) / 5;
  int64_t loaded = 0, slowest = -1;
  double slowest_seconds = 0;
  for (int64_t i = 0; i < cases; ++i) {
    SCOPED_TRACE(std::string(GetParam()) + ", case " + std::to_string(i));
    const uint64_t seed = derive_seed({static_cast<uint64_t>(i), good.size()});
    const std::string text = i == 0       ? good
                             : i % 3 == 0 ? mutated(good, kWords, seed)
                                          : with_values_replaced(parsed, seed);
    const auto start = Clock::now();
    try {
      const Tokenizer tokenizer = Tokenizer::from_json(parse_json(text, "f"), "f");
      ASSERT_LE(tokenizer.vocab_size(), 1 << 20);
      ++loaded;
      use(tokenizer);
    } catch (const Error&) {
    }
    if (HasFatalFailure()) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (seconds > slowest_seconds) {
      slowest = i;
      slowest_seconds = seconds;
    }
  }
  std::cout << GetParam() << ": " << cases << " cases, " << loaded << " loaded, the slowest (" << slowest
            << ") took " << slowest_seconds << " s\n";
  if (cases >= 100) {  // enough of both, or the damage is too little or too much
    EXPECT_GT(loaded, cases / 20);
    EXPECT_LT(loaded, cases * 3 / 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, TokenizerMutation,
                         ::testing::Values("byte_level.json", "byte_fallback.json", "deepseek_v2.json",
                                           "deepseek_v3.json", "metaspace.json"),
                         [](const auto& info) {
                           const std::string file = info.param;
                           return file.substr(0, file.find('.'));
                         });

// The damage that random edits seldom do.
TEST(TokenizerDamage, LargeNumbersCostNoMemory) {
  const std::string good = read_data(golden_path("tokenizer/metaspace.json"));
  for (const char* id :
       {"9000000000000000000", "18446744073709551615", "9223372036854775807", "1e18", "16777215"}) {
    for (const char* at :
         {"/model/vocab/a", "/added_tokens/1/id", "/post_processor/special_tokens/<s>/ids/0"}) {
      Json json = Json::parse(good);
      json[Json::json_pointer(at)] = Json::parse(id);
      EXPECT_THROW(Tokenizer::from_json(json, "f"), Error) << at << " = " << id;
    }
  }
  Json json = Json::parse(read_data(golden_path("tokenizer/byte_fallback.json")));
  json["/decoder/decoders/3/start"_json_pointer] = 9000000000000000000;
  EXPECT_EQ(Tokenizer::from_json(json, "f").decode({9, 9, 9, 10}), "a");  // all leading spaces
}

TEST(TokenizerDamage, APatternThatBacktracksWithoutEndIsAnError) {
  Json json = Json::parse(read_data(golden_path("tokenizer/deepseek_v3.json")));
  json["/pre_tokenizer/pretokenizers/0/pattern/Regex"_json_pointer] = "(?:(?:a|a)+)+[0-9]";
  const Tokenizer tokenizer = Tokenizer::from_json(json, "f");
  EXPECT_THROW(tokenizer.encode(std::string(40, 'a')), Error);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("aab")), "aab");
}

TEST(TokenizerDamage, DeepSequencesAreAnErrorNotACrash) {
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    const std::string list = part == std::string("normalizer")       ? "normalizers"
                             : part == std::string("pre_tokenizer")  ? "pretokenizers"
                             : part == std::string("post_processor") ? "processors"
                                                                     : "decoders";
    std::string text =
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"" + std::string(part) + "\":";
    for (int i = 0; i < 100'000; ++i) text += "{\"type\":\"Sequence\",\"" + list + "\":[";
    EXPECT_THROW(Tokenizer::from_json(parse_json(text, "f"), "f"), Error) << part;
  }
}

}  // namespace
}  // namespace grpo

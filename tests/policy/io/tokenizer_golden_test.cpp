// Ids of real tokenizers against published ones, and against those of an independent implementation.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "core/seed.h"
#include "policy/io/incremental_decoder.h"
#include "policy/io/tokenizer.h"
#include "policy/io/unicode.h"
#include "tests/policy/io/gguf_vocabulary.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

// Qwen2.5 is Qwen2 with more added tokens, which its tokenizer_config.json lists.
void add_qwen25_tokens(Json& json) {
  const Json config = read_json_file(test_data("tokenizers/qwen2.5/tokenizer_config.json"));
  json["added_tokens"] = Json::array();
  for (const auto& [id, token] : config["added_tokens_decoder"].items()) {
    json["added_tokens"].push_back(token);
    json["added_tokens"].back()["id"] = std::stoll(id);
  }
}

Tokenizer real(const std::string& name) {
  const std::string path =
      test_data("tokenizers/" + (name == "qwen2.5" ? "qwen2" : name) + "/tokenizer.json.gz");
  Json json = parse_json(read_data(path), path);
  if (name == "qwen2.5") add_qwen25_tokens(json);
  return Tokenizer::from_json(json, path);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> split_cases(const std::string& text, const std::string& separator) {
  std::vector<std::string> cases;
  size_t begin = 0;
  for (size_t at; (at = text.find(separator, begin)) != text.npos; begin = at + separator.size()) {
    cases.push_back(text.substr(begin, at - begin));
  }
  cases.push_back(text.substr(begin));
  return cases;
}

Ids ids_of(const std::string& line) {
  Ids ids;
  std::istringstream in(line);
  for (int64_t id; in >> id;) ids.push_back(id);
  return ids;
}

struct Published {
  const char* tokenizer;  // folder of the tokenizer.json
  const char* cases;      // name of llama.cpp's vocabulary
};
void PrintTo(const Published& p, std::ostream* out) {
  *out << p.cases;
}

// The pairs of llama.cpp for one of its vocabularies.
void expect_published_ids(const Tokenizer& tokenizer, const std::string& cases) {
  const std::string base = test_data("tokenizers/llama.cpp/ggml-vocab-" + cases + ".gguf");
  const auto texts = split_cases(read_data(base + ".inp"), "\n__ggml_vocab_test__\n");
  const auto expected = lines_of(read_data(base + ".out"));
  ASSERT_GE(texts.size(), expected.size());
  ASSERT_GE(expected.size(), 40u);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(texts[i], false), ids_of(expected[i]))
        << "case " << i << ": " << Json(texts[i]).dump();
  }
}

class LlamaCppCases : public ::testing::TestWithParam<Published> {};

TEST_P(LlamaCppCases, IdsEqualThePublishedOnes) {
  const auto [name, cases] = GetParam();
  GRPO_NEEDS_DATA(test_data(std::string("tokenizers/llama.cpp/ggml-vocab-") + cases + ".gguf.inp"));
  expect_published_ids(real(name), cases);
}

INSTANTIATE_TEST_SUITE_P(Vocabulary, LlamaCppCases,
                         ::testing::Values(Published{"gpt2", "gpt-2"}, Published{"qwen2", "qwen2"},
                                           Published{"qwen2", "deepseek-r1-qwen"},
                                           Published{"llama3", "llama-bpe"},
                                           Published{"phi-3-mini", "phi-3"}),
                         [](const auto& info) {
                           std::string name = info.param.cases;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Vocabularies that are only to be had as GGUF, with the splits that go with them.
class LlamaCppVocabularies : public ::testing::Test {
 protected:
  static std::string gguf(const std::string& name) {
    return test_data("tokenizers/llama.cpp/ggml-vocab-" + name + ".gguf.gz");
  }
  static Tokenizer tokenizer(const std::string& name, const Json& pre_tokenizer) {
    return Tokenizer::from_json(tokenizer_of_gguf(read_data(gguf(name)), pre_tokenizer), name);
  }
  static Json split(const std::string& regex) {
    return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
  }
  // DeepSeek-V2's, which are DeepSeek-LLM's as well.
  static Json deepseek_splits() {
    return read_json_file(golden_path("tokenizer/deepseek_v2.json"))["pre_tokenizer"];
  }
};

TEST_F(LlamaCppVocabularies, DeepSeekLlmHasThePublishedIds) {
  GRPO_NEEDS_DATA(gguf("deepseek-llm"));
  Json splits = deepseek_splits();
  ASSERT_EQ(splits["pretokenizers"][5]["type"], "Digits");
  expect_published_ids(tokenizer("deepseek-llm", splits), "deepseek-llm");
  splits["pretokenizers"][5] = split("\\p{N}+");  // as llama.cpp has it: no merge joins digits
  expect_published_ids(tokenizer("deepseek-llm", splits), "deepseek-llm");
}

TEST_F(LlamaCppVocabularies, DeepSeekCoderHasThePublishedIds) {
  GRPO_NEEDS_DATA(gguf("deepseek-coder"));
  Json splits = deepseek_splits();
  splits["pretokenizers"] = {
      split("[\r\n]"),      split("\\s?\\p{L}+"),
      split("\\s?\\p{P}+"), splits["pretokenizers"][4],
      split("\\p{N}"),      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}};
  expect_published_ids(tokenizer("deepseek-coder", splits), "deepseek-coder");
}

TEST_F(LlamaCppVocabularies, Gpt2IsTheSameAsItsTokenizerJson) {
  GRPO_NEEDS_DATA(gguf("gpt-2"));
  GRPO_NEEDS_DATA(test_data("tokenizers/gpt2/tokenizer.json.gz"));
  const Tokenizer ours = tokenizer("gpt-2", {{"type", "ByteLevel"}, {"add_prefix_space", false}});
  expect_published_ids(ours, "gpt-2");
  const Tokenizer json = real("gpt2");
  ASSERT_EQ(ours.vocab_size(), json.vocab_size());
  for (int64_t id = 0; id < ours.vocab_size(); ++id) ASSERT_EQ(ours.id_to_token(id), json.id_to_token(id));
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, IdsEqualTheReferenceAndDecodeToTheText) {
  const std::string name = GetParam();  // of a folder of tokenizers, and of a column of the vectors
  GRPO_NEEDS_DATA(test_data("tokenizers/vectors/bpe_goldens.jsonl.gz"));
  const Tokenizer tokenizer = real(name);
  size_t cases = 0;
  for (const auto& line : lines_of(read_data(test_data("tokenizers/vectors/bpe_goldens.jsonl.gz")))) {
    const Json row = Json::parse(line);
    const auto text = row["text"].get<std::string>();
    const Ids ids = tokenizer.encode(text, false);
    EXPECT_EQ(ids, row[name].get<Ids>()) << row["source"] << ": " << row["text"].dump();
    const bool normalizes = !tokenizer.source()["normalizer"].is_null();
    const std::string expected = normalizes ? nfc(text) : text;
    EXPECT_EQ(tokenizer.decode(ids, false), expected);
    IncrementalDecoder incremental(tokenizer, false);
    std::string streamed;
    for (const int64_t id : ids) streamed += incremental.push(id);
    EXPECT_EQ(streamed + incremental.flush(), expected);
    ++cases;
  }
  EXPECT_EQ(cases, 352u);
}

INSTANTIATE_TEST_SUITE_P(Vocabulary, TokenizerGolden, ::testing::Values("gpt2", "qwen2.5", "qwen3", "llama3"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(TokenizerPublished, Gpt2EqualsTheSwiftTransformersVector) {
  const char* const file = "tokenizers/vectors/swift_gpt2_encoded_tokens.json";
  GRPO_NEEDS_DATA(test_data(file));
  const Tokenizer tokenizer = real("gpt2");
  const Json vector = read_json_file(test_data(file));
  const Ids ids = tokenizer.encode(vector["text"].get<std::string>(), false);
  EXPECT_EQ(ids, vector["token_ids"].get<Ids>());
  EXPECT_EQ(tokenizer.decode(ids), vector["decoded_text"].get<std::string>());
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(tokenizer.id_to_token(ids[i]), vector["bpe_tokens"][i]);
}

TEST(TokenizerPublished, Stories260KPromptsEqualTheModelsOwn) {
  GRPO_NEEDS_DATA(test_data("models/stories260K/tokenizer.json"));
  const Tokenizer tokenizer = Tokenizer::load(test_data("models/stories260K"));
  EXPECT_EQ(tokenizer.vocab_size(), 512);
  const auto lines = lines_of(read_data(test_data("models/stories260K/golden_logprobs.jsonl")));
  EXPECT_EQ(lines.size(), 8u);
  for (const auto& line : lines) {
    const Json row = Json::parse(line);
    EXPECT_EQ(tokenizer.encode(row["prompt"].get<std::string>()), row["prompt_ids"].get<Ids>())
        << row["prompt"];
    EXPECT_EQ(tokenizer.decode(row["ids"].get<Ids>()), row["text"].get<std::string>());
  }
}

// The contract of tokenizer.h: valid UTF-8 comes back exactly where there is no normalizer, any bytes as
// their readable text, and with NFC as the normal form of that. Mistral's style loses nothing but a leading
// space's ambiguity.
class RoundTrip : public ::testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, AnyBytesComeBackAsTheirReadableText) {
  const std::string name = GetParam();
  GRPO_NEEDS_DATA(test_data("tokenizers/" + name + "/tokenizer.json.gz"));
  const Tokenizer tokenizer = real(name);
  const Json& normalizer = tokenizer.source()["normalizer"];
  const bool normalizes = normalizer.is_object() && normalizer["type"] == "NFC";
  const auto readable = [&](const std::string& text) {
    return normalizes ? nfc(replace_invalid_utf8(text)) : replace_invalid_utf8(text);
  };
  Stream random(5);
  for (int round = 0; round < 300; ++round) {
    std::string bytes, text;
    for (int64_t n = random.below(80); n > 0; --n) {
      bytes += static_cast<char>(random.below(256));
      char32_t c = static_cast<char32_t>(random.below(random.below(2) == 0 ? 0x500 : 0x110000));
      append_utf8(text, c >= 0xD800 && c <= 0xDFFF ? U'x' : c);
    }
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(bytes, false), false), readable(bytes));
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text, false), false), readable(text));
    if (!normalizes) {
      ASSERT_EQ(readable(text), text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabulary, RoundTrip, ::testing::Values("gpt2", "qwen2", "llama3", "mistral"));

// English as it comes in problems: the cache of words, all threads and none of both give one result.
TEST(TokenizerReal, ThreadsAndCacheChangeNothing) {
  const std::string file = test_data("math/gsm8k_test.jsonl");
  GRPO_NEEDS_DATA(file);
  std::vector<std::string> texts;
  for (const auto& line : lines_of(read_data(file)))
    texts.push_back(Json::parse(line)["question"].get<std::string>());
  texts.insert(texts.end(), texts.begin(), texts.begin() + 200);
  const Tokenizer tokenizer = real("qwen2");
  const auto all = tokenizer.encode_all(texts, true, 3);
  const Tokenizer cold = tokenizer.without_cache();
  ASSERT_EQ(all.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(all[i], cold.encode(texts[i])) << texts[i];
}

// Bounds far above what it takes, so that only a wrong order of growth fails.
TEST(TokenizerReal, LoadingAndAMegabyteTakeSeconds) {
  GRPO_NEEDS_DATA(test_data("tokenizers/qwen2/tokenizer.json.gz"));
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  };
  const std::string path = test_data("tokenizers/qwen2/tokenizer.json.gz");
  const std::string file = read_data(path);
  auto start = Clock::now();
  const Tokenizer tokenizer = Tokenizer::from_json(parse_json(file, path), path);
  const double load = seconds_since(start);

  std::string text;
  for (const auto& line : lines_of(read_data(test_data("tokenizers/vectors/bpe_goldens.jsonl.gz")))) {
    text += Json::parse(line)["text"].get<std::string>();
  }
  while (text.size() < (1 << 20)) text += text;
  text.resize(1 << 20);
  start = Clock::now();
  const Ids ids = tokenizer.encode(text);
  const double encode = seconds_since(start);

  Stream random(9);  // words that never repeat: the word cache is of no use
  std::string letters;
  for (int i = 0; i < 1 << 20; ++i) letters += static_cast<char>('a' + random.below(26));
  start = Clock::now();
  tokenizer.encode(letters);
  const double worst = seconds_since(start);
  RecordProperty("load_seconds", std::to_string(load));
  RecordProperty("encode_seconds", std::to_string(encode));
  std::cout << "load " << load << " s, 1 MiB of text " << encode << " s (" << ids.size()
            << " ids), 1 MiB of one word " << worst << " s\n";
  EXPECT_LT(load, 10);
  EXPECT_LT(encode, 5);
  EXPECT_LT(worst, 10);
}

}  // namespace
}  // namespace grpo

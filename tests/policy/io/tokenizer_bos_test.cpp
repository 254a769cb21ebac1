// Exactly one BOS, whatever the files say and whether the text brings one along: for every shape of
// post-processor and every setting of tokenizer_config.json.
#include <gtest/gtest.h>

#include <algorithm>

#include "policy/io/tokenizer.h"
#include "tests/temporary_folder.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

struct Setting {
  const char* name;
  const char* file;    // of tests/golden/tokenizer
  const char* config;  // tokenizer_config.json; "" for none
  const char* bos;     // what the text may begin with already
  const char* eos;
  int bos_added;
  int eos_added;
};
void PrintTo(const Setting& s, std::ostream* out) {
  *out << s.name;
}

const char* const kDeepSeekBos = "<｜begin▁of▁sentence｜>";
const char* const kDeepSeekEos = "<｜end▁of▁sentence｜>";

const Setting kSettings[] = {
    {"TemplateAlone", "byte_level.json", "", "<s>", "", 1, 0},
    {"TemplateOfBoth", "byte_fallback.json", "", "<s>", "</s>", 1, 1},
    {"TemplateInASequence", "llama3.json", "", "<|begin_of_text|>", "<|eot_id|>", 1, 0},
    {"TemplateAndAnotherClass", "llama3.json",
     R"({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"})",
     "<|begin_of_text|>", "<|eot_id|>", 1, 0},
    {"NoneAnywhere", "qwen.json",
     R"({"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": false, "bos_token": null})", "<|endoftext|>",
     "", 0, 0},
    {"ConfigAddsWhatTheFileLacks", "deepseek_v3.json",
     R"({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true, "add_eos_token": false,
         "bos_token": {"__type": "AddedToken", "content": "<｜begin▁of▁sentence｜>", "normalized": true},
         "eos_token": {"__type": "AddedToken", "content": "<｜end▁of▁sentence｜>", "normalized": true}})",
     kDeepSeekBos, kDeepSeekEos, 1, 0},
    {"ConfigAddsBothInV2", "deepseek_v2.json",
     R"({"tokenizer_class": "LlamaTokenizerFast", "add_eos_token": true, "bos_token": "<｜begin▁of▁sentence｜>",
         "eos_token": "<｜end▁of▁sentence｜>"})",
     kDeepSeekBos, kDeepSeekEos, 1, 1},
    {"ConfigRepeatsTheTemplate", "metaspace.json",
     R"({"tokenizer_class": "LlamaTokenizer", "add_bos_token": true, "bos_token": "<s>", "eos_token": "</s>"})",
     "<s>", "</s>", 1, 0},
    {"ConfigTakesTheTemplateAway", "metaspace.json",
     R"({"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "bos_token": "<s>", "eos_token": "</s>"})",
     "<s>", "</s>", 0, 0},
};

class OneBos : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    folder_.write("tokenizer.json", read_data(golden_path(std::string("tokenizer/") + GetParam().file)));
    if (*GetParam().config != '\0') folder_.write("tokenizer_config.json", GetParam().config);
  }
  int count(const Ids& ids, const std::string& token) const {
    const int64_t id = tokenizer().token_to_id(token);
    return static_cast<int>(std::count(ids.begin(), ids.end(), id));
  }
  Tokenizer tokenizer() const { return Tokenizer::load(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

TEST_P(OneBos, WhetherTheTextBringsItOrNot) {
  const Setting& s = GetParam();
  const std::string bos = s.bos, eos = s.eos;
  const Ids plain = tokenizer().encode("ab", true);
  const Ids with_bos = tokenizer().encode(bos + "ab", true);
  EXPECT_EQ(count(plain, bos), s.bos_added);
  EXPECT_EQ(count(with_bos, bos), 1);
  EXPECT_EQ(with_bos.front(), tokenizer().token_to_id(bos));
  if (s.bos_added == 1) {
    EXPECT_EQ(with_bos, plain);
  }
  if (!eos.empty()) {
    EXPECT_EQ(count(plain, eos), s.eos_added);
    EXPECT_EQ(count(tokenizer().encode(bos + "ab" + eos, true), eos), 1);
  }
}

TEST_P(OneBos, ATextWithoutSpecialTokensGetsNone) {
  const Setting& s = GetParam();
  EXPECT_EQ(count(tokenizer().encode("ab", false), s.bos), 0);
  EXPECT_EQ(count(tokenizer().encode(std::string(s.bos) + "ab", false), s.bos), 1);
}

TEST_P(OneBos, AnEmptyTextIsItsSpecialTokens) {
  const Setting& s = GetParam();
  const Ids ids = tokenizer().encode("", true);
  EXPECT_EQ(ids.size(), static_cast<size_t>(s.bos_added + s.eos_added));
}

TEST_P(OneBos, EncodingAllGivesTheSame) {
  const std::vector<std::string> texts = {"ab", std::string(GetParam().bos) + "ab", ""};
  const auto all = tokenizer().encode_all(texts, true);
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(all[i], tokenizer().encode(texts[i], true));
}

INSTANTIATE_TEST_SUITE_P(Setting, OneBos, ::testing::ValuesIn(kSettings),
                         [](const auto& info) { return std::string(info.param.name); });

// What a tokenizer_config.json asks for must be there.
TEST(TokenizerConfig, ABosThatIsNoTokenIsAnError) {
  TemporaryFolder folder;
  folder.write("tokenizer.json", read_data(golden_path("tokenizer/metaspace.json")));
  const auto error = [&](const std::string& config) {
    folder.write("tokenizer_config.json", config);
    return error_text([&] { Tokenizer::load(folder.path()); });
  };
  EXPECT_TRUE(
      holds(error(R"({"tokenizer_class": "LlamaTokenizer", "bos_token": "<x>"})"), "<x> is no token"));
  EXPECT_TRUE(
      holds(error(R"({"tokenizer_class": "LlamaTokenizer", "bos_token": null})"), "config.json: bos_token"));
  EXPECT_TRUE(holds(error(R"({"tokenizer_class": "LlamaTokenizer", "bos_token": {"content": 1}})"),
                    "bos_token.content"));
  EXPECT_TRUE(holds(error(R"({"tokenizer_class": 3})"), "tokenizer_class"));
  EXPECT_TRUE(holds(error("[]"), "tokenizer_config.json"));
  EXPECT_EQ(error(R"({"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "bos_token": null})"), "");
}

TEST(TokenizerConfig, RealMistralAndPhi3SayTheSameAsTheirTemplates) {
  for (const char* name : {"mistral", "phi-3-mini"}) {
    const std::string from = test_data(std::string("tokenizers/") + name);
    GRPO_NEEDS_DATA(from);
    TemporaryFolder folder;
    folder.write("tokenizer.json", read_data(from + "/tokenizer.json.gz"));
    const Ids by_template = Tokenizer::load(folder.path()).encode("Hello", true);
    folder.write("tokenizer_config.json", read_data(from + "/tokenizer_config.json"));
    EXPECT_EQ(Tokenizer::load(folder.path()).encode("Hello", true), by_template) << name;
  }
}

}  // namespace
}  // namespace grpo

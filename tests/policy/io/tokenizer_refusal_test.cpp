// What a tokenizer.json may not hold: each case changes one thing in a good file and must be refused with the
// JSON path of that thing.
#include <gtest/gtest.h>

#include "policy/io/tokenizer.h"
#include "tests/temporary_folder.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

struct Refusal {
  const char* name;
  const char* file;   // the good file it starts from
  const char* at;     // JSON pointer of what is replaced
  const char* value;  // by this
  const char* says;   // part of the error
};

void PrintTo(const Refusal& r, std::ostream* out) {
  *out << r.at << " = " << r.value;
}

class TokenizerRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(TokenizerRefuses, WithTheJsonPath) {
  const Refusal& r = GetParam();
  Json json = read_json_file(golden_path(std::string("tokenizer/") + r.file));
  ASSERT_EQ(error_text([&] { Tokenizer::from_json(json, "f"); }), "");
  json[Json::json_pointer(r.at)] = Json::parse(r.value);
  const std::string error = error_text([&] { Tokenizer::from_json(json, "f"); });
  EXPECT_NE(error.find(r.says), std::string::npos) << "error: " << error;
}

const char* const kLevel = "byte_level.json";
const char* const kFallback = "byte_fallback.json";

INSTANTIATE_TEST_SUITE_P(
    Everything, TokenizerRefuses,
    ::testing::Values(
        Refusal{"ModelType", kLevel, "/model/type", R"("Unigram")", "f: model.type"},
        Refusal{"Dropout", kLevel, "/model/dropout", "0.1", "f: model.dropout"},
        Refusal{"SubwordPrefix", kLevel, "/model/continuing_subword_prefix", R"("##")",
                "f: model.continuing_subword_prefix"},
        Refusal{"WordSuffix", kLevel, "/model/end_of_word_suffix", R"("</w>")",
                "f: model.end_of_word_suffix"},
        Refusal{"UnknownTokenNotInVocabulary", kLevel, "/model/unk_token", R"("<no>")", "f: model.unk_token"},
        Refusal{"NoVocabulary", kLevel, "/model/vocab", "null", "f: model.vocab"},
        Refusal{"NegativeId", kLevel, "/model/vocab/a", "-1", "f: model.vocab"},
        Refusal{"HugeId", kLevel, "/model/vocab/a", "4000000000", "f: model.vocab"},
        Refusal{"IdTaken", kLevel, "/model/vocab/a", "1", "same id 1 | f: model.vocab"},
        Refusal{"FractionalId", kLevel, "/model/vocab/a", "0.5", "f: model.vocab"},
        Refusal{"NoMerges", kLevel, "/model/merges", "null", "f: model.merges"},
        Refusal{"MergeOfThree", kLevel, "/model/merges/2", R"("a b c")", "f: model.merges[2]"},
        Refusal{"MergeListOfThree", kLevel, "/model/merges/2", R"(["a","b","c"])", "f: model.merges[2]"},
        Refusal{"MergeOfStrangers", kLevel, "/model/merges/1", R"("x a")", "f: model.merges[1]"},
        Refusal{"MergeIntoStranger", kLevel, "/model/merges/1", R"("c a")",
                R"("ca" is not in the vocabulary)"},
        Refusal{"UnknownModelKey", kLevel, "/model/colour", "1", "f: model.colour"},
        Refusal{"UnknownKey", kLevel, "/colour", "1", "f: colour"},
        Refusal{"Truncation", kLevel, "/truncation", R"({"max_length":512})", "f: truncation"},
        Refusal{"Padding", kLevel, "/padding", R"({"strategy":"BatchLongest"})", "f: padding"},
        Refusal{"NormalizerType", kLevel, "/normalizer", R"({"type":"Lowercase"})", "f: normalizer.type"},
        Refusal{"NormalizerInSequence", kFallback, "/normalizer/normalizers/1", R"({"type":"NFKC"})",
                "f: normalizer.normalizers[1].type"},
        Refusal{"NormalizerRegex", kFallback, "/normalizer/normalizers/1/pattern", R"({"Regex":" "})",
                "f: normalizer.normalizers[1].pattern.Regex"},
        Refusal{"NormalizerReplacesNothing", kFallback, "/normalizer/normalizers/1/pattern",
                R"({"String":""})", "f: normalizer.normalizers[1].pattern.String"},
        Refusal{"PreTokenizerType", kLevel, "/pre_tokenizer/pretokenizers/0", R"({"type":"Whitespace"})",
                "f: pre_tokenizer.pretokenizers[0].type"},
        Refusal{"MetaspaceWithoutMark", kFallback, "/pre_tokenizer", R"({"type":"Metaspace"})",
                "f: pre_tokenizer.replacement"},
        Refusal{"MetaspaceMarkOfTwo", kFallback, "/pre_tokenizer",
                R"({"type":"Metaspace","replacement":"__"})", "f: pre_tokenizer.replacement"},
        Refusal{"MetaspaceScheme", kFallback, "/pre_tokenizer",
                R"({"type":"Metaspace","replacement":"_","prepend_scheme":"last"})",
                "f: pre_tokenizer.prepend_scheme"},
        Refusal{"MetaspaceContradiction", kFallback, "/pre_tokenizer",
                R"({"type":"Metaspace","replacement":"_","prepend_scheme":"first","add_prefix_space":false})",
                "f: pre_tokenizer.add_prefix_space"},
        Refusal{"PreTokenizerAfterByteLevel", kLevel, "/pre_tokenizer/pretokenizers/2",
                R"({"type":"Digits","individual_digits":true})", "f: pre_tokenizer.pretokenizers[2].type"},
        Refusal{"SplitBehavior", kLevel, "/pre_tokenizer/pretokenizers/0/behavior", R"("Vanished")",
                "f: pre_tokenizer.pretokenizers[0].behavior"},
        Refusal{"SplitRegex", kLevel, "/pre_tokenizer/pretokenizers/0/pattern/Regex", R"("(")",
                "f: pre_tokenizer.pretokenizers[0].pattern.Regex"},
        Refusal{"PostProcessorType", kLevel, "/post_processor", R"({"type":"BertProcessing"})",
                "f: post_processor.type"},
        Refusal{"TemplateWithoutText", kFallback, "/post_processor/single", "[]", "f: post_processor.single"},
        Refusal{"TemplateWithSecondText", kFallback, "/post_processor/single/1/Sequence/id", R"("B")",
                "f: post_processor.single[1].Sequence.id"},
        Refusal{"TemplateWithUnknownToken", kFallback, "/post_processor/single/0/SpecialToken/id", R"("<x>")",
                "f: post_processor.special_tokens.<x>"},
        Refusal{"TemplateIdWithoutToken", kFallback, "/post_processor/special_tokens/<s>/ids", "[99]",
                "the id 99"},
        Refusal{"DecoderType", kLevel, "/decoder", R"({"type":"WordPiece"})", "f: decoder.type"},
        Refusal{"DecoderOrder", kFallback, "/decoder/decoders/0", R"({"type":"Fuse"})",
                "f: decoder.decoders[1].type"},
        Refusal{"DecoderMetaspaceAmongOthers", kFallback, "/decoder/decoders/0",
                R"({"type":"Metaspace","replacement":"_"})", "f: decoder.decoders[1].type"},
        Refusal{"DecoderStripsTheEnd", kFallback, "/decoder/decoders/3/stop", "1",
                "f: decoder.decoders[3].stop"},
        Refusal{"DecoderStripsAString", kFallback, "/decoder/decoders/3/content", R"("ab")",
                "f: decoder.decoders[3].content"},
        Refusal{"AddedIdTwice", kLevel, "/added_tokens/1/id", "15", "f: added_tokens[1].id"},
        Refusal{"AddedContentTwice", kLevel, "/added_tokens/1/content", R"("<s>")",
                "f: added_tokens[1].content"},
        Refusal{"AddedEmpty", kLevel, "/added_tokens/1/content", R"("")", "f: added_tokens[1].content"},
        Refusal{"AddedIdOfAnother", kLevel, "/added_tokens/1/id", "9", "the id 9 is ab"},
        Refusal{"AddedIdNotTheVocabularys", kFallback, "/added_tokens/1/id", "55",
                "the token <s> has the id 1"},
        Refusal{"AddedIdFarAway", kLevel, "/added_tokens/1/id", "2000000", "f: added_tokens"},
        Refusal{"IdFarAway", kLevel, "/model/vocab/a", "2000000", "f: model.vocab"},
        Refusal{"AddedIdHuge", kLevel, "/added_tokens/1/id", "1e12", "f: added_tokens[1].id"}),
    [](const auto& info) { return std::string(info.param.name); });

// Every value of `json`, as JSON pointers; no key of the files used holds a slash or a tilde.
void collect(const Json& json, const std::string& at, std::vector<std::string>& pointers) {
  pointers.push_back(at);
  for (const auto& [key, value] : json.items()) {
    if (json.is_structured()) collect(value, at + "/" + key, pointers);
  }
}

class TokenizerFuzz : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerFuzz, AnyOneChangeMakesAnErrorOrAWorkingTokenizer) {
  const Json good = read_json_file(golden_path(std::string("tokenizer/") + GetParam()));
  std::vector<std::string> pointers;
  collect(good, "", pointers);
  int refused = 0, loaded = 0;
  for (const auto& pointer : pointers) {
    for (const char* value :
         {"null", "-1", "3", "1e300", "0.5", "true", "\"x\"", "\"\"", "[]", "[1]", "{}", "[[]]"}) {
      Json json = good;
      json[Json::json_pointer(pointer)] = Json::parse(value);
      try {
        const Tokenizer tokenizer = Tokenizer::from_json(json, "f");
        ++loaded;
        const auto ids = tokenizer.encode("ab 12 é cab!<s>");
        EXPECT_NO_THROW(tokenizer.decode(ids)) << pointer << " = " << value;
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(loaded, 50);
}

INSTANTIATE_TEST_SUITE_P(Golden, TokenizerFuzz, ::testing::Values(kLevel, kFallback), [](const auto& info) {
  return std::string(info.param == kLevel ? "ByteLevel" : "ByteFallback");
});

TEST(TokenizerFile, MissingOrBrokenOnesAreNamed) {
  TemporaryFolder folder;
  EXPECT_NE(error_text([&] { Tokenizer::load(folder.path()); }).find(folder.file("tokenizer.json")),
            std::string::npos);
  folder.write("tokenizer.json", "{\n  \"model\": {,}}");
  const std::string error = error_text([&] { Tokenizer::load(folder.path()); });
  EXPECT_NE(error.find("tokenizer.json: line 2, column 13"), std::string::npos) << error;
}

TEST(TokenizerFile, ATokenGivenTwiceIsAnError) {
  const std::string text = R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "a": 2}, "merges": []}})";
  const std::string error = error_text([&] { Tokenizer::from_json(parse_json(text, "f"), "f"); });
  EXPECT_NE(error.find("the key \"a\" is given twice"), std::string::npos) << error;
}

TEST(TokenizerFile, NestingWithoutEndIsAnErrorNotACrash) {
  const std::string text = std::string(200'000, '[');
  EXPECT_NE(error_text([&] { parse_json(text, "f"); }).find("nested more than"), std::string::npos);
}

}  // namespace
}  // namespace grpo

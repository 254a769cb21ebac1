// Damaged config.json files: each is an Error that names the file, or a model configuration.

#include <gtest/gtest.h>

#include "core/error.h"
#include "policy/config.h"
#include "tests/mutation.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

const std::vector<std::string> kWords = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "null",
                                         "true",
                                         "false",
                                         "-1",
                                         "0",
                                         "1",
                                         "3",
                                         "0.5",
                                         "1e999",
                                         "-1e300",
                                         "2147483648",
                                         "9223372036854775807",
                                         "18446744073709551615",
                                         "\"yarn\"",
                                         "\"llama3\"",
                                         "\"linear\"",
                                         "\"default\"",
                                         "\"qwen3_moe\"",
                                         "\"deepseek_v2\"",
                                         "\"deepseek_v3\"",
                                         "\"llama\"",
                                         "\"rope_scaling\":{",
                                         "\"rope_parameters\":{",
                                         "\"rope_type\":",
                                         "\"factor\":",
                                         "\"num_hidden_layers\":",
                                         "\"quantization_config\":{\"quant_method\":\"fp8\",",
                                         "\"weight_block_size\":[128,128]",
                                         "\"num_nextn_predict_layers\":",
                                         "\"head_dim\":",
                                         "\"eos_token_id\":",
                                         "\\ud800"};

// Values that a key may be given: numbers at the ends of their ranges, and other types.
const char* const kValues[] = {"null",
                               "true",
                               "[]",
                               "{}",
                               "\"\"",
                               "\"yarn\"",
                               "0",
                               "-1",
                               "1",
                               "2",
                               "3",
                               "7",
                               "64",
                               "1.5",
                               "1e-300",
                               "1e300",
                               "2147483647",
                               "4294967296",
                               "9223372036854775807",
                               "18446744073709551615",
                               "-9223372036854775808",
                               "[1, 9223372036854775807]"};

Json& member(Json& object, Stream& random) {
  auto it = object.begin();
  std::advance(it, random.below(static_cast<int64_t>(object.size())));
  return *it;
}

// The file with the values of one to three of its keys replaced: always JSON, so that the readers behind see
// it.
std::string with_other_values(const std::string& file, uint64_t seed) {
  Stream random(seed);
  Json json = Json::parse(file);
  for (int64_t edits = 1 + random.below(3); edits > 0; --edits) {
    Json* at = &member(json, random);
    if (at->is_object() && !at->empty()) at = &member(*at, random);
    *at = Json::parse(kValues[random.below(std::size(kValues))]);
  }
  return json.dump();
}

TEST(ModelConfig, DamagedFilesAreErrorsOrConfigurations) {
  std::vector<std::string> files;
  for (const Json& json : testing::all_architectures()) files.push_back(json.dump());
  int64_t refused = 0, read = 0;
  for (int64_t i = 0; i < mutation_cases(4000); ++i) {
    const auto& file = files[static_cast<size_t>(i / 2) % files.size()];
    const auto seed = static_cast<uint64_t>(i);
    const std::string text = i % 2 == 0 ? mutated(file, kWords, seed) : with_other_values(file, seed);
    try {
      const ModelConfig config = read_model_config(parse_json(text, "x/config.json"), "x/config.json");
      ASSERT_FALSE(config.layers.empty()) << "case " << i;
      ASSERT_GE(config.mtp_layers, 0) << "case " << i;
      ++read;
    } catch (const Error& e) {
      ASSERT_NE(e.where().find("x/config.json"), std::string::npos) << "case " << i << ": " << e.what();
      ++refused;
    } catch (const std::exception& e) {
      FAIL() << "case " << i << ": " << e.what() << "\n" << text;
    }
  }
  EXPECT_GT(refused, mutation_cases(4000) / 4);
  EXPECT_GT(read, mutation_cases(4000) / 50);
}

}  // namespace
}  // namespace grpo

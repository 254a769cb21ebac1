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

TEST(ModelConfig, DamagedFilesAreErrorsOrConfigurations) {
  std::vector<std::string> files;
  for (const Json& json : testing::all_architectures()) files.push_back(json.dump());
  int64_t refused = 0, read = 0;
  for (int64_t i = 0; i < mutation_cases(4000); ++i) {
    const auto& file = files[static_cast<size_t>(i) % files.size()];
    const std::string text = mutated(file, kWords, static_cast<uint64_t>(i));
    try {
      const ModelConfig config = read_model_config(parse_json(text, "x/config.json"), "x/config.json");
      ASSERT_FALSE(config.layers.empty()) << "case " << i;
      ++read;
    } catch (const Error& e) {
      ASSERT_NE(e.where().find("x/config.json"), std::string::npos) << "case " << i << ": " << e.what();
      ++refused;
    } catch (const std::exception& e) {
      FAIL() << "case " << i << ": " << e.what() << "\n" << text;
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace grpo

// What grpo inspect says of published models, from config.json texts written here: parameter counts and cache
// sizes are those that their model cards and papers give.

#include "pipelines/model_report.h"

#include <gtest/gtest.h>

#include "policy/io/checkpoint.h"
#include "tests/cli/tiny_checkpoint.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

struct Published {
  const char* name;
  Json config;
  double billions;       // parameters
  double kib_per_token;  // of the cache in bfloat16
};

Json dense(const char* family, int64_t hidden, int64_t inner, int64_t layers, int64_t heads, int64_t kv_heads,
           int64_t vocab, bool tied, int64_t head_dim = 0) {
  Json json = {
      {"model_type", family},        {"hidden_size", hidden},        {"intermediate_size", inner},
      {"num_hidden_layers", layers}, {"num_attention_heads", heads}, {"num_key_value_heads", kv_heads},
      {"vocab_size", vocab},         {"tie_word_embeddings", tied},  {"max_position_embeddings", 32768},
      {"torch_dtype", "bfloat16"}};
  if (head_dim > 0) json["head_dim"] = head_dim;
  return json;
}

Json deepseek(const char* family, int64_t layers, int64_t dense_first, int64_t hidden, int64_t inner,
              int64_t moe_inner, int64_t heads, int64_t q_lora, int64_t experts, int64_t top_k,
              int64_t shared, int64_t vocab) {
  return {{"model_type", family},
          {"num_hidden_layers", layers},
          {"first_k_dense_replace", dense_first},
          {"hidden_size", hidden},
          {"intermediate_size", inner},
          {"moe_intermediate_size", moe_inner},
          {"num_attention_heads", heads},
          {"q_lora_rank", q_lora > 0 ? Json(q_lora) : Json()},
          {"kv_lora_rank", 512},
          {"qk_nope_head_dim", 128},
          {"qk_rope_head_dim", 64},
          {"v_head_dim", 128},
          {"n_routed_experts", experts},
          {"num_experts_per_tok", top_k},
          {"n_shared_experts", shared},
          {"vocab_size", vocab},
          {"max_position_embeddings", 163840},
          {"torch_dtype", "bfloat16"},
          {"rope_scaling",
           {{"type", "yarn"},
            {"factor", 40},
            {"original_max_position_embeddings", 4096},
            {"mscale", 0.707},
            {"mscale_all_dim", 0.707}}}};
}

Json v2_lite() {
  return deepseek("deepseek_v2", 27, 1, 2048, 10944, 1408, 16, 0, 64, 6, 2, 102400);
}

Json v3() {
  Json json = deepseek("deepseek_v3", 61, 3, 7168, 18432, 2048, 128, 1536, 256, 8, 1, 129280);
  json.update(
      {{"n_group", 8}, {"topk_group", 4}, {"routed_scaling_factor", 2.5}, {"num_nextn_predict_layers", 1}});
  json["quantization_config"] = {{"quant_method", "fp8"}, {"fmt", "e4m3"}, {"weight_block_size", {128, 128}}};
  return json;
}

Json qwen3_30b_a3b() {
  Json json = dense("qwen3_moe", 2048, 6144, 48, 32, 4, 151936, false, 128);
  json.update({{"num_experts", 128},
               {"num_experts_per_tok", 8},
               {"moe_intermediate_size", 768},
               {"norm_topk_prob", true}});
  return json;
}

class ModelReport : public ::testing::Test {
 protected:
  Json report(const Json& config, ReportOptions options = {}) const {
    options.model = folder_.write("config.json", config.dump());
    return model_report(options);
  }

  TemporaryFolder folder_;
};

void expect_ratio(const Json& found, double expected, double tolerance, const std::string& what) {
  EXPECT_NEAR(found.get<double>() / expected, 1.0, tolerance) << what << " is " << found;
}

TEST_F(ModelReport, CountsAndCachesAreThosePublished) {
  const std::vector<Published> models = {
      {"Qwen2.5-0.5B", dense("qwen2", 896, 4864, 24, 14, 2, 151936, true), 0.4940, 12},
      {"Qwen2.5-1.5B", dense("qwen2", 1536, 8960, 28, 12, 2, 151936, true), 1.5437, 28},
      {"Qwen2.5-3B", dense("qwen2", 2048, 11008, 36, 16, 2, 151936, true), 3.086, 36},
      {"Qwen2.5-7B", dense("qwen2", 3584, 18944, 28, 28, 4, 152064, false), 7.616, 56},
      {"Qwen3-0.6B", dense("qwen3", 1024, 3072, 28, 16, 8, 151936, true, 128), 0.596, 112},
      {"Qwen3-1.7B", dense("qwen3", 2048, 6144, 28, 16, 8, 151936, true, 128), 1.721, 112},
      {"Qwen3-4B", dense("qwen3", 2560, 9728, 36, 32, 8, 151936, true, 128), 4.02, 144},
      {"Qwen3-8B", dense("qwen3", 4096, 12288, 36, 32, 8, 151936, false, 128), 8.19, 144},
      {"Llama-3.2-1B", dense("llama", 2048, 8192, 16, 32, 8, 128256, true), 1.236, 32},
      {"Llama-3.1-8B", dense("llama", 4096, 14336, 32, 32, 8, 128256, false), 8.03, 128},
      {"Qwen3-30B-A3B", qwen3_30b_a3b(), 30.53, 96},
      {"DeepSeek-V2-Lite", v2_lite(), 15.706, 27 * 1152 / 1024.0}};
  for (const Published& model : models) {
    SCOPED_TRACE(model.name);
    const Json found = report(model.config);
    expect_ratio(found["parameters"]["total"], model.billions * 1e9, 1e-3, "total");
    EXPECT_EQ(found["kv_bytes_per_token"], model.kib_per_token * 1024);
    EXPECT_EQ(found["memory_bytes"], 2 * found["parameters"]["total"].get<int64_t>());
    EXPECT_EQ(found["problems"], Json::object());
  }
}

TEST_F(ModelReport, WithoutEmbeddingsIsWhatTheModelCardsSay) {
  const Json small = report(dense("qwen2", 896, 4864, 24, 14, 2, 151936, true));
  expect_ratio(small["parameters"]["without_embeddings"], 0.36e9, 0.01, "0.5B");
  const Json large = report(dense("qwen2", 3584, 18944, 28, 28, 4, 152064, false));
  expect_ratio(large["parameters"]["without_embeddings"], 6.53e9, 0.01, "7B");
}

TEST_F(ModelReport, ActiveParametersOfMixturesAreThosePublished) {
  expect_ratio(report(v2_lite())["parameters"]["active"], 2.45e9, 0.005, "V2-Lite");
  expect_ratio(report(qwen3_30b_a3b())["parameters"]["active"], 3.04e9, 0.01,
               "30B-A3B without its embedding");
}

TEST_F(ModelReport, DeepSeekV3IsDescribedWithItsFloat8AndItsMtpModule) {
  const Json found = report(v3());
  expect_ratio(found["parameters"]["total"], 671.0e9, 1e-3, "total");
  expect_ratio(found["parameters"]["active"], 36.7e9, 0.005, "active");
  expect_ratio(found["parameters"]["mtp"], 11.5e9, 0.01, "mtp");
  EXPECT_EQ(found["kv_bytes_per_token"], 61 * 1152);
  EXPECT_EQ(found["fp8"], Json({128, 128}));
  EXPECT_EQ(found["attention"], "multi-head latent");
  EXPECT_EQ(found["experts"],
            Json({{"layers", 58}, {"routed", 256}, {"per_token", 8}, {"shared", 1}, {"width", 2048}}));
  EXPECT_EQ(found["rope"], "theta 10000, YaRN: 40 times 4096 tokens");
}

TEST_F(ModelReport, TrainingV2LiteWhollyDoesNotFitOneH200AndAttentionAloneDoes) {
  const Json memory = report(v2_lite(), {.context = 512, .micro_batch = 4096, .memory_gib = 139})["memory"];
  const double gib = 1024.0 * 1024 * 1024, h200 = 139 * gib;
  // Masters, moments and summed gradients in float32 beside the weights: 18 bytes per parameter, and
  // activations.
  EXPECT_GT(memory["train_full"].get<double>(), 15.7e9 * 18);
  EXPECT_LT(memory["train_attention"].get<double>(), h200);
  EXPECT_LT(memory["train_lora_r16"].get<double>(), memory["train_attention"].get<double>());
  EXPECT_GT(memory["train_lora_r16"].get<double>(), memory["load"].get<double>());
  // 139 GiB less weights leave room for 512 tokens of 30.4 KiB each, at most this often.
  const double most = (h200 - 31.4e9) / (512.0 * 27 * 1152);
  EXPECT_LT(memory["sequences"].get<double>(), most);
  EXPECT_GT(memory["sequences"].get<double>(), 0.5 * most);
}

TEST_F(ModelReport, MemoryGrowsWithBatchContextAndMicroBatch) {
  const Json config = dense("qwen2", 896, 4864, 24, 14, 2, 151936, true);
  const auto memory = [&](const ReportOptions& options) { return report(config, options)["memory"]; };
  const Json base = memory({.batch = 8, .context = 256, .micro_batch = 512});
  EXPECT_GT(memory({.batch = 64, .context = 256, .micro_batch = 512})["rollout"], base["rollout"]);
  EXPECT_GT(memory({.batch = 8, .context = 2048, .micro_batch = 2048})["rollout"], base["rollout"]);
  EXPECT_GT(memory({.batch = 8, .context = 256, .micro_batch = 4096})["train_full"], base["train_full"]);
  EXPECT_TRUE(base["sequences"].is_null());
  EXPECT_EQ(error_of([&] { memory({.context = 40000}); }).where(), "--context");
}

TEST_F(ModelReport, ProblemsOfTheTensorsAreListedByKind) {
  write_tiny_checkpoint(folder_.file("model"));
  Json config = read_json_file(folder_.file("model/config.json"));
  config["intermediate_size"] = 40;
  config["num_hidden_layers"] = 3;
  folder_.write("model/config.json", config.dump());
  const Json found = model_report({.model = folder_.file("model")});
  EXPECT_TRUE(found["tensor_bytes"].is_null());
  EXPECT_EQ(found["problems"]["missing"].size(), 9u);  // of the third layer
  EXPECT_EQ(found["problems"]["misshaped"].size(), 6u);
  EXPECT_NE(found["problems"]["misshaped"][0].get<std::string>().find("[48, 32]"), std::string::npos);
}

TEST_F(ModelReport, ABrokenTokenizerIsAProblemAndNotTheEndOfTheReport) {
  write_tiny_checkpoint(folder_.file("model"));
  folder_.write("model/tokenizer.json", "{\"model\": {\"type\": \"Unigram\"}}");
  const Json found = model_report({.model = folder_.file("model")});
  EXPECT_EQ(found["problems"]["tokenizer"].size(), 1u);
  EXPECT_TRUE(found["tokenizer"].is_null());
  EXPECT_GT(found["tensor_bytes"], 0);
}

TEST_F(ModelReport, ATruncatedWeightFileIsAProblem) {
  write_tiny_checkpoint(folder_.file("model"));
  std::filesystem::resize_file(folder_.file("model/model.safetensors"), 1000);
  const Json found = model_report({.model = folder_.file("model")});
  EXPECT_EQ(found["problems"]["files"].size(), 1u);
}

}  // namespace
}  // namespace grpo

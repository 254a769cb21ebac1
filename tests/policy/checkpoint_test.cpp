// Checkpoint directories: what is written is what is read, under the families' own names, and whatever does
// not fit is an Error that names it.

#include "policy/io/checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <set>

#include "core/data_file.h"
#include "core/file.h"
#include "tests/policy/saved_checkpoint.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

constexpr at::ScalarType kDtypes[] = {at::kFloat, at::kBFloat16};

// A tokenizer of 19 ids, the last of which is <eos>.
Json tokenizer_json() {
  return character_tokenizer_json("0123456789+-*=", {"<a>", "<b>", "<c>", "<d>"}, {"<eos>"});
}

TEST(Checkpoint, SavedAndLoadedPolicyHasTheSameBitsAndLogits) {
  for (Json json : all_architectures()) {
    for (const bool tied : {false, true}) {
      for (const at::ScalarType dtype : kDtypes) {
        json["tie_word_embeddings"] = tied;
        const Policy policy = random_policy(json, dtype);
        const TemporaryFolder folder;
        save_checkpoint(policy, {}, folder.path());
        const Checkpoint loaded = load_checkpoint(folder.path(), std::nullopt, at::kCPU);
        expect_same_bits(policy, loaded.policy);
        const PackedTokens ids =
            pack_sequences({random_ids(policy, 9, 4), random_ids(policy, 5, 5)}, at::kCPU);
        EXPECT_TRUE(
            at::equal(policy.logits(policy.hidden(ids)), loaded.policy.logits(loaded.policy.hidden(ids))));
        EXPECT_EQ(SafetensorsReader(folder.path()).contains("lm_head.weight"), !tied);
        EXPECT_EQ(loaded.files.config.eos_token_ids, policy.config().eos_token_ids);
      }
    }
  }
}

TEST(Checkpoint, HoldsTheFamilysOwnNamesExpertsOneByOne) {
  const Saved saved(deepseek_json());
  const SafetensorsReader reader(saved.path());
  std::map<std::string, std::vector<int64_t>> expected = {
      {"model.embed_tokens.weight", {43, 32}}, {"model.norm.weight", {32}}, {"lm_head.weight", {43, 32}}};
  auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    expected[name + ".weight"] = std::move(shape);
  };
  auto add_mlp = [&](const std::string& at, int64_t width) {
    add(at + ".gate_proj", {width, 32});
    add(at + ".up_proj", {width, 32});
    add(at + ".down_proj", {32, width});
  };
  for (int layer = 0; layer < 3; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer);
    add(at + ".input_layernorm", {32});
    add(at + ".post_attention_layernorm", {32});
    add(at + ".self_attn.q_a_proj", {20, 32});
    add(at + ".self_attn.q_a_layernorm", {20});
    add(at + ".self_attn.q_b_proj", {3 * (8 + 6), 20});
    add(at + ".self_attn.kv_a_proj_with_mqa", {18 + 6, 32});
    add(at + ".self_attn.kv_a_layernorm", {18});
    add(at + ".self_attn.kv_b_proj", {3 * (8 + 10), 18});
    add(at + ".self_attn.o_proj", {32, 3 * 10});
    if (layer == 0) {
      add_mlp(at + ".mlp", 48);
      continue;
    }
    add(at + ".mlp.gate", {12, 32});
    expected[at + ".mlp.gate.e_score_correction_bias"] = {12};
    for (int e = 0; e < 12; ++e) add_mlp(at + ".mlp.experts." + std::to_string(e), 16);
    add_mlp(at + ".mlp.shared_experts", 32);
  }
  std::map<std::string, std::vector<int64_t>> found;
  for (const auto& [name, info] : reader.tensors()) found[name] = info.shape;
  EXPECT_EQ(found, expected);
}

TEST(Checkpoint, QwenNamesItsBiasesAndLlamaHasNone) {
  const SafetensorsReader qwen(Saved(qwen2_json()).path()), llama(Saved(llama_json()).path());
  for (const char* part : {"q_proj", "k_proj", "v_proj"}) {
    const std::string at = std::string("model.layers.2.self_attn.") + part;
    EXPECT_TRUE(qwen.contains(at + ".weight") && qwen.contains(at + ".bias"));
    EXPECT_TRUE(llama.contains(std::string("model.layers.1.self_attn.") + part + ".weight"));
    EXPECT_FALSE(llama.contains(std::string("model.layers.1.self_attn.") + part + ".bias"));
  }
  EXPECT_FALSE(qwen.contains("model.layers.2.self_attn.o_proj.bias"));
}

TEST(Checkpoint, ConfigSaysTheDtypeOfTheWeightsAndKeepsEverythingElse) {
  Json json = llama_json();
  json["torch_dtype"] = "float16";
  json["some_key_of_others"] = {1, 2, 3};
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const TemporaryFolder folder;
    save_checkpoint(random_policy(json, dtype), {}, folder.path());
    Json config = read_json_file(folder.file("config.json"));
    const bool half = dtype == at::kBFloat16;
    EXPECT_EQ(config["torch_dtype"], half ? "bfloat16" : "float32");
    EXPECT_EQ(SafetensorsReader(folder.path()).tensors().at("model.norm.weight").dtype,
              half ? "BF16" : "F32");
    EXPECT_EQ(config["architectures"], Json({"LlamaForCausalLM"}));
    config["torch_dtype"] = "float16";
    for (const auto& [key, value] : json.items()) EXPECT_EQ(config[key], value) << key;
  }
}

TEST(Checkpoint, DtypeCanBeChosenAtLoadAndFloat16IsComputedInFloat32) {
  const Saved saved(qwen2_json());
  EXPECT_EQ(saved.load().policy.dtype(), at::kFloat);
  const Checkpoint half = load_checkpoint(saved.path(), at::kBFloat16, at::kCPU);
  const Checkpoint full = saved.load();
  EXPECT_EQ(half.policy.dtype(), at::kBFloat16);
  EXPECT_TRUE(
      at::equal(half.policy.parameters()[0].tensor, full.policy.parameters()[0].tensor.to(at::kBFloat16)));
  saved.set("torch_dtype", "float16");
  saved.change_weights([](auto& weights) {
    for (auto& [name, tensor] : weights) tensor = tensor.to(at::kHalf);
  });
  EXPECT_EQ(saved.load().policy.dtype(), at::kFloat);
}

TEST(Checkpoint, FilesBesideTheWeightsAreSavedByteForByte) {
  const Saved saved(deepseek_json());
  const std::map<std::string, std::string> extras = {{"tokenizer.json", tokenizer_json().dump(3) + " \n"},
                                                     {"tokenizer_config.json", "{ \"eos_token\":\"<eos>\" }"},
                                                     {"chat_template.jinja", "{{ bos }}\r\n"},
                                                     {"generation_config.json", "{\"eos_token_id\":[1,18]}"}};
  for (const auto& [name, bytes] : extras) saved.write(name, bytes);
  const Checkpoint loaded = saved.load();
  EXPECT_EQ(loaded.files.extras, extras);
  const TemporaryFolder copy;
  save_checkpoint(loaded.policy, loaded.files, copy.path());
  for (const auto& [name, bytes] : extras) EXPECT_EQ(read_file(copy.file(name)), bytes) << name;
  EXPECT_EQ(read_file(copy.file("model.safetensors")), read_file(saved.path() + "/model.safetensors"));
}

TEST(Checkpoint, EveryTensorThatDoesNotFitIsNamedInOneError) {
  const Saved saved(deepseek_json());
  saved.change_weights([](auto& weights) {
    weights.erase("model.layers.1.mlp.experts.7.up_proj.weight");
    weights.erase("model.layers.2.mlp.gate.e_score_correction_bias");
    weights["model.layers.3.input_layernorm.weight"] = at::ones({32});
    weights["lm_head.bias"] = at::ones({43});
    weights["model.layers.0.mlp.down_proj.weight"] = at::ones({48, 32});
    weights["model.norm.weight"] = at::ones({32}, at::kLong);
  });
  const Error error = saved.refusal();
  for (const char* part :
       {"missing (2)", "model.layers.1.mlp.experts.7.up_proj.weight",
        "model.layers.2.mlp.gate.e_score_correction_bias", "unused (2)",
        "model.layers.3.input_layernorm.weight", "lm_head.bias", "mis-shaped (1)",
        "model.layers.0.mlp.down_proj.weight is [48, 32] in model.safetensors, the configuration says [32, 48]",
        "model.norm.weight is I64 in model.safetensors"}) {
    EXPECT_TRUE(holds(error.summary(), part));
  }
  EXPECT_EQ(error.where(), saved.path());
  const Error checked =
      error_of([&] { check_checkpoint_tensors(saved.path(), read_checkpoint_files(saved.path()).config); });
  EXPECT_EQ(checked.summary(), error.summary());
}

TEST(Checkpoint, TensorsThatNobodyNeedsAreIgnoredAndOnlyThose) {
  const Saved tied(llama_json());
  tied.change_weights([](auto& weights) {
    weights["lm_head.weight"] = at::zeros({37, 24});
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = at::ones({5});
  });
  EXPECT_NO_THROW(tied.load());
  const Saved untied(qwen2_json());
  untied.change_weights([](auto& weights) { weights.erase("lm_head.weight"); });
  EXPECT_TRUE(holds(untied.refusal().summary(), "lm_head.weight"));
}

TEST(Checkpoint, BytesOfAllTensorsAreReported) {
  const Saved saved(deepseek_softmax_json());
  const ModelConfig config = read_checkpoint_files(saved.path()).config;
  EXPECT_EQ(check_checkpoint_tensors(saved.path(), config),
            4u * static_cast<uint64_t>(count_parameters(config).total));
}

TEST(Checkpoint, ARouterBiasThatIsNotFiniteIsRefusedByName) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Saved saved(deepseek_json());
    saved.change_weights(
        [&](auto& weights) { weights["model.layers.2.mlp.gate.e_score_correction_bias"][5] = bad; });
    const Error error = saved.refusal();
    EXPECT_TRUE(holds(error.where(), "model.layers.2.mlp.gate.e_score_correction_bias"));
    EXPECT_TRUE(holds(error.where(), saved.path()));
  }
}

TEST(Checkpoint, ATokenizerWithMoreIdsThanEmbeddingsIsRefused) {
  Json small = qwen2_json();
  small["vocab_size"] = 18;
  small["eos_token_id"] = 2;
  const Saved saved(small);
  saved.write("tokenizer.json", tokenizer_json().dump());
  const Error error = saved.refusal();
  EXPECT_TRUE(holds(error.summary(), "18"));
  EXPECT_TRUE(holds(error.where(), "tokenizer.json"));
  EXPECT_TRUE(holds(error.where(), "config.json"));
  small["vocab_size"] = 19;
  const Saved fits(small);
  fits.write("tokenizer.json", tokenizer_json().dump());
  EXPECT_TRUE(fits.load().files.tokenizer.has_value());
}

TEST(Checkpoint, EndTokensAreTheUnionOfConfigGenerationConfigAndTokenizer) {
  const Saved saved(qwen2_json());  // eos_token_id [2, 3]
  saved.write("tokenizer.json", tokenizer_json().dump());
  EXPECT_EQ(read_checkpoint_files(saved.path()).eos_token_ids, (std::vector<int64_t>{2, 3}));
  saved.write("generation_config.json", R"({"eos_token_id": [7, 2], "temperature": 0.6})");
  EXPECT_EQ(read_checkpoint_files(saved.path()).eos_token_ids, (std::vector<int64_t>{2, 3, 7}));
  for (const char* eos :
       {R"({"eos_token": "<eos>"})", R"({"eos_token": {"content": "<eos>", "lstrip": false}})"}) {
    saved.write("tokenizer_config.json", eos);
    EXPECT_EQ(read_checkpoint_files(saved.path()).eos_token_ids, (std::vector<int64_t>{2, 3, 7, 18}));
  }
  saved.write("generation_config.json", R"({"eos_token_id": 41})");
  const Error error = saved.refusal();
  EXPECT_TRUE(holds(error.summary(), "41"));
  EXPECT_TRUE(holds(error.where(), "generation_config.json"));
}

TEST(Checkpoint, AConfigThatWouldChangeTheNumbersIsRefusedNamingFileAndKey) {
  struct Case {
    Json config;
    std::string key;
    Json value;
    std::string named = {};  // where it is not the key alone
  };
  Json linear_rope = llama_json();
  linear_rope["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  const std::vector<Case> cases = {
      {llama_json(), "model_type", "gpt_neox"},
      {llama_json(), "rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}}},
      {qwen2_json(), "rope_scaling", {{"type", "dynamic"}, {"factor", 4.0}}},
      {deepseek_json(), "rope_scaling", {{"type", "yarn"}, {"beta_fast", 32}}, "rope_scaling.factor"},
      {llama_json(),
       "rope_parameters",
       {{"rope_type", "longrope"}, {"rope_theta", 1e4}},
       "rope_parameters.rope_type"},
      {llama_json(), "partial_rotary_factor", 0.5},
      {linear_rope, "rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1e4}}, "rope_scaling"},
      {qwen2_json(), "layer_types", {"full_attention", "sliding_attention", "full_attention"}},
      {qwen2_json(), "use_sliding_window", true},
      {llama_json(), "quantization_config", {{"quant_method", "gptq"}}},
      {qwen2_json(), "quantization_config", {{"quant_method", "awq"}}},
      {deepseek_json(), "quantization_config", {{"quant_method", "fp8"}}},
      {deepseek_json(), "attention_bias", true},
      {deepseek_json(), "mlp_bias", true},
      {deepseek_v2_json(), "norm_topk_prob", true},
      {deepseek_v2_json(), "scoring_func", "sigmoid"},
      {llama_json(), "hidden_act", "gelu"},
      {llama_json(), "vocab_size", nullptr},
      {llama_json(), "hidden_size", "24"},
      {llama_json(), "num_key_value_heads", 4, "num_attention_heads"},
      {deepseek_json(), "num_experts_per_tok", 13},
      {deepseek_json(), "n_group", 5, "n_routed_experts"},
  };
  for (const Case& c : cases) {
    const Saved saved(c.config);
    saved.set(c.key, c.value);
    const Error error = saved.refusal();
    EXPECT_TRUE(holds(error.where(), "config.json")) << c.key;
    EXPECT_TRUE(holds(error.where(), c.named.empty() ? c.key : c.named)) << c.key;
  }
}

TEST(Checkpoint, BothSpellingsOfTransformersGiveTheSameModel) {
  Json old_spelling = qwen2_json();
  old_spelling["torch_dtype"] = "bfloat16";
  Json new_spelling = old_spelling;
  new_spelling.erase("torch_dtype");
  new_spelling.erase("rope_theta");
  new_spelling["dtype"] = "bfloat16";
  new_spelling["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1000000.0}};
  const Saved saved(old_spelling);
  saved.change_weights([](auto& weights) {
    for (auto& [name, tensor] : weights) tensor = tensor.to(at::kBFloat16);
  });
  saved.write("config.json", old_spelling.dump());
  const Checkpoint first = saved.load();
  saved.write("config.json", new_spelling.dump());
  const Checkpoint second = saved.load();
  expect_same_bits(first.policy, second.policy);
  const PackedTokens ids = pack_sequences({random_ids(first.policy, 12, 6)}, at::kCPU);
  EXPECT_TRUE(at::equal(first.policy.hidden(ids), second.policy.hidden(ids)));
}

TEST(Checkpoint, AFolderThatIsNotThereOrLacksAFileIsNamed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      holds(error_of([&] { read_checkpoint_files(folder.file("none")); }).where(), folder.file("none")));
  EXPECT_TRUE(holds(error_of([&] { read_checkpoint_files(folder.path()); }).where(), "config.json"));
  const Saved saved(llama_json());
  std::filesystem::remove(saved.path() + "/model.safetensors");
  EXPECT_TRUE(holds(saved.refusal().where(), saved.path()));
}

TEST(Checkpoint, DtypeNamesAreReadOrRefused) {
  EXPECT_EQ(parse_dtype("float32", "x"), at::kFloat);
  EXPECT_EQ(parse_dtype("bfloat16", "x"), at::kBFloat16);
  const Error error = error_of([] { parse_dtype("float16", "--dtype"); });
  EXPECT_EQ(error.where(), "--dtype");
}

// A trained model, its tokenizer and log-probabilities that a float64 implementation of another project's
// format gave.
TEST(Checkpoint, ARealModelGivesTheRecordedLogProbs) {
  const std::string directory = test_data("models/stories260K");
  GRPO_NEEDS_DATA(directory);
  const Checkpoint checkpoint = load_checkpoint(directory, std::nullopt, at::kCPU);
  const Policy& policy = checkpoint.policy;
  size_t compared = 0;
  for (const DataRow& row : read_data_file(directory + "/golden_logprobs.jsonl")) {
    const auto ids = row.columns["ids"].get<std::vector<int64_t>>();
    const auto expected = row.columns["logprobs"].get<std::vector<double>>();
    const auto entropy = row.columns["entropy"].get<std::vector<double>>();
    const auto prompt_ids = row.columns["prompt_ids"].get<std::vector<int64_t>>();
    EXPECT_EQ(checkpoint.files.tokenizer->encode(row.columns["prompt"].get<std::string>()), prompt_ids);
    const at::NoGradGuard no_grad;
    const at::Tensor hidden =
        policy.hidden(pack_sequences({ids}, at::kCPU)).narrow(0, 0, static_cast<int64_t>(expected.size()));
    const at::Tensor targets = at::tensor(std::vector<int64_t>(ids.begin() + 1, ids.end()), at::kLong);
    const TokenScores scores = policy.token_scores(hidden, targets);
    EXPECT_LE(max_difference(scores.logprobs, at::tensor(expected, at::kDouble)), 1e-5);
    const at::Tensor golden_entropy =
        at::tensor(entropy, at::kDouble).narrow(0, 0, static_cast<int64_t>(expected.size()));
    EXPECT_LE(max_difference(scores.entropy, golden_entropy), 1e-4);
    compared += expected.size();
  }
  EXPECT_GE(compared, 8u * 40u);
}

}  // namespace
}  // namespace grpo

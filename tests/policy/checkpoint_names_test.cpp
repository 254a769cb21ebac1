// The spellings of a checkpoint that are read, the one that is written, and what a damaged one is told.

#include <gtest/gtest.h>

#include <filesystem>

#include "core/file.h"
#include "policy/io/checkpoint_sources.h"
#include "tests/policy/saved_checkpoint.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

using namespace testing;

// transformers 5 holds the experts of a layer so, and some files store them so: gate rows, then up rows.
void stack_experts(TensorMap& weights, const std::string& at, int experts) {
  std::vector<at::Tensor> gate_up, down;
  for (int e = 0; e < experts; ++e) {
    auto take = [&](const char* part) {
      return weights.extract(fmt::format("{}.{}.{}.weight", at, e, part)).mapped();
    };
    const at::Tensor gate = take("gate_proj"), up = take("up_proj");
    gate_up.push_back(at::cat({gate, up}));
    down.push_back(take("down_proj"));
  }
  weights[at + ".gate_up_proj"] = at::stack(gate_up);
  weights[at + ".down_proj"] = at::stack(down);
}

TEST(Checkpoint, AllExpertsOfALayerInOneTensorAreReadAndWrittenOneByOne) {
  for (const Json& config : {deepseek_json(), qwen3_moe_json()}) {
    const Saved saved(config);
    const Checkpoint single = saved.load();
    const std::string one_by_one = read_file(saved.path() + "/model.safetensors");
    std::vector<std::string> stacks;
    for (const NamedTensor& view : single.policy.checkpoint_tensors()) {
      const size_t at = view.name.find(".0.down_proj.weight");
      if (at != std::string::npos && view.name.find(".experts.") < at)
        stacks.push_back(view.name.substr(0, at));
    }
    ASSERT_FALSE(stacks.empty());
    const auto experts =
        static_cast<int>(std::get<MoeConfig>(single.files.config.layers.back().mlp).num_experts);
    saved.change_weights([&](TensorMap& weights) {
      for (const std::string& at : stacks) stack_experts(weights, at, experts);
    });
    const Checkpoint stacked = saved.load();
    expect_same_bits(single.policy, stacked.policy);
    save_checkpoint(stacked.policy, stacked.files, saved.path());
    EXPECT_EQ(read_file(saved.path() + "/model.safetensors"), one_by_one);
  }
}

TEST(Checkpoint, AStackThatDoesNotFitIsNamedOnce) {
  const Saved saved(deepseek_json());
  saved.change_weights([](TensorMap& weights) {
    stack_experts(weights, "model.layers.1.mlp.experts", 12);
    stack_experts(weights, "model.layers.2.mlp.experts", 12);
    weights["model.layers.1.mlp.experts.gate_up_proj"] =
        at::ones({12, 32, 32}).transpose(1, 2).narrow(0, 0, 11);
    weights["model.layers.1.mlp.experts.7.up_proj.weight"] = at::ones({16, 32});
    weights.erase("model.layers.2.mlp.experts.down_proj");
  });
  const std::string error = saved.refusal().summary();
  EXPECT_TRUE(holds(error,
                    "mis-shaped (1):\n    model.layers.1.mlp.experts.gate_up_proj is [11, 32, 32] in "
                    "model.safetensors, the configuration says [12, 32, 32]"));
  EXPECT_TRUE(holds(error, "missing (12)"));
  EXPECT_TRUE(holds(error, "model.layers.2.mlp.experts.11.down_proj.weight"));
}

TEST(Checkpoint, NamesWithoutPrefixAsABaseModelIsSavedAreRead) {
  for (const bool tied : {true, false}) {
    Json config = qwen2_json();
    config["tie_word_embeddings"] = tied;
    const Saved saved(config);
    const Checkpoint whole = saved.load();
    saved.change_weights([](TensorMap& weights) {
      weights.erase("lm_head.weight");
      for (const auto& [name, tensor] : TensorMap(weights)) {
        weights[name.substr(std::string("model.").size())] = tensor;
        weights.erase(name);
      }
    });
    if (tied) {
      expect_same_bits(whole.policy, saved.load().policy);
    } else {
      EXPECT_TRUE(holds(saved.refusal().summary(), "missing (1):\n    lm_head.weight"));
      EXPECT_FALSE(holds(saved.refusal().summary(), "unused"));
    }
    // With one prefixed name it is no longer plain which spelling the others are in.
    saved.change_weights([](TensorMap& weights) { weights["model.norm.weight"] = weights["norm.weight"]; });
    EXPECT_TRUE(holds(saved.refusal().summary(), "missing ("));
  }
}

// Views of a made-up model of 3 layers, the last thing that a source is looked up for.
TEST(Checkpoint, CopiesThatPredictionModulesCarryAreIgnoredAndMissingModulesAreCounted) {
  const TemporaryFolder folder;
  TensorMap weights = {{"model.norm.weight", at::ones({4})}};
  const std::vector<NamedTensor> views = as_list(weights);
  ModelConfig config;
  config.layers.resize(3);
  config.mtp_layers = 2;
  auto reader = [&] {
    write_safetensors(folder.file("model.safetensors"), as_list(weights));
    return SafetensorsReader(folder.path());
  };
  EXPECT_EQ(stored_mtp_layers(reader(), config), 0);
  weights["model.layers.33.hnorm.weight"] = at::ones({4});
  EXPECT_EQ(stored_mtp_layers(reader(), config), 0);
  weights.erase("model.layers.33.hnorm.weight");
  for (const char* name : {"model.layers.3.embed_tokens.weight", "model.layers.4.shared_head.head.weight",
                           "model.layers.4.self_attn.rotary_emb.inv_freq"}) {
    weights[name] = at::ones({2, 2});
  }
  EXPECT_EQ(stored_mtp_layers(reader(), config), 2);
  EXPECT_EQ(find_sources(reader(), views, config, folder.path()).size(), 1u);
  weights["model.layers.2.embed_tokens.weight"] = weights["model.layers.5.shared_head.head.weight"] =
      at::ones({2, 2});
  const Error error = error_of([&] { find_sources(reader(), views, config, folder.path()); });
  EXPECT_TRUE(holds(error.summary(), "unused (2)"));
}

TEST(Checkpoint, AnAnnouncedPredictionModuleThatNoFileHoldsIsNoError) {
  const Saved saved(deepseek_json());
  saved.set("num_nextn_predict_layers", 1);
  ASSERT_EQ(read_checkpoint_files(saved.path()).config.mtp_layers, 1);
  EXPECT_NO_THROW(check_checkpoint_tensors(saved.path(), read_checkpoint_files(saved.path()).config));
  const Checkpoint loaded = saved.load();
  EXPECT_EQ(loaded.files.config.mtp_layers, 0);
  save_checkpoint(loaded.policy, loaded.files, saved.path());
  EXPECT_EQ(read_json_file(saved.path() + "/config.json")["num_nextn_predict_layers"], 0);
}

TEST(Checkpoint, DtypesMayBeMixedWithinOneCheckpoint) {
  const Saved saved(deepseek_json());
  const at::ScalarType dtypes[] = {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble};
  TensorMap expected;
  saved.change_weights([&](TensorMap& weights) {
    int i = 0;
    for (auto& [name, tensor] : weights) {
      tensor = tensor.to(dtypes[i++ % 4]);
      expected[name] = tensor;
    }
  });
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const Checkpoint loaded = load_checkpoint(saved.path(), dtype, at::kCPU);
    for (const NamedTensor& view : loaded.policy.checkpoint_tensors()) {
      EXPECT_TRUE(at::equal(view.tensor, expected.at(view.name).to(view.tensor.scalar_type()))) << view.name;
    }
  }
}

// Larger than what is read at a time, in the policy's dtype (read in place) and in another (staged).
TEST(Checkpoint, TensorsOfManySlicesArriveWhole) {
  Json config = llama_json();
  config["vocab_size"] = 230'001;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const Saved saved(config, dtype);
    const TensorMap weights = saved.weights();
    ASSERT_GT(weights.at("model.embed_tokens.weight").numel() * 2, 10 << 20);
    for (const at::ScalarType computed : {at::kFloat, at::kBFloat16}) {
      const Checkpoint loaded = load_checkpoint(saved.path(), computed, at::kCPU);
      for (const NamedTensor& view : loaded.policy.checkpoint_tensors()) {
        EXPECT_TRUE(at::equal(view.tensor, weights.at(view.name).to(computed))) << view.name;
      }
    }
  }
}

TEST(Checkpoint, AShardThatIsMissingOrTruncatedIsNamedWithATensorOfIt) {
  for (const bool cut : {false, true}) {
    const Saved saved(deepseek_json());
    saved.change_weights([](TensorMap&) {}, 20'000);
    const std::string name = "model.layers.1.self_attn.o_proj.weight";
    const TensorInfo info = SafetensorsReader(saved.path()).tensors().at(name);
    ASSERT_NE(info.file, saved.path() + "/model.safetensors");
    if (cut) {
      std::filesystem::resize_file(info.file, info.begin + 1);
    } else {
      std::filesystem::remove(info.file);
    }
    const Error error = saved.refusal();
    EXPECT_EQ(error.where(), info.file);
    EXPECT_TRUE(holds(error.summary(), "tensor model.layers."));
  }
}

TEST(Checkpoint, AWrongDtypeOrShapeInAShardIsNamedWithTensorAndFile) {
  const Saved saved(deepseek_json());
  saved.change_weights(
      [](TensorMap& weights) {
        weights["model.layers.1.self_attn.o_proj.weight"] = at::ones({32, 30}, at::kInt);
        weights["model.layers.2.self_attn.o_proj.weight"] = at::ones({30, 32});
      },
      20'000);
  const Error error = saved.refusal();
  const SafetensorsReader reader(saved.path());
  auto file = [&](const char* name) {
    return std::filesystem::path(reader.tensors().at(name).file).filename().string();
  };
  EXPECT_TRUE(holds(error.summary(), "model.layers.1.self_attn.o_proj.weight is I32 in " +
                                         file("model.layers.1.self_attn.o_proj.weight")));
  EXPECT_TRUE(holds(error.summary(), "model.layers.2.self_attn.o_proj.weight is [30, 32] in " +
                                         file("model.layers.2.self_attn.o_proj.weight") +
                                         ", the configuration says [32, 30]"));
}

TEST(Checkpoint, ARealModelIsSavedBitForBitAndKeepsItsLogProbs) {
  const std::string directory = test_data("models/stories260K");
  GRPO_NEEDS_DATA(directory);
  const Checkpoint original = load_checkpoint(directory, std::nullopt, at::kCPU);
  const TemporaryFolder folder;
  save_checkpoint(original.policy, original.files, folder.path());
  const TensorMap before = tensors_in(directory), after = tensors_in(folder.path());
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, tensor] : before) {
    ASSERT_TRUE(after.contains(name)) << name;
    EXPECT_EQ(after.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(after.at(name), tensor)) << name;
  }
  const Checkpoint copy = load_checkpoint(folder.path(), std::nullopt, at::kCPU);
  const at::NoGradGuard no_grad;
  const std::vector<int64_t> ids = random_ids(original.policy, 60, 5);
  const at::Tensor targets = at::tensor(std::vector<int64_t>(ids.begin() + 1, ids.end()), at::kLong);
  auto logprobs = [&](const Policy& policy) {
    return policy.token_scores(policy.hidden(pack_sequences({ids}, at::kCPU)).narrow(0, 0, 59), targets)
        .logprobs;
  };
  EXPECT_TRUE(at::equal(logprobs(original.policy), logprobs(copy.policy)));
  EXPECT_EQ(copy.files.extras, original.files.extras);
}

Json saved_json(const Json& config) {
  return saved_config(read_model_config(config, "test"), at::kFloat);
}

TEST(Checkpoint, ConfigIsWrittenAsTransformers4And5BothReadIt) {
  Json config = qwen2_json();
  config.erase("rope_theta");
  config["dtype"] = "bfloat16";
  config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5e5}};
  Json written = saved_json(config);
  EXPECT_FALSE(written.contains("rope_parameters") || written.contains("rope_scaling") ||
               written.contains("dtype"));
  EXPECT_EQ(written["rope_theta"], 5e5);
  EXPECT_EQ(written["torch_dtype"], "float32");

  config["rope_parameters"] = {
      {"rope_type", "yarn"}, {"rope_theta", 5e5}, {"factor", 4.0}, {"original_max_position_embeddings", 64}};
  written = saved_json(config);
  EXPECT_EQ(written["rope_theta"], 5e5);
  EXPECT_EQ(written["rope_scaling"], Json({{"rope_type", "yarn"},
                                           {"factor", 4.0},
                                           {"original_max_position_embeddings", 64},
                                           {"type", "yarn"}}));
  EXPECT_FALSE(written.contains("rope_parameters"));

  const Json old = llama3_json();  // is in that spelling already
  written = saved_json(old);
  EXPECT_EQ(written["rope_scaling"], old["rope_scaling"]);
  EXPECT_EQ(written["rope_theta"], old["rope_theta"]);
}

// transformers' own defaults for these keys are those of one published model.
TEST(Checkpoint, ConfigSpellsOutWhatOtherReadersWouldGuess) {
  Json config = qwen2_json();
  for (const char* key : {"num_key_value_heads", "rope_theta", "tie_word_embeddings"}) config.erase(key);
  Json written = saved_json(config);
  EXPECT_EQ(written["num_key_value_heads"], 4);
  EXPECT_EQ(written["head_dim"], 8);
  EXPECT_EQ(written["rope_theta"], 10000.0);
  EXPECT_EQ(written["tie_word_embeddings"], false);

  config = deepseek_json();
  config["n_routed_experts"] = 16;
  for (const char* key :
       {"n_group", "topk_group", "routed_scaling_factor", "first_k_dense_replace", "n_shared_experts"}) {
    config.erase(key);
  }
  config["num_hidden_layers"] = 4;
  written = saved_json(config);
  EXPECT_EQ(written["num_key_value_heads"], 3);
  EXPECT_EQ(written["n_group"], 8);
  EXPECT_EQ(written["topk_group"], 4);
  EXPECT_EQ(written["routed_scaling_factor"], 2.5);
  EXPECT_EQ(written["first_k_dense_replace"], 3);
  EXPECT_EQ(written["n_shared_experts"], 1);

  config = qwen3_moe_json();
  const Json experts = config["num_experts"];
  config.erase("num_experts");
  config["num_local_experts"] = experts;
  EXPECT_EQ(saved_json(config)["num_experts"], experts);
}

TEST(Checkpoint, ConfigNamesTheClassOfTheFamilyUnlessItNamesOne) {
  const std::pair<Json, const char*> families[] = {{llama_json(), "LlamaForCausalLM"},
                                                   {qwen2_json(), "Qwen2ForCausalLM"},
                                                   {qwen3_json(), "Qwen3ForCausalLM"},
                                                   {qwen3_moe_json(), "Qwen3MoeForCausalLM"},
                                                   {deepseek_v2_json(), "DeepseekV2ForCausalLM"},
                                                   {deepseek_json(), "DeepseekV3ForCausalLM"}};
  for (auto [config, name] : families) {
    EXPECT_EQ(saved_json(config)["architectures"], Json::array({name}));
    config["architectures"] = {"Qwen2Model"};
    EXPECT_EQ(saved_json(config)["architectures"], Json::array({name}));
    config["architectures"] = {"MyOwnForCausalLM"};
    EXPECT_EQ(saved_json(config)["architectures"], Json::array({"MyOwnForCausalLM"}));
  }
}

TEST(Checkpoint, ConfigNamesNoCodeThatIsNotSavedWithIt) {
  Json config = llama_json();
  config["auto_map"] = {{"AutoConfig", "configuration_other.OtherConfig"}};
  EXPECT_FALSE(saved_json(config).contains("auto_map"));
}

}  // namespace
}  // namespace grpo

// Adapter folders: what is written is PEFT's, what is read fits or is refused.

#include "policy/io/adapter.h"

#include <filesystem>

#include "core/file.h"
#include "policy/io/checkpoint.h"
#include "tests/policy/adapted_policy.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::adapted_policy;
using testing::all_architectures;
using testing::random_policy;

LoraConfig config_of(ModuleSelection targets, int64_t r = 3) {
  LoraConfig config;
  config.r = r;
  config.lora_alpha = 6.0;
  config.target_modules = std::move(targets);
  return config;
}

using Names = std::vector<std::string>;

// A folder as PEFT would leave it, out of whatever tensors.
void write_folder(const std::string& directory, const Json& config, const std::vector<NamedTensor>& tensors) {
  write_safetensors(directory + "/adapter_model.safetensors", tensors);
  write_file_atomically(directory + "/adapter_config.json", config.dump());
}

// adapter_config.json as PEFT 0.17 writes it, for q_proj and v_proj of tiny_models.h's llama.
Json peft_config() {
  return Json::parse(
      R"({"alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "base", "bias": "none",
    "corda_config": null, "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
    "init_lora_weights": true, "layer_replication": null, "layers_pattern": null, "layers_to_transform": null,
    "loftq_config": {}, "lora_alpha": 16, "lora_bias": false, "lora_dropout": 0.05, "megatron_config": null,
    "megatron_core": "megatron.core", "modules_to_save": null, "peft_type": "LORA", "qalora_group_size": 16, "r": 4,
    "rank_pattern": {}, "revision": null, "target_modules": ["v_proj", "q_proj"], "target_parameters": null,
    "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_dora": false, "use_qalora": false,
    "use_rslora": false})");
}

std::vector<NamedTensor> peft_tensors() {
  at::manual_seed(7);
  std::vector<NamedTensor> tensors;
  for (const int layer : {0, 1}) {
    for (const auto& [name, out] : {std::pair{"q_proj", 60}, {"v_proj", 20}}) {
      const std::string at = "base_model.model.model.layers." + std::to_string(layer) + ".self_attn." + name;
      tensors.push_back({at + ".lora_A.weight", at::randn({4, 24})});
      tensors.push_back({at + ".lora_B.weight", at::randn({out, 4})});
    }
  }
  return tensors;
}

TEST(AdapterFolder, SavedAndLoadedHasTheSameBitsInEveryArchitecture) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const Json& json : all_architectures()) {
      const Policy saved = adapted_policy(json, config_of("all-linear"), dtype);
      const TemporaryFolder folder;
      save_adapter(saved, config_of("all-linear"), "path/to/base", folder.path());
      Policy loaded = random_policy(json, dtype);
      const LoraConfig config = load_adapter(folder.path(), loaded);
      EXPECT_EQ(config.r, 3);
      EXPECT_EQ(config.scale(), 2.0);
      ASSERT_EQ(loaded.adapters().size(), saved.adapters().size());
      for (size_t i = 0; i < saved.adapters().size(); ++i) {
        EXPECT_EQ(loaded.adapters()[i].module, saved.adapters()[i].module);
        EXPECT_EQ(loaded.adapters()[i].scale, saved.adapters()[i].scale);
        EXPECT_TRUE(at::equal(loaded.adapters()[i].a, saved.adapters()[i].a));
        EXPECT_TRUE(at::equal(loaded.adapters()[i].b, saved.adapters()[i].b));
      }
      EXPECT_EQ(loaded.trainable().size(), saved.trainable().size());
    }
  }
}

TEST(AdapterFolder, HasPeftsNamesShapesAndKeys) {
  const Policy policy = adapted_policy(testing::llama_json(), config_of(Names{"q_proj"}));
  const TemporaryFolder folder;
  save_adapter(policy, config_of(Names{"q_proj"}), "path/to/base", folder.path());
  const SafetensorsReader reader(folder.file("adapter_model.safetensors"));
  ASSERT_EQ(reader.tensors().size(), 4u);
  EXPECT_EQ(reader.tensors().at("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight").shape,
            (std::vector<int64_t>{3, 24}));
  EXPECT_EQ(reader.tensors().at("base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight").shape,
            (std::vector<int64_t>{60, 3}));
  const Json config = read_json_file(folder.file("adapter_config.json"));
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["task_type"], "CAUSAL_LM");
  EXPECT_EQ(config["base_model_name_or_path"], "path/to/base");
  EXPECT_EQ(config["r"], 3);
  EXPECT_EQ(config["lora_alpha"].dump(), "6") << "an integer, as servers read it";
  EXPECT_EQ(config["target_modules"], Json({"q_proj"}));
  EXPECT_EQ(config["bias"], "none");
}

TEST(AdapterFolder, NamesModulesInFullWhereEndingsWouldSelectOthersToo) {
  const auto saved = [](const Json& json, const LoraConfig& config) {
    const Policy policy = adapted_policy(json, config);
    const TemporaryFolder folder;
    save_adapter(policy, config, "base", folder.path());
    return read_json_file(folder.file("adapter_config.json"))["target_modules"];
  };
  LoraConfig layer = config_of(Names{"o_proj"});
  layer.layers_to_transform = {1};
  EXPECT_EQ(saved(testing::llama_json(), layer), Json({"model.layers.1.self_attn.o_proj"}));
  EXPECT_EQ(saved(testing::llama_json(), config_of(R"(.*\.[ud].*)")), Json({"down_proj", "up_proj"}));
  // "gate_proj" alone would put adapters on every routed expert.
  const Json mixture = saved(testing::deepseek_json(), config_of("all-linear"));
  EXPECT_EQ(mixture.size(), 3u * 8u);
  EXPECT_NE(std::find(mixture.begin(), mixture.end(), "model.layers.1.mlp.shared_experts.gate_proj"),
            mixture.end());
}

TEST(AdapterFolder, OfPeftIsReadWithItsScaleAndWithoutItsDropout) {
  const TemporaryFolder folder;
  const std::vector<NamedTensor> tensors = peft_tensors();
  write_folder(folder.path(), peft_config(), tensors);
  Policy policy = random_policy(testing::llama_json());
  EXPECT_EQ(check_adapter(folder.path(), policy).r, 4);
  EXPECT_TRUE(policy.adapters().empty());
  load_adapter(folder.path(), policy);
  ASSERT_EQ(policy.adapters().size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ("base_model.model." + policy.adapters()[i].module + ".lora_A.weight", tensors[2 * i].name);
    EXPECT_TRUE(at::equal(policy.adapters()[i].a, tensors[2 * i].tensor));
    EXPECT_TRUE(at::equal(policy.adapters()[i].b, tensors[2 * i + 1].tensor));
    EXPECT_EQ(policy.adapters()[i].scale, 4.0);
  }
  Policy narrow = random_policy(testing::llama_json(), at::kBFloat16);
  load_adapter(folder.path(), narrow);
  EXPECT_TRUE(at::equal(narrow.adapters()[0].a, tensors[0].tensor.to(at::kBFloat16)));
}

TEST(AdapterFolder, OnExpertsThatTheFileLeavesAloneIsRead) {
  // transformers 5 holds routed experts in one tensor, so PEFT's ending "gate_proj" finds the other MLPs
  // alone.
  const LoraConfig config = config_of(R"(.*(layers\.0\.mlp|shared_experts)\.gate_proj)");
  const Policy saved = adapted_policy(testing::deepseek_json(), config);
  const TemporaryFolder folder;
  save_adapter(saved, config, "base", folder.path());
  Json json = read_json_file(folder.file("adapter_config.json"));
  json["target_modules"] = Json({"gate_proj"});
  write_file_atomically(folder.file("adapter_config.json"), json.dump());
  Policy loaded = random_policy(testing::deepseek_json());
  load_adapter(folder.path(), loaded);
  EXPECT_EQ(loaded.adapters().size(), 3u);
}

TEST(AdapterFolder, ThatDoesNotFitIsRefusedWithEveryTensorNamed) {
  const auto refused = [](const std::function<void(Json&, std::vector<NamedTensor>&)>& change) {
    Json config = peft_config();
    std::vector<NamedTensor> tensors = peft_tensors();
    change(config, tensors);
    const TemporaryFolder folder;
    write_folder(folder.path(), config, tensors);
    Policy policy = random_policy(testing::llama_json());
    const std::string checked = error_text([&] { check_adapter(folder.path(), policy); });
    const std::string loaded = error_text([&] { load_adapter(folder.path(), policy); });
    EXPECT_EQ(checked, loaded);
    EXPECT_TRUE(policy.adapters().empty());
    return checked;
  };
  const std::string at = "base_model.model.model.layers.0.self_attn.q_proj";
  const std::string several = refused([&](Json&, std::vector<NamedTensor>& t) {
    t[0].tensor = at::zeros({4, 23});
    t[1].name = at + ".lora_C.weight";
  });
  EXPECT_TRUE(holds(several, "does not fit the model in 3 tensors"));
  EXPECT_TRUE(holds(several, at + ".lora_A.weight is [4, 23], the base and r call for [4, 24]"));
  EXPECT_TRUE(holds(several, at + ".lora_B.weight is missing"));
  EXPECT_TRUE(holds(several, at + ".lora_C.weight is not used"));
  EXPECT_TRUE(holds(several, "adapter_model.safetensors"));
  EXPECT_TRUE(holds(refused([](Json& c, auto&) { c["r"] = 8; }), "call for [8, 24]"));
  EXPECT_TRUE(holds(refused([](Json& c, auto&) { c["target_modules"] = Json({"q_proj"}); }),
                    "v_proj.lora_A.weight is not used"));
  EXPECT_TRUE(holds(refused([](Json& c, auto&) { c["target_modules"].push_back("o_proj"); }),
                    "o_proj.lora_A.weight is missing"));
  EXPECT_TRUE(holds(refused([](Json& c, auto&) { c["target_modules"] = Json({"c_attn"}); }),
                    "no module is called c_attn"));
  EXPECT_TRUE(
      holds(refused([](Json&, std::vector<NamedTensor>& t) { t[2].tensor = t[2].tensor.to(at::kInt); }),
            "is of dtype I32"));
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"use_dora", true},
                                                 {"bias", "lora_only"},
                                                 {"modules_to_save", Json({"lm_head"})},
                                                 {"rank_pattern", {{"q_proj", 8}}},
                                                 {"init_lora_weights", "pissa"},
                                                 {"peft_type", "IA3"},
                                                 {"target_modules", nullptr},
                                                 {"r", "four"}}) {
    EXPECT_TRUE(holds(refused([&](Json& c, auto&) { c[key] = value; }), "adapter_config.json: " + key))
        << key;
  }
}

TEST(AdapterFolder, WithNumbersThatAreNoneIsRefused) {
  const TemporaryFolder folder;
  std::vector<NamedTensor> tensors = peft_tensors();
  tensors[3].tensor[0][0] = NAN;
  write_folder(folder.path(), peft_config(), tensors);
  Policy policy = random_policy(testing::llama_json());
  EXPECT_TRUE(holds(error_of([&] { load_adapter(folder.path(), policy); }).summary(),
                    tensors[3].name + " holds a NaN"));
}

TEST(AdapterFolder, OfAnotherBaseIsRefusedWhereItsOwnIsKnown) {
  const Policy saved = adapted_policy(testing::llama_json(), config_of(Names{"o_proj"}));
  const TemporaryFolder folder;
  save_adapter(saved, config_of(Names{"o_proj"}), "base", folder.path());
  Policy other = random_policy(testing::llama_json(), at::kFloat, 2);
  EXPECT_TRUE(
      holds(error_of([&] { load_adapter(folder.path(), other); }).summary(), "trained on other weights"));
  Policy narrow = random_policy(testing::llama_json(), at::kBFloat16);
  EXPECT_NO_THROW(load_adapter(folder.path(), narrow)) << "the same base in another dtype";
}

TEST(AdapterFolder, WithoutFilesOrWithAPickleIsRefused) {
  const TemporaryFolder folder;
  Policy policy = random_policy(testing::llama_json());
  EXPECT_TRUE(holds(error_of([&] { load_adapter(folder.path(), policy); }).where(), "adapter_config.json"));
  write_file_atomically(folder.file("adapter_config.json"), peft_config().dump());
  EXPECT_TRUE(
      holds(error_of([&] { load_adapter(folder.path(), policy); }).where(), "adapter_model.safetensors"));
  folder.write("adapter_model.bin", "pickle");
  EXPECT_TRUE(holds(error_of([&] { load_adapter(folder.path(), policy); }).summary(), "pickle"));
}

}  // namespace
}  // namespace grpo

// The same log-probabilities as Hugging Face transformers, of which tests/golden/policy/ holds some for every
// family and trap of a configuration: transformers' own, written by scripts/parity --write-goldens. Weights
// come from tests/policy/golden_weights.h.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "core/json.h"
#include "policy/io/checkpoint.h"
#include "tests/policy/golden_checkpoint.h"
#include "tests/policy/scrambled_cache.h"
#include "tests/policy/tiny_models.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 2e-5;
const std::string kGoldens = GRPO_SOURCE_DIR "/tests/golden/policy";

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kGoldens)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Of one sequence: log p(ids[t+1] given ids[..t]) from hidden rows [T, D].
at::Tensor next_logprobs(const Policy& policy, const at::Tensor& hidden, const std::vector<int64_t>& ids) {
  const auto count = static_cast<int64_t>(ids.size()) - 1;
  const at::Tensor targets = at::tensor(std::vector<int64_t>(ids.begin() + 1, ids.end()), at::kLong);
  return policy.token_scores(hidden.narrow(0, 0, count), targets).logprobs;
}

Json read_golden(const std::string& name) {
  return read_json_file(kGoldens + "/" + name + ".json");
}

std::vector<std::vector<int64_t>> sequences_of(const Json& golden) {
  return golden["ids"].get<std::vector<std::vector<int64_t>>>();
}

at::Tensor expected_logprobs(const Json& golden, size_t sequence) {
  return at::tensor(golden["logprobs"][sequence].get<std::vector<double>>(), at::kDouble);
}

// The largest difference from the golden, its sequences packed together.
double worst_difference(const Json& golden, const Policy& policy) {
  const at::NoGradGuard no_grad;
  const auto sequences = sequences_of(golden);
  const at::Tensor hidden = policy.hidden(pack_sequences(sequences, at::kCPU));
  double worst = 0;
  int64_t first = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    const auto length = static_cast<int64_t>(sequences[s].size());
    const at::Tensor found = next_logprobs(policy, hidden.narrow(0, first, length), sequences[s]);
    worst = std::max(worst, testing::max_difference(found, expected_logprobs(golden, s)));
    first += length;
  }
  return worst;
}

class Parity : public ::testing::TestWithParam<std::string> {
 protected:
  Parity() : golden_(read_golden(GetParam())) { testing::write_golden_checkpoint(golden_, folder_); }

  Checkpoint load() const { return load_checkpoint(folder_.path(), at::kFloat, at::kCPU); }

  TemporaryFolder folder_;
  Json golden_;
};

TEST_P(Parity, LogprobsEqualThoseOfTransformers) {
  EXPECT_LE(worst_difference(golden_, load().policy), kTolerance);
}

TEST_P(Parity, CachedDecodeEqualsTransformers) {
  const Policy policy = load().policy;
  const at::NoGradGuard no_grad;
  const auto sequences = sequences_of(golden_);
  for (size_t s = 0; s < sequences.size(); ++s) {
    const std::vector<int64_t>& ids = sequences[s];
    const auto length = static_cast<int64_t>(ids.size()), prompt = length / 3;
    testing::ScrambledCache cache(policy, 1, length, /*page=*/4);
    std::vector<at::Tensor> hidden = {cache.feed(policy, {ids}, 0, prompt, /*whole=*/true)[0]};
    for (int64_t i = prompt; i < length; ++i) hidden.push_back(cache.feed(policy, {ids}, i, 1)[0]);
    const at::Tensor found = next_logprobs(policy, at::cat(hidden), ids);
    EXPECT_LE(testing::max_difference(found, expected_logprobs(golden_, s)), kTolerance);
  }
}

TEST_P(Parity, SavedAndReadAgainItEqualsTransformersStill) {
  const Checkpoint loaded = load();
  const TemporaryFolder copy;
  save_checkpoint(loaded.policy, loaded.files, copy.path());
  const Checkpoint again = load_checkpoint(copy.path(), std::nullopt, at::kCPU);
  EXPECT_EQ(again.policy.dtype(), at::kFloat);
  EXPECT_LE(worst_difference(golden_, again.policy), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Transformers, Parity, ::testing::ValuesIn(golden_names()),
                         [](const auto& info) { return info.param; });

// A golden that does not notice a wrong number proves nothing: every key that changes the model is changed
// once.
struct WrongKey {
  std::string golden;
  std::string key;  // JSON pointer into config.json
  Json value;
};

void PrintTo(const WrongKey& wrong, std::ostream* out) {
  *out << wrong.golden << " " << wrong.key;
}

// "llama_yarn", "/rope_scaling/factor" -> "llama_yarn_rope_scaling_factor"
std::string test_name(const ::testing::TestParamInfo<WrongKey>& info) {
  std::string name = info.param.golden + info.param.key;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

class ParitySensitivity : public ::testing::TestWithParam<WrongKey> {};

TEST_P(ParitySensitivity, AWrongKeyBreaksParity) {
  Json golden = read_golden(GetParam().golden);
  Json& value = golden["config"][Json::json_pointer(GetParam().key)];
  ASSERT_NE(value, GetParam().value);
  value = GetParam().value;
  const TemporaryFolder folder;
  testing::write_golden_checkpoint(golden, folder);
  EXPECT_GT(worst_difference(golden, load_checkpoint(folder.path(), at::kFloat, at::kCPU).policy), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(
    Transformers, ParitySensitivity,
    ::testing::Values(
        WrongKey{"llama_gqa3_head10_tied", "/rope_theta", 11000.0},
        WrongKey{"llama_defaults_f16_shards", "/rms_norm_eps", 1e-2},
        WrongKey{"llama_linear_rope", "/rope_scaling/factor", 3.9},
        WrongKey{"llama_llama3_rope_gqa4_tied", "/rope_scaling/factor", 7.5},
        WrongKey{"llama_llama3_rope_gqa4_tied", "/rope_scaling/low_freq_factor", 1.2},
        WrongKey{"llama_llama3_rope_gqa4_tied", "/rope_scaling/high_freq_factor", 3.8},
        WrongKey{"llama_llama3_rope_gqa4_tied", "/rope_scaling/original_max_position_embeddings", 30},
        WrongKey{"llama_yarn", "/rope_scaling/factor", 3.8},
        WrongKey{"llama_yarn", "/rope_scaling/beta_slow", 2},
        WrongKey{"llama_yarn_attention_factor_untruncated", "/rope_parameters/attention_factor", 1.2},
        WrongKey{"llama_yarn_attention_factor_untruncated", "/rope_parameters/truncate", true},
        WrongKey{"qwen3_moe_norm_topk", "/norm_topk_prob", false},
        WrongKey{"qwen3_moe_norm_topk", "/num_experts_per_tok", 2},
        WrongKey{"deepseek_v2_lite_yarn", "/rope_scaling/mscale_all_dim", 0.6},
        WrongKey{"deepseek_v2_yarn_unequal_mscale_fused_v5", "/rope_parameters/mscale", 0.9},
        WrongKey{"deepseek_v2_q_lora_groups", "/routed_scaling_factor", 3.9},
        WrongKey{"deepseek_v2_q_lora_groups", "/topk_group", 3},
        WrongKey{"deepseek_v3_groups_and_bias", "/topk_group", 3},
        WrongKey{"deepseek_v3_groups_and_bias", "/norm_topk_prob", false},
        WrongKey{"deepseek_v3_groups_and_bias", "/rope_interleave", false},
        WrongKey{"deepseek_v3_negative_choice_scores_bf16", "/n_group", 4},
        WrongKey{"deepseek_v3_yarn", "/rope_scaling/mscale_all_dim", 0.9}),
    test_name);

TEST(ParityGoldens, CoverEveryFamilyAndWhatChangesItsNumbers) {
  std::map<std::string, int> families, features;
  for (const std::string& name : golden_names()) {
    const Json config = read_golden(name)["config"];
    const std::string family = config["model_type"].get<std::string>();
    ++families[family];
    const Json rope = config.value("rope_parameters", config.value("rope_scaling", Json()));
    if (rope.is_object()) {
      ++features[family + " " + rope.value("rope_type", rope.value("type", std::string("default")))];
    }
    if (config["tie_word_embeddings"].get<bool>()) ++features[family + " tied"];
    if (family == "deepseek_v2" && config["q_lora_rank"].is_null()) ++features["deepseek_v2 without q_lora"];
    if (family == "deepseek_v3" && config["n_group"] > 1) ++features["deepseek_v3 groups"];
    if (config.contains("quantization_config")) ++features[family + " fp8"];
    if (config.value("num_nextn_predict_layers", 0) > 0) ++features[family + " mtp"];
  }
  for (const char* family : {"llama", "qwen2", "qwen3", "qwen3_moe", "deepseek_v2", "deepseek_v3"}) {
    EXPECT_GE(families[family], 3) << family;
  }
  for (const char* feature :
       {"llama llama3", "llama linear", "llama yarn", "llama tied", "qwen2 yarn", "qwen2 tied", "qwen3 yarn",
        "qwen3 tied", "deepseek_v2 yarn", "deepseek_v2 without q_lora", "deepseek_v3 yarn",
        "deepseek_v3 groups", "deepseek_v3 fp8", "deepseek_v3 mtp"}) {
    EXPECT_GE(features[feature], 1) << feature;
  }
}

}  // namespace
}  // namespace grpo

// Float8 checkpoints as DeepSeek-V3 is released: W = value of the code * scale of its block.

#include <gtest/gtest.h>

#include <limits>

#include "core/json.h"
#include "policy/io/fp8_blocks.h"
#include "tests/policy/naive_fp8.h"
#include "tests/policy/saved_checkpoint.h"

namespace grpo {
namespace {

using namespace testing;

constexpr Fp8Blocks kBlocks{16, 12};

Json quantization(const Fp8Blocks& blocks = kBlocks) {
  return {{"activation_scheme", "dynamic"},
          {"fmt", "e4m3"},
          {"quant_method", "fp8"},
          {"weight_block_size", {blocks.rows, blocks.columns}}};
}

std::optional<Fp8Problem> run(const Fp8Weight& weight, const Fp8Blocks& blocks, int64_t first, int64_t rows,
                              at::Tensor& out) {
  const int64_t columns = weight.codes.size(1);
  const at::Tensor scales = weight.scales.slice(0, first / blocks.rows).contiguous();
  const auto* codes = static_cast<const uint8_t*>(weight.codes.const_data_ptr()) + first * columns;
  return dequantise({codes, first, rows, columns, scales.const_data_ptr<float>()}, blocks,
                    out[first].data_ptr(), out.scalar_type());
}

TEST(Fp8Blocks, EveryCodeHasTheValueOfItsSignExponentAndMantissa) {
  at::Tensor codes = at::arange(256, at::kByte).view({2, 128});
  for (const int nan : {0x7F, 0xFF}) codes.view(-1)[nan] = 0;
  const Fp8Weight weight{codes.view(at::kFloat8_e4m3fn), at::ones({1, 1})};
  at::Tensor out = at::empty({2, 128});
  ASSERT_FALSE(run(weight, {128, 128}, 0, 2, out).has_value());
  for (int code = 0; code < 256; ++code) {
    const double expected = (code & 0x7F) == 0x7F ? 0.0 : e4m3_value(static_cast<uint8_t>(code));
    EXPECT_EQ(out.view(-1)[code].item<double>(), expected) << code;
  }
}

TEST(Fp8Blocks, RaggedWeightsEqualTheNaiveLoopHoweverTheirRowsAreCut) {
  uint64_t seed = 1;
  for (const Fp8Blocks blocks :
       {Fp8Blocks{128, 128}, Fp8Blocks{16, 12}, Fp8Blocks{1, 1}, Fp8Blocks{3, 1000}}) {
    for (const auto& [rows, columns] :
         {std::pair<int64_t, int64_t>{1, 1}, {130, 257}, {128, 128}, {33, 12}, {5, 140}}) {
      const Fp8Weight weight = random_fp8({rows, columns}, blocks, seed++);
      const at::Tensor expected = naive_dequantise(weight.codes, weight.scales, blocks);
      for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
        for (const int64_t step : {rows, int64_t{7}}) {
          at::Tensor out = at::full({rows, columns}, 77, dtype);
          for (int64_t first = 0; first < rows; first += step) {
            ASSERT_FALSE(run(weight, blocks, first, std::min(step, rows - first), out).has_value());
          }
          EXPECT_TRUE(at::equal(out, expected.to(dtype)))
              << rows << " x " << columns << " " << toString(dtype);
        }
      }
    }
  }
}

TEST(Fp8Blocks, ANanCodeAndAScaleThatIsNoPositiveNumberAreProblemsWithTheirPlace) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {0.0f, -1.0f, inf, std::numeric_limits<float>::quiet_NaN(), 1e37f}) {
    Fp8Weight weight = random_fp8({40, 30}, kBlocks, 3);
    weight.scales[2][1] = bad;
    at::Tensor out = at::empty({40, 30});
    const auto problem = run(weight, kBlocks, 0, 40, out);
    ASSERT_TRUE(problem.has_value()) << bad;
    EXPECT_EQ(problem->row, 32);
    EXPECT_TRUE(holds(problem->what, "the scale of block [2, 1]"));
  }
  for (const int nan : {0x7F, 0xFF}) {
    const Fp8Weight weight = random_fp8({40, 30}, kBlocks, 4);
    weight.codes.view(at::kByte)[37][29] = nan;
    at::Tensor out = at::empty({40, 30});
    const auto problem = run(weight, kBlocks, 20, 20, out);
    ASSERT_TRUE(problem.has_value());
    EXPECT_EQ(problem->row, 37);
    EXPECT_TRUE(holds(problem->what, "row 37 holds a NaN in block [2, 2]"));
  }
}

// Replaces the matrices that DeepSeek stores as float8; the dequantised ones are the result.
TensorMap quantise(TensorMap& weights, const Fp8Blocks& blocks = kBlocks) {
  TensorMap plain;
  uint64_t seed = 50;
  for (const auto& [name, tensor] : TensorMap(weights)) {
    if (!name.ends_with("_proj.weight") && !name.ends_with("_mqa.weight")) continue;
    const Fp8Weight fp8 = random_fp8(tensor.sizes().vec(), blocks, seed++);
    weights[name] = fp8.codes;
    weights[name + "_scale_inv"] = fp8.scales;
    plain[name] = naive_dequantise(fp8.codes, fp8.scales, blocks);
  }
  return plain;
}

// A float8 checkpoint, and what its matrices are.
struct Quantised {
  explicit Quantised(const Json& config, const Fp8Blocks& blocks = kBlocks, uint64_t shard_bytes = 1 << 30)
      : saved(config) {
    saved.change_weights([&](TensorMap& weights) { plain = quantise(weights, blocks); }, shard_bytes);
    saved.set("quantization_config", quantization(blocks));
  }
  Saved saved;
  TensorMap plain;
};

void expect_holds(const Policy& policy, const TensorMap& plain) {
  size_t compared = 0;
  for (const NamedTensor& view : policy.checkpoint_tensors()) {
    const auto it = plain.find(view.name);
    if (it == plain.end()) continue;
    EXPECT_TRUE(at::equal(view.tensor, it->second.to(policy.dtype()))) << view.name;
    ++compared;
  }
  EXPECT_EQ(compared, plain.size());
}

TEST(Checkpoint, Float8BlocksAreDequantisedOnLoadRaggedEdgesIncluded) {
  for (const Json& config : {deepseek_json(), qwen2_json()}) {
    const Quantised quantised(config);
    ASSERT_GT(quantised.plain.size(), 20u);
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
      const Checkpoint loaded = load_checkpoint(quantised.saved.path(), dtype, at::kCPU);
      expect_holds(loaded.policy, quantised.plain);
    }
  }
}

TEST(Checkpoint, Float8WeightsOfManySlicesAndTheirScalesInOtherShardsGiveTheSameNumbers) {
  Json config = llama_json();
  config["hidden_size"] = 300;
  config["intermediate_size"] = 4001;
  config["num_hidden_layers"] = 1;
  const Quantised quantised(config, {128, 128}, 100'000);
  std::set<std::string> files;
  const SafetensorsReader reader(quantised.saved.path());
  for (const char* suffix : {"", "_scale_inv"}) {
    files.insert(reader.tensors().at(std::string("model.layers.0.mlp.up_proj.weight") + suffix).file);
  }
  EXPECT_EQ(files.size(), 2u);
  expect_holds(quantised.saved.load().policy, quantised.plain);
}

TEST(Checkpoint, ScalesMayBeOfAnyFloatDtypeOrPowersOfTwo) {
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf, at::kFloat8_e8m0fnu}) {
    const Quantised quantised(qwen2_json());
    TensorMap plain;
    quantised.saved.change_weights([&](TensorMap& weights) {
      for (auto& [name, tensor] : weights) {
        if (name.ends_with("_scale_inv")) tensor = tensor.to(dtype);
      }
      for (const auto& [name, tensor] : quantised.plain) {
        plain[name] = naive_dequantise(weights[name], weights[name + "_scale_inv"], kBlocks);
      }
    });
    if (dtype == at::kFloat8_e8m0fnu) {
      Json json = quantization();
      json["scale_fmt"] = "ue8m0";
      quantised.saved.set("quantization_config", json);
    }
    expect_holds(quantised.saved.load().policy, plain);
  }
}

TEST(Checkpoint, AStackOfFloat8ExpertsIsDequantisedLikeSingleOnes) {
  const Saved saved(deepseek_json());
  const Fp8Blocks blocks{8, 12};
  TensorMap plain;
  saved.change_weights([&](TensorMap& weights) {
    for (const int layer : {1, 2}) {
      const std::string at = fmt::format("model.layers.{}.mlp.experts", layer);
      std::erase_if(weights, [&](const auto& item) { return item.first.starts_with(at); });
      const Fp8Weight gate_up = random_fp8({12, 2 * 16, 32}, blocks, 7),
                      down = random_fp8({12, 32, 16}, blocks, 8);
      weights[at + ".gate_up_proj"] = gate_up.codes;
      weights[at + ".gate_up_proj_scale_inv"] = gate_up.scales;
      weights[at + ".down_proj"] = down.codes;
      weights[at + ".down_proj_scale_inv"] = down.scales;
      for (int e = 0; e < 12; ++e) {
        const at::Tensor both = naive_dequantise(gate_up.codes[e], gate_up.scales[e], blocks);
        plain[fmt::format("{}.{}.gate_proj.weight", at, e)] = both.narrow(0, 0, 16);
        plain[fmt::format("{}.{}.up_proj.weight", at, e)] = both.narrow(0, 16, 16);
        plain[fmt::format("{}.{}.down_proj.weight", at, e)] =
            naive_dequantise(down.codes[e], down.scales[e], blocks);
      }
    }
  });
  saved.set("quantization_config", quantization(blocks));
  expect_holds(saved.load().policy, plain);
  saved.set("quantization_config", quantization({12, 12}));
  EXPECT_TRUE(holds(saved.refusal().summary(), "16 rows of each half are no multiple of the 12 of a block"));
}

TEST(Checkpoint, Float8IsSavedAsPlainWeightsWithoutQuantizationConfig) {
  const Quantised quantised(deepseek_json());
  const Checkpoint loaded = load_checkpoint(quantised.saved.path(), at::kBFloat16, at::kCPU);
  const TemporaryFolder folder;
  save_checkpoint(loaded.policy, loaded.files, folder.path());
  const Json config = read_json_file(folder.file("config.json"));
  EXPECT_FALSE(config.contains("quantization_config"));
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
  const SafetensorsReader reader(folder.path());
  for (const auto& [name, info] : reader.tensors()) {
    EXPECT_FALSE(name.ends_with("_scale_inv")) << name;
    EXPECT_EQ(info.dtype, name.ends_with("e_score_correction_bias") ? "F32" : "BF16") << name;
  }
  const Checkpoint again = load_checkpoint(folder.path(), std::nullopt, at::kCPU);
  expect_same_bits(again.policy, loaded.policy);
}

TEST(Checkpoint, Float8ScalesThatDoNotFitAreAllNamedInOneError) {
  const Quantised quantised(deepseek_json());
  const std::string at = "model.layers.0.self_attn.";
  quantised.saved.change_weights([&](TensorMap& weights) {
    weights.erase(at + "q_a_proj.weight_scale_inv");
    weights[at + "o_proj.weight_scale_inv"] = at::ones({3, 2});
    weights[at + "kv_b_proj.weight_scale_inv"] = at::ones({4, 2}, at::kInt);
    weights["model.norm.weight_scale_inv"] = at::ones({1, 1});
    weights["model.norm.weight"] = at::ones({32}).to(at::kFloat8_e4m3fn);
    weights["lm_head.weight_scale_inv"] = at::ones({1, 1});
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"].to(at::kFloat8_e5m2);
  });
  const Error error = quantised.saved.refusal();
  for (const std::string& part :
       {at + "q_a_proj.weight in model.safetensors: " + at + "q_a_proj.weight_scale_inv is in no file",
        at + "o_proj.weight_scale_inv is [3, 2] in model.safetensors, blocks of 16 x 12 need [2, 3]",
        at + "kv_b_proj.weight_scale_inv in model.safetensors is I32",
        std::string("model.norm.weight in model.safetensors: only a matrix has blocks, this is [32]"),
        std::string("unused (1):\n    lm_head.weight_scale_inv in model.safetensors"),
        std::string("model.embed_tokens.weight is F8_E5M2 in model.safetensors")}) {
    EXPECT_TRUE(holds(error.summary(), part));
  }
  EXPECT_EQ(error.where(), quantised.saved.path());
  const ModelConfig config = read_checkpoint_files(quantised.saved.path()).config;
  EXPECT_EQ(error_of([&] { check_checkpoint_tensors(quantised.saved.path(), config); }).summary(),
            error.summary());
}

TEST(Checkpoint, Float8AndQuantizationConfigComeTogetherOrNotAtAll) {
  const Quantised quantised(qwen2_json());
  Json config = read_json_file(quantised.saved.path() + "/config.json");
  config.erase("quantization_config");
  quantised.saved.write("config.json", config.dump());
  const Error unannounced = quantised.saved.refusal();
  EXPECT_TRUE(holds(unannounced.summary(), "float8, though config.json has no quantization_config (21)"));
  EXPECT_TRUE(holds(unannounced.summary(), "model.layers.0.mlp.down_proj.weight in model.safetensors"));
  EXPECT_FALSE(holds(unannounced.summary(), "unused"));

  const Saved plain(qwen2_json());
  plain.set("quantization_config", quantization());
  EXPECT_TRUE(holds(plain.refusal().summary(),
                    "no tensor at all is F8_E4M3, though config.json has a quantization_config"));
}

TEST(Checkpoint, Float8NumbersThatAreNoneAreAllNamedInOneError) {
  const Quantised quantised(deepseek_json());
  quantised.saved.change_weights([](TensorMap& weights) {
    weights["model.layers.0.mlp.up_proj.weight_scale_inv"][1][2] = -0.5f;
    weights["model.layers.2.mlp.experts.3.up_proj.weight_scale_inv"][0][0] =
        std::numeric_limits<float>::quiet_NaN();
    weights["model.layers.1.self_attn.o_proj.weight"].view(at::kByte)[9][4] = 0xFF;
  });
  const Error error = quantised.saved.refusal();
  for (const char* part :
       {"3 float8 weights cannot be dequantised", "model.layers.0.mlp.up_proj.weight in ",
        "model.safetensors: the scale of block [1, 2] is -0.5",
        "model.layers.2.mlp.experts.3.up_proj.weight in ", "the scale of block [0, 0] is nan",
        "model.layers.1.self_attn.o_proj.weight in ", "row 9 holds a NaN in block [0, 0]"}) {
    EXPECT_TRUE(holds(error.summary(), part));
  }
}

}  // namespace
}  // namespace grpo

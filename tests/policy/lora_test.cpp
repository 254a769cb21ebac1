// Adapters on a policy: what they compute, what they learn, and what stays as it is.

#include "policy/lora.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "policy/linear_map.h"
#include "tests/policy/adapted_policy.h"
#include "tests/policy/scrambled_cache.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::adapted_policy;
using testing::all_architectures;
using testing::all_linear;
using testing::endings;
using testing::logits_of;
using testing::loss_of;
using testing::max_difference;
using testing::random_ids;
using testing::random_policy;
using testing::ScrambledCache;

// The oracle: the same policy, bare, its weights raised by scale * B A through their checkpoint names.
Policy with_raised_weights(const Policy& adapted) {
  Policy bare = adapted.clone();
  bare.set_adapters({});
  for (const Adapter& adapter : adapted.adapters()) {
    for (const NamedTensor& view : bare.checkpoint_tensors()) {
      if (view.name != adapter.module + ".weight") continue;
      const at::Tensor product = at::matmul(adapter.b.to(at::kDouble), adapter.a.to(at::kDouble));
      view.tensor.copy_(view.tensor.to(at::kDouble) + adapter.scale * product);
    }
  }
  return bare;
}

std::vector<std::string> modules_of(const Policy& policy) {
  std::vector<std::string> names;
  for (const Adapter& adapter : policy.adapters()) names.push_back(adapter.module);
  return names;
}

TEST(Lora, ForwardIsThatOfTheWeightsPlusTheProductsInEveryArchitecture) {
  for (const Json& json : all_architectures()) {
    const Policy wide = adapted_policy(json, all_linear(), at::kDouble);
    EXPECT_LE(max_difference(logits_of(wide), logits_of(with_raised_weights(wide))), 1e-12)
        << json["model_type"];
    EXPECT_GT(max_difference(logits_of(wide), logits_of(random_policy(json, at::kDouble))), 1e-3);
    const Policy narrow = adapted_policy(json, all_linear());
    const at::Tensor found = logits_of(narrow);
    EXPECT_LE(max_difference(found, logits_of(with_raised_weights(narrow))),
              1e-5 * found.abs().max().item<double>())
        << json["model_type"];
  }
}

TEST(Lora, MergedWeightsAreTheRaisedOnesRoundedOnce) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    double entries = 0, different = 0;
    for (const Json& json : all_architectures()) {
      const Policy adapted = adapted_policy(json, all_linear(), dtype);
      const Policy raised = with_raised_weights(adapted);
      Policy merged = adapted.clone();
      merged.merge_adapters();
      EXPECT_TRUE(merged.adapters().empty());
      EXPECT_EQ(merged.trainable().size(), merged.parameters().size());
      const auto expected = raised.checkpoint_tensors(), found = merged.checkpoint_tensors();
      for (size_t i = 0; i < found.size(); ++i) {
        const double tolerance = dtype == at::kFloat ? 1e-6 : 8e-3;
        EXPECT_TRUE(at::allclose(found[i].tensor, expected[i].tensor, tolerance, 1e-6)) << found[i].name;
        entries += static_cast<double>(found[i].tensor.numel());
        different += (found[i].tensor != expected[i].tensor).sum().item<double>();
      }
    }
    // The sum in float32 goes to the other neighbour in bfloat16 only where it lies half-way between two.
    EXPECT_LT(different / entries, dtype == at::kBFloat16 ? 3e-4 : 0.5);
  }
}

TEST(Lora, FreshAdaptersLeaveTheLogitsAsTheyWereToTheLastBit) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const Json& json : all_architectures()) {
      Policy policy = random_policy(json, dtype);
      const at::Tensor before = logits_of(policy);
      add_lora(policy, all_linear(), 1, "test");
      EXPECT_TRUE(at::equal(logits_of(policy), before)) << json["model_type"];
      policy.set_requires_grad(true);
      EXPECT_TRUE(at::equal(logits_of(policy).detach(), before)) << json["model_type"];
    }
  }
}

TEST(Lora, FreshAIsUniformWithinPeftsBoundAndTheSeedsAlone) {
  Policy policy = random_policy(testing::llama_json()), again = random_policy(testing::llama_json()),
         other = random_policy(testing::llama_json());
  add_lora(policy, all_linear(64), 1, "test");
  add_lora(again, all_linear(64), 1, "test");
  add_lora(other, all_linear(64), 2, "test");
  for (size_t i = 0; i < policy.adapters().size(); ++i) {
    const at::Tensor& a = policy.adapters()[i].a;
    const double bound = 1.0 / std::sqrt(static_cast<double>(a.size(1)));
    EXPECT_LE(a.abs().max().item<double>(), bound);
    EXPECT_NEAR(a.std().item<double>(), bound / std::sqrt(3.0), 0.06 * bound);
    EXPECT_TRUE(at::equal(a, again.adapters()[i].a));
    EXPECT_FALSE(at::equal(a, other.adapters()[i].a));
    EXPECT_EQ(policy.adapters()[i].b.abs().max().item<double>(), 0.0);
  }
  EXPECT_FALSE(at::equal(policy.adapters()[0].a, policy.adapters()[1].a));
}

TEST(Lora, ScaleIsAlphaOverRankOrOverItsRoot) {
  LoraConfig config = all_linear(16);
  config.lora_alpha = 32;
  EXPECT_EQ(config.scale(), 2.0);
  config.use_rslora = true;
  EXPECT_EQ(config.scale(), 8.0);
}

// --- gradients

TEST(LoraGradient, OfAAndBAreTheFiniteDifferences) {
  for (const Json& json : all_architectures()) {
    Policy policy = adapted_policy(json, all_linear(2), at::kDouble);
    policy.set_requires_grad(true);
    loss_of(policy).backward();
    const at::NoGradGuard no_grad;
    Stream random(11);
    for (const Parameter& p : policy.trainable()) {
      ASSERT_TRUE(p.tensor.grad().defined()) << p.name;
      // One random direction tells a wrong gradient as surely as every entry would.
      const at::Tensor direction = at::randn(p.tensor.sizes(), p.tensor.options());
      const double expected = (p.tensor.grad() * direction).sum().item<double>();
      constexpr double step = 1e-5;
      at::Tensor tensor = p.tensor.detach();
      tensor.add_(direction, step);
      const double above = loss_of(policy).item<double>();
      tensor.add_(direction, -2 * step);
      const double below = loss_of(policy).item<double>();
      tensor.add_(direction, step);
      const double found = (above - below) / (2 * step);
      EXPECT_NEAR(found, expected, 2e-6 * std::max(1.0, std::abs(expected)))
          << json["model_type"] << " " << p.name;
    }
  }
}

TEST(LoraGradient, IsThatOfTheBaseWeightThroughTheProduct) {
  // dW of a bare policy with the raised weights gives dB = scale dW A^T and dA = scale B^T dW.
  for (const Json& json : all_architectures()) {
    Policy adapted = adapted_policy(json, all_linear(), at::kDouble);
    Policy raised = with_raised_weights(adapted);
    adapted.set_requires_grad(true);
    raised.set_requires_grad(true);
    loss_of(adapted).backward();
    loss_of(raised).backward();
    std::map<std::string, at::Tensor> gradients;
    for (const Parameter& p : raised.parameters()) {
      for (const NamedTensor& view : raised.checkpoint_tensors()) {
        if (view.tensor.storage().is_alias_of(p.tensor.storage()) && p.tensor.dim() == 2) {
          const int64_t first = (view.tensor.storage_offset() - p.tensor.storage_offset()) / p.tensor.size(1);
          gradients[view.name] = p.tensor.grad().narrow(0, first, view.tensor.size(0));
        }
      }
    }
    for (const Adapter& adapter : adapted.adapters()) {
      const at::Tensor dw = gradients.at(adapter.module + ".weight");
      EXPECT_LE(max_difference(adapter.b.grad(), adapter.scale * at::mm(dw, adapter.a.t())), 1e-10)
          << adapter.module;
      EXPECT_LE(max_difference(adapter.a.grad(), adapter.scale * at::mm(adapter.b.t(), dw)), 1e-10)
          << adapter.module;
    }
  }
}

TEST(LoraGradient, TheBaseHasNone) {
  for (const Json& json : all_architectures()) {
    Policy policy = adapted_policy(json, all_linear());
    policy.set_requires_grad(true);
    loss_of(policy).backward();
    for (const Parameter& p : policy.parameters()) {
      EXPECT_FALSE(p.tensor.requires_grad()) << p.name;
      EXPECT_FALSE(p.tensor.grad().defined()) << p.name;
    }
  }
}

TEST(LoraGradient, OfOnePartOfAStackIsTheSameWithoutTheOthers) {
  // Adapters on q alone: v's and k's columns of the stacked map pass through unchanged.
  Policy all = adapted_policy(testing::llama_json(), endings({"q_proj", "k_proj", "v_proj"}), at::kDouble);
  for (const Adapter& adapter : all.adapters()) {
    if (!adapter.module.ends_with("q_proj")) adapter.b.zero_();
  }
  Policy one = random_policy(testing::llama_json(), at::kDouble);
  std::vector<Adapter> kept;
  for (const Adapter& adapter : all.adapters()) {
    if (adapter.module.ends_with("q_proj"))
      kept.push_back({adapter.module, adapter.a.clone(), adapter.b.clone(), adapter.scale});
  }
  one.set_adapters(kept);
  all.set_requires_grad(true);
  one.set_requires_grad(true);
  loss_of(all).backward();
  loss_of(one).backward();
  size_t at = 0;
  for (const Adapter& adapter : all.adapters()) {
    if (!adapter.module.ends_with("q_proj")) continue;
    EXPECT_LE(max_difference(adapter.a.grad(), one.adapters()[at].a.grad()), 1e-12);
    EXPECT_LE(max_difference(adapter.b.grad(), one.adapters()[at].b.grad()), 1e-12);
    ++at;
  }
}

// --- rollout and training

TEST(LoraRollout, GqaDecodeHasTheBitsOfTheForwardWithAdapters) {
  for (const Json& json :
       {testing::llama_json(), testing::qwen2_json(), testing::qwen3_json(), testing::qwen3_moe_json()}) {
    for (const int64_t rank : {1, 3, 16, 40}) {
      const Policy policy = adapted_policy(json, all_linear(rank));
      const std::vector<std::vector<int64_t>> ids = {random_ids(policy, 20, 1), random_ids(policy, 20, 2)};
      const at::Tensor full = policy.hidden(pack_sequences(ids, at::kCPU)).view({2, 20, -1});
      ScrambledCache cache(policy, 2, 20, 4);
      for (const auto& [first, count] :
           std::vector<std::pair<int64_t, int64_t>>{{0, 6}, {6, 1}, {7, 9}, {16, 1}, {17, 3}}) {
        const at::Tensor part = cache.feed(policy, ids, first, count, first == 0);
        EXPECT_TRUE(at::equal(part, full.narrow(1, first, count).contiguous()))
            << json["model_type"] << " rank " << rank;
      }
    }
  }
}

TEST(LoraRollout, ARowHasTheSameBitsInAnyBatchWithAdapters) {
  const Policy policy = adapted_policy(testing::qwen2_json(), all_linear(8));
  const std::vector<int64_t> ids = random_ids(policy, 12, 1);
  const at::Tensor alone = policy.hidden(pack_sequences({ids}, at::kCPU));
  for (const int64_t others : {1, 5, 40}) {
    std::vector<std::vector<int64_t>> batch(static_cast<size_t>(others), random_ids(policy, 7, 9));
    batch.push_back(ids);
    const at::Tensor all = policy.hidden(pack_sequences(batch, at::kCPU));
    EXPECT_TRUE(at::equal(all.narrow(0, 7 * others, 12).contiguous(), alone)) << others;
  }
}

TEST(LoraRollout, MlaAbsorbedDecodeEqualsTheForwardWithAdapters) {
  for (const Json& json :
       {testing::deepseek_json(), testing::deepseek_softmax_json(), testing::deepseek_v2_json()}) {
    const Policy policy = adapted_policy(json, all_linear());
    const std::vector<std::vector<int64_t>> ids = {random_ids(policy, 15, 1)};
    const at::Tensor full = policy.hidden(pack_sequences(ids, at::kCPU)).view({1, 15, -1});
    ScrambledCache cache(policy, 1, 15, 4);
    for (int64_t i = 0; i < 15; ++i) {
      EXPECT_LE(max_difference(cache.feed(policy, ids, i, 1, i == 0), full.narrow(1, i, 1)), 2e-5)
          << json["model_type"];
    }
  }
}

TEST(LoraRollout, ARowOfAMapOfAnyShapeHasTheSameBitsInAnyBatch) {
  const int threads_before = at::get_num_threads();
  at::manual_seed(1);
  for (const int threads : {threads_before, 8}) {
    at::set_num_threads(threads);
    for (const int64_t in : {24, 512}) {
      for (const int64_t rank : {1, 2, 8, 16, 33, 64}) {
        const auto tensor = [](int64_t rows, int64_t columns) { return at::randn({rows, columns}) * 0.1; };
        LinearMap map;
        map.weight = tensor(768, in);
        map.terms = {{tensor(rank, in), tensor(512, rank), 0, 2.0},
                     {tensor(rank, in), tensor(20, rank), 640, 0.5}};
        const at::Tensor x = tensor(100, in), all = map(x);
        for (const int64_t rows : {1, 2, 3, 7, 8, 12, 31, 32, 33, 60, 80}) {
          ASSERT_TRUE(at::equal(map(x.narrow(0, 100 - rows, rows)), all.narrow(0, 100 - rows, rows)))
              << in << " inputs, rank " << rank << ", " << rows << " rows, " << threads << " threads";
        }
      }
    }
  }
  at::set_num_threads(threads_before);
}

// --- which modules

TEST(LoraTargets, AllLinearIsAttentionDenseAndSharedExpertMlps) {
  const Policy policy = random_policy(testing::deepseek_json());
  Policy adapted = policy.clone();
  add_lora(adapted, all_linear(), 1, "test");
  std::vector<std::string> expected;
  for (int layer = 0; layer < 3; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer);
    for (const char* name : {"q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"}) {
      expected.push_back(at + ".self_attn." + name);
    }
    for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
      expected.push_back(at + (layer == 0 ? ".mlp." : ".mlp.shared_experts.") + name);
    }
  }
  EXPECT_EQ(modules_of(adapted), expected);
}

TEST(LoraTargets, AListHoldsEndingsAndAStringMatchesWholeNames) {
  const auto chosen = [](const Json& json, LoraConfig config) {
    Policy policy = random_policy(json);
    add_lora(policy, config, 1, "test");
    return modules_of(policy);
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(chosen(testing::llama_json(), endings({"q_proj", "v_proj"})),
            (Names{"model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj",
                   "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"}));
  EXPECT_EQ(chosen(testing::llama_json(), endings({"self_attn.o_proj"})).size(), 2u);
  LoraConfig expression = all_linear();
  expression.target_modules = R"(.*layers\.1\..*(up|down)_proj)";
  EXPECT_EQ(chosen(testing::llama_json(), expression),
            (Names{"model.layers.1.mlp.up_proj", "model.layers.1.mlp.down_proj"}));
  LoraConfig layer = endings({"o_proj", "model.layers.0.mlp.up_proj"});
  layer.layers_to_transform = {1};
  EXPECT_EQ(chosen(testing::llama_json(), layer),
            (Names{"model.layers.0.mlp.up_proj", "model.layers.1.self_attn.o_proj"}));
  LoraConfig excluded = endings({"gate_proj"});
  excluded.exclude_modules = R"(.*\.experts\..*)";
  EXPECT_EQ(chosen(testing::deepseek_json(), excluded),
            (Names{"model.layers.0.mlp.gate_proj", "model.layers.1.mlp.shared_experts.gate_proj",
                   "model.layers.2.mlp.shared_experts.gate_proj"}));
}

TEST(LoraTargets, WhatIsNotThereOrCannotCarryAnAdapterIsRefusedByName) {
  const auto refused = [](const Json& json, LoraConfig config) {
    Policy policy = random_policy(json);
    return error_of([&] { add_lora(policy, config, 1, "recipe.json: policy.lora"); });
  };
  const Error unknown = refused(testing::llama_json(), endings({"q_proj", "query"}));
  EXPECT_TRUE(holds(unknown.summary(), "no module is called query"));
  EXPECT_TRUE(holds(unknown.where(), "recipe.json: policy.lora.target_modules"));
  for (const char* kind : {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}) {
    EXPECT_TRUE(holds(unknown.fix(), kind));
  }
  LoraConfig partial = all_linear();
  partial.target_modules = "q_proj";  // a string matches the whole name
  EXPECT_TRUE(holds(refused(testing::llama_json(), partial).summary(), "no module is selected"));
  partial.target_modules = "(";
  EXPECT_TRUE(holds(refused(testing::llama_json(), partial).summary(), "does not compile"));
  for (const char* name : {"gate", "lm_head", "embed_tokens", "experts.3.up_proj", "gate_proj"}) {
    EXPECT_TRUE(
        holds(refused(testing::deepseek_json(), endings({name})).summary(), "cannot carry an adapter"))
        << name;
  }
  LoraConfig layer = endings({"q_proj"});
  layer.layers_to_transform = {2};
  EXPECT_TRUE(holds(refused(testing::llama_json(), layer).fix(), "layers 0 to 1"));
}

TEST(LoraOptions, AreReadUnderPeftsNamesAndWhatIsNotSupportedIsRefused) {
  const auto read = [](const std::string& text) {
    const Json json = Json::parse(text);
    ObjectReader reader(json, "recipe.json", "policy.lora");
    LoraConfig config = read_lora_config(reader);
    reader.finish();
    return config;
  };
  const LoraConfig config =
      read(R"({"r": 16, "lora_alpha": 32, "target_modules": ["q_proj"], "use_rslora": true,
    "exclude_modules": ["x"], "layers_to_transform": 1, "lora_dropout": 0.0, "bias": "none", "task_type": "CAUSAL_LM",
    "init_lora_weights": true, "use_dora": false, "modules_to_save": null, "rank_pattern": {}})");
  EXPECT_EQ(config.r, 16);
  EXPECT_EQ(config.lora_alpha, 32.0);
  EXPECT_TRUE(config.use_rslora);
  EXPECT_EQ(std::get<std::vector<std::string>>(config.target_modules), (std::vector<std::string>{"q_proj"}));
  EXPECT_EQ(config.layers_to_transform, (std::vector<int64_t>{1}));
  for (const char* key :
       {R"("lora_dropout": 0.05)", R"("bias": "all")", R"("use_dora": true)",
        R"("modules_to_save": ["lm_head"])", R"("rank_pattern": {"q_proj": 4})",
        R"("init_lora_weights": "pissa")", R"("r": 0)", R"("lora_alpha": 0)", R"("rank": 4)",
        R"("peft_type": "IA3")", R"("layers_to_transform": [0], "target_modules": ".*q_proj")"}) {
    const std::string text = key;
    const std::string name = text.substr(1, text.find('"', 1) - 1);
    const bool has_targets = text.find("target_modules") != std::string::npos;
    const std::string json = "{" + text + (has_targets ? "}" : R"(, "target_modules": "all-linear"})");
    const Error error = error_of([&] { read(json); });
    EXPECT_TRUE(holds(error.where() + error.summary(), name)) << key;
  }
  EXPECT_TRUE(holds(error_of([&] { read("{}"); }).where(), "policy.lora.target_modules"));
}

}  // namespace
}  // namespace grpo

// Adapters on a policy: what they compute, what they learn, and what stays as it is.

#include "policy/lora.h"

#include <algorithm>

#include "policy/kernels/logprobs.h"
#include "policy/trainable.h"
#include "tests/policy/scrambled_cache.h"
#include "tests/policy/tiny_models.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::all_architectures;
using testing::max_difference;
using testing::random_ids;
using testing::random_policy;
using testing::ScrambledCache;

LoraConfig all_linear(int64_t r = 3) {
  LoraConfig config;
  config.r = r;
  config.lora_alpha = 5.0;
  config.target_modules = "all-linear";
  return config;
}

LoraConfig endings(std::vector<std::string> names) {
  LoraConfig config = all_linear();
  config.target_modules = std::move(names);
  return config;
}

// A policy whose adapters do something: B is not zero.
Policy adapted_policy(const Json& json, const LoraConfig& config, at::ScalarType dtype = at::kFloat) {
  Policy policy = random_policy(json, dtype);
  add_lora(policy, config, 3, "test");
  at::manual_seed(5);
  for (const Adapter& adapter : policy.adapters()) adapter.b.copy_(0.3 * at::randn(adapter.b.sizes()));
  return policy;
}

PackedTokens two_sequences(const Policy& policy) {
  return pack_sequences({random_ids(policy, 9, 1), random_ids(policy, 14, 2)}, at::kCPU);
}

at::Tensor logits_of(const Policy& policy) {
  return policy.logits(policy.hidden(two_sequences(policy)));
}

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

std::vector<NamedTensor> copied(std::vector<NamedTensor> tensors) {
  for (NamedTensor& t : tensors) t.tensor = t.tensor.clone();
  return tensors;
}

std::string changed(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  std::string names;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i].tensor, b[i].tensor)) names += a[i].name + " ";
  }
  return names;
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

// Sum of weighted log-probs, as a loss would take it.
at::Tensor loss_of(const Policy& policy) {
  const PackedTokens batch = two_sequences(policy);
  const at::Tensor targets = at::roll(batch.tokens, -1);
  const at::Tensor logprobs = policy.token_scores(policy.hidden(batch), targets, 0.7).logprobs;
  return (logprobs * at::linspace(-1.0, 1.0, logprobs.size(0), logprobs.options())).sum();
}

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

// --- what training changes

TEST(Trainable, IsEverythingOrWhatTheNamesSelectOrTheAdapters) {
  Policy policy = random_policy(testing::deepseek_json());
  EXPECT_EQ(policy.trainable().size(), policy.parameters().size());
  select_by_names(policy, {"self_attn", "^model.norm"}, "test");
  int64_t expected = 0;
  for (const NamedTensor& view : policy.checkpoint_tensors()) {
    if (view.name.find("self_attn") != std::string::npos || view.name == "model.norm.weight")
      expected += view.tensor.numel();
  }
  EXPECT_EQ(count_trainable(policy), expected);
  policy.set_requires_grad(true);
  loss_of(policy).backward();
  for (const Parameter& p : policy.parameters()) {
    const bool chosen = p.name.find("self_attn") != std::string::npos || p.name == "model.norm.weight";
    EXPECT_EQ(p.tensor.grad().defined(), chosen) << p.name;
  }
  Policy adapted = random_policy(testing::deepseek_json());
  add_lora(adapted, endings({"o_proj"}), 1, "test");
  ASSERT_EQ(adapted.trainable().size(), 6u);
  EXPECT_EQ(adapted.trainable()[0].name, "model.layers.0.self_attn.o_proj.lora_A.weight");
  EXPECT_EQ(adapted.trainable()[1].name, "model.layers.0.self_attn.o_proj.lora_B.weight");
}

TEST(Trainable, GradientsOfASelectionAreThoseOfTrainingEverything) {
  for (const Json& json : all_architectures()) {
    for (const char* part : {"self_attn", "mlp", "norm", "embed_tokens"}) {
      Policy whole = random_policy(json), some = random_policy(json);
      select_by_names(some, {part}, "test");
      whole.set_requires_grad(true);
      some.set_requires_grad(true);
      loss_of(whole).backward();
      loss_of(some).backward();
      for (size_t i = 0; i < whole.parameters().size(); ++i) {
        const Parameter& p = some.parameters()[i];
        const bool chosen = p.name.find(part) != std::string::npos;
        ASSERT_EQ(p.tensor.grad().defined(), chosen) << p.name;
        if (!chosen) continue;
        EXPECT_TRUE(at::equal(p.tensor.grad(), whole.parameters()[i].tensor.grad())) << p.name;
      }
    }
  }
}

TEST(Trainable, PartsOfAStackAndNamesThatMatchNothingAreRefused) {
  const auto refused = [](const Json& json, const std::vector<std::string>& names) {
    Policy policy = random_policy(json);
    return error_of([&] { select_by_names(policy, names, "recipe.json: policy.trainable"); });
  };
  const Error part = refused(testing::llama_json(), {"q_proj"});
  EXPECT_TRUE(holds(part.summary(), "model.layers.0.self_attn.q_proj.weight would be trained but not "));
  EXPECT_TRUE(holds(part.summary(), "model.layers.0.self_attn.k_proj.weight"));
  EXPECT_TRUE(holds(part.where(), "policy.trainable"));
  EXPECT_TRUE(holds(refused(testing::deepseek_json(), {R"(experts\.3\.)"}).summary(), "stacked"));
  EXPECT_TRUE(
      holds(refused(testing::llama_json(), {"mlp", "attend"}).summary(), "attend is found in no name"));
  EXPECT_TRUE(holds(refused(testing::llama_json(), {"mlp", "down_proj"}).summary(), "adds nothing"));
  EXPECT_TRUE(holds(refused(testing::llama_json(), {"["}).summary(), "does not compile"));
  EXPECT_TRUE(holds(refused(testing::llama_json(), {"lm_head"}).summary(), "lm_head is found in no name"))
      << "tied";
  Policy whole = random_policy(testing::llama_json());
  select_by_names(whole, {"q_proj", "k_proj", "v_proj"}, "test");
  EXPECT_EQ(whole.trainable().size(), 2u);
}

TEST(Trainable, WhatIsSavedIsWhatTrainingChangesAndTheRouterBiases) {
  const auto names = [](const Policy& policy) {
    std::vector<std::string> names;
    for (const NamedTensor& t : trained_tensors(policy)) names.push_back(t.name);
    return names;
  };
  Policy policy = random_policy(testing::deepseek_json());
  EXPECT_EQ(names(policy).size(), policy.checkpoint_tensors().size());
  select_by_names(policy, {"o_proj"}, "test");
  const std::string bias = ".mlp.gate.e_score_correction_bias", o = ".self_attn.o_proj";
  EXPECT_EQ(names(policy),
            (std::vector<std::string>{"model.layers.0" + o + ".weight", "model.layers.1" + o + ".weight",
                                      "model.layers.1" + bias, "model.layers.2" + o + ".weight",
                                      "model.layers.2" + bias}));
  Policy adapted = random_policy(testing::deepseek_json());
  LoraConfig config = endings({"o_proj"});
  config.layers_to_transform = {2};
  add_lora(adapted, config, 1, "test");
  EXPECT_EQ(names(adapted), (std::vector<std::string>{"model.layers.1" + bias, "model.layers.2" + bias,
                                                      "model.layers.2" + o + ".lora_A.weight",
                                                      "model.layers.2" + o + ".lora_B.weight"}));
}

TEST(Trainable, TheFingerprintTellsFrozenWeightsApartAndNothingElse) {
  Policy policy = random_policy(testing::deepseek_json());
  select_by_names(policy, {"self_attn"}, "test");
  const uint64_t before = frozen_fingerprint(policy);
  for (const Parameter& p : policy.trainable()) p.tensor.add_(1.0);
  for (const Parameter& b : policy.buffers()) b.tensor.add_(1.0);
  EXPECT_EQ(frozen_fingerprint(policy), before);
  for (const Parameter& p : policy.parameters()) {
    if (p.name.find("self_attn") != std::string::npos) continue;
    p.tensor.mul_(2.0);
    EXPECT_NE(frozen_fingerprint(policy), before) << p.name;
    p.tensor.mul_(0.5);
  }
  EXPECT_EQ(frozen_fingerprint(policy), before);
  const auto in_bf16 = [](std::vector<NamedTensor> tensors) {
    for (NamedTensor& t : tensors) t.tensor = t.tensor.to(at::kBFloat16);
    return tensors;
  };
  EXPECT_EQ(weights_fingerprint(policy.checkpoint_tensors()),
            weights_fingerprint(in_bf16(policy.checkpoint_tensors())));
}

// --- copies

TEST(PolicyCopy, OfAReferenceSharesFrozenWeightsAndKeepsTheOthersAsTheyWere) {
  for (const Json& json : all_architectures()) {
    Policy policy = adapted_policy(json, all_linear());
    const at::Tensor before = logits_of(policy);
    const Policy reference = policy.reference_copy();
    EXPECT_TRUE(at::equal(logits_of(reference), before));
    for (size_t i = 0; i < policy.parameters().size(); ++i) {
      EXPECT_EQ(policy.parameters()[i].tensor.data_ptr(), reference.parameters()[i].tensor.data_ptr());
    }
    ASSERT_EQ(reference.trainable().size(), policy.trainable().size());
    for (const Parameter& p : policy.trainable()) at::Tensor(p.tensor).add_(0.1);
    for (const Parameter& b : policy.buffers()) at::Tensor(b.tensor).add_(0.3);
    EXPECT_TRUE(at::equal(logits_of(reference), before)) << json["model_type"];
    EXPECT_FALSE(at::equal(logits_of(policy), before));
  }
}

TEST(PolicyCopy, OfAReferenceCopiesASelectionAlone) {
  Policy policy = random_policy(testing::qwen3_moe_json());
  select_by_names(policy, {"self_attn"}, "test");
  policy.set_requires_grad(true);
  const at::Tensor before = logits_of(policy).detach();
  const Policy reference = policy.reference_copy();
  {
    const at::NoGradGuard no_grad;
    for (const Parameter& p : policy.trainable()) at::Tensor(p.tensor).add_(0.1);
  }
  EXPECT_TRUE(at::equal(logits_of(reference), before));
  EXPECT_FALSE(logits_of(reference).requires_grad());
  for (size_t i = 0; i < policy.parameters().size(); ++i) {
    const bool chosen = policy.parameters()[i].name.find("self_attn") != std::string::npos;
    EXPECT_EQ(policy.parameters()[i].tensor.data_ptr() != reference.parameters()[i].tensor.data_ptr(),
              chosen);
  }
}

TEST(PolicyCopy, CloneHasAdaptersAndSelectionOfItsOwn) {
  Policy policy = adapted_policy(testing::llama_json(), all_linear());
  policy.select_trainable([](const Parameter& p) { return p.name.find("layers.1.") != std::string::npos; });
  const auto weights = copied(policy.checkpoint_tensors());
  const at::Tensor before = logits_of(policy);
  const Policy copy = policy.clone();
  ASSERT_EQ(copy.trainable().size(), policy.trainable().size());
  for (size_t i = 0; i < copy.trainable().size(); ++i)
    EXPECT_EQ(copy.trainable()[i].name, policy.trainable()[i].name);
  for (const Parameter& p : policy.trainable()) at::Tensor(p.tensor).add_(0.1);
  EXPECT_TRUE(at::equal(logits_of(copy), before));
  policy.set_adapters({});
  EXPECT_TRUE(at::equal(logits_of(copy), before));
  EXPECT_EQ(changed(weights, policy.checkpoint_tensors()), "");
}

}  // namespace
}  // namespace grpo

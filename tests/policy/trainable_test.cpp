// What training changes of a policy, what it leaves, and copies that share the latter.

#include "policy/trainable.h"

#include "policy/memory_meter.h"
#include "tests/policy/adapted_policy.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::adapted_policy;
using testing::all_architectures;
using testing::all_linear;
using testing::endings;
using testing::logits_of;
using testing::loss_of;
using testing::random_policy;

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

// A model of many weights and few tokens: what backward takes beyond them is their gradients, or next to
// nothing.
TEST(Trainable, FrozenWeightsTakeNoMemoryInBackward) {
  const Json json = Json::parse(R"({"model_type": "deepseek_v3", "vocab_size": 16000, "hidden_size": 64,
    "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "q_lora_rank": null,
    "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 64,
    "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 256, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 1, "max_position_embeddings": 64})");
  const auto peak = [&](const std::function<void(Policy&)>& prepare) {
    MemoryMeter meter(at::kCPU);
    Policy policy = Policy::empty(read_model_config(json, "test"), at::kFloat, at::Device(at::kMeta));
    const double weights = static_cast<double>(meter.live_bytes());
    prepare(policy);
    policy.set_requires_grad(true);
    const auto options = at::TensorOptions(at::kMeta).dtype(at::kLong);
    const PackedTokens batch{at::zeros({4}, options), at::zeros({4}, options),
                             at::zeros({2}, options.dtype(at::kInt)), 4};
    const double before = static_cast<double>(meter.live_bytes());
    meter.reset_peak();
    policy.token_scores(policy.hidden(batch), at::zeros({4}, options)).logprobs.sum().backward();
    return (static_cast<double>(meter.peak_bytes()) - before) / weights;
  };
  EXPECT_GT(peak([](Policy&) {}), 1.0);
  EXPECT_LT(peak([](Policy& policy) { add_lora(policy, all_linear(4), 1, "test"); }), 0.1);
  EXPECT_LT(peak([](Policy& policy) { select_by_names(policy, {"self_attn"}, "test"); }), 0.1);
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

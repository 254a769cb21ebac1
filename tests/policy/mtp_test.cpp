// Multi-token prediction: the modules against the naive oracle, what they must not see, their gradients, and
// their way into checkpoints and back.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "policy/io/checkpoint.h"
#include "policy/io/safetensors.h"
#include "tests/policy/gradient_check.h"
#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_policy.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

using testing::deepseek_json;
using testing::deepseek_mtp_json;
using testing::max_difference;
using testing::random_ids;
using testing::random_policy;
using Ids = std::vector<std::vector<int64_t>>;

constexpr MtpHiddenState kStates[] = {MtpHiddenState::kPostNorm, MtpHiddenState::kPreNorm};

// Shorter than the modules look ahead, and longer.
Ids some_sequences(const Policy& policy) {
  Ids sequences;
  uint64_t seed = 100;
  for (const int64_t length : {1, 17, 2, 5, 3, 1}) sequences.push_back(random_ids(policy, length, seed++));
  return sequences;
}

std::vector<MtpOutput> predict(const Policy& policy, const Ids& sequences, const MtpOptions& options) {
  const PackedTokens batch = pack_sequences(sequences, at::kCPU);
  return policy.mtp_forward(batch, policy.forward(batch, {}), options);
}

bool of_a_module(const Parameter& p) {
  return p.name.starts_with("model.layers.3.") || p.name.starts_with("model.layers.4.");
}

TEST(Mtp, EqualsTheNaiveOracleInDoublePrecision) {
  const Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  const reference::NaivePolicy naive(policy);
  const Ids sequences = some_sequences(policy);
  for (const MtpHiddenState state : kStates) {
    const std::vector<MtpOutput> modules = predict(policy, sequences, {.hidden_state = state});
    ASSERT_EQ(modules.size(), 2u);
    int64_t first = 0;
    for (const auto& ids : sequences) {
      const auto length = static_cast<int64_t>(ids.size());
      const auto expected = naive.mtp_logits(ids, state == MtpHiddenState::kPostNorm);
      for (int64_t k = 1; k <= 2; ++k) {
        const int64_t rows = std::max<int64_t>(0, length - k);
        const MtpOutput& module = modules[static_cast<size_t>(k - 1)];
        EXPECT_EQ(module.valid.narrow(0, first, length).sum().item<int64_t>(), rows);
        EXPECT_TRUE(module.valid.narrow(0, first, rows).all().item<bool>());
        if (rows == 0) continue;
        const at::Tensor logits = policy.logits(module.hidden.narrow(0, first, rows));
        EXPECT_LT(max_difference(logits, expected.at(static_cast<size_t>(k - 1))), 3e-5)
            << length << " " << k;
      }
      first += length;
    }
  }
}

TEST(Mtp, PreAndPostNormStatesGiveDifferentPredictions) {
  const Policy policy = random_policy(deepseek_mtp_json());
  const Ids sequences = {random_ids(policy, 20, 1)};
  const at::Tensor post = predict(policy, sequences, {.hidden_state = MtpHiddenState::kPostNorm})[0].hidden;
  const at::Tensor pre = predict(policy, sequences, {.hidden_state = MtpHiddenState::kPreNorm})[0].hidden;
  EXPECT_GT(max_difference(pre, post), 1e-2);
}

TEST(Mtp, PackedSequencesGiveTheBitsOfTheSameSequencesAlone) {
  const Policy policy = random_policy(deepseek_mtp_json());
  const Ids sequences = some_sequences(policy);
  const auto packed = predict(policy, sequences, {});
  int64_t first = 0;
  for (const auto& ids : sequences) {
    const auto length = static_cast<int64_t>(ids.size());
    const auto alone = predict(policy, {ids}, {});
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_TRUE(at::equal(packed[k].hidden.narrow(0, first, length), alone[k].hidden)) << length;
    }
    first += length;
  }
}

TEST(Mtp, TheModelItselfIsTheSameWithAndWithoutModules) {
  const Policy with = Policy::random(read_model_config(deepseek_mtp_json(), "test"), at::kFloat, at::kCPU, 5);
  const Policy without = Policy::random(read_model_config(deepseek_json(), "test"), at::kFloat, at::kCPU, 5);
  const PackedTokens batch = pack_sequences(some_sequences(with), at::kCPU);
  EXPECT_TRUE(at::equal(with.hidden(batch), without.hidden(batch)));
  EXPECT_EQ(with.kv_shapes().size(), without.kv_shapes().size());
  EXPECT_TRUE(without.mtp_forward(batch, without.forward(batch, {}), {}).empty());
}

// A loss on all that the modules predict, through the head's chunked log-probabilities.
at::Tensor loss_of(const Policy& policy, const PackedTokens& batch, const at::Tensor& targets,
                   const at::Tensor& weights, const MtpOptions& options) {
  at::Tensor loss = at::zeros({}, at::kDouble);
  for (const MtpOutput& module : policy.mtp_forward(batch, policy.forward(batch, {}), options)) {
    const at::Tensor logprobs =
        policy.token_scores(module.hidden, targets, {.train_head = !options.detach_trunk}).logprobs;
    loss = loss + (logprobs * weights.masked_fill(module.valid.logical_not(), 0.0)).sum();
  }
  return loss;
}

TEST(Mtp, GradientsEqualFiniteDifferences) {
  Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  policy.set_requires_grad(true);
  const PackedTokens batch = pack_sequences({random_ids(policy, 6, 1), random_ids(policy, 11, 2)}, at::kCPU);
  const at::Tensor targets = at::tensor(random_ids(policy, 17, 3), at::kLong);
  at::manual_seed(4);
  const at::Tensor weights = at::randn({17}, at::kDouble);
  for (const MtpHiddenState state : kStates) {
    const MtpOptions options{.hidden_state = state};
    testing::expect_gradients(policy, [&] { return loss_of(policy, batch, targets, weights, options); });
  }
}

TEST(Mtp, ADetachedTrunkGetsNoGradientAndTheModulesGetTheSame) {
  Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  policy.set_requires_grad(true);
  const PackedTokens batch = pack_sequences(some_sequences(policy), at::kCPU);
  const int64_t rows = batch.tokens.size(0);
  const at::Tensor targets = at::tensor(random_ids(policy, rows, 3), at::kLong);
  const at::Tensor weights = at::ones({rows}, at::kDouble);
  std::map<std::string, at::Tensor> attached;
  for (const bool detach : {false, true}) {
    for (const Parameter& p : policy.parameters()) at::Tensor(p.tensor).mutable_grad() = at::Tensor();
    loss_of(policy, batch, targets, weights, {.detach_trunk = detach}).backward();
    for (const Parameter& p : policy.parameters()) {
      const at::Tensor grad = p.tensor.grad();
      if (!detach) {
        ASSERT_TRUE(grad.defined()) << p.name;
        attached[p.name] = grad.clone();
      } else if (of_a_module(p)) {
        EXPECT_TRUE(at::equal(grad, attached[p.name])) << p.name;
      } else {
        EXPECT_FALSE(grad.defined()) << p.name;
      }
    }
  }
}

TEST(Mtp, ExpertsCountTheRowsThatHaveATokenAheadOnceEach) {
  Policy policy = random_policy(deepseek_mtp_json());
  policy.record_expert_load(true);
  predict(policy, {random_ids(policy, 10, 1), random_ids(policy, 2, 2), random_ids(policy, 1, 3)}, {});
  const auto load = policy.expert_load();
  ASSERT_EQ(load.size(), 4u);  // two sparse layers and two modules, three experts a token
  EXPECT_EQ(load[0].sum().item<int64_t>(), 13 * 3);
  EXPECT_EQ(load[1].sum().item<int64_t>(), 13 * 3);
  EXPECT_EQ(load[2].sum().item<int64_t>(), (9 + 1) * 3);
  EXPECT_EQ(load[3].sum().item<int64_t>(), 8 * 3);
}

TEST(Mtp, BalanceLossIsThatOfTheRowsThatHaveATokenAhead) {
  const Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  const Ids sequences = some_sequences(policy);
  const auto packed = predict(policy, sequences, {.balance_loss = true});
  for (size_t k = 0; k < 2; ++k) {
    double sum = 0;
    for (const auto& ids : sequences) {
      const double own = predict(policy, {ids}, {.balance_loss = true})[k].balance_loss.item<double>();
      if (ids.size() <= k + 1) {
        EXPECT_EQ(own, 0.0);
      } else {
        EXPECT_GT(own, 0.0);
      }
      sum += own;
    }
    EXPECT_NEAR(packed[k].balance_loss.item<double>(), sum, 1e-6);
  }
}

TEST(Mtp, LikeliestTokensAreThoseOfTheLogits) {
  const Policy policy = random_policy(deepseek_mtp_json());
  const at::Tensor hidden = policy.hidden(pack_sequences({random_ids(policy, 40, 1)}, at::kCPU));
  EXPECT_TRUE(at::equal(policy.likeliest_tokens(hidden), policy.logits(hidden).argmax(-1)));
}

TEST(Mtp, ParametersOfModulesAreCountedApart) {
  const ModelConfig with = read_model_config(deepseek_mtp_json(), "test");
  const ModelConfig without = read_model_config(deepseek_json(), "test");
  const Policy policy = Policy::empty(with, at::kFloat, at::kCPU);
  int64_t total = 0, modules = 0;
  for (const auto& list : {policy.parameters(), policy.buffers()}) {
    for (const Parameter& p : list) (of_a_module(p) ? modules : total) += p.tensor.numel();
  }
  EXPECT_EQ(count_parameters(with).total, total);
  EXPECT_EQ(count_parameters(with).mtp, modules);
  EXPECT_EQ(count_parameters(without).total, total);
  EXPECT_EQ(count_parameters(without).mtp, 0);
  EXPECT_EQ(count_parameters(with).active, count_parameters(without).active);
}

TEST(Mtp, ASavedCheckpointHoldsModulesWithCopiesOfEmbeddingAndHeadAndLoadsToTheSameBits) {
  for (const bool tied : {false, true}) {
    Json json = deepseek_mtp_json();
    json["tie_word_embeddings"] = tied;
    const Policy policy = random_policy(json);
    const TemporaryFolder folder;
    CheckpointFiles files;
    files.config = policy.config();
    save_checkpoint(policy, files, folder.path());
    const SafetensorsReader reader(folder.path());
    const std::string head = tied ? "model.embed_tokens.weight" : "lm_head.weight";
    for (const std::string at : {"model.layers.3.", "model.layers.4."}) {
      for (const char* name :
           {"enorm.weight", "hnorm.weight", "eh_proj.weight", "shared_head.norm.weight",
            "self_attn.kv_b_proj.weight", "mlp.experts.11.up_proj.weight", "mlp.gate.weight",
            "mlp.gate.e_score_correction_bias", "post_attention_layernorm.weight"}) {
        EXPECT_TRUE(reader.contains(at + name)) << at << name;
      }
      EXPECT_TRUE(
          at::equal(reader.read(at + "embed_tokens.weight"), reader.read("model.embed_tokens.weight")));
      EXPECT_TRUE(at::equal(reader.read(at + "shared_head.head.weight"), reader.read(head)));
    }
    EXPECT_EQ(read_json_file(folder.file("config.json"))["num_nextn_predict_layers"], 2);

    const Checkpoint loaded = load_checkpoint(folder.path(), std::nullopt, at::kCPU);
    EXPECT_EQ(loaded.files.config.mtp_layers, 2);
    const Ids sequences = some_sequences(policy);
    const auto before = predict(policy, sequences, {}), after = predict(loaded.policy, sequences, {});
    ASSERT_EQ(after.size(), 2u);
    EXPECT_TRUE(at::equal(before[1].hidden, after[1].hidden));
  }
}

TEST(Mtp, FilesWithoutModulesLoadAsAModelWithoutAndSayNoMoreOfThem) {
  const Policy policy = random_policy(deepseek_json());
  const TemporaryFolder folder, again;
  CheckpointFiles files;
  files.config = policy.config();
  save_checkpoint(policy, files, folder.path());
  Json config = read_json_file(folder.file("config.json"));
  config["num_nextn_predict_layers"] = 2;
  folder.write("config.json", config.dump());
  ASSERT_EQ(read_checkpoint_files(folder.path()).config.mtp_layers, 2);
  const Checkpoint loaded = load_checkpoint(folder.path(), std::nullopt, at::kCPU);
  EXPECT_EQ(loaded.policy.config().mtp_layers, 0);
  save_checkpoint(loaded.policy, loaded.files, again.path());
  EXPECT_EQ(read_json_file(again.file("config.json"))["num_nextn_predict_layers"], 0);
}

}  // namespace
}  // namespace grpo

// Reward models as checkpoints and as policies: which token is scored, what is saved, what is refused.

#include "policy/score_head.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "policy/lora.h"
#include "policy/trainable.h"
#include "tests/policy/gradient_check.h"
#include "tests/policy/saved_checkpoint.h"
#include "tests/reference/naive_policy.h"

namespace grpo {
namespace {

using namespace testing;

Policy reward_model(const Json& json, at::ScalarType dtype = at::kFloat, int64_t pad = 0) {
  return random_policy(json, dtype).with_score_head(7, pad);
}

CheckpointFiles files_of(const Policy& policy) {
  CheckpointFiles files;
  files.config = policy.config();
  return files;
}

TEST(ScoreHead, AScoreIsTheLastTokensHiddenStateTimesTheHeadInEveryFamily) {
  for (const Json& json : all_architectures()) {
    const Policy model = reward_model(json, at::kDouble);
    const at::NoGradGuard no_grad;
    std::vector<std::vector<int64_t>> sequences;
    std::vector<double> expected;
    for (uint64_t s = 1; s < 6; ++s) {
      auto& ids = sequences.emplace_back(random_ids(model, 3 + 4 * static_cast<int64_t>(s), s));
      ids.back() = 5;  // not the padding token
      const at::Tensor hidden = model.hidden(pack_sequences({ids}, at::kCPU));
      expected.push_back((hidden[-1] * model.parameters().back().tensor[0]).sum().item<double>());
    }
    EXPECT_EQ(model.parameters().back().name, "score.weight");
    const std::vector<double> found = score_sequences(model, sequences, 1000);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t s = 0; s < found.size(); ++s) EXPECT_NEAR(found[s], expected[s], 1e-12) << json["model_type"];
  }
}

TEST(ScoreHead, HiddenStatesAreThoseOfTheModelItWasMadeFrom) {
  for (const Json& json : {llama_json(), deepseek_mtp_json()}) {
    const Policy policy = random_policy(json);
    const Policy model = policy.with_score_head(7, 0);
    const at::NoGradGuard no_grad;
    const PackedTokens batch = pack_sequences({random_ids(policy, 9, 1), random_ids(policy, 4, 2)}, at::kCPU);
    EXPECT_TRUE(at::equal(policy.hidden(batch), model.hidden(batch)));
    EXPECT_EQ(model.config().mtp_layers, 0);
  }
}

TEST(ScoreHead, TheScoredTokenIsTheLastThatIsNotPadding) {
  ModelConfig config = read_model_config(llama_json(), "test");
  const std::vector<int64_t> ids = {4, 9, 2, 2}, padding = {2, 2, 2};
  EXPECT_EQ(scored_token(ids, config), 3) << "no padding token is known";
  config.pad_token_id = 2;
  EXPECT_EQ(scored_token(ids, config), 1);
  EXPECT_EQ(scored_token(padding, config), 0);
  config.pad_token_id = 4;
  EXPECT_EQ(scored_token(ids, config), 3) << "padding at the front is no end";
  config.pad_token_id = 2;
  EXPECT_EQ(scored_rows({ids, padding, {7}}, config), (std::vector<int64_t>{1, 4, 7}));
}

TEST(ScoreHead, AScoreHasTheSameBitsWhateverTheBatchMates) {
  for (const Json& json : all_architectures()) {
    const Policy model = reward_model(json);
    std::vector<std::vector<int64_t>> sequences;
    for (uint64_t s = 0; s < 20; ++s) sequences.push_back(random_ids(model, 1 + static_cast<int64_t>(s * 7 % 31), s));
    const std::vector<double> together = score_sequences(model, sequences, 10000);
    const std::vector<double> in_parts = score_sequences(model, sequences, 40);
    for (size_t s = 0; s < sequences.size(); ++s) {
      EXPECT_EQ(together[s], score_sequences(model, {sequences[s]}, 1).front()) << json["model_type"] << " " << s;
      EXPECT_EQ(together[s], in_parts[s]) << json["model_type"] << " " << s;
    }
  }
}

TEST(ScoreHead, GradientsAreDifferenceQuotients) {
  for (const Json& json : {llama_json(), deepseek_json()}) {
    const Policy model = reward_model(json, at::kDouble);
    Policy(model).set_requires_grad(true);
    const PackedTokens batch = pack_sequences({random_ids(model, 7, 1), random_ids(model, 5, 2)}, at::kCPU);
    const at::Tensor rows = at::tensor({6, 11}, at::kLong);
    expect_gradients(model, [&] {
      const at::Tensor scores = model.scores(model.hidden(batch).index_select(0, rows));
      return (scores * at::tensor({0.7, -1.3}, at::kDouble)).sum();
    });
  }
}

TEST(ScoreHead, BFloat16ModelsScoreInFloat32) {
  const Policy model = reward_model(llama_json(), at::kBFloat16);
  const at::NoGradGuard no_grad;
  const at::Tensor hidden = model.hidden(pack_sequences({random_ids(model, 8, 1)}, at::kCPU));
  const at::Tensor scores = model.scores(hidden);
  EXPECT_EQ(scores.scalar_type(), at::kFloat);
  const at::Tensor exact = hidden.to(at::kDouble).matmul(model.parameters().back().tensor.to(at::kDouble).t()).squeeze(1);
  EXPECT_LE(max_difference(scores, exact), 1e-5);
}

TEST(ScoreHead, OfARewardModelNoTokenIsPredicted) {
  const Policy model = reward_model(llama_json());
  const at::Tensor hidden = model.hidden(pack_sequences({{1, 2}}, at::kCPU));
  for (const std::function<void()>& use : std::vector<std::function<void()>>{
           [&] { model.logits(hidden); }, [&] { model.likeliest_tokens(hidden); },
           [&] { model.token_scores(hidden, at::tensor({1, 2}, at::kLong)); }}) {
    EXPECT_TRUE(holds(error_of(use).summary(), "predicts no tokens"));
  }
}

TEST(ScoreHead, IsDrawnByItsSeedAsWideAsTheConfigurationSays) {
  Json json = llama_json();
  json["hidden_size"] = 1024;
  json["num_hidden_layers"] = 1;
  const Policy policy = Policy::random(read_model_config(json, "test"), at::kFloat, at::kCPU, 1);
  const auto head = [&](const Policy& p, uint64_t seed) { return p.with_score_head(seed, 0).parameters().back().tensor; };
  EXPECT_TRUE(at::equal(head(policy, 3), head(policy, 3)));
  EXPECT_FALSE(at::equal(head(policy, 3), head(policy, 4)));
  EXPECT_NEAR(head(policy, 3).std().item<double>(), 0.02, 0.002);
  json["initializer_range"] = 0.005;
  EXPECT_NEAR(head(Policy::random(read_model_config(json, "test"), at::kFloat, at::kCPU, 1), 3).std().item<double>(), 0.005, 0.0005);
}

TEST(ScoreHead, IsTrainedBesideAdaptersAndBesideSelectedWeights) {
  const auto names = [](const Policy& policy) {
    std::vector<std::string> names;
    for (const Parameter& p : policy.trainable()) names.push_back(p.name);
    return names;
  };
  Policy policy = random_policy(llama_json());
  select_by_names(policy, {"layers.1.self_attn.o_proj"}, "test");
  EXPECT_EQ(names(policy.with_score_head(1, 0)),
            (std::vector<std::string>{"model.layers.1.self_attn.o_proj.weight", "score.weight"}));
  Policy adapted = random_policy(llama_json());
  add_lora(adapted, {.r = 2, .target_modules = std::vector<std::string>{"o_proj"}}, 3, "test");
  const Policy model = adapted.with_score_head(1, 0);
  EXPECT_EQ(names(model), (std::vector<std::string>{
                              "model.layers.0.self_attn.o_proj.lora_A.weight", "model.layers.0.self_attn.o_proj.lora_B.weight",
                              "model.layers.1.self_attn.o_proj.lora_A.weight", "model.layers.1.self_attn.o_proj.lora_B.weight",
                              "score.weight"}));
  EXPECT_EQ(names(model.clone()), names(model));
  EXPECT_EQ(names(model.reference_copy()), names(model));
}

TEST(ScoreCheckpoint, SavedAndReadAgainItGivesTheSameScoresInEveryFamily) {
  for (const Json& json : all_architectures()) {
    const Policy model = reward_model(json, at::kFloat, 3);
    const TemporaryFolder folder;
    save_checkpoint(model, files_of(model), folder.path());
    const Json config = read_json_file(folder.file("config.json"));
    EXPECT_TRUE(config["architectures"][0].get<std::string>().ends_with("ForSequenceClassification")) << config;
    EXPECT_EQ(config["id2label"], (Json{{"0", "LABEL_0"}}));
    EXPECT_EQ(config["pad_token_id"], 3);
    const auto tensors = tensors_in(folder.path());
    EXPECT_EQ(tensors.at("score.weight").sizes(), (std::vector<int64_t>{1, model.config().hidden_size}));
    EXPECT_FALSE(tensors.contains("lm_head.weight"));
    const Checkpoint again = load_checkpoint(folder.path(), std::nullopt, at::kCPU);
    EXPECT_EQ(again.policy.config().head, HeadKind::kScore);
    EXPECT_EQ(again.policy.config().pad_token_id, 3);
    const std::vector<std::vector<int64_t>> sequences = {random_ids(model, 9, 1), random_ids(model, 4, 2)};
    EXPECT_EQ(score_sequences(model, sequences, 100), score_sequences(again.policy, sequences, 100));
    EXPECT_EQ(check_checkpoint_tensors(folder.path(), again.files.config) % 4, 0u);
  }
}

TEST(ScoreCheckpoint, ABiasAnOutputHeadAndAnotherShapeAreRefusedByName) {
  const Policy model = reward_model(qwen2_json());
  const TemporaryFolder folder;
  save_checkpoint(model, files_of(model), folder.path());
  const auto refusal = [&](const std::function<void(TensorMap&)>& damage) {
    TensorMap tensors = tensors_in(folder.path());
    damage(tensors);
    const TemporaryFolder other;
    other.write("config.json", read_file(folder.file("config.json")));
    write_safetensors(other.file("model.safetensors"), as_list(tensors));
    return error_of([&] { load_checkpoint(other.path(), std::nullopt, at::kCPU); }).summary();
  };
  EXPECT_TRUE(holds(refusal([](TensorMap& t) { t["score.bias"] = at::zeros({1}); }), "unused (1):\n    score.bias"));
  EXPECT_TRUE(holds(refusal([](TensorMap& t) { t["lm_head.weight"] = at::zeros({41, 32}); }), "lm_head.weight"));
  EXPECT_TRUE(holds(refusal([](TensorMap& t) { t.erase("score.weight"); }), "missing (1):\n    score.weight"));
  EXPECT_TRUE(holds(refusal([](TensorMap& t) { t["score.weight"] = at::zeros({2, 32}); }),
                    "score.weight is [2, 32] in model.safetensors, the configuration says [1, 32]"));
}

TEST(ScoreCheckpoint, ClassifiersOfSeveralLabelsAreRefused) {
  Json json = llama_json();
  json["architectures"] = {"LlamaForSequenceClassification"};
  EXPECT_EQ(read_model_config(json, "config.json").head, HeadKind::kScore);
  json["id2label"] = {{"0", "bad"}, {"1", "good"}};
  EXPECT_TRUE(holds(error_of([&] { read_model_config(json, "config.json"); }).where(), "config.json: id2label"));
  json.erase("id2label");
  json["num_labels"] = 3;
  EXPECT_TRUE(holds(error_of([&] { read_model_config(json, "config.json"); }).where(), "config.json: num_labels"));
}

TEST(ScoreCheckpoint, ParametersAreCountedWithTheScoreInPlaceOfTheHead) {
  for (const Json& json : all_architectures()) {
    const Policy model = reward_model(json);
    int64_t numbers = 0;
    for (const NamedTensor& t : model.checkpoint_tensors()) numbers += t.tensor.numel();
    EXPECT_EQ(count_parameters(model.config()).total, numbers) << json["model_type"];
  }
}

TEST(PaddingToken, IsTheFirstNameThatIsNoEndToken) {
  CheckpointFiles files;
  files.config = read_model_config(llama_json(), "test");
  files.tokenizer = Tokenizer::from_json(character_tokenizer_json("0123456789", {}, {"<s>", "</s>", "<pad>"}), "test");
  files.eos_token_ids = {11};
  EXPECT_EQ(padding_token(files), 11) << "there is nothing else";
  files.extras["tokenizer_config.json"] = R"({"bos_token": {"content": "<s>"}, "pad_token": "</s>"})";
  EXPECT_EQ(padding_token(files), 10) << "padding with the end token would hide it";
  files.extras["tokenizer_config.json"] = R"({"bos_token": "<s>", "pad_token": "<pad>"})";
  EXPECT_EQ(padding_token(files), 12);
  files.config.pad_token_id = 5;
  EXPECT_EQ(padding_token(files), 5);
}

}  // namespace
}  // namespace grpo

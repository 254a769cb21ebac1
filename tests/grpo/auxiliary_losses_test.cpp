// What is trained beside the main loss: multi-token prediction by hand from the oracle's logits, the balance
// of experts, what micro-batches must not change, and which parts of a policy are left alone.
#include "grpo/auxiliary_losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "grpo/router_balance.h"
#include "tests/policy/gradient_check.h"
#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_policy.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::deepseek_json;
using testing::deepseek_mtp_json;
using testing::llama_json;
using testing::random_ids;
using testing::random_policy;

const at::TensorOptions kDoubles = at::TensorOptions().dtype(at::kDouble);

// Sequences of several lengths, some too short for the modules, with holes in their masks.
struct Data {
  std::vector<std::vector<int64_t>> prompts, completions;
  std::vector<std::vector<uint8_t>> masks;

  explicit Data(const Policy& policy) {
    uint64_t seed = 1;
    for (const auto& [prompt, completion] : {std::pair(4, 9), {0, 3}, {1, 1}, {2, 14}, {0, 2}, {3, 2}}) {
      prompts.push_back(random_ids(policy, prompt, seed++));
      completions.push_back(random_ids(policy, completion, seed++));
      masks.emplace_back(static_cast<size_t>(completion), uint8_t{1});
    }
    masks[0][2] = masks[0][3] = masks[3][0] = masks[3][7] = 0;
  }

  std::vector<TrainSequence> sequences() const {
    std::vector<TrainSequence> list;
    for (size_t i = 0; i < prompts.size(); ++i) {
      list.push_back({.prompt_ids = prompts[i], .completion_ids = completions[i], .loss_mask = masks[i]});
    }
    return list;
  }
};

struct NaiveMtp {
  double loss = 0;
  int64_t hits = 0, predictions = 0;
};

// Every trained token at place j of its sequence, from row j - k - 1 of module k.
NaiveMtp naive_mtp(const Policy& policy, const Data& data, LossAggMode type, bool post_norm) {
  const reference::NaivePolicy naive(policy);
  const TrainedCounts counts = count_trained(data.sequences());
  NaiveMtp out;
  for (size_t s = 0; s < data.prompts.size(); ++s) {
    std::vector<int64_t> ids = data.prompts[s];
    ids.insert(ids.end(), data.completions[s].begin(), data.completions[s].end());
    const TrainedCounts own = count_trained({data.sequences()[s]});
    const auto modules = naive.mtp_logits(ids, post_norm);
    for (size_t module = 0; module < modules.size(); ++module) {
      const at::Tensor logprobs = modules[module].log_softmax(-1);
      for (size_t t = 0; t < data.masks[s].size(); ++t) {
        const auto place = static_cast<int64_t>(data.prompts[s].size() + t);
        const int64_t row = place - static_cast<int64_t>(module) - 2;
        if (data.masks[s][t] == 0 || row < 0) continue;
        const double weight = type == LossAggMode::kTokenMean
                                  ? 1.0 / static_cast<double>(counts.tokens)
                                  : 1.0 / static_cast<double>(counts.sequences * own.tokens);
        out.loss -= 0.5 * weight * logprobs[row][data.completions[s][t]].item<double>();
        out.hits += logprobs[row].argmax().item<int64_t>() == data.completions[s][t];
        ++out.predictions;
      }
    }
  }
  return out;
}

TEST(MtpLoss, IsTheMeanOverModulesOfTheTrainedTargetsCrossEntropy) {
  Json json = deepseek_mtp_json();
  json["vocab_size"] = 5;  // so that some guesses are right
  const Policy policy = random_policy(json, at::kDouble);
  const Data data(policy);
  const auto sequences = data.sequences();
  for (const LossAggMode type : {LossAggMode::kTokenMean, LossAggMode::kSeqMeanTokenMean}) {
    for (const MtpHiddenState state : {MtpHiddenState::kPostNorm, MtpHiddenState::kPreNorm}) {
      const NaiveMtp expected = naive_mtp(policy, data, type, state == MtpHiddenState::kPostNorm);
      ASSERT_GT(expected.hits, 0) << "the fixture's guesses are never right";
      for (const int64_t budget : {1, 20, 1000}) {
        const PackingOptions packing{.tokens_per_micro_batch = budget, .loss_agg_mode = type};
        double loss = 0;
        int64_t hits = 0, predictions = 0;
        for (const MicroBatch& batch : pack(sequences, count_trained(sequences), packing, kDoubles)) {
          const MtpLoss mtp =
              mtp_loss(policy, batch, policy.forward(batch.tokens, {}), {.hidden_state = state}, {});
          loss += mtp.loss.item<double>();
          hits += mtp.hits.item<int64_t>();
          predictions += mtp.predictions.item<int64_t>();
        }
        EXPECT_NEAR(loss, expected.loss, 1e-5 * expected.loss) << "budget " << budget;
        EXPECT_EQ(hits, expected.hits);
        EXPECT_EQ(predictions, expected.predictions);
      }
    }
  }
}

AuxiliaryLossOptions everything() {
  return {.mtp = {.scale = 0.3}, .router_aux_loss_coef = 0.05};
}

// The objective of an optimizer batch: here, the mean log-likelihood of the completions and all that is
// added.
at::Tensor objective(const Policy& policy, const Data& data, int64_t budget,
                     const AuxiliaryLossOptions& options, Json* metrics = nullptr) {
  const auto sequences = data.sequences();
  const TrainedCounts counts = count_trained(sequences);
  AuxiliaryLosses losses(policy, options);
  losses.begin_step(counts);
  at::Tensor sum = at::zeros({}, kDoubles);
  for (const MicroBatch& batch : pack(sequences, counts, {.tokens_per_micro_batch = budget}, kDoubles)) {
    const ForwardOutput output = policy.forward(batch.tokens, losses.forward_options());
    const at::Tensor logprobs =
        policy.token_scores(output.hidden.index_select(0, batch.rows), batch.targets).logprobs;
    sum = sum + losses.add_to(-(logprobs * batch.weights).sum(), batch, output);
  }
  if (metrics != nullptr) losses.add_metrics(*metrics);
  return sum;
}

TEST(AuxiliaryLosses, GradientOfTheWholeObjectiveEqualsFiniteDifferences) {
  Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  policy.set_requires_grad(true);
  const Data data(policy);
  testing::expect_gradients(policy, [&] { return objective(policy, data, 30, everything()); });
}

TEST(AuxiliaryLosses, DoNotDependOnMicroBatches) {
  const Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  const Data data(policy);
  Json whole = Json::object();
  const double expected = objective(policy, data, 1000, everything(), &whole).item<double>();
  for (const int64_t budget : {1, 16, 25}) {
    Json parts = Json::object();
    EXPECT_NEAR(objective(policy, data, budget, everything(), &parts).item<double>(), expected, 1e-6);
    for (const auto& [key, value] : whole.items()) {
      EXPECT_NEAR(parts.at(key).get<double>(), value.get<double>(), 1e-6) << key;
    }
  }
}

TEST(AuxiliaryLosses, AddUpToTheObjectiveWithTheirWeightsAndAreLoggedWithout) {
  const Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  const Data data(policy);
  Json metrics = Json::object();
  const double all = objective(policy, data, 30, everything(), &metrics).item<double>();
  const double main = objective(policy, data, 30, {.mtp = {.scale = 0.0}}).item<double>();
  const double mtp = metrics.at("mtp/loss"), balance = metrics.at("moe/aux_loss");
  EXPECT_NEAR(all, main + 0.3 * mtp + 0.05 * balance, 1e-9);
  const NaiveMtp expected = naive_mtp(policy, data, LossAggMode::kTokenMean, true);
  EXPECT_NEAR(mtp, expected.loss, 1e-5);
  EXPECT_NEAR(metrics.at("mtp/accuracy").get<double>(),
              static_cast<double>(expected.hits) / static_cast<double>(expected.predictions), 1e-12);
  // The mean over sequences of the sum over layers, and every sequence's is near 1 in each of the four.
  EXPECT_GT(balance, 3.0);
  EXPECT_LT(balance, 8.0);
}

TEST(AuxiliaryLosses, ThatAreOffLeaveTheLossItselfAndLogNothing) {
  const Policy policy = random_policy(deepseek_mtp_json(), at::kDouble);
  AuxiliaryLosses losses(policy, {.mtp = {.scale = 0.0}});
  losses.begin_step({3, 30});
  EXPECT_FALSE(losses.forward_options().balance_loss);
  const at::Tensor loss = at::ones({}, kDoubles);
  EXPECT_TRUE(losses.add_to(loss, {}, {}).is_same(loss));
  Json metrics = Json::object();
  losses.add_metrics(metrics);
  EXPECT_TRUE(metrics.empty());
}

TEST(AuxiliaryLosses, RefuseWhatThePolicyDoesNotHave) {
  Policy dense = random_policy(llama_json()), sparse = random_policy(deepseek_json());
  auto refusal = [](const Policy& policy, const AuxiliaryLossOptions& options) {
    return error_text([&] { AuxiliaryLosses(policy, options); });
  };
  EXPECT_TRUE(holds(refusal(sparse, {.mtp = {.scale = 0.1}}), "has no modules of multi-token prediction"));
  EXPECT_TRUE(holds(refusal(dense, {.router_aux_loss_coef = 0.1}), "a llama has no experts"));
  EXPECT_EQ(refusal(dense, {}), "");  // a default takes what is there
  EXPECT_EQ(refusal(sparse, {.router_aux_loss_coef = 0.1}), "");
  sparse.buffers()[0].tensor[2] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(holds(refusal(sparse, {}), "model.layers.1.mlp.gate.e_score_correction_bias"));
}

TEST(AuxiliaryLosses, WithAdaptersMultiTokenPredictionIsLeftOutAndAskingForItIsAnError) {
  Policy policy = random_policy(deepseek_mtp_json());
  const AdaptableModule module = policy.adaptable_modules().front();
  policy.set_adapters(
      {{.module = module.name, .a = at::ones({2, module.in}), .b = at::zeros({module.out, 2})}});
  EXPECT_EQ(error_text([&] { AuxiliaryLosses(policy, {}); }), "");
  EXPECT_TRUE(holds(error_text([&] { AuxiliaryLosses(policy, {.mtp = {.scale = 0.1}}); }), "adapters"));
  choose_trainable(policy, {});
  EXPECT_EQ(policy.trainable().size(), 2u);
}

std::set<std::string> frozen_names(const Json& config, const AuxiliaryLossOptions& options) {
  Policy policy = random_policy(config);
  std::set<std::string> names;
  for (const Parameter& p : policy.parameters()) names.insert(p.name);
  for (const Parameter& p : choose_trainable(policy, options)) names.erase(p.name);
  return names;
}

TEST(TrainableParts, RoutersAndModulesWithoutLossAreFrozenAndNothingElse) {
  const std::set<std::string> routers = {"model.layers.1.mlp.gate.weight", "model.layers.2.mlp.gate.weight"};
  EXPECT_EQ(frozen_names(deepseek_json(), {}), std::set<std::string>());
  EXPECT_EQ(frozen_names(deepseek_json(), {.freeze_moe_router = true}), routers);
  EXPECT_EQ(frozen_names(llama_json(), {.freeze_moe_router = true}), std::set<std::string>());
  EXPECT_EQ(frozen_names(deepseek_mtp_json(), {}), std::set<std::string>());
  const auto modules = frozen_names(deepseek_mtp_json(), {.mtp = {.scale = 0.0}});
  EXPECT_EQ(modules.size(), 2 * 18u);
  for (const std::string& name : modules) {
    EXPECT_TRUE(name.starts_with("model.layers.3.") || name.starts_with("model.layers.4.")) << name;
  }
}

Json load_metrics(const std::vector<std::vector<int64_t>>& layers) {
  std::vector<at::Tensor> load;
  for (const auto& layer : layers) load.push_back(at::tensor(layer, at::kLong));
  Json metrics = Json::object();
  add_expert_load_metrics(load, metrics);
  return metrics;
}

TEST(ExpertLoadMetrics, AreMeansOverTheLayersThatSawATokenAndASumOfDeadExperts) {
  const Json even = load_metrics({{5, 5, 5, 5}});
  EXPECT_EQ(even["moe/max_violation"], 0.0);
  EXPECT_EQ(even["moe/load_entropy"], 1.0);
  EXPECT_EQ(even["moe/dead_experts"], 0);
  const Json one = load_metrics({{0, 20, 0, 0}});
  EXPECT_EQ(one["moe/max_violation"], 3.0);
  EXPECT_EQ(one["moe/load_entropy"], 0.0);
  EXPECT_EQ(one["moe/dead_experts"], 3);
  const Json mixed = load_metrics({{5, 5, 5, 5}, {0, 0, 0, 0}, {0, 10, 10, 0}, {0, 0, 7, 0}});
  EXPECT_NEAR(mixed["moe/max_violation"].get<double>(), (0.0 + 1.0 + 3.0) / 3, 1e-12);
  EXPECT_NEAR(mixed["moe/load_entropy"].get<double>(), (1.0 + 0.5 + 0.0) / 3, 1e-12);
  EXPECT_EQ(mixed["moe/dead_experts"], 2 + 3);
}

TEST(ExpertLoadMetrics, OfNoTokensAreNotNumbersAndOfNoExpertsAreNone) {
  const Json none = load_metrics({{0, 0, 0}});
  EXPECT_TRUE(std::isnan(none["moe/max_violation"].get<double>()));
  EXPECT_TRUE(std::isnan(none["moe/load_entropy"].get<double>()));
  EXPECT_EQ(none["moe/dead_experts"], 0);
  EXPECT_TRUE(load_metrics({}).empty());
}

AuxiliaryLossOptions read(const std::string& keys, const AuxiliaryLossOptions& defaults) {
  const Json json = parse_json("{" + keys + "}", "test");
  ObjectReader reader(json, "recipe.json", "stages[0]");
  const AuxiliaryLossOptions options = read_auxiliary_loss_options(reader, defaults);
  reader.finish();
  return options;
}

TEST(AuxiliaryLossOptionsReader, TakesEveryKey) {
  const auto o = read(R"("mtp_loss_scale": 0.2, "mtp_detach_trunk": true, "mtp_hidden_state": "pre_norm",
                        "router_aux_loss_coef": 0.01, "freeze_moe_router": false)",
                      {.freeze_moe_router = true});
  EXPECT_EQ(o.mtp.scale, 0.2);
  EXPECT_TRUE(o.mtp.detach_trunk);
  EXPECT_EQ(o.mtp.hidden_state, MtpHiddenState::kPreNorm);
  EXPECT_EQ(o.router_aux_loss_coef, 0.01);
  EXPECT_FALSE(o.freeze_moe_router);
  const auto absent = read("", {.mtp = {.scale = 0.0, .detach_trunk = true}, .freeze_moe_router = true});
  EXPECT_EQ(absent.mtp.scale, 0.0);
  EXPECT_TRUE(absent.mtp.detach_trunk);
  EXPECT_TRUE(absent.freeze_moe_router);
  EXPECT_FALSE(read("", {}).mtp.scale.has_value());
}

TEST(AuxiliaryLossOptionsReader, NamesTheKeyThatIsOutOfRangeOrWithoutEffect) {
  for (const auto& [keys, name] : std::vector<std::pair<std::string, std::string>>{
           {"\"mtp_loss_scale\": -0.1", "mtp_loss_scale"},
           {"\"mtp_detach_trunk\": true", "mtp_detach_trunk"},
           {"\"mtp_hidden_state\": \"pre_norm\"", "mtp_hidden_state"},
           {"\"mtp_loss_scale\": 0.1, \"mtp_hidden_state\": \"none\"", "mtp_hidden_state"},
           {"\"router_aux_loss_coef\": -1, \"freeze_moe_router\": false", "router_aux_loss_coef"},
           {"\"router_aux_loss_coef\": 0.1", "router_aux_loss_coef"}}) {
    const Error error = error_of([&, &keys = keys] {
      read(keys, {.mtp = {.scale = 0.0, .detach_trunk = true}, .freeze_moe_router = true});
    });
    EXPECT_TRUE(holds(error.where(), "recipe.json: stages[0]." + name)) << keys;
  }
}

}  // namespace
}  // namespace grpo

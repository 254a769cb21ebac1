// Every loss of the family, from the names in a recipe to values and gradients, against double loops.

#include <gtest/gtest.h>

#include <cmath>

#include "core/seed.h"
#include "grpo/policy_loss.h"
#include "tests/grpo/loss_recipe.h"
#include "tests/reference/naive_grpo.h"

namespace grpo {
namespace {

using reference::FamilyKnobs;
using reference::Sequence;
using testing::LossRecipe;
using testing::read_recipe;
using Numbers = std::vector<double>;

constexpr int64_t kLongest = 9;

const char* const kRecipes[] = {
    R"({})",
    R"({"loss_type": "grpo"})",
    R"({"loss_type": "dapo", "epsilon_high": 0.28})",
    R"({"loss_type": "dr_grpo"})",
    R"({"loss_type": "bnpo", "per_device_train_batch_size": 3})",
    R"({"loss_type": "gspo"})",
    R"({"loss_type": "gspo", "epsilon": 0.05, "epsilon_high": 0.08, "beta": 0.1})",
    R"({"loss_type": "gspo", "epsilon": 0.01, "delta": 1.1})",
    R"({"loss_type": "gspo_token", "epsilon": 0.05, "epsilon_high": 0.08})",
    R"({"loss_type": "cispo"})",
    R"({"loss_type": "cispo", "cispo_ratio_max": 1.2})",
    R"({"loss_type": "cispo", "cispo_epsilon_high": 0.2})",
    R"({"loss_type": "cispo", "cispo_epsilon_high": 0.3, "cispo_epsilon_low": 0.3})",
    R"({"loss_type": "cispo", "cispo_ratio_max": 1.02, "importance_sampling_level": "sequence"})",
    R"({"loss_type": "sapo"})",
    R"({"loss_type": "sapo", "sapo_temperature_pos": 3, "sapo_temperature_neg": 0.5})",
    R"({"loss_type": "sapo", "importance_sampling_level": "sequence"})",
    R"({"loss_type": "rloo"})",
    R"({"loss_type": "rloo", "use_kl_in_reward": false, "beta": 0.1, "kl_estimator": "k2"})",
    R"({"loss_type": "reinforce_pp"})",
    R"({"loss_type": "reinforce_pp_baseline", "beta": 0.05})",
    R"({"loss_agg_mode": "seq-mean-token-sum"})",
    R"({"delta": 1.5})",
    R"({"dual_clip": 1.1})",
    R"({"dual_clip": 1.8, "epsilon": 0.1, "epsilon_high": 0.5})",
    R"({"beta": 0.04})",
    R"({"beta": 0.5, "kl_estimator": "k2"})",
    R"({"beta": 0.5, "use_bias_correction_kl": true})",
    R"({"preset": "deepseek_r1", "beta": 0.3})",
    R"({"entropy_coef": 0.3})",
    R"({"entropy_coef": 0.3, "top_entropy_quantile": 0.4, "beta": 0.1})",
    R"({"importance_sampling_mode": "token_truncate", "importance_sampling_clip_max": 1.2})",
    R"({"importance_sampling_mode": "token_truncate", "importance_sampling_clip_max": 1.2, "importance_sampling_clip_min": 0.9})",
    R"({"importance_sampling_mode": "token_mask", "importance_sampling_clip_max": 1.3, "importance_sampling_clip_min": 0.8})",
    R"({"importance_sampling_mode": "sequence_truncate", "importance_sampling_clip_max": 1.3, "beta": 0.1})",
    R"({"importance_sampling_mode": "sequence_mask", "importance_sampling_clip_max": 1.5, "importance_sampling_clip_min": 0.6})",
    R"({"importance_sampling_mode": "geometric_mask", "importance_sampling_clip_max": 1.05, "importance_sampling_clip_min": 0.95})",
    R"({"off_policy_mask_threshold": 0.02})",
    R"({"loss_type": "cispo", "importance_sampling_mode": "sequence_mask", "off_policy_mask_threshold": 0.01, "beta": 0.02,
        "entropy_coef": 0.1, "top_entropy_quantile": 0.7})",
};

FamilyKnobs knobs_of(const Json& recipe) {
  const Json j = with_presets(recipe);
  const auto maybe = [&](const char* key) {
    return j.contains(key) ? std::optional<double>(j[key].get<double>()) : std::nullopt;
  };
  FamilyKnobs k;
  k.surrogate = j.value("surrogate", k.surrogate);
  k.level = j.value("importance_sampling_level", k.level);
  k.average = j.value("loss_agg_mode", k.average);
  k.low = j.value("epsilon", k.low);
  k.high = j.value("epsilon_high", k.low);
  k.delta = maybe("delta");
  k.dual_clip = maybe("dual_clip");
  k.weight_max = maybe("cispo_ratio_max");
  if (j.contains("cispo_epsilon_high")) k.weight_max = 1.0 + *maybe("cispo_epsilon_high");
  if (j.contains("cispo_epsilon_low")) k.weight_min = 1.0 - *maybe("cispo_epsilon_low");
  k.tau_pos = j.value("sapo_temperature_pos", k.tau_pos);
  k.tau_neg = j.value("sapo_temperature_neg", k.tau_neg);
  k.beta = j.value("use_kl_in_reward", false) ? 0.0 : j.value("beta", 0.0);
  k.kl = j.value("kl_estimator", k.kl);
  k.corrected_kl = j.value("use_bias_correction_kl", false);
  k.entropy_coef = j.value("entropy_coef", 0.0);
  k.correction = j.value("importance_sampling_mode", k.correction);
  k.correction_max = j.value("importance_sampling_clip_max", k.correction_max);
  k.correction_min = j.value("importance_sampling_clip_min", k.correction_min);
  k.off_policy = maybe("off_policy_mask_threshold");
  k.max_completion_length = kLongest;
  k.local_batch = j.value("per_device_train_batch_size", size_t{8});
  return k;
}

// Sequences of 1 to 9 trained tokens, every fifth masked; ratios 0.45 to 2.2.
std::vector<Sequence> random_batch(uint64_t seed, size_t count, bool masks_low_entropy) {
  Stream random(seed);
  const auto around = [&](double spread) { return spread * (2.0 * random.uniform() - 1.0); };
  std::vector<Sequence> batch(count);
  for (size_t i = 0; i < count; ++i) {
    if (i % 5 == 3) continue;
    const double advantage = around(2.0), drift = around(0.1);
    for (int64_t n = 1 + random.below(kLongest); n > 0; --n) {
      Sequence& s = batch[i];
      s.logp.push_back(-3.0 * random.uniform());
      s.old_logp.push_back(s.logp.back() + around(0.8));
      s.ref_logp.push_back(s.logp.back() + around(1.5));
      s.behaviour.push_back(s.old_logp.back() + around(0.3) + drift);
      s.entropy.push_back(2.0 * random.uniform());
      s.advantage.push_back(advantage + (i % 4 == 0 ? around(0.5) : 0.0));
      s.keeps_policy_term.push_back(!masks_low_entropy || s.entropy.back() > 0.8);
    }
  }
  return batch;
}

// The same as the one micro-batch that packing makes of it, with leaves to differentiate.
struct Packed {
  std::vector<std::vector<int64_t>> ids;
  std::vector<std::vector<uint8_t>> masks, policy_masks;
  std::vector<std::vector<float>> behaviour;
  const std::vector<int64_t> prompt = {1};
  PolicyLossInputs inputs;

  Packed(const std::vector<Sequence>& batch, const LossRecipe& recipe, double entropy_coef) {
    std::vector<TrainSequence> list;
    for (const Sequence& s : batch) {
      const size_t n = std::max<size_t>(1, s.size());
      ids.emplace_back(n, 5);
      masks.emplace_back(n, s.size() > 0);
      policy_masks.emplace_back(s.keeps_policy_term.begin(), s.keeps_policy_term.end());
      policy_masks.back().resize(n);
      behaviour.emplace_back(n, 0.0f);
    }
    Numbers logp, old, ref, drawn, entropy, advantage;
    for (size_t i = 0; i < batch.size(); ++i) {
      list.push_back({.prompt_ids = prompt, .completion_ids = ids[i], .loss_mask = masks[i], .policy_mask = policy_masks[i]});
      const auto append = [](Numbers& to, const Numbers& from) { to.insert(to.end(), from.begin(), from.end()); };
      append(logp, batch[i].logp), append(old, batch[i].old_logp), append(ref, batch[i].ref_logp);
      append(drawn, batch[i].behaviour), append(entropy, batch[i].entropy), append(advantage, batch[i].advantage);
    }
    const auto doubles = at::TensorOptions().dtype(at::kDouble);
    const auto batches = pack(list, count_trained(list), recipe.packing, doubles);
    EXPECT_EQ(batches.size(), 1u);
    inputs = {.logprobs = at::tensor(logp, doubles).requires_grad_(true),
              .old_logprobs = at::tensor(old, doubles),
              .ref_logprobs = at::tensor(ref, doubles),
              .behaviour_logprobs = at::tensor(drawn, doubles),
              .entropy = at::tensor(entropy, doubles).requires_grad_(true),
              .advantages = at::tensor(advantage, doubles),
              .weights = batches.at(0).weights,
              .lengths = batches.at(0).lengths,
              .policy_mask = batches.at(0).policy_mask,
              .entropy_coef = entropy_coef};
  }
};

void expect_gradient(const std::vector<Sequence>& batch, Numbers Sequence::*field, const at::Tensor& gradient,
                     const FamilyKnobs& knobs, const char* text) {
  constexpr double h = 1e-6;
  std::vector<Sequence> moved = batch;
  int64_t row = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    for (size_t t = 0; t < batch[i].size(); ++t, ++row) {
      double& number = (moved[i].*field)[t];
      const double kept = number;
      number = kept + h;
      const double above = reference::family_loss(moved, batch, knobs);
      number = kept - h;
      const double below = reference::family_loss(moved, batch, knobs);
      number = kept;
      const double actual = gradient.defined() ? gradient[row].item<double>() : 0.0;
      ASSERT_NEAR(actual, (above - below) / (2 * h), 1e-8) << text << " row " << row;
    }
  }
}

TEST(LossFamily, ValuesAndGradientsEqualThoseOfDoubleLoopsForEveryRecipe) {
  for (const char* text : kRecipes) {
    const Json json = parse_json(text, "recipe.json");
    const LossRecipe recipe = read_recipe(json, kLongest);
    const FamilyKnobs knobs = knobs_of(json);
    for (uint64_t seed : {1, 2}) {
      const auto batch = random_batch(seed, 12, recipe.loss.top_entropy_quantile < 1.0);
      const Packed packed(batch, recipe, knobs.entropy_coef);
      const PolicyLoss loss = policy_loss(packed.inputs, recipe.loss);
      loss.loss.backward();
      ASSERT_NEAR(loss.loss.item<double>(), reference::family_loss(batch, batch, knobs), 1e-12) << text;
      EXPECT_EQ(loss.sums.loss, loss.loss.item<double>());
      expect_gradient(batch, &Sequence::logp, packed.inputs.logprobs.grad(), knobs, text);
      expect_gradient(batch, &Sequence::entropy, packed.inputs.entropy.grad(), knobs, text);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(LossFamily, RecipesReachEveryBranchOfTheirBounds) {
  // A grid that never clipped would prove nothing.
  const auto sums_of = [](const char* text) {
    const LossRecipe recipe = read_recipe(text);
    return policy_loss(Packed(random_batch(1, 12, true), recipe, 0.0).inputs, recipe.loss).sums;
  };
  for (const char* text : {R"({})", R"({"loss_type": "gspo"})"}) {
    EXPECT_GT(sums_of(text).clipped_low, 0.0) << text;
    EXPECT_GT(sums_of(text).clipped_high, 0.0) << text;
  }
  EXPECT_GT(sums_of(R"({"loss_type": "cispo", "cispo_ratio_max": 1.2})").clipped_high, 0.0);
  EXPECT_GT(sums_of(R"({"dual_clip": 1.1})").clipped_dual, 0.0);
  EXPECT_GT(sums_of(R"({"delta": 1.5})").clipped_dual, 0.0);
  const auto masked = sums_of(R"({"importance_sampling_mode": "sequence_mask", "importance_sampling_clip_max": 1.5})");
  EXPECT_GT(masked.sampling_clipped, 0.0);
  EXPECT_LT(masked.sampling_clipped, masked.sequences);
  const auto far = sums_of(R"({"off_policy_mask_threshold": 0.02})");
  EXPECT_GT(far.off_policy_masked, 0.0);
  EXPECT_LT(far.off_policy_masked, far.tokens);
  EXPECT_GT(far.entropy_masked, 0.0);
}

TEST(LossFamily, CountersOfSequencesAreOfSequences) {
  const LossRecipe recipe = read_recipe(R"({"loss_type": "gspo"})");
  const auto batch = random_batch(4, 12, false);
  const auto sums = policy_loss(Packed(batch, recipe, 0.0).inputs, recipe.loss).sums;
  double low = 0, high = 0, ratio = 0, sequences = 0, low_min = 1, high_max = 0;
  for (const Sequence& s : batch) {
    if (s.size() == 0) continue;
    const double r = std::exp(reference::mean_difference(s.logp, s.old_logp));
    double own_low = 0, own_high = 0;
    for (const double a : s.advantage) {
      own_low += (r < 1 - 3e-4 && a < 0) / static_cast<double>(s.size());
      own_high += (r > 1 + 4e-4 && a > 0) / static_cast<double>(s.size());
    }
    low += own_low, high += own_high, ratio += r, ++sequences;
    low_min = std::min(low_min, own_low), high_max = std::max(high_max, own_high);
  }
  EXPECT_EQ(sums.ratios, sequences);
  EXPECT_NEAR(sums.clipped_low, low, 1e-12);
  EXPECT_NEAR(sums.clipped_high, high, 1e-12);
  EXPECT_NEAR(sums.clipped_low_min, low_min, 1e-12);
  EXPECT_NEAR(sums.clipped_high_max, high_max, 1e-12);
  EXPECT_NEAR(sums.ratio, ratio, 1e-12);
}

TEST(LossFamily, MetricsHaveTrlsNamesAndMeans) {
  const LossRecipe recipe = read_recipe(
      R"({"entropy_coef": 0.5, "beta": 0.1, "delta": 1.5, "importance_sampling_mode": "token_mask",
          "top_entropy_quantile": 0.5, "off_policy_mask_threshold": 0.02})");
  const auto batch = random_batch(6, 12, true);
  const auto sums = policy_loss(Packed(batch, recipe, 0.5).inputs, recipe.loss).sums;
  double tokens = 0, entropy = 0, kl = 0, low = 0, kept = 0, low_min = 1;
  for (const Sequence& s : batch) {
    double own_low = 0;
    for (size_t t = 0; t < s.size(); ++t) {
      ++tokens;
      entropy += s.entropy[t];
      kl += reference::family_kl(s, t, {});
      own_low += s.advantage[t] < 0 && std::exp(s.logp[t] - s.old_logp[t]) < 0.8;
      kept += s.keeps_policy_term[t];
    }
    low += own_low;
    if (s.size() > 0) low_min = std::min(low_min, own_low / static_cast<double>(s.size()));
  }
  Json metrics;
  add_loss_metrics(sums, recipe.loss, true, metrics);
  EXPECT_NEAR(metrics.at("entropy").get<double>(), entropy / tokens, 1e-12);
  EXPECT_NEAR(metrics.at("kl").get<double>(), kl / tokens, 1e-12);
  EXPECT_NEAR(metrics.at("clip_ratio/low_mean").get<double>(), low / tokens, 1e-12);
  EXPECT_NEAR(metrics.at("clip_ratio/low_min").get<double>(), low_min, 1e-12);
  EXPECT_NEAR(metrics.at("entropy_mask_ratio").get<double>(), 1.0 - kept / tokens, 1e-12);
  EXPECT_EQ(metrics.at("entropy_coef").get<double>(), 0.5);
  EXPECT_NEAR(metrics.at("policy_loss").get<double>() - metrics.at("loss").get<double>(), 0.5 * entropy / tokens, 1e-12);
  for (const char* key : {"clip_ratio/high_max", "clip_ratio/region_mean", "clip_ratio/dual_mean", "off_policy_mask_ratio",
                          "sampling/importance_sampling_clip_ratio", "sampling/importance_sampling_ratio/max"}) {
    EXPECT_TRUE(metrics.contains(key)) << key;
  }
  Json plain;
  add_loss_metrics(policy_loss(Packed(batch, read_recipe("{}"), 0.0).inputs, {}).sums, {}, false, plain);
  for (const char* key : {"kl", "policy_loss", "entropy_coef", "cispo_clip_ratio", "off_policy_mask_ratio",
                          "entropy_mask_ratio", "clip_ratio/dual_mean"}) {
    EXPECT_FALSE(plain.contains(key)) << key;
  }
  Json cispo;
  const LossRecipe capped = read_recipe(R"({"loss_type": "cispo", "cispo_ratio_max": 1.2})");
  add_loss_metrics(policy_loss(Packed(batch, capped, 0.0).inputs, capped.loss).sums, capped.loss, false, cispo);
  double cut = 0;
  for (const Sequence& s : batch) {
    for (size_t t = 0; t < s.size(); ++t) cut += s.advantage[t] > 0 && std::exp(s.logp[t] - s.old_logp[t]) > 1.2;
  }
  EXPECT_NEAR(cispo.at("cispo_clip_ratio").get<double>(), cut / tokens, 1e-12);
  EXPECT_FALSE(cispo.contains("clip_ratio/low_mean"));
}

// Loss and its gradient of one token with that ratio.
std::pair<double, double> one_token(const char* text, double ratio, double advantage) {
  const LossRecipe recipe = read_recipe(text);
  const auto doubles = at::TensorOptions().dtype(at::kDouble);
  const auto logprobs = at::tensor(Numbers{std::log(ratio) - 1.0}, doubles).requires_grad_(true);
  const auto loss = policy_loss({.logprobs = logprobs,
                                 .old_logprobs = at::tensor(Numbers{-1.0}, doubles),
                                 .advantages = at::tensor(Numbers{advantage}, doubles),
                                 .weights = at::ones({1}, doubles),
                                 .lengths = at::ones({1}, doubles.dtype(at::kLong))},
                                recipe.loss);
  loss.loss.backward();
  return {loss.loss.item<double>(), logprobs.grad().item<double>()};
}

TEST(LossFamily, SapoAtRatioOneIsMinusTwiceTheAdvantageOverTauWithSlopeMinusTheAdvantage) {
  for (const double a : {1.5, -2.0}) {
    const double tau = a > 0 ? 1.0 : 1.05;
    const auto [loss, slope] = one_token(R"({"loss_type": "sapo"})", 1.0, a);
    EXPECT_NEAR(loss, -2.0 * a / tau, 1e-12);
    EXPECT_NEAR(slope, -a, 1e-12);  // d r / d log pi is 1 there
  }
}

TEST(LossFamily, CisposTwoCapsAreTwoConventions) {
  // A cap of 0.2 is 0.2 to TRL and 1.2 to MiniMax; every token keeps a gradient.
  EXPECT_NEAR(one_token(R"({"loss_type": "cispo", "cispo_ratio_max": 0.2})", 1.5, 2.0).second, -0.4, 1e-12);
  EXPECT_NEAR(one_token(R"({"loss_type": "cispo", "cispo_epsilon_high": 0.2})", 1.5, 2.0).second, -2.4, 1e-12);
  EXPECT_NEAR(one_token(R"({"loss_type": "cispo", "cispo_epsilon_high": 0.2})", 0.1, 2.0).second, -0.2, 1e-12);
  EXPECT_NEAR(one_token(R"({"loss_type": "cispo", "cispo_epsilon_high": 0.2, "cispo_epsilon_low": 0.2})", 0.1, 2.0).second,
              -1.6, 1e-12);
}

TEST(LossFamily, DualClipBoundsALossThatPpoLeavesOpen) {
  EXPECT_NEAR(one_token(R"({"dual_clip": 3})", 5.0, -2.0).first, 6.0, 1e-12);
  EXPECT_EQ(one_token(R"({"dual_clip": 3})", 5.0, -2.0).second, 0.0);
  EXPECT_NEAR(one_token(R"({"dual_clip": 3})", 2.5, -2.0).second, 5.0, 1e-12);
  EXPECT_NEAR(one_token(R"({"dual_clip": 3})", 5.0, 2.0).first, -2.4, 1e-12);
}

TEST(LossFamily, GspoTokenHasTheValueOfGspoAndTheSameGradientForOneAdvantage) {
  auto batch = random_batch(8, 12, false);
  for (Sequence& s : batch) {
    for (double& a : s.advantage) a = s.advantage.front();
  }
  const LossRecipe gspo = read_recipe(R"({"loss_type": "gspo", "epsilon": 0.1})");
  const LossRecipe token = read_recipe(R"({"loss_type": "gspo_token", "epsilon": 0.1})");
  const Packed a(batch, gspo, 0.0), b(batch, token, 0.0);
  const auto loss_a = policy_loss(a.inputs, gspo.loss), loss_b = policy_loss(b.inputs, token.loss);
  loss_a.loss.backward();
  loss_b.loss.backward();
  EXPECT_NEAR(loss_a.sums.loss, loss_b.sums.loss, 1e-13);
  EXPECT_TRUE(a.inputs.logprobs.grad().allclose(b.inputs.logprobs.grad(), 0.0, 1e-13));
}

TEST(LossFamily, RatiosOfSequencesStayFiniteForHugeLogRatios) {
  for (const char* level : {"token", "sequence", "sequence_token", "sequence_sum"}) {
    for (const char* surrogate : {"clip", "sapo"}) {
      for (const double gap : {-300.0, 300.0}) {
        Json json = {{"importance_sampling_level", level}, {"surrogate", surrogate}, {"beta", 1.0},
                     {"importance_sampling_mode", "sequence_truncate"}};
        const LossRecipe recipe = read_recipe(json);
        const auto floats = at::TensorOptions().dtype(at::kFloat);
        const auto logprobs = at::full({4}, gap, floats).requires_grad_(true);
        const auto zeros = at::zeros({4}, floats);
        for (const double advantage : {-1.0, 1.0}) {
          logprobs.mutable_grad() = at::Tensor();
          const auto loss = policy_loss({.logprobs = logprobs,
                                         .old_logprobs = zeros,
                                         .ref_logprobs = zeros,
                                         .behaviour_logprobs = zeros - gap,
                                         .advantages = zeros + advantage,
                                         .weights = at::ones({4}, floats),
                                         .lengths = at::full({2}, 2, floats.dtype(at::kLong))},
                                        recipe.loss);
          loss.loss.backward();
          EXPECT_TRUE(loss.sums.finite()) << json.dump() << gap;
          EXPECT_TRUE(std::isfinite(loss.sums.ratio_max) && std::isfinite(loss.sums.sampling_ratio_max));
          EXPECT_TRUE(logprobs.grad().isfinite().all().item<bool>()) << json.dump() << gap;
        }
      }
    }
  }
}

TEST(LossFamily, FirstUpdateHasRatioOneAtEveryLevel) {
  const auto batch = random_batch(9, 12, false);
  for (const char* name : {"grpo", "gspo", "gspo_token", "cispo", "sapo", "rloo"}) {
    Json json = {{"loss_type", name}, {"beta", 0.0}};
    const LossRecipe recipe = read_recipe(json);
    Packed packed(batch, recipe, 0.0);
    packed.inputs.old_logprobs = at::Tensor();
    packed.inputs.behaviour_logprobs = packed.inputs.logprobs.detach();
    const auto loss = policy_loss(packed.inputs, recipe.loss);
    loss.loss.backward();
    EXPECT_EQ(loss.sums.ratio_min, 1.0) << name;
    EXPECT_EQ(loss.sums.ratio_max, 1.0) << name;
    EXPECT_EQ(loss.sums.clipped_low + loss.sums.clipped_high, 0.0) << name;
    EXPECT_EQ(loss.sums.sampling_ratio_max, 1.0) << name;
    EXPECT_GT(packed.inputs.logprobs.grad().abs().max().item<double>(), 0.0) << name;
  }
}

}  // namespace
}  // namespace grpo

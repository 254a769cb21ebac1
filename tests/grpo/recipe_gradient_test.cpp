// What micro-batches, packing and order must not change, for every published loss and with everything switched on that
// looks at whole sequences or whole batches.

#include <gtest/gtest.h>

#include <cmath>

#include "grpo/entropy_mask.h"
#include "grpo/optimizer.h"
#include "grpo/policy_loss.h"
#include "tests/grpo/loss_recipe.h"
#include "tests/grpo/random_groups.h"
#include "tests/grpo/toy_model.h"

namespace grpo {
namespace {

using testing::kDoubles;
using testing::LossRecipe;
using testing::ToyModel;

// Groups with what a scoring pass writes into them.
std::vector<Group> scored_groups(uint64_t seed, const LossRecipe& recipe) {
  auto groups = testing::random_groups(seed);
  Stream random(seed + 1000);
  for (Group& group : groups) {
    for (Episode& episode : group.episodes) {
      for (const float behaviour : episode.behaviour_logprobs) {
        episode.old_logprobs.push_back(behaviour + 0.4 * random.uniform() - 0.2);
        episode.ref_logprobs.push_back(-3.0 * random.uniform());
        episode.entropy.push_back(random.uniform());
      }
    }
  }
  assign_advantages(groups, recipe.advantage);
  return groups;
}

struct Update {
  PolicyLossSums sums;
  size_t num_micro_batches = 0;
  std::vector<at::Tensor> gradients;
};

// One optimizer batch, as the learner goes through it.
Update update(const ToyModel& model, std::vector<TrainSequence> sequences, const TrainedCounts& counts,
              const LossRecipe& recipe, at::ScalarType dtype = at::kDouble) {
  EntropyMasks masks;
  if (recipe.loss.top_entropy_quantile < 1.0) masks = mask_low_entropy(sequences, recipe.loss.top_entropy_quantile);
  const EntropyBonusOptions& bonus = recipe.loss.entropy_bonus;
  AdamW optimizer(model.parameters(), {});
  Update out;
  for (const MicroBatch& batch : pack(sequences, counts, recipe.packing, kDoubles.dtype(dtype))) {
    const at::Tensor distributions = model.distributions(batch).to(dtype);
    const PolicyLoss loss = policy_loss({.logprobs = ToyModel::at_targets(distributions, batch),
                                         .old_logprobs = batch.old_logprobs,
                                         .ref_logprobs = batch.ref_logprobs,
                                         .behaviour_logprobs = batch.behaviour_logprobs,
                                         .entropy = -(distributions.exp() * distributions).sum(1),
                                         .advantages = batch.advantages,
                                         .weights = batch.weights,
                                         .lengths = batch.lengths,
                                         .policy_mask = batch.policy_mask,
                                         .entropy_coef = applied_entropy_coef(bonus, first_entropy_bonus(bonus))},
                                        recipe.loss);
    loss.loss.backward();
    optimizer.accumulate_gradients();
    out.sums.add(loss.sums);
    ++out.num_micro_batches;
  }
  for (const NamedTensor& g : optimizer.gradients()) out.gradients.push_back(g.tensor.clone());
  return out;
}

double size(const Update& a) {
  double largest = 0.0;
  for (const auto& g : a.gradients) largest = std::max(largest, g.abs().max().item<double>());
  return largest;
}

double distance(const Update& a, const Update& b) {
  double worst = 0.0;
  for (size_t i = 0; i < a.gradients.size(); ++i) {
    worst = std::max(worst, (a.gradients[i] - b.gradients[i]).abs().max().item<double>());
  }
  return worst;
}

// Every preset, alone and with everything on that could tie a token to the tokens packed beside it.
std::vector<Json> recipes() {
  std::vector<Json> out;
  for (const std::string& name : loss_preset_names()) {
    Json plain = {{"loss_type", name}};
    if (name == "bnpo") plain["per_device_train_batch_size"] = 5;
    if (name == "gspo" || name == "gspo_token") plain.update({{"epsilon", 0.1}, {"epsilon_high", 0.15}});
    if (name == "cispo") plain["cispo_ratio_max"] = 1.3;
    if (name == "rloo") plain["dual_clip"] = 3.0;
    out.push_back(plain);
    Json all = plain;
    if (!all.contains("beta")) all["beta"] = 0.05;
    all.update({{"entropy_coef", 0.02}, {"top_entropy_quantile", 0.4}, {"importance_sampling_mode", "sequence_truncate"},
                {"importance_sampling_clip_max", 1.2}, {"off_policy_mask_threshold", 0.05}});
    out.push_back(all);
  }
  out.push_back({{"importance_sampling_mode", "geometric_mask"}, {"importance_sampling_clip_max", 1.1},
                 {"importance_sampling_clip_min", 0.9}, {"loss_agg_mode", "seq-mean-token-sum"}});
  out.push_back({{"beta", 0.1}, {"use_bias_correction_kl", true}, {"importance_sampling_mode", "token_mask"}});
  return out;
}


// The same optimizer batch handed over in another order; positions say where its sequences stand.
std::vector<TrainSequence> shuffled(const std::vector<TrainSequence>& sequences, Stream& random) {
  std::vector<int64_t> order(sequences.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  random.shuffle(order);
  std::vector<TrainSequence> out;
  for (const int64_t i : order) {
    out.push_back(sequences[static_cast<size_t>(i)]);
    out.back().position = i;
  }
  return out;
}

TEST(RecipeGradient, DoesNotDependOnMicroBatchesPackingOrOrder) {
  const ToyModel model(2);
  Stream random(3);
  for (const Json& json : recipes()) {
    LossRecipe recipe = testing::read_recipe(json);
    const auto groups = scored_groups(1, recipe);
    const auto sequences = testing::sequences_of(groups);
    const TrainedCounts counts = count_trained(sequences);
    recipe.packing.tokens_per_micro_batch = 1 << 20;
    const Update whole = update(model, sequences, counts, recipe);
    ASSERT_EQ(whole.num_micro_batches, 1u);
    ASSERT_GT(size(whole), 1e-4) << json.dump();
    for (const int64_t budget : {1, 33, 100}) {
      recipe.packing.tokens_per_micro_batch = budget;
      const Update parts = update(model, shuffled(sequences, random), counts, recipe);
      EXPECT_GT(parts.num_micro_batches, 1u);
      EXPECT_LT(distance(parts, whole), 1e-10 * std::max(1.0, size(whole))) << json.dump() << " budget " << budget;
      EXPECT_NEAR(parts.sums.loss, whole.sums.loss, 1e-10 * std::max(1.0, std::abs(whole.sums.loss))) << json.dump();
      EXPECT_EQ(parts.sums.tokens, whole.sums.tokens);
      EXPECT_EQ(parts.sums.sequences, whole.sums.sequences);
      EXPECT_EQ(parts.sums.ratios, whole.sums.ratios);
      EXPECT_EQ(parts.sums.sampling_clipped, whole.sums.sampling_clipped);
      EXPECT_EQ(parts.sums.off_policy_masked, whole.sums.off_policy_masked);
      EXPECT_EQ(parts.sums.entropy_masked, whole.sums.entropy_masked);
      EXPECT_NEAR(parts.sums.clipped_low, whole.sums.clipped_low, 1e-9);
      EXPECT_NEAR(parts.sums.clipped_high, whole.sums.clipped_high, 1e-9);
      EXPECT_EQ(parts.sums.clipped_high_max, whole.sums.clipped_high_max);
    }
  }
}

TEST(RecipeGradient, OfFloatsKeepsFiveDigitsThroughMicroBatchesPackingAndOrder) {
  const ToyModel model(2);
  Stream random(5);
  for (const Json& json : recipes()) {
    LossRecipe recipe = testing::read_recipe(json);
    const auto groups = scored_groups(1, recipe);
    const auto sequences = testing::sequences_of(groups);
    const TrainedCounts counts = count_trained(sequences);
    recipe.packing.tokens_per_micro_batch = 1 << 20;
    const Update whole = update(model, sequences, counts, recipe, at::kFloat);
    recipe.packing.tokens_per_micro_batch = 33;
    const Update parts = update(model, shuffled(sequences, random), counts, recipe, at::kFloat);
    EXPECT_LT(distance(parts, whole), 1e-5 * size(whole)) << json.dump();
  }
}

TEST(RecipeGradient, OfSharesWithCommonCountsAddsUpToThatOfTheBatch) {
  const ToyModel model(6);
  for (const Json& json : recipes()) {
    LossRecipe recipe = testing::read_recipe(json);
    recipe.loss.top_entropy_quantile = 1.0;  // whose quantile is of the whole batch by definition
    recipe.packing.tokens_per_micro_batch = 40;
    const auto groups = scored_groups(4, recipe);
    const auto sequences = testing::sequences_of(groups);
    const TrainedCounts counts = count_trained(sequences);
    const Update whole = update(model, sequences, counts, recipe);
    Update added;
    for (size_t rank = 0; rank < 2; ++rank) {  // a group's samples end up on both sides
      std::vector<TrainSequence> share;
      for (size_t i = rank; i < sequences.size(); i += 2) {
        share.push_back(sequences[i]);
        share.back().position = static_cast<int64_t>(i);
      }
      const Update part = update(model, share, counts, recipe);
      for (size_t p = 0; p < part.gradients.size(); ++p) {
        if (rank == 0) added.gradients.push_back(part.gradients[p]);
        else added.gradients[p] = added.gradients[p] + part.gradients[p];
      }
    }
    EXPECT_LT(distance(added, whole), 1e-10 * std::max(1.0, size(whole))) << json.dump();
  }
}

TEST(RecipeGradient, OfAnAllMaskedBatchIsZeroWithoutNotANumber) {
  for (const Json& json : recipes()) {
    const LossRecipe recipe = testing::read_recipe(json);
    auto groups = testing::random_groups(16);
    for (Group& group : groups) {
      for (Episode& episode : group.episodes) episode.reward = std::nullopt;
    }
    assign_advantages(groups, recipe.advantage);
    const auto sequences = testing::sequences_of(groups);
    const Update none = update(ToyModel(17), sequences, count_trained(sequences), recipe);
    EXPECT_EQ(none.num_micro_batches, 0u);
    EXPECT_EQ(none.sums.loss, 0.0);
    EXPECT_EQ(size(none), 0.0);
    Json metrics;
    add_loss_metrics(none.sums, recipe.loss, true, metrics);
    for (const auto& [key, value] : metrics.items()) {
      EXPECT_FALSE(std::isinf(value.get<double>())) << key;
    }
  }
}

TEST(RecipeGradient, IsThatOfTheBatchWithoutItsMaskedSequences) {
  const ToyModel model(15);
  for (const Json& json : recipes()) {
    if (json.value("loss_type", "") == "bnpo") continue;  // a masked sequence keeps its seat in a local batch
    const LossRecipe recipe = testing::read_recipe(json);
    auto groups = scored_groups(14, recipe);
    for (Group& group : groups) group.episodes[1].finish_reason = FinishReason::kLength;
    ASSERT_GT(mask_truncated_completions(groups), 0);
    const auto all = testing::sequences_of(groups);
    std::vector<TrainSequence> unmasked;
    for (const TrainSequence& s : all) {
      if (std::count(s.loss_mask.begin(), s.loss_mask.end(), 1) > 0) unmasked.push_back(s);
    }
    ASSERT_LT(unmasked.size(), all.size());
    EXPECT_LT(distance(update(model, all, count_trained(all), recipe),
                       update(model, unmasked, count_trained(unmasked), recipe)),
              1e-14)
        << json.dump();
  }
}

TEST(RecipeGradient, TokensBelowTheEntropyQuantileHaveNoPolicyTermAndTheDenominatorStays) {
  LossRecipe masked = testing::read_recipe(R"({"top_entropy_quantile": 0.3})");
  const auto groups = scored_groups(21, masked);
  auto sequences = testing::sequences_of(groups);
  const TrainedCounts counts = count_trained(sequences);
  const ToyModel model(22);
  const Update actual = update(model, sequences, counts, masked);
  // The same by hand: advantage 0 is no policy term.
  const EntropyMasks masks = mask_low_entropy(sequences, 0.3);
  std::vector<std::vector<double>> advantages;
  for (size_t i = 0; i < sequences.size(); ++i) {
    auto& own = advantages.emplace_back();
    for (const uint8_t keep : masks.masks[i]) own.push_back(keep ? sequences[i].advantage : 0.0);
    sequences[i].policy_mask = {};
  }
  for (size_t i = 0; i < sequences.size(); ++i) sequences[i].token_advantages = advantages[i];
  const Update expected = update(model, sequences, counts, testing::read_recipe("{}"));
  EXPECT_LT(distance(actual, expected), 1e-15);
  EXPECT_GT(actual.sums.entropy_masked, 0.6 * actual.sums.tokens);
}

}  // namespace
}  // namespace grpo

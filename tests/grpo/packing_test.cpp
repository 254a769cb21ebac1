#include "grpo/packing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "core/seed.h"

namespace grpo {
namespace {

const at::TensorOptions kDoubles = at::TensorOptions().dtype(at::kDouble);

// Owns what TrainSequence only looks at. Token ids are all different: 1000 * id, 1000 * id + 1, ...
struct Sample {
  std::vector<int64_t> prompt, completion;
  std::vector<uint8_t> mask;
  std::vector<float> behaviour;
  double advantage = 0.0;

  TrainSequence view() const {
    return {.prompt_ids = prompt,
            .completion_ids = completion,
            .loss_mask = mask,
            .behaviour_logprobs = behaviour,
            .advantage = advantage};
  }
};

Sample sample(int64_t id, int64_t prompt, std::vector<uint8_t> mask, double advantage = 0.0) {
  Sample s;
  for (int64_t i = 0; i < prompt; ++i) s.prompt.push_back(1000 * id + i);
  for (size_t i = 0; i < mask.size(); ++i) {
    s.completion.push_back(1000 * id + prompt + static_cast<int64_t>(i));
    s.behaviour.push_back(-0.5f * static_cast<float>(i + 1));
  }
  s.mask = std::move(mask);
  s.advantage = advantage;
  return s;
}

std::vector<uint8_t> ones(size_t n) {
  return std::vector<uint8_t>(n, 1);
}

std::vector<TrainSequence> views(const std::vector<Sample>& samples) {
  std::vector<TrainSequence> out;
  for (const Sample& s : samples) out.push_back(s.view());
  return out;
}

std::vector<MicroBatch> pack_all(const std::vector<Sample>& samples, const PackingOptions& packing) {
  const auto sequences = views(samples);
  return pack(sequences, count_trained(sequences), packing, kDoubles);
}

template <typename T>
std::vector<T> list(const at::Tensor& t) {
  const at::Tensor flat = t.contiguous();
  return {flat.const_data_ptr<T>(), flat.const_data_ptr<T>() + flat.numel()};
}

using Ids = std::vector<int64_t>;
using Numbers = std::vector<double>;

TEST(Packing, LaysOutTwoSequencesAsWrittenByHand) {
  const std::vector<Sample> samples{sample(1, 2, {1, 0, 1}, 0.5), sample(2, 1, {1, 1}, -2.0)};
  const auto batches = pack_all(samples, {.tokens_per_micro_batch = 8, .loss_agg_mode = LossAggMode::kSeqMeanTokenMean});
  ASSERT_EQ(batches.size(), 1u);
  const MicroBatch& b = batches[0];
  EXPECT_EQ(list<int64_t>(b.tokens.tokens), (Ids{1000, 1001, 1002, 1003, 1004, 2000, 2001, 2002}));
  EXPECT_EQ(list<int64_t>(b.tokens.positions), (Ids{0, 1, 2, 3, 4, 0, 1, 2}));
  EXPECT_EQ(list<int32_t>(b.tokens.cu_seqlens), (std::vector<int32_t>{0, 5, 8}));
  EXPECT_EQ(b.tokens.max_seqlen, 5);
  EXPECT_EQ(list<int64_t>(b.rows), (Ids{1, 3, 5, 6}));
  EXPECT_EQ(list<int64_t>(b.targets), (Ids{1002, 1004, 2001, 2002}));
  EXPECT_EQ(list<double>(b.advantages), (Numbers{0.5, 0.5, -2.0, -2.0}));
  EXPECT_EQ(list<double>(b.behaviour_logprobs), (Numbers{-0.5, -1.5, -0.5, -1.0}));
  EXPECT_EQ(list<double>(b.weights), (Numbers{0.25, 0.25, 0.25, 0.25}));
  EXPECT_EQ(b.sequences, (Ids{0, 1}));
  EXPECT_EQ(b.target_begin, (Ids{0, 2, 4}));
}

std::vector<Sample> random_samples(uint64_t seed, int count) {
  Stream random(seed);
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    std::vector<uint8_t> mask;
    for (int64_t n = 1 + random.below(20); n > 0; --n) mask.push_back(random.below(4) != 0);
    if (random.below(5) == 0) std::fill(mask.begin(), mask.end(), 0);
    samples.push_back(sample(i, 1 + random.below(10), mask, random.uniform()));
  }
  return samples;
}

TEST(Packing, EveryTrainedTokenIsPredictedOnceFromTheRowBeforeIt) {
  const auto samples = random_samples(3, 60);
  for (int64_t budget : {1, 30, 31, 64, 1000}) {
    std::vector<int64_t> trained, expected;
    for (const Sample& s : samples) {
      for (size_t t = 0; t < s.mask.size(); ++t) {
        if (s.mask[t]) expected.push_back(s.completion[t]);
      }
    }
    for (const MicroBatch& b : pack_all(samples, {.tokens_per_micro_batch = budget})) {
      const Ids tokens = list<int64_t>(b.tokens.tokens), rows = list<int64_t>(b.rows);
      const Ids targets = list<int64_t>(b.targets);
      for (size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(tokens[rows[i] + 1], targets[i]);
        EXPECT_EQ(tokens[rows[i]] + 1, targets[i]);  // ids of a sequence are consecutive: the row is its own
      }
      trained.insert(trained.end(), targets.begin(), targets.end());
    }
    std::sort(trained.begin(), trained.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(trained, expected) << "budget " << budget;
  }
}

TEST(Packing, KeepsTheBudgetExceptForOneSequenceThatExceedsItAlone) {
  const auto samples = random_samples(5, 60);
  for (int64_t budget : {1, 12, 25, 64, 1000}) {
    for (const MicroBatch& b : pack_all(samples, {.tokens_per_micro_batch = budget})) {
      EXPECT_TRUE(b.num_tokens() <= budget || b.sequences.size() == 1u);
      EXPECT_EQ(b.num_targets(), b.target_begin.back());
    }
  }
}

TEST(Packing, FillsMicroBatchesBestFitLongestFirst) {
  // Lengths 6 5 4 3 2 with budget 10: 6+4 and 5+3+2, two full micro-batches.
  std::vector<Sample> samples;
  for (size_t length : {3, 6, 2, 5, 4})
    samples.push_back(sample(static_cast<int64_t>(length), 1, ones(length - 1)));
  const auto batches = pack_all(samples, {.tokens_per_micro_batch = 10});
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].sequences, (Ids{1, 4}));
  EXPECT_EQ(batches[1].sequences, (Ids{0, 2, 3}));
}

TEST(Packing, IsTheSameEveryTime) {
  const auto samples = random_samples(9, 80);
  const auto first = pack_all(samples, {.tokens_per_micro_batch = 48});
  const auto second = pack_all(samples, {.tokens_per_micro_batch = 48});
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].sequences, second[i].sequences);
    EXPECT_TRUE(first[i].weights.equal(second[i].weights));
  }
}

// The weight of one token of each sequence, 0 for a sequence that was left out.
Numbers weights_of(const std::vector<Sample>& samples, const PackingOptions& packing) {
  Numbers out(samples.size(), 0.0);
  for (const MicroBatch& b : pack_all(samples, packing)) {
    const Numbers weights = list<double>(b.weights);
    for (size_t s = 0; s < b.sequences.size(); ++s) {
      out[b.sequences[s]] = weights[b.target_begin[s]];
      for (int64_t t = b.target_begin[s]; t < b.target_begin[s + 1]; ++t) {
        EXPECT_EQ(weights[t], weights[b.target_begin[s]]);
      }
    }
  }
  return out;
}

TEST(Packing, WeightsHoldTheDenominatorOfTheWholeBatch) {
  // Trained tokens 4, 2, 0 (masked), 1. The masked one counts nowhere: B = 3, 7 tokens.
  const std::vector<Sample> samples{sample(1, 2, ones(4)), sample(2, 3, {0, 1, 1}),
                                    sample(3, 1, {0, 0, 0, 0}), sample(4, 1, {1})};
  for (int64_t budget : {1, 6, 100}) {
    PackingOptions packing{.tokens_per_micro_batch = budget, .loss_agg_mode = LossAggMode::kSeqMeanTokenMean};
    EXPECT_EQ(weights_of(samples, packing), (Numbers{1.0 / 12, 1.0 / 6, 0, 1.0 / 3}));
    packing.loss_agg_mode = LossAggMode::kTokenMean;
    EXPECT_EQ(weights_of(samples, packing), (Numbers{1.0 / 7, 1.0 / 7, 0, 1.0 / 7}));
    packing.loss_agg_mode = LossAggMode::kSeqMeanTokenSumNorm;
    packing.max_completion_length = 50;
    EXPECT_EQ(weights_of(samples, packing), (Numbers{1.0 / 150, 1.0 / 150, 0, 1.0 / 150}));
  }
}

TEST(Packing, DrGrpoDividesByTheConfiguredLengthWhateverTheBatchIsWide) {
  const PackingOptions packing{
      .tokens_per_micro_batch = 100, .loss_agg_mode = LossAggMode::kSeqMeanTokenSumNorm, .max_completion_length = 512};
  EXPECT_EQ(weights_of({sample(1, 1, ones(3)), sample(2, 1, ones(4))}, packing)[0], 1.0 / 1024);
  EXPECT_EQ(weights_of({sample(1, 1, ones(3)), sample(2, 1, ones(40))}, packing)[0], 1.0 / 1024);
}

TEST(Packing, LocalBatchesCountTheSameInTheOrderOfTheOptimizerBatch) {
  // Trained tokens 4, 2 | 0, 0 | 1, 5 | 2 with two sequences to a batch: three batches have a token.
  const std::vector<Sample> samples{sample(1, 2, ones(4)), sample(2, 3, {0, 1, 1}), sample(3, 1, {0, 0}),
                                    sample(4, 1, {0}),     sample(5, 1, {1}),       sample(6, 1, ones(5)),
                                    sample(7, 1, ones(2))};
  PackingOptions packing{.loss_agg_mode = LossAggMode::kLocalTokenMean, .per_device_train_batch_size = 2};
  for (int64_t budget : {1, 6, 100}) {
    packing.tokens_per_micro_batch = budget;
    EXPECT_EQ(weights_of(samples, packing), (Numbers{1.0 / 18, 1.0 / 18, 0, 0, 1.0 / 18, 1.0 / 18, 1.0 / 6}));
  }
  packing.per_device_train_batch_size = 1;  // one sequence each: the mean over sequences of their token mean
  EXPECT_EQ(weights_of(samples, packing),
            weights_of(samples, {.loss_agg_mode = LossAggMode::kSeqMeanTokenMean}));
  packing.per_device_train_batch_size = 7;  // all in one: the mean over tokens
  EXPECT_EQ(weights_of(samples, packing), weights_of(samples, {.loss_agg_mode = LossAggMode::kTokenMean}));
}

TEST(Packing, APartOfABatchKeepsItsLocalBatchesByPosition) {
  const std::vector<Sample> samples{sample(1, 2, ones(4)), sample(2, 3, ones(2)), sample(3, 1, ones(3))};
  auto sequences = views(samples);
  const auto counts = count_trained(sequences);
  sequences[2].position = 2;
  const PackingOptions packing{.loss_agg_mode = LossAggMode::kLocalTokenMean, .per_device_train_batch_size = 2};
  const auto part = pack({sequences[2]}, counts, packing, kDoubles);
  EXPECT_EQ(list<double>(part.at(0).weights), Numbers(3, 1.0 / 6));
}

TEST(Packing, SequenceSumsAreDividedBySequencesAlone) {
  const std::vector<Sample> samples{sample(1, 2, ones(4)), sample(2, 3, {0, 0}), sample(3, 1, ones(3))};
  EXPECT_EQ(weights_of(samples, {.loss_agg_mode = LossAggMode::kSeqMeanTokenSum}), (Numbers{0.5, 0, 0.5}));
}

TEST(Packing, CarriesWhatTheTrainerFoundOutAboutTokens) {
  Episode episode;
  episode.prompt_ids = {7};
  episode.completion_ids = {9, 8, 6};
  episode.loss_mask = {1, 0, 1};
  episode.behaviour_logprobs = {-1.0f, -2.0f, -3.0f};
  episode.old_logprobs = {-1.5, -2.5, -3.5};
  episode.ref_logprobs = {-4.0, -5.0, -6.0};
  episode.token_advantages = {0.5, 0.0, -0.25};
  std::vector<TrainSequence> sequences{train_sequence(episode)};
  const std::vector<uint8_t> mask = {0, 1, 1};
  sequences[0].policy_mask = mask;
  const MicroBatch b = pack(sequences, count_trained(sequences), {}, kDoubles).at(0);
  EXPECT_EQ(list<double>(b.old_logprobs), (Numbers{-1.5, -3.5}));
  EXPECT_EQ(list<double>(b.ref_logprobs), (Numbers{-4.0, -6.0}));
  EXPECT_EQ(list<double>(b.advantages), (Numbers{0.5, -0.25}));
  EXPECT_EQ(list<double>(b.policy_mask), (Numbers{0, 1}));
  EXPECT_EQ(list<int64_t>(b.lengths), (Ids{2}));
}

TEST(Packing, CountsMayBeThoseOfALargerBatchThanItPacks) {
  const std::vector<Sample> samples{sample(1, 1, ones(2)), sample(2, 1, ones(6))};
  const auto sequences = views(samples);
  const auto counts = count_trained(sequences);
  EXPECT_EQ(counts.sequences, 2);
  EXPECT_EQ(counts.tokens, 8);
  const auto share = pack({sequences[0]}, counts, {.loss_agg_mode = LossAggMode::kTokenMean}, kDoubles);
  EXPECT_EQ(list<double>(share.at(0).weights), (Numbers{0.125, 0.125}));
}

TEST(Packing, AnAllMaskedBatchGivesNoMicroBatch) {
  for (LossAggMode type : {LossAggMode::kSeqMeanTokenMean, LossAggMode::kTokenMean, LossAggMode::kSeqMeanTokenSumNorm}) {
    const PackingOptions packing{.loss_agg_mode = type, .max_completion_length = 8};
    EXPECT_TRUE(pack_all({sample(1, 2, {0, 0}), sample(2, 2, {0})}, packing).empty());
    EXPECT_TRUE(pack_all({}, packing).empty());
  }
}

TEST(Packing, ATextWithoutPromptIsTrainedFromItsSecondToken) {
  const auto batches = pack_all({sample(1, 0, ones(3)), sample(2, 0, {1})}, {});
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(list<int64_t>(batches[0].rows), (Ids{0, 1}));
  EXPECT_EQ(list<int64_t>(batches[0].targets), (Ids{1001, 1002}));
  EXPECT_EQ(list<double>(batches[0].weights), (Numbers{0.5, 0.5}));
}

TEST(Packing, SftSequencesNeedNoBehaviourLogprobs) {
  Sample s = sample(1, 2, ones(2));
  s.behaviour.clear();
  const auto batches = pack_all({s}, {});
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_FALSE(batches[0].behaviour_logprobs.defined());
}

TEST(Packing, AnEpisodeIsPackedVerbatim) {
  Episode episode;
  episode.prompt_ids = {7, 8};
  episode.completion_ids = {9, 0};
  episode.loss_mask = {1, 1};
  episode.behaviour_logprobs = {-1.0f, -2.0f};
  episode.advantage = 0.75;
  const std::vector<TrainSequence> sequences{train_sequence(episode)};
  const auto batches = pack(sequences, count_trained(sequences), {}, at::TensorOptions().dtype(at::kFloat));
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(list<int64_t>(batches[0].tokens.tokens), (Ids{7, 8, 9, 0}));
  EXPECT_EQ(list<int64_t>(batches[0].targets), (Ids{9, 0}));
  EXPECT_EQ(list<float>(batches[0].advantages), (std::vector<float>{0.75f, 0.75f}));
  EXPECT_EQ(list<float>(batches[0].behaviour_logprobs), (std::vector<float>{-1.0f, -2.0f}));
}

PackingOptions read(const std::string& text) {
  const Json json = parse_json(text, "recipe.json");
  ObjectReader reader(json, "recipe.json");
  const auto options = read_packing_options(reader, 300);
  reader.finish();
  return options;
}

TEST(PackingOptions, AreReadUnderTheirNames) {
  const auto options = read(R"({"tokens_per_micro_batch": 99, "loss_agg_mode": "seq-mean-token-sum-norm"})");
  EXPECT_EQ(options.tokens_per_micro_batch, 99);
  EXPECT_EQ(options.loss_agg_mode, LossAggMode::kSeqMeanTokenSumNorm);
  EXPECT_EQ(options.max_completion_length, 300);
  EXPECT_EQ(read("{}").loss_agg_mode, LossAggMode::kTokenMean);
  EXPECT_EQ(read(R"({"loss_agg_mode": "seq-mean-token-mean"})").loss_agg_mode, LossAggMode::kSeqMeanTokenMean);
  EXPECT_EQ(read(R"({"loss_agg_mode": "seq-mean-token-sum"})").loss_agg_mode, LossAggMode::kSeqMeanTokenSum);
  const auto local = read(R"({"loss_agg_mode": "local-token-mean", "per_device_train_batch_size": 4})");
  EXPECT_EQ(local.loss_agg_mode, LossAggMode::kLocalTokenMean);
  EXPECT_EQ(local.per_device_train_batch_size, 4);
}

TEST(PackingOptions, OfSupervisedFineTuningAreTheBudgetAlone) {
  const Json json = parse_json(R"({"tokens_per_micro_batch": 99, "loss_agg_mode": "token-mean"})", "recipe.json");
  ObjectReader sft(json, "recipe.json");
  EXPECT_EQ(read_sft_packing_options(sft).loss_agg_mode, LossAggMode::kTokenMean);
  EXPECT_THROW(sft.finish(), Error);
}

TEST(PackingOptions, RefuseAnUnknownModeAnEmptyBudgetAndALocalBatchOfNothing) {
  for (const char* text : {R"({"loss_agg_mode": "bnpo"})", R"({"tokens_per_micro_batch": 0})",
                           R"({"per_device_train_batch_size": 4})",
                           R"({"loss_agg_mode": "local-token-mean", "per_device_train_batch_size": 0})"}) {
    EXPECT_THROW(read(text), Error) << text;
  }
}

}  // namespace
}  // namespace grpo

#include "grpo/importance_weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "grpo/segments.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Numbers = std::vector<double>;

const at::TensorOptions kDoubles = at::TensorOptions().dtype(at::kDouble);

at::Tensor tensor(const Numbers& values) { return at::tensor(values, kDoubles); }
Numbers list(const at::Tensor& t) {
  const at::Tensor flat = t.to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}
void expect_near(const at::Tensor& actual, const Numbers& expected) {
  const Numbers numbers = list(actual);
  ASSERT_EQ(numbers.size(), expected.size());
  for (size_t i = 0; i < numbers.size(); ++i) EXPECT_NEAR(numbers[i], expected[i], 1e-12) << i;
}

// Two sequences of token ratios 2 2 2 and 0.5 1.
struct Example {
  at::Tensor old = tensor({std::log(2.0), std::log(2.0), std::log(2.0), std::log(0.5), 0.0});
  at::Tensor behaviour = at::zeros({5}, kDoubles);
  at::Tensor lengths = at::tensor(std::vector<int64_t>{3, 2});

  ImportanceWeights with(ImportanceSamplingMode mode, double max, std::optional<double> min = std::nullopt) const {
    return importance_weights(old, behaviour, lengths, {.mode = mode, .clip_max = max, .clip_min = min});
  }
};

TEST(ImportanceWeights, OfTokensAreCutOrZeroed) {
  const Example e;
  expect_near(e.with(ImportanceSamplingMode::kTokenTruncate, 1.5).weights, {1.5, 1.5, 1.5, 0.5, 1});
  expect_near(e.with(ImportanceSamplingMode::kTokenTruncate, 1.5, 0.75).weights, {1.5, 1.5, 1.5, 0.75, 1});
  expect_near(e.with(ImportanceSamplingMode::kTokenMask, 1.5).weights, {0, 0, 0, 0.5, 1});
  expect_near(e.with(ImportanceSamplingMode::kTokenMask, 3, 0.75).weights, {2, 2, 2, 0, 1});
}

TEST(ImportanceWeights, OfSequencesAreTheProductAndOfGeometricModeItsRoot) {
  const Example e;
  expect_near(e.with(ImportanceSamplingMode::kSequenceTruncate, 100).weights, {8, 8, 8, 0.5, 0.5});
  expect_near(e.with(ImportanceSamplingMode::kSequenceTruncate, 3, 0.75).weights, {3, 3, 3, 0.75, 0.75});
  expect_near(e.with(ImportanceSamplingMode::kSequenceMask, 3).weights, {0, 0, 0, 0.5, 0.5});
  expect_near(e.with(ImportanceSamplingMode::kGeometricMask, 3, 0.6).weights, {2, 2, 2, std::sqrt(0.5), std::sqrt(0.5)});
  expect_near(e.with(ImportanceSamplingMode::kGeometricMask, 1.9, 0.6).weights, {0, 0, 0, std::sqrt(0.5), std::sqrt(0.5)});
}

TEST(ImportanceWeights, RatiosAreReportedBeforeAnyBound) {
  const Example e;
  const auto tokens = e.with(ImportanceSamplingMode::kTokenMask, 1.5);
  expect_near(tokens.ratio, {2, 2, 2, 0.5, 1});
  expect_near(tokens.clipped, {1, 1, 1, 0, 0});
  const auto sequences = e.with(ImportanceSamplingMode::kSequenceMask, 3, 0.7);
  expect_near(sequences.ratio, {8, 0.5});
  expect_near(sequences.clipped, {1, 1});
  const auto none = e.with(ImportanceSamplingMode::kNone, 1.5);
  expect_near(none.ratio, {2, 2, 2, 0.5, 1});
  expect_near(none.clipped, {0, 0, 0, 0, 0});
  EXPECT_FALSE(none.weights.defined());
}

TEST(OffPolicyMask, DropsSequencesThatStrayedWhereTheAdvantageIsNegative) {
  // behaviour - current: mean 0.2 in the first sequence, 0.6 in the second.
  const at::Tensor logprobs = tensor({-1, -1, -1, -1, -1});
  const at::Tensor behaviour = tensor({-1, -0.4, -1, -0.4, -0.4});
  const at::Tensor lengths = at::tensor(std::vector<int64_t>{3, 2});
  expect_near(off_policy_mask(logprobs, behaviour, tensor({-1, -1, -1, -1, 1}), lengths, 0.3), {1, 1, 1, 0, 1});
  expect_near(off_policy_mask(logprobs, behaviour, tensor({-1, 1, 0, -1, -1}), lengths, 0.1), {0, 1, 1, 0, 0});
  expect_near(off_policy_mask(logprobs, behaviour, tensor({-1, -1, -1, -1, -1}), lengths, 0.7), {1, 1, 1, 1, 1});
}

TEST(Segments, AddUpSequencesAndHandTheirNumbersBackWithGradients) {
  const auto values = tensor({1, 2, 3, 4, 5}).requires_grad_(true);
  const auto lengths = at::tensor(std::vector<int64_t>{3, 1, 1});
  expect_near(segment_sum(values, lengths), {6, 4, 5});
  expect_near(segment_mean(values, lengths), {2, 4, 5});
  (segment_sum(values, lengths) * tensor({1, 10, 100})).sum().backward();
  expect_near(values.grad(), {1, 1, 1, 10, 100});
  const auto own = tensor({1, 10, 100}).requires_grad_(true);
  expect_near(spread(own, lengths, 5), {1, 1, 1, 10, 100});
  (spread(own, lengths, 5) * tensor({1, 2, 3, 4, 5})).sum().backward();
  expect_near(own.grad(), {6, 4, 5});
}

ImportanceSamplingOptions read(const std::string& text) {
  const Json json = parse_json(text, "recipe.json");
  ObjectReader reader(json, "recipe.json");
  const auto options = read_importance_sampling_options(reader);
  reader.finish();
  return options;
}

TEST(ImportanceSamplingOptions, AreReadUnderTheirNames) {
  EXPECT_EQ(read("{}").mode, ImportanceSamplingMode::kNone);
  EXPECT_EQ(read(R"({"importance_sampling_mode": "token_truncate"})").mode, ImportanceSamplingMode::kTokenTruncate);
  EXPECT_EQ(read(R"({"importance_sampling_mode": "token_mask"})").mode, ImportanceSamplingMode::kTokenMask);
  EXPECT_EQ(read(R"({"importance_sampling_mode": "sequence_truncate"})").mode, ImportanceSamplingMode::kSequenceTruncate);
  const auto sequence = read(R"({"importance_sampling_mode": "sequence_mask", "importance_sampling_clip_min": 0.5})");
  EXPECT_EQ(sequence.mode, ImportanceSamplingMode::kSequenceMask);
  EXPECT_EQ(sequence.clip_max, 3.0);
  EXPECT_EQ(sequence.clip_min, 0.5);
  const auto geometric = read(R"({"importance_sampling_mode": "geometric_mask"})");
  EXPECT_EQ(geometric.mode, ImportanceSamplingMode::kGeometricMask);
  EXPECT_EQ(geometric.clip_max, 1.01);
  EXPECT_EQ(geometric.clip_min, 0.99);
}

TEST(ImportanceSamplingOptions, RefuseBoundsWithoutEffectOrRoom) {
  const auto refused = [](const std::string& text) { return error_of([&] { read(text); }).where(); };
  EXPECT_EQ(refused(R"({"importance_sampling_clip_max": 2})"), "recipe.json: importance_sampling_clip_max");
  EXPECT_EQ(refused(R"({"importance_sampling_clip_min": 0.5})"), "recipe.json: importance_sampling_clip_min");
  EXPECT_EQ(refused(R"({"importance_sampling_mode": "token_mask", "importance_sampling_clip_min": 4})"),
            "recipe.json: importance_sampling_clip_min");
  EXPECT_EQ(refused(R"({"importance_sampling_mode": "token_mask", "importance_sampling_clip_max": 0})"),
            "recipe.json: importance_sampling_clip_max");
  EXPECT_EQ(refused(R"({"importance_sampling_mode": "tis"})"), "recipe.json: importance_sampling_mode");
}

}  // namespace
}  // namespace grpo

#include "core/seed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace grpo {
namespace {

// splitmix64 as published, with state: the first outputs from state 0 and 1234567 are well known.
TEST(Seed, TheMixerIsSplitmix64) {
  EXPECT_EQ(mix(0), 0xe220a8397b1dcdafull);
  EXPECT_EQ(mix(0x9e3779b97f4a7c15ull), 0x6e789e6aa1b965f4ull);
  EXPECT_EQ(mix(1234567), 6457827717110365317ull);
}

TEST(Seed, DerivedSeedsDependOnEveryPartAndOnTheirOrder) {
  const uint64_t seed = derive_seed({1, 2, 3});
  EXPECT_EQ(seed, derive_seed({1, 2, 3}));
  EXPECT_NE(seed, derive_seed({1, 3, 2}));
  EXPECT_NE(seed, derive_seed({1, 2, 4}));
  EXPECT_NE(seed, derive_seed({1, 2}));
  EXPECT_NE(derive_seed({0}), derive_seed({0, 0}));
}

TEST(Seed, NeighbouringSeedsShareNoValue) {
  std::set<uint64_t> seen;
  for (uint64_t step = 0; step < 100; ++step) {
    for (uint64_t sample = 0; sample < 100; ++sample) seen.insert(derive_seed({7, step, sample}));
  }
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(Seed, UniformAtIsExactInAFloatAndEvenlySpread) {
  double sum = 0.0;
  int low = 0;
  constexpr int kCount = 100000;
  for (int n = 0; n < kCount; ++n) {
    const float u = uniform_at(42, static_cast<uint64_t>(n));
    ASSERT_GE(u, 0.0f);
    ASSERT_LT(u, 1.0f);
    ASSERT_EQ(std::floor(u * 0x1.0p24), u * 0x1.0p24);
    sum += u;
    low += u < 0.1f ? 1 : 0;
  }
  // Five standard errors: sqrt(1/12/n) and sqrt(0.09/n).
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(low / static_cast<double>(kCount), 0.1, 5 * std::sqrt(0.09 / kCount));
}

TEST(Seed, AStreamIsReproducibleAndSeedsDiffer) {
  Stream a(5), b(5), c(6);
  const uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
  EXPECT_NE(first, a.next());
}

TEST(Seed, BelowIsUniformOverItsRange) {
  Stream stream(11);
  constexpr int kBins = 7, kCount = 70000;
  int counts[kBins] = {};
  for (int i = 0; i < kCount; ++i) {
    const int64_t value = stream.below(kBins);
    ASSERT_GE(value, 0);
    ASSERT_LT(value, kBins);
    ++counts[value];
  }
  for (const int count : counts) EXPECT_NEAR(count, kCount / kBins, 5 * std::sqrt(kCount / kBins));
}

TEST(Seed, BelowWorksForOneAndForTheLargestBound) {
  Stream stream(3);
  EXPECT_EQ(stream.below(1), 0);
  for (int i = 0; i < 100; ++i) EXPECT_GE(stream.below(INT64_MAX), 0);
}

TEST(Seed, ShuffleKeepsEveryElementAndReachesEveryOrder) {
  std::set<std::vector<int64_t>> orders;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<int64_t> values = {0, 1, 2};
    Stream(seed).shuffle(values);
    orders.insert(values);
    std::sort(values.begin(), values.end());
    ASSERT_EQ(values, (std::vector<int64_t>{0, 1, 2}));
  }
  EXPECT_EQ(orders.size(), 6u);
}

}  // namespace
}  // namespace grpo

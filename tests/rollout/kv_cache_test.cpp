#include "rollout/kv_cache.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace grpo {
namespace {

// One grouped-query layer and one latent layer, pages of 3 tokens, at most 10 pages.
class KvCacheTest : public testing::Test {
 protected:
  KvCacheTest() : cache({{2, 4, 5}, {1, 7, 0}}, 3, 10, at::TensorOptions(at::kFloat)) {}

  // Fills every page with its number (plus a tenth per layer), so that pages can be told apart.
  void number_pages() {
    for (size_t layer = 0; layer < cache.layers().size(); ++layer) {
      for (int64_t page = 0; page < cache.pages(); ++page) {
        const double value = static_cast<double>(page + 1) + 0.1 * static_cast<double>(layer);
        at::Tensor k = cache.layers()[layer].k, v = cache.layers()[layer].v;
        k[page].fill_(value);
        if (v.defined()) v[page].fill_(-value);
      }
    }
  }

  // The number all of a page's keys hold (values hold its negative), 0-based; -1 for a page of zeros.
  double page_number(int64_t page) {
    double number = 0.0;
    for (size_t layer = 0; layer < cache.layers().size(); ++layer) {
      const at::Tensor k = cache.layers()[layer].k[page];
      const double offset = k[0][0][0].item<double>() == 0.0 ? 0.0 : 0.1 * static_cast<double>(layer);
      number = k[0][0][0].item<double>() - offset;
      EXPECT_LE((k - number - offset).abs().max().item<double>(), 1e-5);
      if (!cache.layers()[layer].v.defined()) continue;
      EXPECT_LE((cache.layers()[layer].v[page] + number + offset).abs().max().item<double>(), 1e-5);
    }
    return std::round(number) - 1.0;
  }

  KvCache cache;
};

TEST_F(KvCacheTest, HasTheShapesOfThePolicyAndNoValuesForALatentLayer) {
  cache.reserve(4);
  EXPECT_EQ(cache.layers()[0].k.sizes(), (std::vector<int64_t>{4, 3, 2, 4}));
  EXPECT_EQ(cache.layers()[0].v.sizes(), (std::vector<int64_t>{4, 3, 2, 5}));
  EXPECT_EQ(cache.layers()[1].k.sizes(), (std::vector<int64_t>{4, 3, 1, 7}));
  EXPECT_FALSE(cache.layers()[1].v.defined());
  EXPECT_EQ(cache.bytes(), 4 * 3 * (2 * 9 + 7) * 4);
}

TEST_F(KvCacheTest, GrowingKeepsWhatIsThereAndNewPagesAreZero) {
  cache.reserve(3);
  number_pages();
  cache.reserve(7);
  EXPECT_GE(cache.pages(), 7);
  for (int64_t page = 0; page < cache.pages(); ++page) {
    EXPECT_EQ(page_number(page), page < 3 ? static_cast<double>(page) : -1.0);
  }
}

TEST_F(KvCacheTest, GrowsByMoreThanAskedForButNeverBeyondTheLimit) {
  cache.reserve(6);
  cache.reserve(7);
  EXPECT_EQ(cache.pages(), 9);
  cache.reserve(10);
  EXPECT_EQ(cache.pages(), 10);
  cache.reserve(2);
  EXPECT_EQ(cache.pages(), 10);
}

TEST_F(KvCacheTest, CopiesOfOneCallReadBeforeAnyIsWritten) {
  cache.reserve(5);
  number_pages();
  cache.copy({{0, 1}, {1, 2}, {0, 4}});
  const std::vector<double> expected = {0, 0, 1, 3, 0};
  for (int64_t page = 0; page < 5; ++page) EXPECT_EQ(page_number(page), expected[static_cast<size_t>(page)]);
}

TEST_F(KvCacheTest, ClearedPagesAreZeroEvenIfTheyHeldNan) {
  cache.reserve(3);
  number_pages();
  for (const LayerKv& layer : cache.layers()) {
    at::Tensor k = layer.k;
    k[1].fill_(std::numeric_limits<double>::quiet_NaN());
    if (at::Tensor v = layer.v; v.defined()) v[1].fill_(std::numeric_limits<double>::quiet_NaN());
  }
  cache.clear({1});
  EXPECT_EQ(page_number(0), 0.0);
  EXPECT_EQ(page_number(1), -1.0);
  EXPECT_EQ(page_number(2), 2.0);
}

}  // namespace
}  // namespace grpo

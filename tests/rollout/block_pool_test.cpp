#include "rollout/block_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <utility>

namespace grpo {
namespace {

TEST(BlockPool, HandsOutPagesNobodyElseHolds) {
  BlockPool pool(5);
  PageTable table;
  std::set<int32_t> ids;
  for (int i = 0; i < 5; ++i) {
    table.push_back(pool.allocate());
    ids.insert(table.back().id());
  }
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_EQ(pool.in_use(), 5);
  EXPECT_EQ(*ids.begin(), 0);
  EXPECT_EQ(*ids.rbegin(), 4);
}

TEST(BlockPool, APageIsFreeWhenItsLastHandleGoes) {
  BlockPool pool(1);
  {
    PageRef first = pool.allocate();
    {
      PageRef second = first;
      EXPECT_EQ(first.use_count(), 2);
      EXPECT_EQ(pool.in_use(), 1);
    }
    EXPECT_EQ(first.use_count(), 1);
    EXPECT_EQ(pool.in_use(), 1);
  }
  EXPECT_EQ(pool.in_use(), 0);
}

TEST(BlockPool, AMovedHandleHoldsNothing) {
  BlockPool pool(2);
  PageRef a = pool.allocate();
  PageRef b = std::move(a);
  EXPECT_EQ(b.use_count(), 1);
  PageRef c = pool.allocate();
  c = std::move(b);
  EXPECT_EQ(pool.in_use(), 1);
  EXPECT_EQ(c.use_count(), 1);
}

TEST(BlockPool, AssigningAHandleToItselfKeepsThePage) {
  BlockPool pool(1);
  PageRef a = pool.allocate();
  const PageRef& same = a;
  a = same;
  EXPECT_EQ(a.use_count(), 1);
  EXPECT_EQ(pool.in_use(), 1);
}

TEST(BlockPool, PagesGivenBackAreUsedBeforeNewOnes) {
  BlockPool pool(10);
  for (int i = 0; i < 100; ++i) {
    PageRef a = pool.allocate();
    PageRef b = pool.allocate();
  }
  EXPECT_EQ(pool.high_water(), 2);
}

TEST(BlockPool, AnExceptionFreesThePagesOfWhatItUnwinds) {
  BlockPool pool(8);
  try {
    PageTable table = {pool.allocate(), pool.allocate()};
    PageTable shared = table;
    throw std::runtime_error("interrupted");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(pool.in_use(), 0);
}

TEST(BlockPoolDeathTest, AskingBeyondTheLimitAborts) {
  EXPECT_DEATH(
      {
        BlockPool pool(1);
        PageRef a = pool.allocate();
        PageRef b = pool.allocate();
      },
      "in_use_ < page_limit_");
}

TEST(BlockPoolDeathTest, APageThatOutlivesItsPoolAborts) {
  EXPECT_DEATH(
      {
        auto pool = std::make_unique<BlockPool>(1);
        PageRef a = pool->allocate();
        pool.reset();
      },
      "in_use_ == 0");
}

}  // namespace
}  // namespace grpo

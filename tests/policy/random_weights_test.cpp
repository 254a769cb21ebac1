// draw_normal against one call of LibTorch's own for the whole tensor.

#include "policy/random_weights.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

namespace grpo {
namespace {

at::Tensor in_one_call(at::IntArrayRef shape, double deviation, uint64_t seed) {
  return at::empty(shape, at::kFloat).normal_(0.0, deviation, at::detail::createCPUGenerator(seed));
}

TEST(RandomWeights, AreThoseOfOneCallHoweverTheTensorIsCut) {
  constexpr int64_t kPiece = int64_t{1} << 20;
  std::vector<NormalDraw> draws;
  for (const int64_t size : {int64_t{1}, int64_t{15}, int64_t{16}, int64_t{37}, kPiece - 1, kPiece,
                             kPiece + 1, kPiece + 15, kPiece + 16, kPiece + 17, 2 * kPiece + 5}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
      draws.push_back({at::empty({size}, dtype), static_cast<uint64_t>(size)});
    }
  }
  draw_normal(draws, 0.02);
  for (const NormalDraw& draw : draws) {
    EXPECT_TRUE(at::equal(draw.to, in_one_call(draw.to.sizes(), 0.02, draw.seed).to(draw.to.scalar_type())))
        << draw.to.sizes() << " " << draw.to.scalar_type();
  }
}

TEST(RandomWeights, FollowTheDistribution) {
  const at::Tensor drawn = at::empty({700, 1000}, at::kFloat);
  draw_normal({{drawn, 7}}, 0.5);
  EXPECT_NEAR(drawn.mean().item<double>(), 0.0, 0.003);
  EXPECT_NEAR(drawn.std().item<double>(), 0.5, 0.003);
}

}  // namespace
}  // namespace grpo

// Padding, of which there is none: a batch is its sequences end to end. What other trainers have to prove of
// padded batches is here the statement that a packed sequence equals the same sequence in a padded one.
#include <gtest/gtest.h>

#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_policy.h"

namespace grpo {
namespace {

using testing::all_architectures;
using testing::max_difference;
using testing::random_ids;
using testing::random_policy;

// The oracle pads on the left: padding is masked, a row that sees nothing but padding takes nothing (and not
// the NaN of a softmax over nothing), position ids count real tokens.
TEST(Padding, PackedLogitsEqualThoseOfALeftPaddedBatch) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json, at::kDouble);
    const reference::NaivePolicy naive(policy);
    const std::vector<std::vector<int64_t>> sequences = {random_ids(policy, 9, 1), random_ids(policy, 14, 2),
                                                         random_ids(policy, 2, 3)};
    const at::Tensor packed = policy.logits(policy.hidden(pack_sequences(sequences, at::kCPU)));
    int64_t first = 0;
    for (const auto& ids : sequences) {
      const auto length = static_cast<int64_t>(ids.size()), padding = 14 - length;
      const at::Tensor padded = naive.logits(ids, padding);
      EXPECT_TRUE(padded.isfinite().all().item<bool>());
      EXPECT_LT(max_difference(packed.narrow(0, first, length), padded.narrow(0, padding, length)), 3e-5)
          << json["model_type"] << " with " << padding;
      first += length;
    }
  }
}

TEST(Padding, PositionsCountTheTokensOfEachSequence) {
  const PackedTokens batch = pack_sequences({{5, 6, 7}, {8}, {9, 1}}, at::kCPU);
  EXPECT_TRUE(at::equal(batch.positions, at::tensor({0, 1, 2, 0, 0, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.cu_seqlens, at::tensor({0, 3, 4, 6}, at::kInt)));
}

TEST(Padding, AnEmptySequenceHasNoRowAndChangesNoOther) {
  for (const Json& json : all_architectures()) {
    const Policy policy = random_policy(json);
    const auto a = random_ids(policy, 5, 1), b = random_ids(policy, 3, 2);
    const at::Tensor without = policy.hidden(pack_sequences({a, b}, at::kCPU));
    EXPECT_TRUE(at::equal(policy.hidden(pack_sequences({{}, a, {}, b, {}}, at::kCPU)), without))
        << json["model_type"];
  }
}

}  // namespace
}  // namespace grpo

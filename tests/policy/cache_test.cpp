// The cached forward pass: whatever the split of a sequence, it gives what one full forward gives.
#include "policy/kernels/logprobs.h"
#include "tests/policy/scrambled_cache.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

using testing::max_difference;
using testing::random_ids;
using testing::random_policy;
using testing::ScrambledCache;

// Sequences of 33 tokens fed in pieces, against one forward of all.
double worst_difference(const Policy& policy, const std::vector<int64_t>& pieces, int64_t page, bool* same_bits) {
  std::vector<std::vector<int64_t>> ids = {random_ids(policy, 33, 1), random_ids(policy, 33, 2), random_ids(policy, 33, 3)};
  const at::Tensor full = policy.hidden(pack_sequences(ids, at::kCPU)).view({3, 33, -1});
  ScrambledCache cache(policy, 3, 33, page);
  double worst = 0;
  *same_bits = true;
  int64_t first = 0;
  for (const int64_t count : pieces) {
    const at::Tensor part = cache.feed(policy, ids, first, count, first == 0);
    const at::Tensor expected = full.narrow(1, first, count);
    worst = std::max(worst, max_difference(part, expected));
    *same_bits = *same_bits && at::equal(part, expected.contiguous());
    first += count;
  }
  EXPECT_EQ(first, 33);
  return worst;
}

std::vector<std::vector<int64_t>> splits() {
  return {{33}, {32, 1}, {1, 32}, {7, 16, 10}, std::vector<int64_t>(33, 1)};
}

TEST(Cache, MlaAbsorbedDecodeEqualsTheNaiveForward) {
  for (const Json& json : {testing::deepseek_json(), testing::deepseek_softmax_json()}) {
    for (const auto& pieces : splits()) {
      for (const int64_t page : {1, 4, 16}) {
        bool same_bits = false;
        EXPECT_LT(worst_difference(random_policy(json), pieces, page, &same_bits), 1e-5);
      }
    }
  }
}

TEST(Cache, GqaDecodeHasTheBitsOfTheForward) {
  for (const Json& json : {testing::llama_json(), testing::qwen2_json()}) {
    for (const auto& pieces : splits()) {
      for (const int64_t page : {1, 4, 16}) {
        bool same_bits = false;
        worst_difference(random_policy(json), pieces, page, &same_bits);
        EXPECT_TRUE(same_bits) << json["model_type"] << " in " << pieces.size() << " pieces, page " << page;
      }
    }
  }
}

TEST(Cache, LogprobOfADecodedTokenIsTheTrainersBitForBit) {
  const Policy policy = random_policy(testing::llama_json());
  const std::vector<std::vector<int64_t>> ids = {random_ids(policy, 20, 1)};
  const at::Tensor targets = at::tensor(std::vector<int64_t>(ids[0].begin() + 1, ids[0].end()), at::kLong);
  const at::Tensor trainer =
      policy.token_scores(policy.hidden(pack_sequences(ids, at::kCPU)).narrow(0, 0, 19), targets, {.temperature = 0.8}).logprobs;
  ScrambledCache cache(policy, 1, 20, 4);
  for (int64_t i = 0; i < 19; ++i) {
    const at::Tensor logits = policy.logits(cache.feed(policy, ids, i, 1, i == 0)[0]);
    const at::Tensor sampler = logprob_rows(logits, targets.narrow(0, i, 1), 0.8).logprobs;
    EXPECT_TRUE(at::equal(sampler, trainer.narrow(0, i, 1))) << "token " << i;
  }
}

TEST(Cache, HoldsOnlyTheLatentOfMla) {
  const Policy policy = random_policy(testing::deepseek_json());
  for (const KvShape& shape : policy.kv_shapes()) EXPECT_EQ(shape.numbers_per_token(), 18 + 6);
}

}  // namespace
}  // namespace grpo

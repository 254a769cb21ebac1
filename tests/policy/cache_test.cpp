// The cached forward pass: whatever the split of a sequence, it gives what one full forward gives.
#include "policy/kernels/logprobs.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

using testing::max_difference;
using testing::random_ids;
using testing::random_policy;

// A cache with its pages handed out in a scrambled order, so that nothing works by luck of adjacency.
class TestCache {
 public:
  TestCache(const Policy& policy, int64_t sequences, int64_t tokens_max, int64_t page) : page_(page) {
    blocks_ = (tokens_max + page - 1) / page;
    std::vector<int64_t> order;
    for (int64_t i = 0; i < sequences * blocks_; ++i) order.push_back(i);
    Stream(7).shuffle(order);
    table_ = at::tensor(order, at::kLong).to(at::kInt).view({sequences, blocks_});
    for (const KvShape& s : policy.kv_shapes()) {
      LayerKv layer;
      // Poisoned: a read of anything that was not written shows.
      layer.k = at::full({sequences * blocks_, page, s.heads, s.k_dim}, NAN, at::TensorOptions().dtype(policy.dtype()));
      if (s.v_dim > 0) layer.v = at::full({sequences * blocks_, page, s.heads, s.v_dim}, NAN, layer.k.options());
      layers_.push_back(layer);
    }
  }

  // Feeds `count` tokens of every sequence from position `first` on.
  at::Tensor feed(const Policy& policy, const std::vector<std::vector<int64_t>>& ids, int64_t first, int64_t count,
                  bool whole = false) {
    std::vector<int64_t> tokens, positions, slots;
    std::vector<int32_t> rows, bounds = {0};
    for (size_t s = 0; s < ids.size(); ++s) {
      for (int64_t i = first; i < first + count; ++i) {
        tokens.push_back(ids[s][static_cast<size_t>(i)]);
        positions.push_back(i);
        rows.push_back(static_cast<int32_t>(s));
        slots.push_back(table_[static_cast<int64_t>(s)][i / page_].item<int64_t>() * page_ + i % page_);
      }
      bounds.push_back(static_cast<int32_t>(tokens.size()));
    }
    PackedTokens batch{at::tensor(tokens, at::kLong), at::tensor(positions, at::kLong), at::tensor(bounds, at::kInt), count};
    const KvView view{layers_, table_, at::tensor(rows, at::kInt), at::tensor(slots, at::kLong), whole};
    return policy.hidden(batch, &view).view({static_cast<int64_t>(ids.size()), count, policy.config().hidden_size});
  }

 private:
  int64_t page_;
  int64_t blocks_;
  at::Tensor table_;
  std::vector<LayerKv> layers_;
};

// Sequences of 33 tokens fed in pieces, against one forward of all.
double worst_difference(const Policy& policy, const std::vector<int64_t>& pieces, int64_t page, bool* same_bits) {
  std::vector<std::vector<int64_t>> ids = {random_ids(policy, 33, 1), random_ids(policy, 33, 2), random_ids(policy, 33, 3)};
  const at::Tensor full = policy.hidden(pack_sequences(ids, at::kCPU)).view({3, 33, -1});
  TestCache cache(policy, 3, 33, page);
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
      policy.token_scores(policy.hidden(pack_sequences(ids, at::kCPU)).narrow(0, 0, 19), targets, 0.8).logprobs;
  TestCache cache(policy, 1, 20, 4);
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

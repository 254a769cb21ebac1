// Attention over a paged cache on the CPU: against plain arithmetic, and the same bits in every layout of the pages and
// as attention() gives a sequence's last token.

#include <gtest/gtest.h>

#include <cmath>

#include "policy/kernels/attention.h"

namespace grpo {
namespace {

struct Case {
  int64_t heads, kv_heads, k_dim, v_dim, page;
};

// A few sequences whose pages lie in any order among others, and what lies behind a sequence's end is NaN.
struct Problem {
  at::Tensor q;                    // [S, H, Dk]
  std::vector<at::Tensor> k, v;    // [context, K, D] of each sequence
  at::Tensor tables, rows, positions;
  int64_t pages = 0;
};

constexpr int64_t kContexts[] = {1, 3, 16, 17, 50};

Problem problem_of(const Case& c, at::ScalarType dtype) {
  const int64_t count = std::size(kContexts), blocks = (50 + c.page - 1) / c.page;
  Problem p;
  p.pages = count * blocks;
  p.q = at::randn({count, c.heads, c.k_dim}).to(dtype);
  for (const int64_t context : kContexts) {
    p.k.push_back(at::randn({context, c.kv_heads, c.k_dim}).to(dtype));
    p.v.push_back(at::randn({context, c.kv_heads, c.v_dim}).to(dtype));
  }
  p.tables = at::randperm(p.pages).to(at::kInt).view({count, blocks});
  p.rows = at::arange(count, at::kInt);
  p.positions = at::tensor(at::ArrayRef<int64_t>(kContexts)) - 1;
  return p;
}

at::Tensor run(const Problem& p, LayerKv cache) {
  cache.k.fill_(NAN);
  cache.v.fill_(NAN);
  for (size_t s = 0; s < p.k.size(); ++s) {
    const int64_t page = cache.k.size(1);
    const at::Tensor at = at::arange(p.k[s].size(0));
    const at::Tensor slots =
        p.tables[static_cast<int64_t>(s)].to(at::kLong).index_select(0, at.div(page, "floor")) * page + at.remainder(page);
    write_cache(cache, slots, p.k[s], p.v[s]);
  }
  return paged_attention(p.q, cache.k, cache.v, p.tables, p.rows, p.positions, 0.3);
}

at::Tensor plain(const Problem& p, const Case& c) {
  std::vector<at::Tensor> out;
  for (size_t s = 0; s < p.k.size(); ++s) {
    const at::Tensor k = p.k[s].to(at::kDouble).repeat_interleave(c.heads / c.kv_heads, 1).transpose(0, 1);
    const at::Tensor v = p.v[s].to(at::kDouble).repeat_interleave(c.heads / c.kv_heads, 1).transpose(0, 1);
    const at::Tensor q = p.q[static_cast<int64_t>(s)].to(at::kDouble).unsqueeze(1);
    out.push_back((q.bmm(k.transpose(1, 2)) * 0.3).softmax(-1).bmm(v).squeeze(1));
  }
  return at::stack(out);
}

TEST(PagedAttention, HasTheSameBitsInEveryLayoutAndAsInTraining) {
  at::manual_seed(5);
  for (const Case& c : std::vector<Case>{{2, 2, 8, 8, 16}, {4, 2, 32, 32, 16}, {3, 1, 20, 12, 32}, {7, 1, 16, 24, 48},
                                         {6, 1, 16, 16, 16}, {4, 2, 32, 32, 12}, {4, 1, 8, 16, 1}}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
      const Problem p = problem_of(c, dtype);
      const auto options = at::TensorOptions(dtype);
      const at::Tensor got = run(p, make_cache({c.kv_heads, c.k_dim, c.v_dim}, p.pages, c.page, options, at::kCPU));
      const LayerKv token_by_token{at::empty({p.pages, c.page, c.kv_heads, c.k_dim}, options),
                                   at::empty({p.pages, c.page, c.kv_heads, c.v_dim}, options)};
      const std::string where = c10::str(c.heads, " heads of ", c.k_dim, ", ", c.v_dim, ", page ", c.page, ", ", dtype);
      EXPECT_TRUE(at::equal(got, run(p, token_by_token))) << where;
      EXPECT_LT((got.to(at::kDouble) - plain(p, c)).abs().max().item<double>(), dtype == at::kBFloat16 ? 2e-2 : 2e-6) << where;
      for (size_t s = 0; s < p.k.size(); ++s) {
        const int64_t length = p.k[s].size(0);
        const at::Tensor q = at::zeros({length, c.heads, c.k_dim}, options);
        q[length - 1].copy_(p.q[static_cast<int64_t>(s)]);
        const at::Tensor trained = attention(q, p.k[s], p.v[s], at::tensor({int64_t{0}, length}).to(at::kInt), length, 0.3);
        EXPECT_TRUE(at::equal(got[static_cast<int64_t>(s)], trained[length - 1])) << where << ", sequence " << s;
      }
    }
  }
}

}  // namespace
}  // namespace grpo

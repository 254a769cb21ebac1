// The two forms of attention on the CPU against each other and against plain arithmetic in double. A process takes the wide
// one where the processor has AVX-512, so the narrow one is tested here, by name.

#include "policy/kernels/cpu/attention_forms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace grpo::cpu {
namespace {

template <class T>
std::vector<T> numbers(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<T> out(count);
  for (T& x : out) store(&x, static_cast<Compute<T>>(normal(random)));
  return out;
}

// One sequence of `length` tokens, two query heads on one key/value head.
template <class T>
struct Sequence {
  static constexpr int64_t kHeads = 2, kKey = 24, kValue = 20;
  int64_t length;
  std::vector<T> q = numbers<T>(length * kHeads * kKey, 1), k = numbers<T>(length * kKey, 2), v = numbers<T>(length * kValue, 3),
                 d_out = numbers<T>(length * kHeads * kValue, 4);
  std::vector<T> out = std::vector<T>(length * kHeads * kValue), dq = std::vector<T>(q.size()), dk = std::vector<T>(k.size()),
                 dv = std::vector<T>(v.size());
  std::vector<Compute<T>> lse = std::vector<Compute<T>>(length * kHeads);

  SequenceAttention<T> attention() {
    return {.length = length, .group = kHeads, .k_dim = kKey, .v_dim = kValue, .scale = 0.2, .q = q.data(), .k = k.data(), .v = v.data(),
            .q_token = kHeads * kKey, .q_head = kKey, .k_token = kKey, .v_token = kValue, .out = out.data(), .lse = lse.data(),
            .out_token = kHeads * kValue, .out_head = kValue, .lse_token = kHeads, .d_out = d_out.data(), .dq = dq.data(), .dk = dk.data(),
            .dv = dv.data()};
  }
};

// Causal attention by its definition.
template <class T>
std::vector<double> plain(const Sequence<T>& s) {
  using S = Sequence<T>;
  std::vector<double> out;
  for (int64_t i = 0; i < s.length; ++i) {
    for (int64_t h = 0; h < S::kHeads; ++h) {
      std::vector<double> weights(static_cast<size_t>(i + 1)), row(S::kValue, 0.0);
      double sum = 0;
      for (int64_t j = 0; j <= i; ++j) {
        double score = 0;
        for (int64_t d = 0; d < S::kKey; ++d) score += double(load(s.q[(i * S::kHeads + h) * S::kKey + d])) * double(load(s.k[j * S::kKey + d]));
        sum += weights[static_cast<size_t>(j)] = std::exp(0.2 * score);
      }
      for (int64_t j = 0; j <= i; ++j) {
        for (int64_t d = 0; d < S::kValue; ++d) row[static_cast<size_t>(d)] += weights[static_cast<size_t>(j)] / sum * double(load(s.v[j * S::kValue + d]));
      }
      out.insert(out.end(), row.begin(), row.end());
    }
  }
  return out;
}

template <class A, class B>
double largest_difference(const std::vector<A>& a, const std::vector<B>& b) {
  double most = a.size() == b.size() ? 0 : INFINITY;
  const auto wide = [](const auto& x) {
    if constexpr (std::is_same_v<std::decay_t<decltype(x)>, double>) return x;
    else return static_cast<double>(load(x));
  };
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, std::abs(wide(a[i]) - wide(b[i])));
  return most;
}

template <class T>
class AttentionForms : public ::testing::Test {
 public:
  // Of numbers around 1; bfloat16 has results rounded to 8 bits.
  static constexpr double kTolerance = std::is_same_v<T, double> ? 1e-12 : std::is_same_v<T, float> ? 1e-5 : 2e-2;
};
using Types = ::testing::Types<float, double, Bf16>;
TYPED_TEST_SUITE(AttentionForms, Types);

TYPED_TEST(AttentionForms, BothAreAttention) {
  for (const int64_t length : {1, 3, 4, 17, 50}) {
    Sequence<TypeParam> narrow{length}, wide{length};
    narrow_forward(narrow.attention());
    EXPECT_LT(largest_difference(plain(narrow), narrow.out), this->kTolerance) << length;
    if (!wide_attention_runs()) continue;
    wide_forward(wide.attention());
    EXPECT_LT(largest_difference(plain(wide), wide.out), this->kTolerance) << length;
    EXPECT_LT(largest_difference(narrow.lse, wide.lse), this->kTolerance) << length;
  }
}

TYPED_TEST(AttentionForms, BothHaveTheSameGradient) {
  if (!wide_attention_runs()) GTEST_SKIP() << "the processor has no AVX-512";
  for (const int64_t length : {1, 6, 17, 50}) {
    Sequence<TypeParam> narrow{length}, wide{length};
    narrow_forward(narrow.attention());
    wide_forward(wide.attention());
    wide.out = narrow.out;  // gradients of one and the same result
    wide.lse = narrow.lse;
    narrow_backward(narrow.attention());
    wide_backward(wide.attention());
    EXPECT_LT(largest_difference(narrow.dq, wide.dq), 2 * this->kTolerance) << length;
    EXPECT_LT(largest_difference(narrow.dk, wide.dk), 4 * this->kTolerance) << length;
    EXPECT_LT(largest_difference(narrow.dv, wide.dv), 4 * this->kTolerance) << length;
    // A single key has no gradient.
    if (length > 1) {
      EXPECT_GT(largest_difference(narrow.dk, std::vector<TypeParam>(narrow.dk.size())), 0.05);
    }
  }
}

// A sequence's last token against its pages: tokens of a page side by side for each number of a key (tiled), and the other
// way about (copied first).
TYPED_TEST(AttentionForms, BothReadPages) {
  using S = Sequence<TypeParam>;
  constexpr int64_t kPage = 16, kRoom = 32;  // values with room for whole lanes
  for (const int64_t length : {1, 16, 17, 50}) {
    const S s{length};
    const int64_t pages = (length + kPage - 1) / kPage;
    std::vector<TypeParam> tiled(static_cast<size_t>(pages * kPage * S::kKey)), copied(tiled), v(static_cast<size_t>(pages * kPage * kRoom));
    std::vector<int32_t> blocks;
    for (int64_t p = 0; p < pages; ++p) blocks.push_back(static_cast<int32_t>(pages - 1 - p));
    for (int64_t j = 0; j < length; ++j) {
      const int64_t page = blocks[static_cast<size_t>(j / kPage)], at = j % kPage;
      for (int64_t d = 0; d < S::kKey; ++d) {
        tiled[static_cast<size_t>((page * S::kKey + d) * kPage + at)] = s.k[static_cast<size_t>(j * S::kKey + d)];
        copied[static_cast<size_t>((page * kPage + at) * S::kKey + d)] = s.k[static_cast<size_t>(j * S::kKey + d)];
      }
      for (int64_t d = 0; d < S::kValue; ++d) v[static_cast<size_t>((page * kPage + at) * kRoom + d)] = s.v[static_cast<size_t>(j * S::kValue + d)];
    }
    const std::vector<double> whole = plain(s);
    const std::vector<double> last(whole.end() - S::kHeads * S::kValue, whole.end());
    std::vector<std::vector<TypeParam>> outs;
    for (const bool in_tiles : {true, false}) {
      std::vector<TypeParam> out(S::kHeads * S::kValue);
      PagedAttention<TypeParam> a{.context = length, .group = S::kHeads, .k_dim = S::kKey, .v_dim = S::kValue, .scale = 0.2,
                                  .q = s.q.data() + (length - 1) * S::kHeads * S::kKey, .q_head = S::kKey,
                                  .k_cache = in_tiles ? tiled.data() : copied.data(), .v_cache = v.data(), .page_tokens = kPage,
                                  .k_page = kPage * S::kKey, .k_token = in_tiles ? 1 : S::kKey, .k_number = in_tiles ? kPage : 1,
                                  .v_page = kPage * kRoom, .v_token = kRoom, .blocks = blocks.data(), .out = out.data(), .out_head = S::kValue};
      ASSERT_EQ(a.tiled(), in_tiles);
      narrow_paged(a);
      EXPECT_LT(largest_difference(last, out), this->kTolerance) << length;
      outs.push_back(out);
      if (!wide_attention_runs()) continue;
      wide_paged(a);
      EXPECT_LT(largest_difference(last, out), this->kTolerance) << length;
      // The bits of a whole sequence's last token, in its own form.
      S again{length};
      wide_forward(again.attention());
      EXPECT_EQ(largest_difference(std::vector<TypeParam>(again.out.end() - S::kHeads * S::kValue, again.out.end()), out), 0.0);
    }
    S again{length};
    narrow_forward(again.attention());
    const std::vector<TypeParam> end(again.out.end() - S::kHeads * S::kValue, again.out.end());
    EXPECT_EQ(largest_difference(end, outs[0]), 0.0) << length;
    EXPECT_EQ(largest_difference(end, outs[1]), 0.0) << length;
  }
}

}  // namespace
}  // namespace grpo::cpu

// The forms of attention on the CPU against plain arithmetic in double and against each other. A process takes one of them,
// by its processor, so they are tested here by name.

#include "policy/kernels/cpu/attention_forms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
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

// One form, and whether the processor has what it takes.
template <class T>
struct Form {
  const char* name;
  bool runs;
  void (*forward)(const SequenceAttention<T>&);
  void (*backward)(const SequenceAttention<T>&);
  void (*paged)(const PagedAttention<T>&);
};
template <class T>
std::vector<Form<T>> forms() {
  std::vector<Form<T>> all = {{"narrow", true, narrow_forward, narrow_backward, narrow_paged},
                              {"middle", middle_attention_runs(), middle_forward, middle_backward, middle_paged},
                              {"wide", wide_attention_runs(), wide_forward, wide_backward, wide_paged}};
  if constexpr (std::is_same_v<T, Bf16>) all.push_back({"dots", dots_attention_runs(), dots_forward, dots_backward, dots_paged});
  std::erase_if(all, [](const Form<T>& form) { return !form.runs; });
  return all;
}

struct Sizes {
  int64_t key, value, heads = 2;
};
// Whole lanes of every form, parts of lanes, odd numbers, and more heads than one pass takes.
const std::vector<Sizes> kSizes = {{24, 20}, {32, 32}, {7, 19}, {16, 48, 11}};

// One sequence of `length` tokens, its query heads on one key/value head.
template <class T>
struct Sequence {
  int64_t length;
  Sizes size = kSizes[0];
  std::vector<T> q = numbers<T>(length * size.heads * size.key, 1), k = numbers<T>(length * size.key, 2), v = numbers<T>(length * size.value, 3),
                 d_out = numbers<T>(length * size.heads * size.value, 4);
  std::vector<T> out = std::vector<T>(d_out.size()), dq = std::vector<T>(q.size()), dk = std::vector<T>(k.size()),
                 dv = std::vector<T>(v.size());
  std::vector<Compute<T>> lse = std::vector<Compute<T>>(length * size.heads);

  SequenceAttention<T> attention() {
    return {.length = length, .group = size.heads, .k_dim = size.key, .v_dim = size.value, .scale = 0.2, .q = q.data(), .k = k.data(), .v = v.data(),
            .q_token = size.heads * size.key, .q_head = size.key, .k_token = size.key, .v_token = size.value, .out = out.data(), .lse = lse.data(),
            .out_token = size.heads * size.value, .out_head = size.value, .lse_token = size.heads, .d_out = d_out.data(), .dq = dq.data(),
            .dk = dk.data(), .dv = dv.data()};
  }
  // The last token's output.
  std::vector<T> last() const { return {out.end() - size.heads * size.value, out.end()}; }
};

template <class T>
std::vector<double> widened(const std::vector<T>& from) {
  std::vector<double> out;
  for (const T& x : from) out.push_back(static_cast<double>(load(x)));
  return out;
}

// Causal attention by its definition, and the gradients of sum(out * d_out) by the chain rule, in double.
struct Plain {
  std::vector<double> out, dq, dk, dv;

  template <class T>
  explicit Plain(const Sequence<T>& s)
      : out(s.out.size()), dq(s.q.size()), dk(s.k.size()), dv(s.v.size()) {
    const auto [key, value, heads] = s.size;
    const std::vector<double> q = widened(s.q), k = widened(s.k), v = widened(s.v), g = widened(s.d_out);
    for (int64_t i = 0; i < s.length; ++i) {
      for (int64_t h = 0; h < heads; ++h) {
        const auto at_q = static_cast<size_t>((i * heads + h) * key), at_o = static_cast<size_t>((i * heads + h) * value);
        std::vector<double> p(static_cast<size_t>(i + 1)), dp(p.size());
        double sum = 0, mean = 0;
        for (size_t j = 0; j < p.size(); ++j) {
          double score = 0;
          for (size_t d = 0; d < static_cast<size_t>(key); ++d) score += q[at_q + d] * k[j * key + d];
          sum += p[j] = std::exp(0.2 * score);
        }
        for (size_t j = 0; j < p.size(); ++j) {
          p[j] /= sum;
          for (size_t d = 0; d < static_cast<size_t>(value); ++d) {
            out[at_o + d] += p[j] * v[j * value + d];
            dv[j * value + d] += p[j] * g[at_o + d];
            dp[j] += g[at_o + d] * v[j * value + d];
          }
          mean += p[j] * dp[j];
        }
        for (size_t j = 0; j < p.size(); ++j) {
          for (size_t d = 0; d < static_cast<size_t>(key); ++d) {
            dq[at_q + d] += 0.2 * p[j] * (dp[j] - mean) * k[j * key + d];
            dk[j * key + d] += 0.2 * p[j] * (dp[j] - mean) * q[at_q + d];
          }
        }
      }
    }
  }
};

// The largest difference over the largest number of `want`.
template <class T>
double error(const std::vector<double>& want, const std::vector<T>& got) {
  double most = want.size() == got.size() ? 0 : INFINITY, largest = 0;
  for (size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
    most = std::max(most, std::abs(want[i] - static_cast<double>(load(got[i]))));
    largest = std::max(largest, std::abs(want[i]));
  }
  return most / std::max(largest, 1.0);
}

// Fills what a form keeps from call to call with NaN, so that nothing it leaves there can pass for a zero.
template <class T>
void poison(const Form<T>& form) {
  Sequence<T> s{140, {50, 50}};
  for (std::vector<T>* numbers : {&s.q, &s.k, &s.v, &s.d_out}) {
    for (T& x : *numbers) store(&x, std::numeric_limits<Compute<T>>::quiet_NaN());
  }
  form.forward(s.attention());
  form.backward(s.attention());
}

template <class T>
class AttentionForms : public ::testing::Test {
 public:
  // bfloat16 has results, and in one of its forms weights, rounded to 8 bits.
  static constexpr double kTolerance = std::is_same_v<T, double> ? 1e-12 : std::is_same_v<T, float> ? 1e-5 : 1e-2;
};
using Types = ::testing::Types<float, double, Bf16>;
TYPED_TEST_SUITE(AttentionForms, Types);

// 131: more than two of the blocks of keys that a gradient goes by.
constexpr int64_t kLengths[] = {1, 3, 4, 17, 50, 64, 131};

// What the tests below leave out, in the report's own words.
TEST(AttentionFormsHere, RunOnThisProcessor) {
  if (!middle_attention_runs()) GTEST_SKIP() << "the processor has no AVX2 and FMA: of the forms of attention only the narrow one is tested";
  if (!wide_attention_runs()) GTEST_SKIP() << "the processor has no AVX-512: attention by it is not tested";
  if (!dots_attention_runs()) GTEST_SKIP() << "the processor has no AVX512-BF16: attention by dot products is not tested";
}

TYPED_TEST(AttentionForms, AreAttention) {
  for (const Form<TypeParam>& form : forms<TypeParam>()) {
    for (const Sizes& size : kSizes) {
      for (const int64_t length : kLengths) {
        Sequence<TypeParam> s{length, size};
        poison(form);
        form.forward(s.attention());
        EXPECT_LT(error(Plain(s).out, s.out), this->kTolerance) << form.name << ", length " << length << ", keys of " << size.key;
      }
    }
  }
}

TYPED_TEST(AttentionForms, HaveItsGradient) {
  for (const Form<TypeParam>& form : forms<TypeParam>()) {
    for (const Sizes& size : kSizes) {
      for (const int64_t length : kLengths) {
        SCOPED_TRACE(testing::Message() << form.name << ", length " << length << ", keys of " << size.key);
        Sequence<TypeParam> s{length, size};
        poison(form);
        form.forward(s.attention());
        poison(form);
        form.backward(s.attention());
        const Plain want(s);
        EXPECT_LT(error(want.dq, s.dq), 2 * this->kTolerance);
        EXPECT_LT(error(want.dk, s.dk), 2 * this->kTolerance);
        EXPECT_LT(error(want.dv, s.dv), 2 * this->kTolerance);
      }
    }
  }
}

// A sequence's last token against its pages: tokens of a page side by side for each number of a key (tiled), and the other
// way about (copied first). What lies in its last page behind it, left by another sequence, counts for nothing.
TYPED_TEST(AttentionForms, ReadPages) {
  constexpr int64_t kRoom = 48;  // values with room for whole lanes
  for (const Form<TypeParam>& form : forms<TypeParam>()) {
    for (const int64_t page_tokens : {16, 32}) {
      for (const Sizes& size : kSizes) {
        for (const int64_t length : {1, 16, 17, 50, 131}) {
          SCOPED_TRACE(testing::Message() << form.name << ", length " << length << ", keys of " << size.key << ", pages of " << page_tokens);
          Sequence<TypeParam> s{length, size};
          form.forward(s.attention());
          const int64_t pages = (length + page_tokens - 1) / page_tokens;
          TypeParam stale;
          store(&stale, std::numeric_limits<Compute<TypeParam>>::quiet_NaN());
          std::vector<TypeParam> tiled(static_cast<size_t>(pages * page_tokens * size.key), stale), copied(tiled),
              v(static_cast<size_t>(pages * page_tokens * kRoom), stale);
          std::vector<int32_t> blocks;
          for (int64_t p = 0; p < pages; ++p) blocks.push_back(static_cast<int32_t>(pages - 1 - p));
          for (int64_t j = 0; j < length; ++j) {
            const int64_t page = blocks[static_cast<size_t>(j / page_tokens)], at = j % page_tokens;
            for (int64_t d = 0; d < size.key; ++d) {
              const TypeParam number = s.k[static_cast<size_t>(j * size.key + d)];
              tiled[static_cast<size_t>((page * size.key + d) * page_tokens + at)] = number;
              copied[static_cast<size_t>((page * page_tokens + at) * size.key + d)] = number;
            }
            for (int64_t d = 0; d < kRoom; ++d) {
              TypeParam& to = v[static_cast<size_t>((page * page_tokens + at) * kRoom + d)];
              if (d < size.value) to = s.v[static_cast<size_t>(j * size.value + d)];
              else store(&to, Compute<TypeParam>(0));
            }
          }
          const std::vector<double> all = Plain(s).out;
          const std::vector<double> last(all.end() - size.heads * size.value, all.end());
          for (const bool in_tiles : {true, false}) {
            std::vector<TypeParam> out(last.size());
            PagedAttention<TypeParam> a{.context = length, .group = size.heads, .k_dim = size.key, .v_dim = size.value, .scale = 0.2,
                                        .q = s.q.data() + (length - 1) * size.heads * size.key, .q_head = size.key,
                                        .k_cache = in_tiles ? tiled.data() : copied.data(), .v_cache = v.data(), .page_tokens = page_tokens,
                                        .k_page = page_tokens * size.key, .k_token = in_tiles ? 1 : size.key,
                                        .k_number = in_tiles ? page_tokens : 1, .v_page = page_tokens * kRoom, .v_token = kRoom,
                                        .blocks = blocks.data(), .out = out.data(), .out_head = size.value};
            ASSERT_EQ(a.tiled(), in_tiles);
            poison(form);
            form.paged(a);
            EXPECT_LT(error(last, out), this->kTolerance) << in_tiles;
            EXPECT_EQ(widened(out), widened(s.last())) << "not the bits of a whole sequence's last token; tiled: " << in_tiles;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace grpo::cpu

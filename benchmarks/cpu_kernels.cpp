// How close do the CPU kernels come to what one core gives? Every form of attention that runs here, and the row kernels, on
// one thread, taken in turns so that a busy machine disturbs all alike; seconds are processor time, medians over rounds.
// Prints one JSON object per case, beside the rate of reading memory in order.
//
//   cpu_kernels [rounds] [head dimension]      (default: 9, 32)

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "policy/kernels/cpu/attention_forms.h"
#include "policy/kernels/cpu/elementwise_forms.h"

namespace grpo::cpu {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto now = [] {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  work();
  return now() - start;
}

struct Case {
  std::string name;
  double amount;  // of `unit`, in one call of work
  const char* unit;
  std::function<void()> work;
};

template <class T>
std::vector<T> numbers(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<T> out(static_cast<size_t>(count));
  for (T& x : out) store(&x, static_cast<Compute<T>>(static_cast<double>(random() % 2001) / 1000.0 - 1.0));
  return out;
}

// Eight sequences of one layer of a small policy: 8 query heads on 4.
template <class T>
struct Layer {
  static constexpr int64_t kSequences = 8, kLength = 528, kHeads = 4, kGroup = 2, kAll = kHeads * kGroup;
  int64_t dim;
  std::vector<T> q = numbers<T>(kSequences * kLength * kAll * dim, 1), k = numbers<T>(kSequences * kLength * kHeads * dim, 2),
                 v = numbers<T>(kSequences * kLength * kHeads * dim, 3), d_out = numbers<T>(kSequences * kLength * kAll * dim, 4), out = q, dq = q, dk = k,
                 dv = k;
  std::vector<Compute<T>> lse = std::vector<Compute<T>>(kSequences * kLength * kAll);

  // 2 FLOPs per term of two products, half of all pairs of tokens.
  double flops() const { return 2.0 * kSequences * kAll * kLength * kLength * static_cast<double>(dim); }
  void each_head(void (*f)(const SequenceAttention<T>&)) {
    for (int64_t s = 0; s < kSequences; ++s) {
      for (int64_t h = 0; h < kHeads; ++h) {
        const int64_t at_q = s * kLength * kAll * dim + h * kGroup * dim, at_k = s * kLength * kHeads * dim + h * dim;
        f({.length = kLength, .group = kGroup, .k_dim = dim, .v_dim = dim, .scale = 1 / std::sqrt(static_cast<double>(dim)),
           .q = q.data() + at_q, .k = k.data() + at_k, .v = v.data() + at_k, .q_token = kAll * dim, .q_head = dim, .k_token = kHeads * dim,
           .v_token = kHeads * dim, .out = out.data() + at_q, .lse = lse.data() + s * kLength * kAll + h * kGroup, .out_token = kAll * dim,
           .out_head = dim, .lse_token = kAll, .d_out = d_out.data() + at_q, .dq = dq.data() + at_q, .dk = dk.data() + at_k, .dv = dv.data() + at_k});
      }
    }
  }
};

// Keys and values of many sequences, more than the caches hold; pages of all of them lie in turns, as they grow.
template <class T>
struct Pages {
  static constexpr int64_t kSequences = 256, kPage = 64, kBlocks = 8, kContext = kPage * kBlocks - 3, kHeads = 4, kGroup = 2;
  int64_t dim;
  int64_t page = kHeads * kPage * dim;
  std::vector<T> q = numbers<T>(kHeads * kGroup * dim, 1), keys = numbers<T>(kSequences * kBlocks * page, 2), values = keys, out = q;
  std::vector<int32_t> blocks;

  explicit Pages(int64_t head_dim) : dim(head_dim) {
    for (int64_t s = 0; s < kSequences; ++s) {
      for (int64_t b = 0; b < kBlocks; ++b) blocks.push_back(static_cast<int32_t>(b * kSequences + s));
    }
  }
  double bytes() const { return 2.0 * kSequences * kContext * kHeads * static_cast<double>(dim * static_cast<int64_t>(sizeof(T))); }
  // `same`: of one and the same sequence, which stays in the cache.
  void each(void (*f)(const PagedAttention<T>&), bool same) {
    for (int64_t s = 0; s < kSequences; ++s) {
      f({.context = kContext, .heads = kHeads, .group = kGroup, .k_dim = dim, .v_dim = dim, .scale = 1 / std::sqrt(static_cast<double>(dim)),
         .q = q.data(), .q_head = dim, .k_cache = keys.data(), .v_cache = values.data(), .page_tokens = kPage, .k_page = page,
         .k_head = kPage * dim, .k_token = 1, .k_number = kPage, .v_page = page, .v_head = kPage * dim, .v_token = dim,
         .blocks = blocks.data() + (same ? 0 : s * kBlocks), .out = out.data(), .out_head = dim});
    }
  }
};

template <class T>
void add_attention(const std::string& form, Layer<T>& layer, Pages<T>& pages, void (*forward)(const SequenceAttention<T>&),
                   void (*backward)(const SequenceAttention<T>&), void (*paged)(const PagedAttention<T>&), std::vector<Case>& cases) {
  cases.push_back({form + " attention", layer.flops(), "GFLOP/s", [&layer, forward] { layer.each_head(forward); }});
  cases.push_back({form + " attention backward", 2.5 * layer.flops(), "GFLOP/s", [&layer, backward] { layer.each_head(backward); }});
  cases.push_back({form + " paged, out of memory", pages.bytes(), "GB/s", [&pages, paged] { pages.each(paged, false); }});
  cases.push_back({form + " paged, in the cache", pages.bytes(), "GB/s", [&pages, paged] { pages.each(paged, true); }});
}

// Rows of a small policy: hidden size 256, 768 inside.
template <class T>
struct Rows {
  static constexpr int64_t kRows = 512, kHidden = 256, kInside = 768;
  std::vector<T> x = numbers<T>(kRows * 2 * kInside, 1), dy = numbers<T>(kRows * 2 * kInside, 2), weight = numbers<T>(kHidden, 3), y = x;
  std::vector<float> rstd = std::vector<float>(kRows), dweight = std::vector<float>(kHidden);
};

#define GRPO_ROW_CASES(form, type, rows)                                                                                                  \
  cases.push_back({#form " " #type " rms_norm", rows.kRows * rows.kHidden, "G numbers/s", [&] {                                            \
    form##_rms_norm_forward(rows.x.data(), rows.kHidden, rows.weight.data(), 1e-5, rows.kRows, rows.kHidden, rows.y.data(), rows.rstd.data()); \
  }});                                                                                                                                    \
  cases.push_back({#form " " #type " rms_norm backward", rows.kRows * rows.kHidden, "G numbers/s", [&] {                                   \
    form##_rms_norm_backward(rows.dy.data(), rows.x.data(), rows.kHidden, rows.weight.data(), rows.rstd.data(), rows.kRows, rows.kHidden,  \
                             rows.y.data(), rows.dweight.data());                                                                         \
  }});                                                                                                                                    \
  cases.push_back({#form " " #type " swiglu", rows.kRows * rows.kInside, "G numbers/s",                                                    \
                   [&] { form##_swiglu_forward(rows.x.data(), rows.kRows, rows.kInside, rows.y.data()); }});                               \
  cases.push_back({#form " " #type " swiglu backward", rows.kRows * rows.kInside, "G numbers/s",                                           \
                   [&] { form##_swiglu_backward(rows.dy.data(), rows.x.data(), rows.kRows, rows.kInside, rows.y.data()); }});

void report(int64_t rounds, int64_t dim) {
  Layer<float> layer{dim};
  Layer<Bf16> narrow_layer{dim};
  Pages<float> pages(dim);
  Pages<Bf16> narrow_pages(dim);
  Rows<float> rows;
  Rows<Bf16> narrow_rows;
  std::vector<uint64_t> memory(1 << 24, 1);
  volatile uint64_t sum = 0;
  std::vector<Case> cases;
  cases.push_back({"reading in order", 8.0 * static_cast<double>(memory.size()), "GB/s", [&] {
                     uint64_t all = 0;
                     for (const uint64_t x : memory) all += x;
                     sum = all;
                   }});
  add_attention("narrow float32", layer, pages, narrow_forward, narrow_backward, narrow_paged, cases);
  add_attention("narrow bfloat16", narrow_layer, narrow_pages, narrow_forward, narrow_backward, narrow_paged, cases);
  GRPO_ROW_CASES(narrow, float32, rows)
  GRPO_ROW_CASES(narrow, bfloat16, narrow_rows)
  if (middle_attention_runs()) {
    add_attention("middle float32", layer, pages, middle_forward, middle_backward, middle_paged, cases);
    add_attention("middle bfloat16", narrow_layer, narrow_pages, middle_forward, middle_backward, middle_paged, cases);
    GRPO_ROW_CASES(middle, float32, rows)
    GRPO_ROW_CASES(middle, bfloat16, narrow_rows)
  }
  if (wide_attention_runs()) {
    add_attention("wide float32", layer, pages, wide_forward, wide_backward, wide_paged, cases);
    add_attention("wide bfloat16", narrow_layer, narrow_pages, wide_forward, wide_backward, wide_paged, cases);
    GRPO_ROW_CASES(wide, float32, rows)
    GRPO_ROW_CASES(wide, bfloat16, narrow_rows)
  }
  if (dots_attention_runs()) {
    add_attention("dots bfloat16", narrow_layer, narrow_pages, dots_forward, dots_backward, dots_paged, cases);
  }
  std::vector<std::vector<double>> seconds(cases.size());
  for (int64_t round = 0; round <= rounds; ++round) {
    for (size_t i = 0; i < cases.size(); ++i) {
      const double took = seconds_of(cases[i].work);
      if (round > 0) seconds[i].push_back(took);  // the first finds caches and scratch memory cold
    }
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    std::sort(seconds[i].begin(), seconds[i].end());
    const double median = seconds[i][seconds[i].size() / 2];
    fmt::print("{{\"case\": \"{}\", \"milliseconds\": {:.3f}, \"{}\": {:.2f}}}\n", cases[i].name, 1e3 * median, cases[i].unit,
               cases[i].amount / median / 1e9);
  }
}

}  // namespace
}  // namespace grpo::cpu

int main(int argc, char** argv) {
  const int64_t rounds = argc > 1 ? std::atoll(argv[1]) : 9, dim = argc > 2 ? std::atoll(argv[2]) : 32;
  if (rounds < 1 || dim < 1 || dim % 16 != 0) {
    fmt::print(stderr, "cpu_kernels [rounds, 1 or more] [head dimension, a multiple of 16]\n");
    return 2;
  }
  grpo::cpu::report(rounds, dim);
  return 0;
}

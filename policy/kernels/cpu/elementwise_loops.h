#pragma once
// The loops behind elementwise.h. Each file that includes this is compiled for an instruction set of its own, and what is
// defined here is its own.

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "policy/kernels/cpu/elementwise.h"
#include "policy/kernels/cpu/lanes.h"

namespace grpo::cpu {
namespace {

// sum_i f(i) over whole rows: f(i, count) gives lanes i .. i + width - 1, 0 from `count` on. Lane i % width, folded at the end.
template <class C, class F>
GRPO_INLINE C sum_over(int64_t count, F add) {
  Vec<C> acc{};
  for (int64_t i = 0; i < count; i += Lanes<C>::kWidth) acc = add(i, count - i, acc);
  return sum_lanes<C>(acc);
}

template <class T>
GRPO_INLINE void norm_forward(const T* x, int64_t x_row, const T* weight, double eps, int64_t rows, int64_t dim, T* y,
                              Compute<T>* rstd) {
  using C = Compute<T>;
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t r = 0; r < rows; ++r, x += x_row, y += dim) {
    const C mean = sum_over<C>(dim, [&](int64_t i, int64_t count, Vec<C> acc) GRPO_LAMBDA {
      const Vec<C> v = load_some(x + i, count);
      return multiply_add(v, v, acc);
    }) / static_cast<C>(dim);
    const C inverse = C(1) / std::sqrt(mean + static_cast<C>(eps));
    rstd[r] = inverse;
    for (int64_t i = 0; i < dim; i += w) {
      const Vec<C> normal = rounded_lanes<T>(load_some(x + i, dim - i) * inverse);
      store_some(y + i, load_some(weight + i, dim - i) * normal, dim - i);
    }
  }
}

template <class T>
GRPO_INLINE void norm_backward(const T* dy, const T* x, int64_t x_row, const T* weight, const Compute<T>* rstd,
                               int64_t rows, int64_t dim, T* dx, Compute<T>* dweight) {
  using C = Compute<T>;
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t r = 0; r < rows; ++r, x += x_row, dy += dim, dx += dim) {
    const C inverse = rstd[r];
    const C dot = sum_over<C>(dim, [&](int64_t i, int64_t count, Vec<C> acc) GRPO_LAMBDA {
      return multiply_add(load_some(dy + i, count) * load_some(weight + i, count), load_some(x + i, count), acc);
    });
    const C shrink = dot * inverse * inverse * inverse / static_cast<C>(dim);
    for (int64_t i = 0; i < dim; i += w) {
      const int64_t count = dim - i;
      const Vec<C> g = load_some(dy + i, count), v = load_some(x + i, count);
      store_some(dx + i, g * load_some(weight + i, count) * inverse - v * shrink, count);
      store_some(dweight + i, load_some(dweight + i, count) + g * v * inverse, count);
    }
  }
}

template <class T>
GRPO_INLINE void rotate(const T* x, int64_t x_row, int64_t x_head, const float* cos, const float* sin, int64_t rows,
                        int64_t heads, int64_t dim, bool interleaved, double sign, T* y) {
  using C = Compute<T>;
  const int64_t half = dim / 2, step = interleaved ? 2 : 1, partner = interleaved ? 1 : half;
  for (int64_t r = 0; r < rows; ++r, cos += half, sin += half) {
    for (int64_t h = 0; h < heads; ++h, y += dim) {
      const T* from = x + r * x_row + h * x_head;
      int64_t i = 0;
      if constexpr (std::is_same_v<C, float>) {
        constexpr int64_t w = Lanes<C>::kWidth;
        for (; !interleaved && i + w <= half; i += w) {
          const Vec<C> a = load_wide(from + i), b = load_wide(from + half + i), c = load_wide(cos + i);
          const Vec<C> s = static_cast<C>(sign) * load_wide(sin + i);
          store_narrow(y + i, a * c - b * s);
          store_narrow(y + half + i, b * c + a * s);
        }
      }
      for (; i < half; ++i) {
        const C a = load(from[i * step]), b = load(from[i * step + partner]);
        const C c = cos[i], s = static_cast<C>(sign) * sin[i];
        store(y + i * step, a * c - b * s);
        store(y + i * step + partner, b * c + a * s);
      }
    }
  }
}

template <class C>
GRPO_INLINE Vec<C> sigmoid_lanes(Vec<C> x) {
  return C(1) / (C(1) + exp_lanes(-x));
}

template <class C>
GRPO_INLINE void sigmoid_all(const C* x, int64_t count, C* y) {
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t i = 0; i < count; i += w) {
    store_some(y + i, sigmoid_lanes<C>(load_some(x + i, count - i)), count - i);
  }
}

// Calls f(lanes of gate, lanes of up, first column, columns) along each row.
template <class T, class F>
GRPO_INLINE void over_gates(const T* x, int64_t rows, int64_t dim, F f) {
  using C = Compute<T>;
  constexpr int64_t w = Lanes<C>::kWidth;
  for (int64_t r = 0; r < rows; ++r, x += 2 * dim) {
    for (int64_t i = 0; i < dim; i += w) {
      const int64_t count = dim - i;
      f(load_some(x + i, count), load_some(x + dim + i, count), r, i, count);
    }
  }
}

template <class T>
GRPO_INLINE void gate_forward(const T* x, int64_t rows, int64_t dim, T* y) {
  using C = Compute<T>;
  over_gates(x, rows, dim, [&](Vec<C> gate, Vec<C> up, int64_t r, int64_t i, int64_t count) GRPO_LAMBDA {
    store_some(y + r * dim + i, gate * sigmoid_lanes<C>(gate) * up, count);
  });
}

template <class T>
GRPO_INLINE void gate_backward(const T* dy, const T* x, int64_t rows, int64_t dim, T* dx) {
  using C = Compute<T>;
  over_gates(x, rows, dim, [&](Vec<C> gate, Vec<C> up, int64_t r, int64_t i, int64_t count) GRPO_LAMBDA {
    const Vec<C> g = load_some(dy + r * dim + i, count), s = sigmoid_lanes<C>(gate);
    T* to = dx + r * 2 * dim + i;
    store_some(to, g * up * s * (C(1) + gate * (C(1) - s)), count);
    store_some(to + dim, g * gate * s, count);
  });
}

template <class C>
GRPO_INLINE void logprobs_forward(const C* logits, const int64_t* targets, double temperature, int64_t rows,
                                  int64_t vocab, C* logprobs, C* entropy, C* lse) {
  constexpr int64_t w = Lanes<C>::kWidth;
  const C inverse = static_cast<C>(1.0 / temperature);
  for (int64_t r = 0; r < rows; ++r, logits += vocab) {
    constexpr C infinity = std::numeric_limits<C>::infinity();
    Vec<C> largest = Vec<C>{} - infinity;
    typename Lanes<C>::mask bad = {};
    int64_t whole = 0;
    for (; whole + w <= vocab; whole += w) {
      const Vec<C> x = load_lanes<C>(logits + whole);
      bad |= ~(x < infinity);
      largest = x > largest ? x : largest;
    }
    C max = max_lanes<C>(largest);
    bool poisoned = false;
    for (int64_t u = 0; u < w; ++u) poisoned |= bad[u] != 0;
    for (int64_t i = whole; i < vocab; ++i) {
      poisoned |= !(logits[i] < std::numeric_limits<C>::infinity());
      max = logits[i] > max ? logits[i] : max;
    }
    if (poisoned || max == -std::numeric_limits<C>::infinity()) {
      logprobs[r] = entropy[r] = lse[r] = std::numeric_limits<C>::quiet_NaN();
      continue;
    }
    max *= inverse;
    Vec<C> sum{}, weighted{};
    for (int64_t i = 0; i < vocab; i += w) {
      Vec<C> shifted;
      if (i + w <= vocab) {
        shifted = load_lanes<C>(logits + i) * inverse - max;
      } else {
        shifted = Vec<C>{} - C(1e4);
        for (int64_t u = 0; i + u < vocab; ++u) shifted[u] = logits[i + u] * inverse - max;
      }
      shifted = shifted < C(-1e4) ? (Vec<C>{} - C(1e4)) : shifted;
      const Vec<C> e = exp_lanes(shifted);
      sum = sum + e;
      weighted = weighted + e * shifted;
    }
    const C total = sum_lanes<C>(sum), log_total = std::log(total);
    lse[r] = max + log_total;
    logprobs[r] = logits[targets[r]] * inverse - lse[r];
    entropy[r] = log_total - sum_lanes<C>(weighted) / total;
  }
}

template <class C>
GRPO_INLINE void logprobs_backward(C* logits, const int64_t* targets, const C* lse, const C* grad,
                                   EntropyGradient<C> of_entropy, double temperature, int64_t rows, int64_t vocab) {
  constexpr int64_t w = Lanes<C>::kWidth;
  const C inverse = static_cast<C>(1.0 / temperature);
  for (int64_t r = 0; r < rows; ++r, logits += vocab) {
    const C g = grad[r] * inverse;
    // d = p(x) * share(log p), column by column.
    const auto over_columns = [&](auto share) GRPO_LAMBDA {
      for (int64_t i = 0; i < vocab; i += w) {
        const Vec<C> x = load_some(logits + i, vocab - i);
        const Vec<C> log_p = x * inverse - lse[r];
        const Vec<C> d = exp_lanes(log_p) * share(log_p);
        store_some(logits + i, d, vocab - i);
      }
    };
    if (of_entropy.grad == nullptr) {
      over_columns([&](Vec<C>) GRPO_LAMBDA { return Vec<C>{} - g; });
    } else {
      const C h = of_entropy.grad[r] * inverse, entropy = of_entropy.entropy[r];
      over_columns([&](Vec<C> log_p) GRPO_LAMBDA {
        log_p = log_p < C(-1e4) ? (Vec<C>{} - C(1e4)) : log_p;  // so that -inf contributes 0, not 0 * inf
        return -(g + h * (log_p + entropy));
      });
    }
    logits[targets[r]] += g;
  }
}

}  // namespace
}  // namespace grpo::cpu

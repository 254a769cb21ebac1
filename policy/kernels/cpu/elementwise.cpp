#include "policy/kernels/cpu/elementwise.h"

#include <limits>
#include <type_traits>

#include "policy/kernels/cpu/lanes.h"

namespace grpo::cpu {
namespace {

// sum_i f(i) with lane i % width, lanes folded at the end.
template <class C, class F>
GRPO_INLINE C sum_over(int64_t count, F f) {
  constexpr int64_t w = Lanes<C>::kWidth;
  Vec<C> acc{};
  for (int64_t i = 0; i < count; i += w) {
    acc = acc + fill_lanes<C>(count - i, [&](int64_t u) GRPO_LAMBDA { return f(i + u); });
  }
  return sum_lanes<C>(acc);
}

template <class T>
GRPO_INLINE T rounded(Compute<T> x) {
  T out;
  store(&out, x);
  return out;
}

template <class T>
GRPO_INLINE void norm_forward(const T* x, int64_t x_row, const T* weight, double eps, int64_t rows, int64_t dim, T* y,
                              Compute<T>* rstd) {
  using C = Compute<T>;
  for (int64_t r = 0; r < rows; ++r, x += x_row, y += dim) {
    const C mean = sum_over<C>(dim, [&](int64_t i) { return load(x[i]) * load(x[i]); }) / static_cast<C>(dim);
    const C inverse = C(1) / std::sqrt(mean + static_cast<C>(eps));
    rstd[r] = inverse;
    for (int64_t i = 0; i < dim; ++i) store(y + i, load(weight[i]) * load(rounded<T>(load(x[i]) * inverse)));
  }
}

template <class T>
GRPO_INLINE void norm_backward(const T* dy, const T* x, int64_t x_row, const T* weight, const Compute<T>* rstd,
                               int64_t rows, int64_t dim, T* dx, Compute<T>* dweight) {
  using C = Compute<T>;
  for (int64_t r = 0; r < rows; ++r, x += x_row, dy += dim, dx += dim) {
    const C inverse = rstd[r];
    const C dot = sum_over<C>(dim, [&](int64_t i) { return load(dy[i]) * load(weight[i]) * load(x[i]); });
    const C shrink = dot * inverse * inverse * inverse / static_cast<C>(dim);
    for (int64_t i = 0; i < dim; ++i) {
      store(dx + i, load(dy[i]) * load(weight[i]) * inverse - load(x[i]) * shrink);
      dweight[i] += load(dy[i]) * load(x[i]) * inverse;
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
    const Vec<C> v = fill_lanes<C>(count - i, [&](int64_t u) GRPO_LAMBDA { return x[i + u]; });
    spread_lanes<C>(sigmoid_lanes<C>(v), count - i, [&](int64_t u, C value) GRPO_LAMBDA { y[i + u] = value; });
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
        const Vec<C> x = fill_lanes<C>(vocab - i, [&](int64_t u) GRPO_LAMBDA { return logits[i + u]; });
        const Vec<C> log_p = x * inverse - lse[r];
        const Vec<C> d = exp_lanes(log_p) * share(log_p);
        spread_lanes<C>(d, vocab - i, [&](int64_t u, C lane) GRPO_LAMBDA { logits[i + u] = lane; });
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

#define GRPO_ROW_KERNELS(T)                                                                                         \
  template <>                                                                                                      \
  GRPO_CLONES void rms_norm_forward<T>(const T* x, int64_t x_row, const T* weight, double eps, int64_t rows,        \
                                       int64_t dim, T* y, Compute<T>* rstd) {                                      \
    norm_forward(x, x_row, weight, eps, rows, dim, y, rstd);                                                       \
  }                                                                                                                \
  template <>                                                                                                      \
  GRPO_CLONES void rms_norm_backward<T>(const T* dy, const T* x, int64_t x_row, const T* weight,                    \
                                        const Compute<T>* rstd, int64_t rows, int64_t dim, T* dx,                  \
                                        Compute<T>* dweight) {                                                     \
    norm_backward(dy, x, x_row, weight, rstd, rows, dim, dx, dweight);                                             \
  }                                                                                                                \
  template <>                                                                                                      \
  GRPO_CLONES void rope<T>(const T* x, int64_t x_row, int64_t x_head, const float* cos, const float* sin,           \
                           int64_t rows, int64_t heads, int64_t dim, bool interleaved, double sign, T* y) {        \
    rotate(x, x_row, x_head, cos, sin, rows, heads, dim, interleaved, sign, y);                                    \
  }                                                                                                                \
  template <>                                                                                                      \
  GRPO_CLONES void swiglu_forward<T>(const T* x, int64_t rows, int64_t dim, T* y) {                                \
    gate_forward(x, rows, dim, y);                                                                                 \
  }                                                                                                                \
  template <>                                                                                                      \
  GRPO_CLONES void swiglu_backward<T>(const T* dy, const T* x, int64_t rows, int64_t dim, T* dx) {                 \
    gate_backward(dy, x, rows, dim, dx);                                                                           \
  }
GRPO_ROW_KERNELS(float)
GRPO_ROW_KERNELS(double)
GRPO_ROW_KERNELS(Bf16)
#undef GRPO_ROW_KERNELS

void rope_angles(const int64_t* positions, const float* frequencies, int64_t rows, int64_t half, float* cos, float* sin) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(positions[r]) * frequencies[i];
      cos[r * half + i] = std::cos(angle);
      sin[r * half + i] = std::sin(angle);
    }
  }
}

#define GRPO_LOGPROB_KERNELS(C)                                                                                     \
  template <>                                                                                                      \
  GRPO_CLONES void logprob_rows<C>(const C* logits, const int64_t* targets, double temperature, int64_t rows,       \
                                   int64_t vocab, C* logprobs, C* entropy, C* lse) {                               \
    logprobs_forward(logits, targets, temperature, rows, vocab, logprobs, entropy, lse);                           \
  }                                                                                                                \
  template <>                                                                                                      \
  GRPO_CLONES void logprob_rows_backward<C>(C* logits, const int64_t* targets, const C* lse, const C* grad,         \
                                            EntropyGradient<C> of_entropy, double temperature, int64_t rows,       \
                                            int64_t vocab) {                                                       \
    logprobs_backward(logits, targets, lse, grad, of_entropy, temperature, rows, vocab);                           \
  }
template <>
GRPO_CLONES void sigmoid<float>(const float* x, int64_t count, float* y) {
  sigmoid_all(x, count, y);
}
template <>
GRPO_CLONES void sigmoid<double>(const double* x, int64_t count, double* y) {
  sigmoid_all(x, count, y);
}

GRPO_LOGPROB_KERNELS(float)
GRPO_LOGPROB_KERNELS(double)
#undef GRPO_LOGPROB_KERNELS

}  // namespace grpo::cpu

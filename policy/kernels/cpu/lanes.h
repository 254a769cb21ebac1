#pragma once
// Vectors for the CPU kernels, by the compiler's vector extension, as wide as the registers that a file is compiled for: it
// says GRPO_LANE_BYTES, 64 or 32, under its own target, and nothing for 16, which every processor of a family has. Wider ones
// than the registers would be several times slower than narrow ones: the compiler keeps them in memory. Everything here is
// inlined (GRPO_INLINE), and of a namespace of its width.
//
// With GRPO_AVX512_LANES or GRPO_FMA_LANES defined, where an instruction does what the compiler makes of several, it is named
// here.
//
// Sums run over lanes in a fixed order that depends on an element's index alone, so a row's result is the
// same bits whatever else is in the batch.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "policy/kernels/cpu/element.h"

#ifndef GRPO_LANE_BYTES
#define GRPO_LANE_BYTES 16
#endif
#define GRPO_JOIN(a, b) a##b
#define GRPO_LANES_OF(bytes) GRPO_JOIN(lanes_of_, bytes)
#define GRPO_LAMBDA __attribute__((always_inline))

namespace grpo::cpu {
inline namespace GRPO_LANES_OF(GRPO_LANE_BYTES) {

template <class C>
struct Lanes;
template <>
struct Lanes<float> {
  typedef float type __attribute__((vector_size(GRPO_LANE_BYTES)));
  typedef int32_t mask __attribute__((vector_size(GRPO_LANE_BYTES)));
  static constexpr int64_t kWidth = GRPO_LANE_BYTES / 4;
};
template <>
struct Lanes<double> {
  typedef double type __attribute__((vector_size(GRPO_LANE_BYTES)));
  typedef int64_t mask __attribute__((vector_size(GRPO_LANE_BYTES)));
  static constexpr int64_t kWidth = GRPO_LANE_BYTES / 8;
};
template <class C>
using Vec = typename Lanes<C>::type;

template <class C>
GRPO_INLINE Vec<C> load_lanes(const C* from) {
  Vec<C> v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}
template <class C>
GRPO_INLINE void store_lanes(C* to, Vec<C> v) {
  std::memcpy(to, &v, sizeof(v));
}
// Whole lanes of T, converted to the type they are computed in.
GRPO_INLINE Vec<float> load_wide(const float* from) { return load_lanes<float>(from); }
GRPO_INLINE Vec<double> load_wide(const double* from) { return load_lanes<double>(from); }
GRPO_INLINE Vec<float> load_wide(const Bf16* from) {
#ifdef GRPO_AVX512_LANES
  const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return reinterpret_cast<Vec<float>>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
#else
  typedef uint16_t Narrow __attribute__((vector_size(GRPO_LANE_BYTES / 2)));
  typedef uint32_t Wide __attribute__((vector_size(GRPO_LANE_BYTES)));
  Narrow bits;
  std::memcpy(&bits, from, sizeof(bits));
  const Wide wide = __builtin_convertvector(bits, Wide) << 16;
  Vec<float> v;
  std::memcpy(&v, &wide, sizeof(v));
  return v;
#endif
}
// All lanes x.
template <class C>
GRPO_INLINE Vec<C> all_lanes(C x) {
  return x - Vec<C>{};
}
// a * b + c, rounded once where an instruction for it is named, else twice.
GRPO_INLINE Vec<float> multiply_add(Vec<float> a, Vec<float> b, Vec<float> c) {
#ifdef GRPO_AVX512_LANES
  return reinterpret_cast<Vec<float>>(_mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
#elif defined(GRPO_FMA_LANES)
  return reinterpret_cast<Vec<float>>(_mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#else
  return a * b + c;
#endif
}
GRPO_INLINE Vec<double> multiply_add(Vec<double> a, Vec<double> b, Vec<double> c) {
#ifdef GRPO_AVX512_LANES
  return reinterpret_cast<Vec<double>>(_mm512_fmadd_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b), reinterpret_cast<__m512d>(c)));
#elif defined(GRPO_FMA_LANES)
  return reinterpret_cast<Vec<double>>(_mm256_fmadd_pd(reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b), reinterpret_cast<__m256d>(c)));
#else
  return a * b + c;
#endif
}
// The reverse of load_wide, rounded as store() rounds.
GRPO_INLINE void store_narrow(float* to, Vec<float> v) { store_lanes<float>(to, v); }
GRPO_INLINE void store_narrow(double* to, Vec<double> v) { store_lanes<double>(to, v); }
GRPO_INLINE void store_narrow(Bf16* to, Vec<float> v) {
  typedef uint16_t Narrow __attribute__((vector_size(GRPO_LANE_BYTES / 2)));
  typedef uint32_t Wide __attribute__((vector_size(GRPO_LANE_BYTES)));
  Wide bits;
  std::memcpy(&bits, &v, sizeof(bits));
  const Wide rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Wide kept = (bits & 0x7fffffffu) > 0x7f800000u ? (Wide{} + 0x7fc0u) : rounded;
  const Narrow narrow = __builtin_convertvector(kept, Narrow);
  std::memcpy(to, &narrow, sizeof(narrow));
}
// Lanes rounded as store() to T and load() again would.
template <class T>
GRPO_INLINE Vec<Compute<T>> rounded_lanes(Vec<Compute<T>> v) {
  if constexpr (std::is_same_v<T, Compute<T>>) {
    return v;
  } else {
    T narrow[Lanes<Compute<T>>::kWidth];
    store_narrow(narrow, v);
    return load_wide(narrow);
  }
}
// Lane u holds f(u) for u < count, the others 0. Goes through an array: element by element into a vector
// register is many times slower.
template <class C, class F>
GRPO_INLINE Vec<C> fill_lanes(int64_t count, F f) {
  alignas(64) C buffer[Lanes<C>::kWidth] = {};
  if (count >= Lanes<C>::kWidth) {
    for (int64_t u = 0; u < Lanes<C>::kWidth; ++u) buffer[u] = f(u);
  } else {
    for (int64_t u = 0; u < count; ++u) buffer[u] = f(u);
  }
  return load_lanes<C>(buffer);
}
// g(u, lane u) for u < count.
template <class C, class G>
GRPO_INLINE void spread_lanes(Vec<C> v, int64_t count, G g) {
  alignas(64) C buffer[Lanes<C>::kWidth];
  store_lanes<C>(buffer, v);
  if (count >= Lanes<C>::kWidth) {
    for (int64_t u = 0; u < Lanes<C>::kWidth; ++u) g(u, buffer[u]);
  } else {
    for (int64_t u = 0; u < count; ++u) g(u, buffer[u]);
  }
}
// At most `count` lanes of T from memory, the others 0; and to memory.
template <class T>
GRPO_INLINE Vec<Compute<T>> load_some(const T* from, int64_t count) {
  if (count >= Lanes<Compute<T>>::kWidth) return load_wide(from);
  return fill_lanes<Compute<T>>(count, [&](int64_t u) GRPO_LAMBDA { return load(from[u]); });
}
template <class T>
GRPO_INLINE void store_some(T* to, Vec<Compute<T>> v, int64_t count) {
  if (count >= Lanes<Compute<T>>::kWidth) {
    store_narrow(to, v);
  } else {
    spread_lanes<Compute<T>>(v, count, [&](int64_t u, Compute<T> lane) GRPO_LAMBDA { store(to + u, lane); });
  }
}
// The first `count` lanes of v, the others 0.
template <class C>
GRPO_INLINE Vec<C> first_lanes(Vec<C> v, int64_t count) {
  using M = typename Lanes<C>::mask;
  M index;
  for (int64_t i = 0; i < Lanes<C>::kWidth; ++i) index[i] = i;
  return index < (M{} + static_cast<std::remove_reference_t<decltype(index[0])>>(count)) ? v : Vec<C>{};
}
// Combines lane i with lane i + width/2, and so on with what is left.
template <class C, class F>
GRPO_INLINE C fold_lanes(Vec<C> v, F f) {
  for (int64_t half = Lanes<C>::kWidth / 2; half > 0; half /= 2) {
    typename Lanes<C>::mask order;
    for (int64_t i = 0; i < Lanes<C>::kWidth; ++i) order[i] = (i + half) % Lanes<C>::kWidth;
    v = f(v, __builtin_shuffle(v, order));
  }
  return v[0];
}
// The AVX-512 instructions fold in the same order.
template <class C>
GRPO_INLINE C sum_lanes(Vec<C> v) {
#ifdef GRPO_AVX512_LANES
  if constexpr (std::is_same_v<C, float>) return _mm512_reduce_add_ps(reinterpret_cast<__m512>(v));
#endif
  return fold_lanes<C>(v, [](Vec<C> a, Vec<C> b) GRPO_LAMBDA { return a + b; });
}
template <class C>
GRPO_INLINE C max_lanes(Vec<C> v) {
#ifdef GRPO_AVX512_LANES
  if constexpr (std::is_same_v<C, float>) return _mm512_reduce_max_ps(reinterpret_cast<__m512>(v));
#endif
  return fold_lanes<C>(v, [](Vec<C> a, Vec<C> b) GRPO_LAMBDA { return a > b ? a : b; });
}
template <class C>
GRPO_INLINE int64_t round_up(int64_t n) {
  return (n + Lanes<C>::kWidth - 1) / Lanes<C>::kWidth * Lanes<C>::kWidth;
}

// e^x. float: range reduction by powers of two and the degree-6 polynomial of Cephes' expf, error below
// 2 ulp; x below -87 gives 0. double: the C library, lane by lane.
#ifdef GRPO_AVX512_LANES
GRPO_INLINE Vec<float> exp_lanes(Vec<float> v) {
  const auto all = [](float x) GRPO_LAMBDA { return _mm512_set1_ps(x); };
  const __m512 x = reinterpret_cast<__m512>(v);
  const __mmask16 tiny = _mm512_cmp_ps_mask(x, all(-87.0f), _CMP_LT_OQ);
  const __m512 bounded = _mm512_min_ps(all(88.0f), x);  // of NaN and a number min is the second
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(bounded, all(1.44269504088896341f)), _MM_FROUND_TO_NEAREST_INT);
  __m512 r = _mm512_fnmadd_ps(n, all(0.693359375f), bounded);
  r = _mm512_fnmadd_ps(n, all(-2.12194440e-4f), r);
  __m512 p = all(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, all(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, all(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, all(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, all(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, all(5.0000001201e-1f));
  p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), all(1.0f));
  return reinterpret_cast<Vec<float>>(_mm512_mask_scalef_ps(_mm512_setzero_ps(), static_cast<__mmask16>(~tiny), p, n));
}
#else
GRPO_INLINE Vec<float> exp_lanes(Vec<float> x) {
  using V = Vec<float>;
  using M = Lanes<float>::mask;
  const M tiny = x < -87.0f;
  x = x > 88.0f ? (V{} + 88.0f) : x;
  x = tiny ? (V{} - 87.0f) : x;
  const V shifted = x * 1.44269504088896341f + 12582912.0f;  // 1.5 * 2^23: the integer sits in the low bits
  const V n = shifted - 12582912.0f;
  V r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  V p = all_lanes(1.9875691500e-4f);
  p = multiply_add(p, r, all_lanes(1.3981999507e-3f));
  p = multiply_add(p, r, all_lanes(8.3334519073e-3f));
  p = multiply_add(p, r, all_lanes(4.1665795894e-2f));
  p = multiply_add(p, r, all_lanes(1.6666665459e-1f));
  p = multiply_add(p, r, all_lanes(5.0000001201e-1f));
  p = multiply_add(p, r * r, r) + 1.0f;
  M exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  exponent = (exponent - 0x4b400000 + 127) << 23;
  V scale;
  std::memcpy(&scale, &exponent, sizeof(scale));
  return tiny ? V{} : p * scale;
}
#endif
GRPO_INLINE Vec<double> exp_lanes(Vec<double> x) {
  for (int64_t i = 0; i < Lanes<double>::kWidth; ++i) x[i] = std::exp(x[i]);
  return x;
}

}  // namespace GRPO_LANES_OF(GRPO_LANE_BYTES)
}  // namespace grpo::cpu

// Discrete Fourier transforms of a few points, each point a vector of independent transforms: real
// and imaginary parts in vectors of their own. Forward: y[k] = sum_j x[j] exp(-2 pi i j k / R).
#pragma once
#include "cpu/vector.h"

#define FB_INLINE __attribute__((always_inline)) inline

namespace fb::inline FB_CPU_NAMESPACE::fft {

// W numbers side by side; a plain number for W = 1.
template <class T, int W>
struct LaneVector {
  typedef T Type __attribute__((vector_size(sizeof(T) * W)));
};
template <class T>
struct LaneVector<T, 1> {
  using Type = T;
};
template <class T, int W>
using Lanes = typename LaneVector<T, W>::Type;

template <class V, class T>
FB_INLINE V load_lanes(const T* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof(V));
  return v;
}
template <class V, class T>
FB_INLINE void store_lanes(T* to, V v) {
  __builtin_memcpy(to, &v, sizeof(V));
}

template <class V>
struct Point {
  V re, im;
};
template <class V>
FB_INLINE Point<V> operator+(Point<V> a, Point<V> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
FB_INLINE Point<V> operator-(Point<V> a, Point<V> b) {
  return {a.re - b.re, a.im - b.im};
}
// The factor is a vector or one number for all lanes.
template <class V, class F>
FB_INLINE Point<V> times(Point<V> a, F re, F im) {
  return {a.re * re - a.im * im, a.re * im + a.im * re};
}
template <class V>
FB_INLINE Point<V> times_minus_i(Point<V> a) {
  return {a.im, -a.re};
}

// cos(2 pi k / R) and sin(2 pi k / R) for k <= R / 2.
template <int R>
struct Roots;
template <>
struct Roots<3> {
  static constexpr double kCos[] = {1, -0.5}, kSin[] = {0, 0.86602540378443864676};
};
template <>
struct Roots<5> {
  static constexpr double kCos[] = {1, 0.30901699437494742410, -0.80901699437494742410},
                          kSin[] = {0, 0.95105651629515357212, 0.58778525229247312917};
};
template <>
struct Roots<7> {
  static constexpr double kCos[] = {1, 0.62348980185873353053, -0.22252093395631440429,
                                    -0.90096886790241912624},
                          kSin[] = {0, 0.78183148246802980871, 0.97492791218182360702,
                                    0.43388373911755812048};
};

// Odd R: outputs k and R - k share the sums over pairs of inputs j and R - j.
template <class T, int R, class V>
FB_INLINE void butterfly_odd(Point<V>* x) {
  constexpr int kHalf = R / 2;
  Point<V> plus[kHalf + 1], minus[kHalf + 1], total = x[0];
#pragma GCC unroll 8
  for (int j = 1; j <= kHalf; ++j) {
    plus[j] = x[j] + x[R - j];
    minus[j] = x[j] - x[R - j];
    total = total + plus[j];
  }
  const Point<V> first = x[0];
#pragma GCC unroll 8
  for (int k = 1; k <= kHalf; ++k) {
    Point<V> even = first, odd{};
#pragma GCC unroll 8
    for (int j = 1; j <= kHalf; ++j) {
      const int at = j * k % R, near = at <= kHalf ? at : R - at;
      const T c = static_cast<T>(Roots<R>::kCos[near]);
      const T s = static_cast<T>(at <= kHalf ? Roots<R>::kSin[near] : -Roots<R>::kSin[near]);
      even = {even.re + c * plus[j].re, even.im + c * plus[j].im};
      odd = j == 1 ? Point<V>{s * minus[j].re, s * minus[j].im}
                   : Point<V>{odd.re + s * minus[j].re, odd.im + s * minus[j].im};
    }
    odd = times_minus_i(odd);
    x[k] = even + odd;
    x[R - k] = even - odd;
  }
  x[0] = total;
}

template <class V>
FB_INLINE void butterfly_4(Point<V>& a, Point<V>& b, Point<V>& c, Point<V>& d) {
  const Point<V> s = a + c, t = a - c, u = b + d, v = times_minus_i(b - d);
  a = s + u;
  b = t + v;
  c = s - u;
  d = t - v;
}

// In place, outputs in natural order.
template <class T, int R, class V>
FB_INLINE void butterfly(Point<V>* x) {
  constexpr T kHalfRoot = static_cast<T>(0.70710678118654752440);
  if constexpr (R == 2) {
    const Point<V> sum = x[0] + x[1];
    x[1] = x[0] - x[1];
    x[0] = sum;
  } else if constexpr (R == 4) {
    butterfly_4(x[0], x[1], x[2], x[3]);
  } else if constexpr (R == 8) {
    Point<V> a[4] = {x[0], x[2], x[4], x[6]}, b[4] = {x[1], x[3], x[5], x[7]};
    butterfly_4(a[0], a[1], a[2], a[3]);
    butterfly_4(b[0], b[1], b[2], b[3]);
    b[1] = {kHalfRoot * (b[1].re + b[1].im), kHalfRoot * (b[1].im - b[1].re)};
    b[2] = times_minus_i(b[2]);
    b[3] = {kHalfRoot * (b[3].im - b[3].re), -kHalfRoot * (b[3].re + b[3].im)};
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      x[k] = a[k] + b[k];
      x[k + 4] = a[k] - b[k];
    }
  } else if constexpr (R == 16) {
    constexpr T c = static_cast<T>(0.92387953251128675613),
                s = static_cast<T>(0.38268343236508977173);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) butterfly_4(x[j], x[j + 4], x[j + 8], x[j + 12]);
    // x[j + 4 k] holds output k of the j-th four; its factor is exp(-2 pi i j k / 16).
    x[5] = times(x[5], c, -s);
    x[9] = {kHalfRoot * (x[9].re + x[9].im), kHalfRoot * (x[9].im - x[9].re)};
    x[13] = times(x[13], s, -c);
    x[6] = {kHalfRoot * (x[6].re + x[6].im), kHalfRoot * (x[6].im - x[6].re)};
    x[10] = times_minus_i(x[10]);
    x[14] = {kHalfRoot * (x[14].im - x[14].re), -kHalfRoot * (x[14].re + x[14].im)};
    x[7] = times(x[7], s, -c);
    x[11] = {kHalfRoot * (x[11].im - x[11].re), -kHalfRoot * (x[11].re + x[11].im)};
    x[15] = times(x[15], -c, s);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) butterfly_4(x[4 * k], x[4 * k + 1], x[4 * k + 2], x[4 * k + 3]);
    // x[4 k + l] is output k + 4 l.
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k)
#pragma GCC unroll 4
      for (int l = 0; l < k; ++l) {
        const Point<V> kept = x[4 * k + l];
        x[4 * k + l] = x[4 * l + k];
        x[4 * l + k] = kept;
      }
  } else {
    butterfly_odd<T, R>(x);
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE::fft

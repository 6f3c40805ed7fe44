// Definitions of the passes, for the two files that make them in one precision each.
#pragma once
#include "cpu/fft_passes.h"
#include "cpu/fft_shuffle.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {

// Calls f(width) with the widest vector that `count` numbers fill; f is given 1 for single numbers.
template <class T, class F>
FB_INLINE void with_width(int64_t count, F&& f) {
  constexpr int kFull = kLanes<T>;
  if (count >= kFull) return f(std::integral_constant<int, kFull>());
  if constexpr (kFull >= 4)
    if (count >= kFull / 2) return f(std::integral_constant<int, kFull / 2>());
  if constexpr (kFull >= 8)
    if (count >= kFull / 4) return f(std::integral_constant<int, kFull / 4>());
  f(std::integral_constant<int, 1>());
}

// Calls f(at) for at = 0, W, 2 W, ... and lastly for count - W, which may overlap: what is done
// twice is done to the same effect.
template <int W, class F>
FB_INLINE void each_vector(int64_t count, F&& f) {
  int64_t at = 0;
  for (; at + W <= count; at += W) f(at);
  if (at < count) f(count - W);
}

template <class T, int R, int W, bool kTwiddles>
void pass_of(const T* w, int64_t groups, int64_t stride, Split<const T> x, Split<T> y) {
  using V = Lanes<T, W>;
  const int64_t apart = stride * groups;
  for (int64_t p = 0; p < groups; ++p) {
    each_vector<W>(stride, [&](int64_t q) __attribute__((always_inline)) {
      Point<V> v[R];
      const int64_t from = p * stride + q, to = p * R * stride + q;
#pragma GCC unroll 16
      for (int j = 0; j < R; ++j)
        v[j] = {load_lanes<V>(x.re + from + j * apart), load_lanes<V>(x.im + from + j * apart)};
      butterfly<T, R>(v);
#pragma GCC unroll 16
      for (int k = 0; k < R; ++k) {
        if (kTwiddles && k > 0) v[k] = times(v[k], w[2 * k - 2], w[2 * k - 1]);
        store_lanes(y.re + to + k * stride, v[k].re);
        store_lanes(y.im + to + k * stride, v[k].im);
      }
    });
    w += 2 * (R - 1);
  }
}

// A radix without code of its own: an odd prime. Inputs j and radix - j are paired as in
// butterfly_odd.
template <class T, int W>
void pass_of_prime(const T* w, const T* roots, int64_t radix, int64_t groups, int64_t stride,
                   Split<const T> x, Split<T> y) {
  using V = Lanes<T, W>;
  const int64_t apart = stride * groups, half = radix / 2;
  for (int64_t p = 0; p < groups; ++p) {
    const T* factor = w + 2 * (radix - 1) * p;
    each_vector<W>(stride, [&](int64_t q) {
      auto input = [&](int64_t j) {
        const int64_t at = p * stride + q + j * apart;
        return Point<V>{load_lanes<V>(x.re + at), load_lanes<V>(x.im + at)};
      };
      auto output = [&](int64_t k, Point<V> v) {
        if (groups > 1 && k > 0) v = times(v, factor[2 * k - 2], factor[2 * k - 1]);
        const int64_t at = (p * radix + k) * stride + q;
        store_lanes(y.re + at, v.re);
        store_lanes(y.im + at, v.im);
      };
      Point<V> plus[kLargestFftRadixInTiles / 2 + 1], minus[kLargestFftRadixInTiles / 2 + 1];
      const Point<V> first = input(0);
      Point<V> total = first;
      for (int64_t j = 1; j <= half; ++j) {
        const Point<V> a = input(j), b = input(radix - j);
        plus[j] = a + b;
        minus[j] = a - b;
        total = total + plus[j];
      }
      output(0, total);
      for (int64_t k = 1; k <= half; ++k) {
        Point<V> even = first, odd{};
        for (int64_t j = 1, at = k; j <= half; ++j) {
          const T c = roots[2 * at], s = -roots[2 * at + 1];
          even = {even.re + c * plus[j].re, even.im + c * plus[j].im};
          odd = {odd.re + s * minus[j].re, odd.im + s * minus[j].im};
          at += k;
          if (at >= radix) at -= radix;
        }
        odd = times_minus_i(odd);
        output(k, even + odd);
        output(radix - k, even - odd);
      }
    });
  }
}

// Calls f(radix) for a radix with code of its own.
template <class F>
FB_INLINE void with_radix(int64_t radix, F&& f) {
  switch (radix) {
    case 2:
      return f(std::integral_constant<int, 2>());
    case 3:
      return f(std::integral_constant<int, 3>());
    case 4:
      return f(std::integral_constant<int, 4>());
    case 5:
      return f(std::integral_constant<int, 5>());
    case 7:
      return f(std::integral_constant<int, 7>());
    case 8:
      return f(std::integral_constant<int, 8>());
    default:
      return f(std::integral_constant<int, 16>());
  }
}

template <class T>
FB_INLINE void any_pass(const FftPlan<T>& plan, const FftPass& pass, int64_t inner,
                        Split<const T> x, Split<T> y) {
  const int64_t stride = pass.stride * inner;
  const T* w = plan.at(pass.twiddles);
  with_width<T>(stride, [&](auto width) {
    if (pass.roots >= 0)
      return pass_of_prime<T, width>(w, plan.at(pass.roots), pass.radix, pass.groups, stride, x, y);
    with_radix(pass.radix, [&](auto radix) {
      if (pass.groups > 1)
        pass_of<T, radix, width, true>(w, pass.groups, stride, x, y);
      else
        pass_of<T, radix, width, false>(w, 1, stride, x, y);
    });
  });
}

// The first pass for R a power of two and vectors along the groups: R of them are transposed, so
// that the outputs of a group are neighbours.
template <class T, int R, int W, class Source>
void first_pass_of(const T* w, int64_t groups, const Source& source, Split<T> y) {
  using V = Lanes<T, W>;
  each_vector<W>(groups, [&](int64_t p) __attribute__((always_inline)) {
    Point<V> v[R];
#pragma GCC unroll 16
    for (int j = 0; j < R; ++j) v[j] = source(p + j * groups);
    butterfly<T, R>(v);
    V re[R], im[R];
#pragma GCC unroll 16
    for (int k = 0; k < R; ++k) {
      const T* factor = w + (k - 1) * 2 * groups + p;
      if (k > 0) v[k] = times(v[k], load_lanes<V>(factor), load_lanes<V>(factor + groups));
      re[k] = v[k].re;
      im[k] = v[k].im;
    }
    if constexpr ((R & (R - 1)) == 0) {
      transpose<T, R>(re);
      transpose<T, R>(im);
#pragma GCC unroll 16
      for (int k = 0; k < R; ++k) {
        store_lanes(y.re + p * R + k * W, re[k]);
        store_lanes(y.im + p * R + k * W, im[k]);
      }
    } else {
      T parts[2][R][W];
      __builtin_memcpy(parts[0], re, sizeof(re));
      __builtin_memcpy(parts[1], im, sizeof(im));
      for (int lane = 0; lane < W; ++lane)
        for (int k = 0; k < R; ++k) {
          y.re[(p + lane) * R + k] = parts[0][k][lane];
          y.im[(p + lane) * R + k] = parts[1][k][lane];
        }
    }
  });
}

template <class T>
FB_INLINE void any_first_pass(const FftPlan<T>& plan, const FftPass& pass, Split<const T> x,
                              Split<T> y) {
  with_width<T>(pass.groups, [&](auto width) {
    if constexpr (width == 1) {
      any_pass(plan, pass, 1, x, y);
    } else {
      if (pass.roots >= 0) return any_pass(plan, pass, 1, x, y);
      with_radix(pass.radix, [&](auto radix) {
        using V = Lanes<T, width>;
        first_pass_of<T, radix, width>(
            plan.at(pass.lane_twiddles), pass.groups,
            [&](int64_t at) __attribute__((always_inline)) {
              return Point<V>{load_lanes<V>(x.re + at), load_lanes<V>(x.im + at)};
            },
            y);
      });
    }
  });
}

template <class T, int R, bool kSwapped>
void first_pass_of_pairs(const T* w, int64_t groups, const T* x, Split<T> y) {
  using V = Vector<T>;
  first_pass_of<T, R, kLanes<T>>(
      w, groups,
      [&](int64_t at) __attribute__((always_inline)) {
        V re, im;
        unzip<T>(load_lanes<V>(x + 2 * at), load_lanes<V>(x + 2 * at + kLanes<T>), re, im);
        return kSwapped ? Point<V>{im, re} : Point<V>{re, im};
      },
      y);
}

template <class T>
FB_INLINE bool any_first_pass(const FftPlan<T>& plan, const FftPass& pass, const T* x, bool swapped,
                              Split<T> y) {
  if ((pass.radix != 16 && pass.radix != 8) || pass.groups < kLanes<T>) return false;
  const T* w = plan.at(pass.lane_twiddles);
  if (pass.radix == 16)
    swapped ? first_pass_of_pairs<T, 16, true>(w, pass.groups, x, y)
            : first_pass_of_pairs<T, 16, false>(w, pass.groups, x, y);
  else
    swapped ? first_pass_of_pairs<T, 8, true>(w, pass.groups, x, y)
            : first_pass_of_pairs<T, 8, false>(w, pass.groups, x, y);
  return true;
}

}  // namespace fb::inline FB_CPU_NAMESPACE::fft

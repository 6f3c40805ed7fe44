// Real transforms of 2 h points through complex ones of h points: pairs of neighbouring numbers
// are taken for complex ones (W. H. Press et al., Numerical Recipes, 12.3).
#pragma once
#include "core/threads.h"
#include "cpu/fft_passes.h"
#include "cpu/fft_shuffle.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {

// What becomes of elements k and h - k with w = exp(-pi i k / h).
// Z -> X: even and odd part E = (Z[k] + conj Z[h-k]) / 2, O = (Z[k] - conj Z[h-k]) / 2i;
// X[k] = E + w O, X[h-k] = conj(E - w O).
struct FromPairs {
  template <class V, class F>
  static FB_INLINE void apply(Point<V>& a, Point<V>& b, F wr, F wi) {
    using T = std::remove_reference_t<decltype(a)>;
    const V er = a.re + b.re, ei = a.im - b.im, dr = a.im + b.im, di = b.re - a.re;
    const V tr = dr * wr - di * wi, ti = dr * wi + di * wr;
    a = T{(er + tr) / 2, (ei + ti) / 2};
    b = T{(er - tr) / 2, (ti - ei) / 2};
  }
};
// The inverse, twice as large, which suits a sum without a factor.
struct ToPairs {
  template <class V, class F>
  static FB_INLINE void apply(Point<V>& a, Point<V>& b, F wr, F wi) {
    using T = std::remove_reference_t<decltype(a)>;
    const V er = a.re + b.re, ei = a.im - b.im, dr = a.re - b.re, di = a.im + b.im;
    const V tr = dr * wr + di * wi, ti = di * wr - dr * wi;  // times the conjugate of w
    a = T{er - ti, ei + tr};
    b = T{er + ti, tr - ei};
  }
};

template <class Step, class T>
void pair_up_tile(const T* w, int64_t h, Split<T> z) {
  using V = Vector<T>;
  const T* sines = w + h / 2 + 1;
  for (int64_t k = 1; 2 * k <= h; ++k)
    for (int64_t c = 0; c < kFftTile; c += kLanes<T>) {
      const int64_t i = k * kFftTile + c, j = (h - k) * kFftTile + c;
      Point<V> a{load_lanes<V>(z.re + i), load_lanes<V>(z.im + i)};
      Point<V> b{load_lanes<V>(z.re + j), load_lanes<V>(z.im + j)};
      Step::apply(a, b, w[k], sines[k]);
      store_lanes(z.re + i, a.re);
      store_lanes(z.im + i, a.im);
      store_lanes(z.re + j, b.re);
      store_lanes(z.im + j, b.im);
    }
}

template <class Step, class T>
void pair_up_line(const T* w, int64_t h, Split<T> z) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  const T* sines = w + h / 2 + 1;
  parallel_for(1, h / 2 + 1, 1 << 15, [&](int64_t k, int64_t end) {
    // The vectors from both ends must not meet.
    for (; k + L <= end && 2 * (k + L) <= h; k += L) {
      const int64_t j = h - k - (L - 1);
      Point<V> a{load_lanes<V>(z.re + k), load_lanes<V>(z.im + k)};
      Point<V> b{reversed<T>(load_lanes<V>(z.re + j)), reversed<T>(load_lanes<V>(z.im + j))};
      Step::apply(a, b, load_lanes<V>(w + k), load_lanes<V>(sines + k));
      store_lanes(z.re + k, a.re);
      store_lanes(z.im + k, a.im);
      store_lanes(z.re + j, reversed<T>(b.re));
      store_lanes(z.im + j, reversed<T>(b.im));
    }
    for (; k < end; ++k) {
      Point<T> a{z.re[k], z.im[k]}, b{z.re[h - k], z.im[h - k]};
      Step::apply(a, b, w[k], sines[k]);
      z.re[k] = a.re;
      z.im[k] = a.im;
      z.re[h - k] = b.re;
      z.im[h - k] = b.im;
    }
  });
}

template <class Step, class T>
FB_INLINE void pair_up(const FftPlan<T>& plan, int64_t inner, Split<T> z) {
  const T* w = plan.at(plan.half_turns);
  inner == 1 ? pair_up_line<Step>(w, plan.length, z) : pair_up_tile<Step>(w, plan.length, z);
}

// The spectrum of 2 h real numbers, h + 1 elements, from the transform of their h pairs.
template <class T>
void spectrum_from_pairs(const FftPlan<T>& plan, int64_t inner, Split<T> z) {
  const int64_t last = plan.length * inner;
  for (int64_t c = 0; c < inner; ++c) {
    const T re = z.re[c], im = z.im[c];
    z.re[c] = re + im;
    z.re[last + c] = re - im;
    z.im[c] = z.im[last + c] = 0;
  }
  pair_up<FromPairs>(plan, inner, z);
}

// Back; the imaginary parts of the ends count for nothing.
template <class T>
void pairs_from_spectrum(const FftPlan<T>& plan, int64_t inner, Split<T> z) {
  const int64_t last = plan.length * inner;
  for (int64_t c = 0; c < inner; ++c) {
    const T first = z.re[c], end = z.re[last + c];
    z.re[c] = first + end;
    z.im[c] = first - end;
  }
  pair_up<ToPairs>(plan, inner, z);
}

// The whole of a spectrum of n elements from its first n / 2 + 1, n odd.
template <class T>
void whole_spectrum(int64_t n, int64_t inner, Split<T> z) {
  for (int64_t c = 0; c < inner; ++c) z.im[c] = 0;
  for (int64_t k = 1; 2 * k < n; ++k)
    for (int64_t c = 0; c < inner; ++c) {
      z.re[(n - k) * inner + c] = z.re[k * inner + c];
      z.im[(n - k) * inner + c] = -z.im[k * inner + c];
    }
}

}  // namespace fb::inline FB_CPU_NAMESPACE::fft

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

// Where elements of a line are: parts in arrays of their own, or one after the other and scaled.
template <class T>
struct Apart {
  Split<T> z;
  template <class V>
  FB_INLINE Point<V> load(int64_t at) const {
    return {load_lanes<V>(z.re + at), load_lanes<V>(z.im + at)};
  }
  template <class V>
  FB_INLINE void store(int64_t at, Point<V> v) const {
    store_lanes(z.re + at, v.re);
    store_lanes(z.im + at, v.im);
  }
};
template <class T, class Number = std::remove_const_t<T>>
struct Together {
  T* z;
  Number scale;
  template <class V>
  FB_INLINE Point<V> load(int64_t at) const {
    if constexpr (std::is_same_v<V, Number>) {
      return {z[2 * at], z[2 * at + 1]};
    } else {
      Point<V> v;
      const T* from = z + 2 * at;
      unzip<Number>(load_lanes<V>(from), load_lanes<V>(from + kLanes<Number>), v.re, v.im);
      return v;
    }
  }
  template <class V>
  FB_INLINE void store(int64_t at, Point<V> v) const {
    if constexpr (std::is_same_v<V, Number>) {
      z[2 * at] = scale * v.re;
      z[2 * at + 1] = scale * v.im;
    } else {
      V low, high;
      zip<Number>(scale * v.re, scale * v.im, low, high);
      store_lanes(z + 2 * at, low);
      store_lanes(z + 2 * at + kLanes<Number>, high);
    }
  }
};

// Elements 1 to h - 1 of one line; `from` may be `to`.
template <class Step, class T, class From, class To>
void pair_up_line(const T* w, int64_t h, const From& from, const To& to) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  const T* sines = w + h / 2 + 1;
  parallel_for(1, h / 2 + 1, 1 << 15, [&](int64_t begin, int64_t end) {
    auto vectors = [&](int64_t k) {
      const int64_t j = h - k - (L - 1);
      Point<V> a = from.template load<V>(k), b = from.template load<V>(j);
      b = {reversed<T>(b.re), reversed<T>(b.im)};
      Step::apply(a, b, load_lanes<V>(w + k), load_lanes<V>(sines + k));
      to.store(k, a);
      to.store(j, Point<V>{reversed<T>(b.re), reversed<T>(b.im)});
    };
    int64_t k = begin;
    // The vectors from both ends must not meet.
    for (; k + L <= end && 2 * (k + L) <= h; k += L) vectors(k);
    if constexpr (!std::is_same_v<From, To>) {
      // What is left in the middle, with some of what is done: it can still be read.
      if (k < end && end == h / 2 + 1 && end - L >= begin) {
        vectors(end - L);
        k = end;
      }
    }
    for (; k < end; ++k) {
      Point<T> a = from.template load<T>(k), b = from.template load<T>(h - k);
      Step::apply(a, b, w[k], sines[k]);
      to.store(k, a);
      to.store(h - k, b);
    }
  });
}

// The spectrum of 2 h real numbers, h + 1 elements, from the transform of their h pairs.
template <class T, class From, class To>
void spectrum_from_pairs(const FftPlan<T>& plan, const From& from, const To& to) {
  const int64_t h = plan.length;
  const Point<T> ends = from.template load<T>(0);
  pair_up_line<FromPairs>(plan.at(plan.half_turns), h, from, to);
  to.store(0, Point<T>{ends.re + ends.im, 0});
  to.store(h, Point<T>{ends.re - ends.im, 0});
}

// Back; the imaginary parts of the ends count for nothing.
template <class T, class From, class To>
void pairs_from_spectrum(const FftPlan<T>& plan, const From& from, const To& to) {
  const int64_t h = plan.length;
  const T first = from.template load<T>(0).re, last = from.template load<T>(h).re;
  pair_up_line<ToPairs>(plan.at(plan.half_turns), h, from, to);
  to.store(0, Point<T>{first + last, first - last});
}

// The same for the lines of a tile, in place.
template <class Step, class T>
void pair_up_tile(const FftPlan<T>& plan, Split<T> z) {
  using V = Vector<T>;
  const int64_t h = plan.length;
  const T *w = plan.at(plan.half_turns), *sines = w + h / 2 + 1;
  const Apart<T> tile{z};
  for (int64_t k = 1; 2 * k <= h; ++k)
    for (int64_t c = 0; c < kFftTile; c += kLanes<T>) {
      const int64_t i = k * kFftTile + c, j = (h - k) * kFftTile + c;
      Point<V> a = tile.template load<V>(i), b = tile.template load<V>(j);
      Step::apply(a, b, w[k], sines[k]);
      tile.store(i, a);
      tile.store(j, b);
    }
}

template <class T>
void tile_spectrum_from_pairs(const FftPlan<T>& plan, Split<T> z) {
  const int64_t last = plan.length * kFftTile;
  for (int64_t c = 0; c < kFftTile; ++c) {
    const T re = z.re[c], im = z.im[c];
    z.re[c] = re + im;
    z.re[last + c] = re - im;
    z.im[c] = z.im[last + c] = 0;
  }
  pair_up_tile<FromPairs>(plan, z);
}

template <class T>
void tile_pairs_from_spectrum(const FftPlan<T>& plan, Split<T> z) {
  const int64_t last = plan.length * kFftTile;
  for (int64_t c = 0; c < kFftTile; ++c) {
    const T first = z.re[c], end = z.re[last + c];
    z.re[c] = first + end;
    z.im[c] = first - end;
  }
  pair_up_tile<ToPairs>(plan, z);
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

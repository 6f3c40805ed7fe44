// Shuffles of vectors that Fourier transforms need: GCC's and Clang's own notation, which every
// instruction set has instructions for.
#pragma once
#include <utility>

#include "cpu/fft_butterfly.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {

namespace detail {
template <class V, size_t... I>
FB_INLINE V even_lanes(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...);
}
template <class V, size_t... I>
FB_INLINE V odd_lanes(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I + 1)...);
}
template <size_t begin, class V, size_t... I>
FB_INLINE V zipped_lanes(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (begin + I / 2 + I % 2 * sizeof...(I))...);
}
template <class V, size_t... I>
FB_INLINE V reversed_lanes(V a, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, a, (sizeof...(I) - 1 - I)...);
}
}  // namespace detail

template <class T, class V>
using LaneIndices = std::make_index_sequence<sizeof(V) / sizeof(T)>;

// a0 a2 ... b0 b2 ... and a1 a3 ... b1 b3 ...
template <class T, class V>
FB_INLINE void unzip(V a, V b, V& even, V& odd) {
  even = detail::even_lanes(a, b, LaneIndices<T, V>());
  odd = detail::odd_lanes(a, b, LaneIndices<T, V>());
}
// a0 b0 a1 b1 ...
template <class T, class V>
FB_INLINE void zip(V a, V b, V& low, V& high) {
  low = detail::zipped_lanes<0>(a, b, LaneIndices<T, V>());
  high = detail::zipped_lanes<sizeof(V) / sizeof(T) / 2>(a, b, LaneIndices<T, V>());
}
template <class T, class V>
FB_INLINE V reversed(V a) {
  return detail::reversed_lanes(a, LaneIndices<T, V>());
}

// R rows, R a power of two, become what is read column after column: one zip for each bit.
template <class T, int R, class V>
FB_INLINE void transpose(V* rows) {
#pragma GCC unroll 4
  for (int stage = R; stage > 1; stage /= 2) {
    V mixed[R];
#pragma GCC unroll 16
    for (int k = 0; k < R / 2; ++k)
      zip<T>(rows[k], rows[k + R / 2], mixed[2 * k], mixed[2 * k + 1]);
#pragma GCC unroll 16
    for (int k = 0; k < R; ++k) rows[k] = mixed[k];
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE::fft

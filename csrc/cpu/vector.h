// Vectors as wide as the instruction set has them, in GCC's notation: a + b, a * b and a < b work
// lane by lane.
#pragma once
#if defined(__AVX512F__)
#include <immintrin.h>
#endif
#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/cpu.h"

// Vectors wider than the machine's are passed in other ways by other compilers: not between files.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace fb::inline FB_CPU_NAMESPACE {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
constexpr int kLanes = kVectorBytes / sizeof(T);

template <class T>
struct VectorOf {
  typedef T Type __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::Type;

template <class T>
inline Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}

template <class T>
inline void store(T* to, Vector<T> v) {
  std::memcpy(to, &v, sizeof(v));
}

template <class T, size_t n>
struct LanesOf {
  typedef T Type __attribute__((vector_size(n * sizeof(T))));
};

// Of the halves of a vector, of the halves of that, and so on, f(a, b) makes a the result for both.
// In registers: loops over halves would go through memory at each of them. By reference, as vectors
// wider than the machine's cannot be returned.
template <class T, class F, size_t... I>
[[gnu::always_inline]] inline T fold_halves(const typename LanesOf<T, 2 * sizeof...(I)>::Type& v,
                                            F f, std::index_sequence<I...>) {
  constexpr size_t half = sizeof...(I);
  if constexpr (half == 1) {
    T low = v[0];
    f(low, v[1]);
    return low;
  } else {
    auto low = __builtin_shufflevector(v, v, I...);
    f(low, __builtin_shufflevector(v, v, I + half...));
    return fold_halves<T>(low, f, std::make_index_sequence<half / 2>());
  }
}

// Past the caches, where a vector is one of their lines and `to` lies on a multiple of it.
constexpr bool kStreamsVectors = kVectorBytes == 64;
template <class T>
inline void stream(T* to, Vector<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(v));
#else
  store(to, v);
#endif
}

// a[begin] b[begin] a[begin + 1] b[begin + 1] ...
template <size_t begin, class V, size_t... I>
inline V zipped(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (begin + I / 2 + I % 2 * sizeof...(I))...);
}

// A square of kLanes rows, transposed: one round for each bit of the places, in which the rows of
// the first half meet those of the second, number by number.
template <class T>
[[gnu::always_inline]] inline void transpose(Vector<T>* rows) {
  constexpr int n = kLanes<T>;
  using All = std::make_index_sequence<n>;
  for (int round = 1; round < n; round *= 2) {
    Vector<T> next[n];
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = zipped<0>(rows[i], rows[i + n / 2], All());
      next[2 * i + 1] = zipped<n / 2>(rows[i], rows[i + n / 2], All());
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = next[i];
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE

// Vectors as wide as the instruction set has them, in GCC's notation: a + b, a * b and a < b work
// lane by lane.
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/cpu.h"

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

// f(a, b) of the halves of a vector, of the halves of that, and so on. In registers: loops over
// halves would go through memory at each of them.
template <class T, class F, size_t... I>
[[gnu::always_inline]] inline T fold_halves(const typename LanesOf<T, 2 * sizeof...(I)>::Type& v,
                                            F f, std::index_sequence<I...>) {
  constexpr size_t half = sizeof...(I);
  if constexpr (half == 1) {
    return f(v[0], v[1]);
  } else {
    return fold_halves<T>(
        f(__builtin_shufflevector(v, v, I...), __builtin_shufflevector(v, v, I + half...)), f,
        std::make_index_sequence<half / 2>());
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE

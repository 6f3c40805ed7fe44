// Dot products of dense vectors, with vectors of sums in a fixed order.
#pragma once
#include "cpu/complex.h"
#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE {

// Sum of a[i] * b[i], or of conj(a[i]) * b[i].
template <bool conjugate = false, class T>
T dot(int64_t n, const T* a, const T* b) {
  T sum(0);
  int64_t i = 0;
  if constexpr (!is_complex_type<T>) {
    constexpr int kSums = 4;
    Vector<T> sums[kSums] = {};
    for (; i + kSums * kLanes<T> <= n; i += kSums * kLanes<T>)
      for (int s = 0; s < kSums; ++s)
        sums[s] += load(a + i + s * kLanes<T>) * load(b + i + s * kLanes<T>);
    for (; i + kLanes<T> <= n; i += kLanes<T>) sums[0] += load(a + i) * load(b + i);
    Vector<T> all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (int s = 0; s < kLanes<T>; ++s) sum += all[s];
    for (; i < n; ++i) sum += a[i] * b[i];
  } else {
    for (; i < n; ++i) sum = sum + (conjugate ? conj(a[i]) : a[i]) * b[i];
  }
  return sum;
}

}  // namespace fb::inline FB_CPU_NAMESPACE

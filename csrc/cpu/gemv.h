// A vector times a matrix: bound by memory, so elements are converted as they are read.
#pragma once
#include <cstring>
#include <utility>

#include "cpu/convert.h"
#include "cpu/gemm.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace fb::inline FB_CPU_NAMESPACE {

constexpr int kGemvLanes = 16;

template <class S, class T>
inline void widen_lanes(T* __restrict to, const S* from) {
  for (int i = 0; i < kGemvLanes; ++i) to[i] = static_cast<T>(from[i]);
}

#ifdef __AVX512F__
// The compiler converts half precision one element at a time. The mask keeps gcc 12 from warning of
// what its own header leaves undefined.
inline void widen_lanes(float* __restrict to, const Half* from) {
  _mm512_storeu_ps(to, _mm512_maskz_cvtph_ps(
                           0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
}
#endif

// sums[i] += x[i] * row[i].
template <class S, class T>
inline void multiply_lanes(T* __restrict sums, const T* __restrict x, const S* row) {
  T widened[kGemvLanes];
  widen_lanes(widened, row);
  for (int i = 0; i < kGemvLanes; ++i) sums[i] += x[i] * widened[i];
}

template <class T, size_t n>
struct VectorOfSize {
  typedef T Type __attribute__((vector_size(n * sizeof(T))));
};

// The sum of a vector's elements, by halves.
template <class T, size_t... I>
[[gnu::always_inline]] inline T sum_of_lanes(
    const typename VectorOfSize<T, 2 * sizeof...(I)>::Type& v, std::index_sequence<I...>) {
  constexpr size_t half = sizeof...(I);
  if constexpr (half == 1) {
    return v[0] + v[1];
  } else {
    return sum_of_lanes<T>(
        __builtin_shufflevector(v, v, I...) + __builtin_shufflevector(v, v, I + half...),
        std::make_index_sequence<half / 2>());
  }
}

// y[j] = sum over l of x[l] * b[j * stride + l].
template <class S, class T>
void dot_products(int64_t k, int64_t n, const T* __restrict x, const S* b, int64_t stride,
                  T* __restrict y) {
  constexpr int kLanes = kGemvLanes;
  for (int64_t j = 0; j < n; ++j) {
    const S* __restrict row = b + j * stride;
    T sums[2][kLanes] = {};
    int64_t l = 0;
    for (; l + 2 * kLanes <= k; l += 2 * kLanes) {
      multiply_lanes(sums[0], x + l, row + l);
      multiply_lanes(sums[1], x + l + kLanes, row + l + kLanes);
    }
    for (; l + kLanes <= k; l += kLanes) multiply_lanes(sums[0], x + l, row + l);
    T sum = 0;
    for (; l < k; ++l) sum += x[l] * static_cast<T>(row[l]);
    // Loops over halves would go through memory at each of them.
    typename VectorOfSize<T, kLanes>::Type parts[2];
    std::memcpy(parts, sums, sizeof(sums));
    y[j] = sum + sum_of_lanes<T>(parts[0] + parts[1], std::make_index_sequence<kLanes / 2>());
  }
}

// y[j] = sum over l of x[l] * b[l * stride + j].
template <class S, class T>
void sum_of_rows(int64_t k, int64_t n, const T* __restrict x, const S* b, int64_t stride,
                 T* __restrict y) {
  constexpr int64_t kWidth = 1024;  // of y in the first-level cache
  for (int64_t j0 = 0; j0 < n; j0 += kWidth) {
    int64_t width = std::min(kWidth, n - j0);
    T* __restrict to = y + j0;
    std::fill_n(to, width, T(0));
    int64_t l = 0;
    for (; l + 4 <= k; l += 4) {
      const S* __restrict b0 = b + l * stride + j0, * __restrict b1 = b0 + stride, * __restrict b2 = b1 + stride, * __restrict b3 = b2 + stride;
      T x0 = x[l], x1 = x[l + 1], x2 = x[l + 2], x3 = x[l + 3];
      for (int64_t j = 0; j < width; ++j) {
        to[j] += x0 * static_cast<T>(b0[j]) + x1 * static_cast<T>(b1[j]) +
                 x2 * static_cast<T>(b2[j]) + x3 * static_cast<T>(b3[j]);
      }
    }
    for (; l < k; ++l) {
      const S* __restrict row = b + l * stride + j0;
      for (int64_t j = 0; j < width; ++j) to[j] += x[l] * static_cast<T>(row[j]);
    }
  }
}

// Half precision is widened piece by piece: the compiler converts one element at a time.
inline void sum_of_rows(int64_t k, int64_t n, const float* x, const Half* b, int64_t stride,
                        float* y) {
  constexpr int64_t kHalfPiece = 1024, kRows = 4;
  float pieces[kRows * kHalfPiece], sums[kHalfPiece];
  for (int64_t j = 0; j < n; j += kHalfPiece) {
    const int64_t width = std::min(kHalfPiece, n - j);
    std::fill_n(y + j, width, 0.f);
    for (int64_t l = 0; l < k; l += kRows) {
      const int64_t rows = std::min(kRows, k - l);
      for (int64_t r = 0; r < rows; ++r)
        convert(pieces + r * kHalfPiece, DType::Float32, b + (l + r) * stride + j, DType::Float16,
                width);
      sum_of_rows(rows, width, x + l, pieces, kHalfPiece, sums);
      for (int64_t i = 0; i < width; ++i) y[j + i] += sums[i];
    }
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE

// A vector times a matrix: bound by memory, so elements are converted as they are read.
#pragma once
#include <cstring>
#include <utility>

#include "cpu/convert.h"
#include "cpu/gemm.h"
#include "cpu/vector.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace fb::inline FB_CPU_NAMESPACE {

constexpr int kGemvLanes = 16;

template <class T, size_t n>
struct VectorOfSize {
  typedef T Type __attribute__((vector_size(n * sizeof(T))));
};

template <class T>
using GemvLanes = typename VectorOfSize<T, kGemvLanes>::Type;

template <class T, class S>
inline GemvLanes<T> load_lanes(const S* from) {
  GemvLanes<T> lanes;
  if constexpr (std::is_same_v<S, T>) {
    std::memcpy(&lanes, from, sizeof(lanes));
    return lanes;
  }
#ifdef __AVX512F__
  // The compiler converts half precision one element at a time. The mask keeps gcc 12 from warning
  // of what its own header leaves undefined.
  if constexpr (std::is_same_v<S, Half>) {
    return GemvLanes<T>(
        _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
  }
#endif
  T widened[kGemvLanes];
  for (int i = 0; i < kGemvLanes; ++i) widened[i] = static_cast<T>(from[i]);
  std::memcpy(&lanes, widened, sizeof(lanes));
  return lanes;
}

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

// y[j] = sum over l of x[l] * b[j * stride + l] for j < rows. Several rows hide each other's
// latency.
template <int rows, class S, class T>
inline void dot_rows(int64_t k, const T* __restrict x, const S* b, int64_t stride,
                     T* __restrict y) {
  constexpr int lanes = kGemvLanes, parts = rows > 1 ? 1 : 2;
  GemvLanes<T> sums[rows][parts] = {};
  int64_t l = 0;
  for (; l + parts * lanes <= k; l += parts * lanes) {
#pragma GCC unroll 2
    for (int p = 0; p < parts; ++p) {
      const GemvLanes<T> factors = load_lanes<T>(x + l + p * lanes);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r)
        sums[r][p] += factors * load_lanes<T>(b + r * stride + l + p * lanes);
    }
  }
  if (parts > 1 && l + lanes <= k) {
    sums[0][0] += load_lanes<T>(x + l) * load_lanes<T>(b + l);
    l += lanes;
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    T sum = 0;
    for (int64_t i = l; i < k; ++i) sum += x[i] * static_cast<T>(b[r * stride + i]);
    GemvLanes<T> total = sums[r][0];
    if (parts > 1) total += sums[r][parts - 1];
    y[r] = sum + sum_of_lanes<T>(total, std::make_index_sequence<lanes / 2>());
  }
}

// The same for n rows.
template <class S, class T>
void dot_products(int64_t k, int64_t n, const T* __restrict x, const S* b, int64_t stride,
                  T* __restrict y) {
  constexpr int kRows = std::is_same_v<S, T> ? 1 : 4;  // memory gives one at a time fastest
  int64_t j = 0;
  for (; j + kRows <= n; j += kRows) dot_rows<kRows>(k, x, b + j * stride, stride, y + j);
  for (; j < n; ++j) dot_rows<1>(k, x, b + j * stride, stride, y + j);
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

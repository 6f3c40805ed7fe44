// A vector times a matrix: bound by memory, so elements are converted as they are read.
#pragma once
#include "cpu/gemm.h"

namespace fb::inline FB_CPU_NAMESPACE {

// y[j] = sum over l of x[l] * b[j * stride + l].
template <class S, class T>
void dot_products(int64_t k, int64_t n, const T* __restrict x, const S* b, int64_t stride,
                  T* __restrict y) {
  constexpr int kLanes = 16;
  for (int64_t j = 0; j < n; ++j) {
    const S* __restrict row = b + j * stride;
    T sums[2][kLanes] = {};
    int64_t l = 0;
    for (; l + 2 * kLanes <= k; l += 2 * kLanes) {
      for (int i = 0; i < kLanes; ++i) sums[0][i] += x[l + i] * static_cast<T>(row[l + i]);
      for (int i = 0; i < kLanes; ++i)
        sums[1][i] += x[l + kLanes + i] * static_cast<T>(row[l + kLanes + i]);
    }
    for (; l + kLanes <= k; l += kLanes)
      for (int i = 0; i < kLanes; ++i) sums[0][i] += x[l + i] * static_cast<T>(row[l + i]);
    T sum = 0;
    for (; l < k; ++l) sum += x[l] * static_cast<T>(row[l]);
    for (int i = 0; i < kLanes; ++i) sums[0][i] += sums[1][i];
    for (int width = kLanes / 2; width > 0; width /= 2)
      for (int i = 0; i < width; ++i) sums[0][i] += sums[0][i + width];
    y[j] = sum + sums[0][0];
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

}  // namespace fb::inline FB_CPU_NAMESPACE

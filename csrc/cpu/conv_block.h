// The inner product of convolutions that are computed where the tensors lie: some rows of weights,
// read in order, times columns that were copied side by side.
#pragma once
#include <algorithm>

#include "cpu/gemm.h"
#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {

// A block of sums that fits the registers.
#if defined(__AVX512F__)
constexpr int kBlockRows = 8;
#else
constexpr int kBlockRows = 4;
#endif
constexpr int kBlockVectors = 3;
constexpr int kWidth = kLanes<float>;
constexpr int64_t kBlockColumns = kBlockVectors * kWidth;

template <int vectors>
using Sums = Vector<float>[kBlockRows][vectors];

// sum = rows [row, row + kBlockRows) of a, of which there are `rows`, times the depth x (vectors *
// kWidth) matrix b. What stands for missing rows is some other row.
template <int vectors>
inline void multiply_block(Matrix<const float> a, int64_t row, int64_t rows, int64_t depth,
                           const float* b, Sums<vectors>& result) {
  const float* from[kBlockRows];
  for (int i = 0; i < kBlockRows; ++i) from[i] = a.data + std::min(row + i, rows - 1) * a.row;
  Sums<vectors> sum = {};
  for (int64_t k = 0, at = 0; k < depth; ++k, at += a.col, b += vectors * kWidth) {
    Vector<float> x[vectors];
    for (int v = 0; v < vectors; ++v) x[v] = load(b + v * kWidth);
#pragma GCC unroll 8
    for (int i = 0; i < kBlockRows; ++i)
      for (int v = 0; v < vectors; ++v) sum[i][v] += from[i][at] * x[v];
  }
#pragma GCC unroll 8
  for (int i = 0; i < kBlockRows; ++i)
    for (int v = 0; v < vectors; ++v) result[i][v] = sum[i][v];
}

// Calls f<vectors>() for 1 to kBlockVectors.
template <class F>
void with_vectors(int64_t vectors, F&& f) {
  if (vectors == 1) return f.template operator()<1>();
  if (vectors == 2) return f.template operator()<2>();
  f.template operator()<3>();
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv

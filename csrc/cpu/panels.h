// Products of a few rows with a matrix that many rows meet one after another: it is brought once
// into panels, a few vectors wide, that the innermost loop reads in order.
#pragma once
#include <cstring>

#include "cpu/gemm.h"
#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE {

template <class T>
constexpr int kPanelWidth = 2 * (kVectorBytes / static_cast<int>(sizeof(T)));

template <class T>
constexpr int64_t padded_to_panels(int64_t n) {
  return (n + kPanelWidth<T> - 1) / kPanelWidth<T> * kPanelWidth<T>;
}

// Row l of the p-th panel begins at data + p * step + l * row.
template <class T>
struct Panels {
  const T* data;
  int64_t step, row;
};

// Copies columns [first, first + width of a panel) of b, k x n, into a panel; those beyond n are
// zeros.
template <class T>
void fill_panel(T* to, int64_t first, int64_t k, int64_t n, Matrix<const T> b) {
  constexpr int width = kPanelWidth<T>;
  const int64_t count = std::min<int64_t>(width, n - first);
  const T* from = b.data + first * b.col;
  if (count < width) std::fill_n(to, k * width, T(0));
  if (b.col == 1 && count == width) {
    for (int64_t l = 0; l < k; ++l, to += width)
      std::memcpy(to, from + l * b.row, width * sizeof(T));
  } else if (b.col == 1) {
    for (int64_t l = 0; l < k; ++l) std::copy_n(from + l * b.row, count, to + l * width);
  } else {
    for (int64_t j = 0; j < count; ++j)
      for (int64_t l = 0; l < k; ++l) to[l * width + j] = from[j * b.col + l * b.row];
  }
}

// All of b, k x n, in room for k * padded_to_panels(n) numbers.
template <class T>
Panels<T> fill_panels(T* to, int64_t k, int64_t n, Matrix<const T> b) {
  for (int64_t j = 0; j < n; j += kPanelWidth<T>) fill_panel(to + j * k, j, k, n, b);
  return {to, k * kPanelWidth<T>, kPanelWidth<T>};
}

// c = `rows` rows of a times the first `vectors` vectors of a panel, or adds them to c.
template <class T, int rows, int vectors>
inline void multiply_panel(int64_t k, Matrix<const T> a, const T* b, int64_t b_row, bool add,
                           Matrix<T> c) {
  constexpr int lanes = kVectorBytes / static_cast<int>(sizeof(T));
  Vector<T> sum[rows][vectors] = {};
  if (add) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
      for (int v = 0; v < vectors; ++v) sum[i][v] = load(c.data + i * c.row + v * lanes);
  }
  const T* x = a.data;
  for (int64_t l = 0; l < k; ++l) {
    const Vector<T> b0 = load(b), b1 = vectors > 1 ? load(b + lanes) : b0;
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      sum[i][0] += x[i * a.row] * b0;
      if (vectors > 1) sum[i][vectors - 1] += x[i * a.row] * b1;
    }
    x += a.col;
    b += b_row;
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < vectors; ++v) store(c.data + i * c.row + v * lanes, sum[i][v]);
}

// c = a @ b, or adds it to c; a is m x k. All of a panel's columns are written, also those beyond
// n.
template <class T>
void multiply_panels(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Panels<T> b, bool add,
                     Matrix<T> c) {
#ifdef __AVX512F__
  constexpr int most = 8;
#else
  constexpr int most = 4;
#endif
  for (int64_t j = 0; j < n; j += kPanelWidth<T>) {
    const T* panel = b.data + j / kPanelWidth<T> * b.step;
    const bool narrow = n - j <= kPanelWidth<T> / 2;
    auto rows = [&]<int count>(int64_t i) {
      (narrow ? multiply_panel<T, count, 1> : multiply_panel<T, count, 2>)(k, a.at(i, 0), panel,
                                                                           b.row, add, c.at(i, j));
    };
    int64_t i = 0;
    for (; i + most <= m; i += most) rows.template operator()<most>(i);
    if (most > 4 && m - i >= 4) rows.template operator()<4>(i), i += 4;
    if (m - i >= 2) rows.template operator()<2>(i), i += 2;
    if (m - i >= 1) rows.template operator()<1>(i);
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE

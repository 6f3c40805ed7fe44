#include "cpu/gemm.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/interrupt.h"
#include "cpu/gemm_kernel.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

template <class T>
void scale(int64_t m, int64_t n, T beta, Matrix<T> c) {
  if (beta == T(1)) return;
  for (int64_t i = 0; i < m; ++i) {
    T* row = c.data + i * c.row;
    if (beta == T(0)) {
      std::fill_n(row, n, T(0));
    } else {
      for (int64_t j = 0; j < n; ++j) row[j] *= beta;
    }
  }
}

constexpr int64_t kSmallDepth = 64;

// Up to kBlockColumns columns and kSmallDepth deep: b fits on the stack, with its rows padded to
// whole vectors.
template <class T>
void small_gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b,
                T beta, Matrix<T> c) {
  constexpr int columns = kBlockColumns<T>, rows = 4;
  alignas(64) T rows_of_b[kSmallDepth * columns];
  alignas(64) T sums[rows][columns];
  for (int64_t l = 0; l < k; ++l) {
    T* to = rows_of_b + l * columns;
    for (int64_t j = 0; j < n; ++j) to[j] = b.data[l * b.row + j * b.col];
    for (int64_t j = n; j < columns; ++j) to[j] = T(0);
  }
  for (int64_t i = 0; i < m; i += rows) {
    const T* from[rows];
    for (int r = 0; r < rows; ++r) from[r] = a.data + std::min(i + r, m - 1) * a.row;
    Vector<T> sum[rows][2] = {};
    for (int64_t l = 0; l < k; ++l) {
      Vector<T> b0 = load(rows_of_b + l * columns), b1 = load(rows_of_b + l * columns + kLanes<T>);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        T x = from[r][l * a.col];
        sum[r][0] += x * b0;
        sum[r][1] += x * b1;
      }
    }
    std::memcpy(sums, sum, sizeof(sums));
    for (int64_t r = 0, end = std::min<int64_t>(rows, m - i); r < end; ++r) {
      T* to = c.data + (i + r) * c.row;
      if (beta == T(0)) {
        for (int64_t j = 0; j < n; ++j) to[j] = alpha * sums[r][j];
      } else {
        for (int64_t j = 0; j < n; ++j) to[j] = alpha * sums[r][j] + beta * to[j];
      }
    }
  }
}

// The classic blocking (Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication"): a block of b stays in the second-level cache while all rows of a meet it. Both
// are read where they lie, where that costs less than to copy them.
constexpr int64_t kDepthBytes = 2048;       // of a row of a at a time
constexpr int64_t kBlockBytes = 512 << 10;  // of b
constexpr int64_t kPanelRows = 2048;        // of a, in the third-level cache
constexpr int64_t kFlatRows = 160;          // meet b where it lies, in flatter blocks
constexpr int64_t kFlatColumns = 512;
constexpr int64_t kNearBytes = 1 << 20;  // of b, which may stay where they are
constexpr int64_t kAliasBytes = 4096;  // addresses that far apart share a place in the first cache

constexpr int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// Parts of `most` at most, about equal, of whole steps.
constexpr int64_t even_part(int64_t n, int64_t most, int64_t step) {
  const int64_t parts = (n + most - 1) / most;
  return std::min(most, round_up((n + parts - 1) / parts, step));
}

// Whether lines that far apart displace each other in the first-level cache.
template <class T>
bool aliases(int64_t stride) {
  constexpr int64_t kSlack = kAliasBytes / 16;
  const int64_t off = (std::abs(stride) * static_cast<int64_t>(sizeof(T)) + kSlack) % kAliasBytes;
  return off <= 2 * kSlack;
}

// Some rows of a at a depth, copied where they do not lie well.
template <class T>
class Panel {
 public:
  Panel(int64_t rows, int64_t depth, bool copies)
      : room_(copies ? rows * (depth + kLanes<T>)+kLanes<T> : 0), copies_(copies) {}

  // `behind` is how many rows of a follow.
  void fill(const Slices& slices, int64_t rows, int64_t depth, Matrix<const T> a, int64_t behind) {
    from_ = a;
    if (!copies_) return;
    depth_ = depth;
    step_ = depth + kLanes<T>;  // lest rows alias
    interleaved_ = a.col != 1 && a.row == 1;
    if (interleaved_) {
      for (int64_t i = 0; i < slices.count; ++i) {
        const int64_t first = slices.begin(i);
        const bool room = first + kLanes<T> <= rows + behind;
        pack_slice<T>(room_ + first * depth, a.data + first, a.col, slices.rows(i), depth, room);
      }
    } else {
      for (int64_t i = 0; i < rows; ++i)
        copy_row(room_ + i * step_, a.data + i * a.row, a.col, depth);
    }
  }

  Matrix<const T> slice(int64_t first, int rows) const {
    if (!copies_) return from_.at(first, 0);
    if (interleaved_) return {room_ + first * depth_, 1, rows};
    return {room_ + first * step_, step_, 1};
  }

 private:
  static void copy_row(T* to, const T* from, int64_t col, int64_t n) {
    int64_t l = 0;
    if (col == 1)
      for (; l + kLanes<T> <= n; l += kLanes<T>) store(to + l, load(from + l));
    for (; l < n; ++l) to[l] = from[l * col];
  }

  Scratch<T> room_;
  bool copies_, interleaved_ = false;
  int64_t step_ = 0, depth_ = 0;
  Matrix<const T> from_{};
};

// The block that ends c on the right, of fewer columns than the kernels compute.
template <class T>
void multiply_edge(int rows, int64_t columns, int vectors, Block<T> block) {
  constexpr int64_t width = kBlockColumns<T>;
  alignas(64) T edge[kBlockRows * width];
  const T beta = std::exchange(block.beta, T(0));
  T* const c = std::exchange(block.c, edge);
  const int64_t row = std::exchange(block.c_row, width);
  multiply_rows<T>(rows, vectors, block);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      T& out = c[i * row + j];
      out = edge[i * width + j] + (beta == T(0) ? T(0) : beta * out);
    }
  }
}

// A slice of a, which `block` names, times n columns of b: the first `in_place` where they lie, the
// others in strips. block.c is where the result begins.
template <class T>
void multiply_slice(int rows, int64_t n, Block<T> block, Matrix<const T> b, int64_t in_place,
                    const Strips<T>& strips) {
  constexpr int64_t width = kBlockColumns<T>;
  T* const c = block.c;
  int64_t step;
  for (int64_t j = 0; j < n; j += step) {
    if (j < in_place) {
      step = rows <= kWideRows && j + 2 * width <= in_place ? 2 * width : width;
      block.b = b.data + j;
      block.b_row = b.row;
      block.ahead = step;
    } else {
      step = strips.width(j - in_place);
      block.b = strips.at(j - in_place);
      block.b_row = step;
      block.ahead = 0;
    }
    block.c = c + j;
    const int vectors = static_cast<int>(step / kLanes<T>);
    if (n - j >= step) {
      multiply_rows<T>(rows, vectors, block);
    } else {
      multiply_edge<T>(rows, n - j, vectors, block);
    }
  }
}

template <class T>
void blocked_gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b,
                  T beta, Matrix<T> c) {
  constexpr int64_t width = kBlockColumns<T>, size = sizeof(T);
  const bool copies_a = a.col != 1 || (m > kWideRows && n > width && aliases<T>(a.row));
  const bool flat = b.col == 1 && m <= kFlatRows;
  const bool copies_b = b.col != 1 || (!flat && (aliases<T>(b.row) || n * k * size > kNearBytes));
  const int64_t depth = even_part(k, kDepthBytes / size / (flat ? 2 : 1), kLanes<T>);
  const int64_t rows = even_part(m, kPanelRows, 1);
  const int64_t columns =
      even_part(n, flat ? kFlatColumns : round_up(kBlockBytes / size / depth, width), width);
  Panel<T> panel(rows, depth, copies_a);
  Scratch<T> room((depth + 1) * (copies_b ? columns : width));
  for (int64_t k0 = 0; k0 < k; k0 += depth, beta = T(1)) {
    const int64_t nk = std::min(depth, k - k0);
    for (int64_t i0 = 0; i0 < m; i0 += rows) {
      const int64_t ni = std::min(rows, m - i0);
      const Slices slices(ni);
      panel.fill(slices, ni, nk, a.at(i0, k0), m - i0 - ni);
      for (int64_t j0 = 0; j0 < n; j0 += columns) {
        if (k0 + i0 + j0 > 0) check_interrupt();
        const int64_t nj = std::min(columns, n - j0);
        const int64_t in_place = copies_b ? 0 : nj / width * width;
        const Matrix<const T> of_b = b.at(k0, j0);
        const Strips<T> strips{room, nk, nj - in_place};
        if (in_place < nj) pack_columns<T>(strips, of_b.at(0, in_place).data, b.row, b.col);
        for (int64_t s = 0; s < slices.count; ++s) {
          const int64_t i = slices.begin(s);
          const Matrix<const T> x = panel.slice(i, slices.rows(s));
          T* to = c.data + (i0 + i) * c.row + j0;
          multiply_slice<T>(slices.rows(s), nj,
                            {nk, x.data, x.row, x.col, nullptr, 0, 0, to, c.row, alpha, beta}, of_b,
                            in_place, strips);
        }
      }
    }
  }
}

// For few rows of a and columns of b that lie in one piece each: the sums run along them.
constexpr int64_t kDotMostRows = 16, kDotLeastDepth = 64;

template <class T>
void dot_gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b,
              T beta, Matrix<T> c) {
  constexpr int rows = kDotRows<T>, columns = kDotColumns<T>;
  const int64_t length = even_part(k, 2 * kDepthBytes / sizeof(T), kLanes<T>);
  const int64_t step = length + kLanes<T>;  // lest rows alias
  Scratch<T> of_a(m * step);
  for (int64_t k0 = 0; k0 < k; k0 += length, beta = T(1)) {
    if (k0 > 0) check_interrupt();
    const int64_t nk = std::min(length, k - k0);
    for (int64_t i = 0; i < m; ++i) std::copy_n(a.at(i, k0).data, nk, of_a + i * step);
    for (int64_t j = 0; j < n; j += columns) {
      const int64_t nj = std::min<int64_t>(columns, n - j);
      const T *xs[rows], *ys[columns];  // where there are fewer, the last again
      for (int q = 0; q < columns; ++q) ys[q] = b.at(k0, j + std::min<int64_t>(q, nj - 1)).data;
      for (int64_t i = 0; i < m; i += rows) {
        const int64_t ni = std::min<int64_t>(rows, m - i);
        for (int r = 0; r < rows; ++r) xs[r] = of_a + (i + std::min<int64_t>(r, ni - 1)) * step;
        T sums[rows * columns];
        dot_block<T>(nk, xs, ys, sums);
        for (int64_t r = 0; r < ni; ++r) {
          for (int64_t q = 0; q < nj; ++q) {
            T& out = c.data[(i + r) * c.row + j + q];
            out = alpha * sums[r * columns + q] + (beta == T(0) ? T(0) : beta * out);
          }
        }
      }
    }
  }
}

}  // namespace

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b, T beta,
          Matrix<T> c) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scale(m, n, beta, c);
  if (n <= kBlockColumns<T> && k <= kSmallDepth && m * n * k <= 8192)
    return small_gemm(m, n, k, alpha, a, b, beta, c);
  a = with_sound_strides(a, m, k);
  b = with_sound_strides(b, k, n);
  if (m <= kDotMostRows && k >= kDotLeastDepth && a.col == 1 && b.row == 1 && b.col != 1)
    return dot_gemm(m, n, k, alpha, a, b, beta, c);
  blocked_gemm(m, n, k, alpha, a, b, beta, c);
}

#define FB_INSTANTIATE(T)                                                                  \
  template void gemm<T>(int64_t, int64_t, int64_t, T, Matrix<const T>, Matrix<const T>, T, \
                        Matrix<T>);
FB_INSTANTIATE(float)
FB_INSTANTIATE(double)
FB_INSTANTIATE(int32_t)
FB_INSTANTIATE(int64_t)
#undef FB_INSTANTIATE

}  // namespace fb::inline FB_CPU_NAMESPACE

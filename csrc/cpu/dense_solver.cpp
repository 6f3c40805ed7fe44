#include "cpu/dense_solver.h"

#include <algorithm>

#include "cpu/dot.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

// --- products ------------------------------------------------------------------------------------

constexpr int64_t kTaskWork = 500'000;  // multiplications that are worth a task
constexpr int64_t kMostTasks = 16, kRowStep = 48, kColumnStep = 64;

template <class R>
void subtract_tiles(int64_t m, int64_t n, int64_t k, Rows<const R> a, Rows<const R> b, Rows<R> c) {
  const int64_t wanted = std::clamp<int64_t>(m * n * k / kTaskWork, 1, kMostTasks);
  auto part = [&](int64_t size, int64_t step) {
    const int64_t length = (size + wanted - 1) / wanted;
    return std::min(size, (length + step - 1) / step * step);
  };
  const bool by_rows = m >= n || m >= 4 * kRowStep;
  const int64_t rows = by_rows ? part(m, kRowStep) : m,
                columns = by_rows ? n : part(n, kColumnStep);
  auto run = [&](int64_t task) {
    const int64_t i = by_rows ? task * rows : 0, j = by_rows ? 0 : task * columns;
    gemm<R>(std::min(rows, m - i), std::min(columns, n - j), k, R(-1), {a[i], a.row, 1},
            {b.data + j, b.row, 1}, R(1), {c[i] + j, c.row, 1});
  };
  const int64_t tasks = by_rows ? (m + rows - 1) / rows : (n + columns - 1) / columns;
  if (tasks == 1) return run(0);
  parallel_chunks(tasks, run);
}

}  // namespace

template <class T>
void subtract_product(int64_t m, int64_t n, int64_t k, Rows<const T> a, Rows<const T> b,
                      Rows<T> c) {
  if (m == 0 || n == 0 || k == 0) return;
  if constexpr (is_complex_type<T>) {
    // As real numbers: beside each row of b stands i times the row, for the imaginary parts of a.
    using R = Real<T>;
    Scratch<R> both(4 * k * n);
    for (int64_t l = 0; l < k; ++l) {
      R *plain = both + 4 * l * n, *turned = plain + 2 * n;
      const T* from = b[l];
      for (int64_t j = 0; j < n; ++j) {
        plain[2 * j] = turned[2 * j + 1] = from[j].re;
        plain[2 * j + 1] = from[j].im;
        turned[2 * j] = -from[j].im;
      }
    }
    subtract_tiles<R>(m, 2 * n, 2 * k, {reinterpret_cast<const R*>(a.data), 2 * a.row},
                      {both, 2 * n}, {reinterpret_cast<R*>(c.data), 2 * c.row});
  } else {
    subtract_tiles<T>(m, n, k, a, b, c);
  }
}

// --- triangular systems --------------------------------------------------------------------------

namespace {

// Equations solved in registers.
constexpr int kBlock = kVectorBytes == 64 ? 16 : 8;

// A triangle's element (i, j) and the unknowns' rows in the order in which they are solved.
template <class T>
struct InOrder {
  int64_t n;
  Rows<const T> a;
  Rows<T> x;
  bool upper;
  int64_t at(int64_t i) const { return upper ? n - 1 - i : i; }
  T element(int64_t i, int64_t j) const { return a[at(i)][at(j)]; }
  T* row(int64_t i) const { return x[at(i)]; }
};

template <class T>
void solve_rows(int64_t k, const InOrder<T>& s, bool unit) {
  constexpr int64_t kColumns = 64;  // that stay in the first-level cache
  for (int64_t c = 0; c < k; c += kColumns) {
    const int64_t width = std::min(kColumns, k - c);
    for (int64_t i = 0; i < s.n; ++i) {
      T* to = s.row(i) + c;
      for (int64_t j = 0; j < i; ++j) {
        const T factor = s.element(i, j), *from = s.row(j) + c;
        for (int64_t l = 0; l < width; ++l) to[l] = to[l] - factor * from[l];
      }
      if (unit) continue;
      const T diagonal = s.element(i, i);
      for (int64_t l = 0; l < width; ++l) to[l] = to[l] / diagonal;
    }
  }
}

// A vector's width of columns at a time, all equations in registers.
template <class T, bool unit>
void solve_in_registers(int64_t k, const InOrder<T>& s) {
  alignas(64) T l[kBlock][kBlock] = {};
  T* rows[kBlock];
  const int n = static_cast<int>(s.n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) l[i][j] = s.element(i, j);
    rows[i] = s.row(i);
  }
  for (int i = n; i < kBlock; ++i) l[i][i] = T(1);
  alignas(64) T edge[kBlock][kLanes<T>];
  for (int64_t c = 0; c < k; c += kLanes<T>) {
    const int64_t width = std::min<int64_t>(kLanes<T>, k - c);
    const bool whole = width == kLanes<T> && n == kBlock;
    Vector<T> v[kBlock];
    if (whole) {
#pragma GCC unroll 16
      for (int i = 0; i < kBlock; ++i) v[i] = load(rows[i] + c);
    } else {
      for (int i = 0; i < n; ++i) std::copy_n(rows[i] + c, width, edge[i]);
#pragma GCC unroll 16
      for (int i = 0; i < kBlock; ++i) v[i] = i < n ? load(edge[i]) : Vector<T>{};
    }
#pragma GCC unroll 16
    for (int i = 0; i < kBlock; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < i; ++j) v[i] -= l[i][j] * v[j];
      if constexpr (!unit) v[i] /= l[i][i];
    }
    if (whole) {
#pragma GCC unroll 16
      for (int i = 0; i < kBlock; ++i) store(rows[i] + c, v[i]);
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < kBlock; ++i) store(edge[i], v[i]);
      for (int i = 0; i < n; ++i) std::copy_n(edge[i], width, rows[i] + c);
    }
  }
}

template <class T>
void solve_block(int64_t n, int64_t k, Rows<const T> a, Triangle triangle, Rows<T> x) {
  InOrder<T> s{n, a, x, is_upper(triangle)};
  if constexpr (is_complex_type<T>) {
    solve_rows(k, s, is_unit(triangle));
  } else if (n <= 4 || k < kLanes<T> / 2) {
    solve_rows(k, s, is_unit(triangle));
  } else if (is_unit(triangle)) {
    solve_in_registers<T, true>(k, s);
  } else {
    solve_in_registers<T, false>(k, s);
  }
}

// Few columns: each equation is a dot product of a row with what is solved.
template <class T>
void solve_columns(int64_t n, int64_t k, Rows<const T> a, Triangle triangle, Rows<T> x) {
  SmallScratch<T, 64> column(n);
  const bool upper = is_upper(triangle), unit = is_unit(triangle);
  for (int64_t c = 0; c < k; ++c) {
    for (int64_t i = 0; i < n; ++i) column[i] = x[i][c];
    InterruptCheck<1024> interrupted;
    for (int64_t step = 0; step < n; ++step) {
      interrupted.step();
      const int64_t i = upper ? n - 1 - step : step, from = upper ? i + 1 : 0;
      const T value = column[i] - dot(step, a[i] + from, column + from);
      column[i] = unit ? value : value / a[i][i];
    }
    for (int64_t i = 0; i < n; ++i) x[i][c] = column[i];
  }
}

template <class T>
void solve_halves(int64_t n, int64_t k, Rows<const T> a, Triangle triangle, Rows<T> x) {
  if (n <= kBlock) return solve_block(n, k, a, triangle, x);
  check_interrupt();
  const int64_t half = (n / 2 + kBlock - 1) / kBlock * kBlock, rest = n - half;
  const auto last = a.at(half, half);
  if (is_upper(triangle)) {
    solve_halves(rest, k, last, triangle, x.at(half, 0));
    subtract_product<T>(half, k, rest, a.at(0, half), x.at(half, 0), x);
    solve_halves(half, k, a, triangle, x);
  } else {
    solve_halves(half, k, a, triangle, x);
    subtract_product<T>(rest, k, half, a.at(half, 0), x, x.at(half, 0));
    solve_halves(rest, k, last, triangle, x.at(half, 0));
  }
}

}  // namespace

template <class T>
void solve_triangle(int64_t n, int64_t k, Rows<const T> a, Triangle triangle, Rows<T> x) {
  constexpr int64_t kFewColumns = 4, kFewRows = 4;
  if (n <= kFewRows) return solve_rows<T>(k, {n, a, x, is_upper(triangle)}, is_unit(triangle));
  if (k <= kFewColumns) return solve_columns(n, k, a, triangle, x);
  solve_halves(n, k, a, triangle, x);
}

// [L 0; M N]^-1 = [L^-1 0; -N^-1 M L^-1, N^-1].
template <class T>
void invert_lower(int64_t n, Rows<const T> a, Triangle triangle, Rows<T> x) {
  if (n <= kBlock) {
    alignas(64) T block[kBlock * kBlock];
    const Rows<T> identity{block, kBlock};
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) identity[i][j] = T(i == j);
    solve_block<T>(n, n, a, triangle, identity);
    for (int64_t i = 0; i < n; ++i) std::copy_n(identity[i], i + 1, x[i]);
    return;
  }
  check_interrupt();
  const int64_t half = (n / 2 + kBlock - 1) / kBlock * kBlock, rest = n - half;
  invert_lower<T>(half, a, triangle, x);
  for (int64_t i = 0; i < half; ++i) std::fill(x[i] + i + 1, x[i] + half, T(0));
  for (int64_t i = half; i < n; ++i) std::fill_n(x[i], half, T(0));
  subtract_product<T>(rest, half, half, a.at(half, 0), x, x.at(half, 0));
  solve_triangle<T>(rest, half, a.at(half, half), triangle, x.at(half, 0));
  invert_lower<T>(rest, a.at(half, half), triangle, x.at(half, half));
}

template <class T>
void write_adjoint(int64_t rows, int64_t columns, Rows<const T> from, Rows<T> to) {
  constexpr int64_t kTile = 16;  // both sides stay in the cache
  for (int64_t i0 = 0; i0 < rows; i0 += kTile)
    for (int64_t j0 = 0; j0 < columns; j0 += kTile)
      for (int64_t i = i0; i < std::min(rows, i0 + kTile); ++i)
        for (int64_t j = j0; j < std::min(columns, j0 + kTile); ++j) to[i][j] = conj_of(from[j][i]);
}

// --- layout --------------------------------------------------------------------------------------

namespace {

bool has_dense_rows(const Tensor& t, Turn turn) {
  return turn == Turn::None && (t.stride(-1) == 1 || t.size(-1) <= 1) &&
         (t.stride(-2) >= t.size(-1) || t.size(-2) <= 1);
}

}  // namespace

template <class T>
DenseRows<T>::DenseRows(const Tensor& t, int64_t index, Turn turn)
    : room_(has_dense_rows(t, turn) ? 0 : t.size(-1) * t.size(-2)),
      data_(matrix_at<const T>(t, index)),
      row_(t.stride(-2)) {
  if (has_dense_rows(t, turn)) return;
  const bool turned = turn == Turn::Adjoint;
  const int64_t rows = t.size(turned ? -1 : -2), columns = t.size(turned ? -2 : -1);
  const int64_t row = t.stride(turned ? -1 : -2), column = t.stride(turned ? -2 : -1);
  constexpr int64_t kTile = 16;  // both sides of a transposed copy stay in the cache
  for (int64_t i0 = 0; i0 < rows; i0 += kTile) {
    for (int64_t j0 = 0; j0 < columns; j0 += kTile) {
      for (int64_t i = i0; i < std::min(rows, i0 + kTile); ++i) {
        const T* from = data_ + i * row;
        T* to = room_ + i * columns;
        for (int64_t j = j0; j < std::min(columns, j0 + kTile); ++j)
          to[j] = turned ? conj_of(from[j * column]) : from[j * column];
      }
    }
  }
  data_ = room_;
  row_ = columns;
}

#define FB_INSTANTIATE(T)                                                                    \
  template void subtract_product<T>(int64_t, int64_t, int64_t, Rows<const T>, Rows<const T>, \
                                    Rows<T>);                                                \
  template void solve_triangle<T>(int64_t, int64_t, Rows<const T>, Triangle, Rows<T>);       \
  template void invert_lower<T>(int64_t, Rows<const T>, Triangle, Rows<T>);                  \
  template void write_adjoint<T>(int64_t, int64_t, Rows<const T>, Rows<T>);                  \
  template class DenseRows<T>;
FB_INSTANTIATE(float)
FB_INSTANTIATE(double)
FB_INSTANTIATE(Complex<float>)
FB_INSTANTIATE(Complex<double>)
#undef FB_INSTANTIATE

}  // namespace fb::inline FB_CPU_NAMESPACE

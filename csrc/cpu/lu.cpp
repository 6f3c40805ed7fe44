#include "ops/lu_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "cpu/dense_solver.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

template <class R> R absolute(R a) { return a < 0 ? -a : a; }

// As LAPACK measures pivots.
template <class T>
Real<T> size_of(T a) {
  if constexpr (is_complex_type<T>) {
    return absolute(a.re) + absolute(a.im);
  } else {
    return absolute(a);
  }
}

template <class R> R modulus(R a) { return absolute(a); }
template <class R> R modulus(Complex<R> a) { return std::hypot(a.re, a.im); }

// --- factors -------------------------------------------------------------------------------------

// Columns that are eliminated one by one.
constexpr int kPanel = 16;

// l = a / head, by the reciprocal where that is a number.
template <class T>
class Divide {
 public:
  explicit Divide(T head)
      : head_(head),
        zero_(head == T(0)),
        by_reciprocal_(size_of(head) >= std::numeric_limits<Real<T>>::min()) {
    if (by_reciprocal_) reciprocal_ = T(1) / head;
  }
  T operator()(T a) const { return by_reciprocal_ ? a * reciprocal_ : zero_ ? a : a / head_; }

 private:
  T head_, reciprocal_{};
  bool zero_, by_reciprocal_;
};

// Gaussian elimination of up to `width` columns, with rows of that many numbers.
template <int width, class T>
void eliminate(int64_t m, int64_t n, T* panel, int32_t* pivots, bool pivot) {
  const int64_t steps = std::min(m, n);
  int64_t best = 0;
  for (int64_t i = 1; i < m; ++i)
    if (size_of(panel[i * width]) > size_of(panel[best * width])) best = i;
  for (int64_t j = 0; j < steps; ++j) {
    T head[width], *upper = panel + j * width;
    const int64_t chosen = pivot ? best : j;
    pivots[j] = static_cast<int32_t>(chosen);
    if (chosen != j) std::swap_ranges(upper, upper + width, panel + chosen * width);
    std::copy_n(upper, width, head);
    const Divide<T> divide(head[j]);
    const int64_t next = std::min<int64_t>(j + 1, width - 1);
    best = j + 1;
    Real<T> most = -1;
    for (int64_t i = j + 1; i < m; ++i) {
      T* row = panel + i * width;
      const T l = divide(row[j]);
      // Of all columns, as a fixed number of them is computed at once.
      for (int c = 0; c < width; ++c) row[c] = c > j ? row[c] - l * head[c] : row[c];
      row[j] = l;
      const Real<T> size = size_of(row[next]);
      const bool larger = size > most;  // chosen without a jump, which nobody could foresee
      most = larger ? size : most;
      best = larger ? i : best;
    }
  }
}

template <int width, class T>
void factor_panel(int64_t m, int64_t n, Rows<T> a, int32_t* pivots, bool pivot) {
  // Of its own: rows of the matrix that lie a power of two apart would push each other out of the
  // cache.
  SmallScratch<T, 64 * width> panel(m * width);
  for (int64_t i = 0; i < m; ++i) {
    std::copy_n(a[i], n, panel + i * width);
    std::fill(panel + i * width + n, panel + (i + 1) * width, T(0));
  }
  eliminate<width, T>(m, n, panel, pivots, pivot);
  for (int64_t i = 0; i < m; ++i) std::copy_n(panel + i * width, n, a[i]);
}

template <class T>
void swap_rows(int64_t count, const int32_t* pivots, int64_t n, Rows<T> a) {
  for (int64_t i = 0; i < count; ++i)
    if (pivots[i] != i) std::swap_ranges(a[i], a[i] + n, a[pivots[i]]);
}

// Left half, then right half: Toledo, "Locality of reference in LU decomposition with partial
// pivoting" (1997). Rows are numbered from 0.
template <class T>
void factor(int64_t m, int64_t n, Rows<T> a, int32_t* pivots, bool pivot) {
  const int64_t steps = std::min(m, n);
  if (n <= 8) return factor_panel<8>(m, n, a, pivots, pivot);
  if (n <= kPanel) return factor_panel<kPanel>(m, n, a, pivots, pivot);
  check_interrupt();
  const int64_t half = steps <= kPanel ? steps : (steps / 2 + kPanel - 1) / kPanel * kPanel;
  const auto right = a.at(0, half), below = a.at(half, 0), last = a.at(half, half);
  factor(m, half, a, pivots, pivot);
  swap_rows(half, pivots, n - half, right);
  solve_triangle<T>(half, n - half, a, Triangle::UnitLower, right);
  if (m == half) return;
  subtract_product<T>(m - half, n - half, half, below, right, last);
  factor(m - half, n - half, last, pivots + half, pivot);
  swap_rows(steps - half, pivots + half, half, below);
  for (int64_t i = half; i < steps; ++i) pivots[i] += static_cast<int32_t>(half);
}

void lu_factor_cpu(const Tensor& lu, const Tensor& pivots, const Tensor& info, bool pivot) {
  const int64_t m = lu.size(-2), n = lu.size(-1), steps = std::min(m, n);
  FB_DECOMPOSED(lu.dtype(), "linalg.lu_factor", {
    for_matrices(matrices_of(lu), m * n * steps / 2, [&](int64_t index) {
      const Rows<T> a{lu.data<T>() + index * m * n, n};
      int32_t *exchanged = pivots.data<int32_t>() + index * steps, zero = 0;
      if (steps > 0) factor(m, n, a, exchanged, pivot);
      for (int64_t i = steps; i-- > 0;) {
        if (a[i][i] == T(0)) zero = static_cast<int32_t>(i + 1);
        ++exchanged[i];
      }
      info.data<int32_t>()[index] = zero;
    });
  });
}
CPU_KERNEL(lu_factor, lu_factor_cpu)

// --- what stands on them -------------------------------------------------------------------------

// Row i of P^T A is row order[i] of A. False: a pivot is no row of A.
bool order_rows(int64_t n, const int32_t* pivots, int64_t step, int64_t count, int32_t* order) {
  for (int64_t i = 0; i < n; ++i) order[i] = static_cast<int32_t>(i);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t other = pivots[i * step] - int64_t{1};
    if (other < 0 || other >= n) return false;
    std::swap(order[i], order[other]);
  }
  return true;
}

const char kForeignPivots[] =
    "Pivots given to lu_solve must all be smaller or equal to LU.size(-2). Did you properly pass "
    "the result of lu_factor?";

// Rows of x in another order: x[i] = old x[order[i]], or x[order[i]] = old x[i].
template <class T>
void permute_rows(int64_t n, int64_t k, const int32_t* order, bool inverse, Rows<T> x) {
  SmallScratch<T, 256> before(n * k);
  for (int64_t i = 0; i < n; ++i) std::copy_n(x[i], k, before + i * k);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t from = inverse ? i : order[i], to = inverse ? order[i] : i;
    std::copy_n(before + from * k, k, x[to]);
  }
}

const int32_t* pivots_at(const Tensor& pivots, int64_t index) {
  const int32_t* data = pivots.data<int32_t>();
  for (int64_t d = pivots.dim() - 2; d >= 0; --d) {
    data += index % pivots.size(d) * pivots.stride(d);
    index /= pivots.size(d);
  }
  return data;
}

void lu_solve_cpu(const Tensor& x, const Tensor& lu, const Tensor& pivots, bool adjoint) {
  if (x.numel() == 0) return;
  const int64_t n = x.size(-2), k = x.size(-1);
  FB_DECOMPOSED(x.dtype(), "linalg.lu_solve", {
    for_matrices(matrices_of(x), n * n * k, [&](int64_t index) {
      const Rows<T> to{x.data<T>() + index * n * k, k};
      SmallScratch<int32_t, 64> order(n);
      FB_CHECK(order_rows(n, pivots_at(pivots, index), pivots.stride(-1), pivots.size(-1), order),
               kForeignPivots);
      DenseRows<T> factors(lu, index, adjoint ? Turn::Adjoint : Turn::None);
      if (!adjoint) permute_rows<T>(n, k, order, false, to);
      const auto first = adjoint ? Triangle::Lower : Triangle::UnitLower;
      const auto second = adjoint ? Triangle::UnitUpper : Triangle::Upper;
      solve_triangle<T>(n, k, factors.rows(), first, to);
      solve_triangle<T>(n, k, factors.rows(), second, to);
      if (adjoint) permute_rows<T>(n, k, order, true, to);
    });
  });
}
CPU_KERNEL(lu_solve, lu_solve_cpu)

void lu_inverse_cpu(const Tensor& x, const Tensor& lu, const Tensor& pivots) {
  if (x.numel() == 0) return;
  const int64_t n = x.size(-1);
  FB_DECOMPOSED(x.dtype(), "linalg.inv", {
    for_matrices(matrices_of(x), n * n * n, [&](int64_t index) {
      const Rows<T> to{x.data<T>() + index * n * n, n}, from{lu.data<T>() + index * n * n, n};
      invert_lower<T>(n, from, Triangle::UnitLower, to);
      for (int64_t i = 0; i < n; ++i) std::fill(to[i] + i + 1, to[i] + n, T(0));
      solve_triangle<T>(n, n, from, Triangle::Upper, to);
      // (P L U)^-1 = U^-1 L^-1 P^T.
      SmallScratch<int32_t, 64> order(n);
      SmallScratch<T, 64> row(n);
      FB_CHECK(order_rows(n, pivots.data<int32_t>() + index * n, 1, n, order), kForeignPivots);
      for (int64_t i = 0; i < n; ++i) {
        std::copy_n(to[i], n, static_cast<T*>(row));
        for (int64_t j = 0; j < n; ++j) to[i][order[j]] = row[j];
      }
    });
  });
}
CPU_KERNEL(lu_inverse, lu_inverse_cpu)

// The sign of the permutation: -1 for an odd number of exchanges.
bool is_odd(const int32_t* pivots, int64_t n) {
  bool odd = false;
  for (int64_t i = 0; i < n; ++i) odd ^= pivots[i] != i + 1;
  return odd;
}

void lu_determinant_cpu(const Tensor& out, const Tensor& lu, const Tensor& pivots) {
  const int64_t n = lu.size(-1);
  FB_DECOMPOSED(lu.dtype(), "linalg.det", {
    for_matrices(matrices_of(lu), n, [&](int64_t index) {
      const T* a = lu.data<T>() + index * n * n;
      T product(is_odd(pivots.data<int32_t>() + index * n, n) ? -1 : 1);
      for (int64_t i = 0; i < n; ++i) product = product * a[i * (n + 1)];
      out.data<T>()[index] = product;
    });
  });
}
CPU_KERNEL(lu_determinant, lu_determinant_cpu)

void lu_log_determinant_cpu(const Tensor& sign, const Tensor& logarithm, const Tensor& lu,
                            const Tensor& pivots) {
  const int64_t n = lu.size(-1);
  FB_DECOMPOSED(lu.dtype(), "linalg.slogdet", {
    using R = Real<T>;
    for_matrices(matrices_of(lu), 16 * n, [&](int64_t index) {
      const T* a = lu.data<T>() + index * n * n;
      T direction(is_odd(pivots.data<int32_t>() + index * n, n) ? -1 : 1);
      R sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        const T v = a[i * (n + 1)];
        const R size = modulus(v);
        sum += std::log(size);
        direction = direction * (size == 0 ? T(0) : v / T(size));
      }
      sign.data<T>()[index] = direction;
      logarithm.data<R>()[index] = sum;
    });
  });
}
CPU_KERNEL(lu_log_determinant, lu_log_determinant_cpu)

void lu_permutation_cpu(const Tensor& out, const Tensor& pivots) {
  if (out.numel() == 0) return;
  const int64_t m = out.size(-1), count = pivots.size(-1);
  FB_DECOMPOSED(out.dtype(), "lu_unpack", {
    for_matrices(matrices_of(out), m * m, [&](int64_t index) {
      T* to = out.data<T>() + index * m * m;
      SmallScratch<int32_t, 64> order(m);
      FB_CHECK(order_rows(m, pivots_at(pivots, index), pivots.stride(-1), count, order),
               "LU_pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive. Did you "
               "properly pass the result of lu_factor?");
      std::fill_n(to, m * m, T(0));
      for (int64_t i = 0; i < m; ++i) to[order[i] * m + i] = T(1);
    });
  });
}
CPU_KERNEL(lu_permutation, lu_permutation_cpu)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE

#include "ops/cholesky_kernels.h"

#include <algorithm>
#include <cmath>

#include "cpu/dense_solver.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

constexpr int64_t kBlock = 16;

template <class R> R real_part(R a) { return a; }
template <class R> R real_part(Complex<R> a) { return a.re; }

// c -= a^H @ a on and above the diagonal of c, which is n x n; `turned` is a^H.
template <class T>
void subtract_gram(int64_t n, int64_t k, Rows<const T> turned, Rows<const T> a, Rows<T> c) {
  constexpr int64_t kWhole = 96;
  if (n <= kWhole) return subtract_product<T>(n, n, k, turned, a, c);
  const int64_t half = (n / 2 + kBlock - 1) / kBlock * kBlock, rest = n - half;
  subtract_gram<T>(half, k, turned, a, c);
  subtract_product<T>(half, rest, k, turned, a.at(0, half), c.at(0, half));
  subtract_gram<T>(rest, k, turned.at(half, 0), a.at(0, half), c.at(half, half));
}

// v = the transposed factor, row by row; the order of the leading minor that is not
// positive-definite, or 0.
template <class T>
int32_t factor_block(int64_t n, Rows<T> v) {
  for (int64_t j = 0; j < n; ++j) {
    const Real<T> square = real_part(v[j][j]);
    if (!(square > 0)) return static_cast<int32_t>(j + 1);
    const Real<T> root = std::sqrt(square);
    v[j][j] = T(root);
    for (int64_t i = j + 1; i < n; ++i) v[j][i] = v[j][i] / T(root);
    for (int64_t i = j + 1; i < n; ++i) {
      const T factor = conj_of(v[j][i]);
      for (int64_t l = i; l < n; ++l) v[i][l] = v[i][l] - factor * v[j][l];
    }
  }
  return 0;
}

// By halves, as Gustavson, "Recursion leads to automatic variable blocking for dense linear-algebra
// algorithms" (1997), section 4.
template <class T>
int32_t factor(int64_t n, Rows<T> v) {
  if (n <= kBlock) return factor_block(n, v);
  check_interrupt();
  const int64_t half = (n / 2 + kBlock - 1) / kBlock * kBlock, rest = n - half;
  if (const int32_t order = factor(half, v)) return order;
  const auto right = v.at(0, half), last = v.at(half, half);
  Scratch<T> turned(std::max(half, rest) * half);
  write_adjoint<T>(half, half, v, {turned, half});
  solve_triangle<T>(half, rest, {turned, half}, Triangle::Lower, right);
  write_adjoint<T>(rest, half, right, {turned, half});
  subtract_gram<T>(rest, half, {turned, half}, right, last);
  const int32_t order = factor(rest, last);
  return order ? order + static_cast<int32_t>(half) : 0;
}

void cholesky_cpu(const Tensor& upper, const Tensor& info) {
  const int64_t n = upper.size(-1);
  FB_DECOMPOSED(upper.dtype(), "linalg.cholesky", {
    for_matrices(matrices_of(upper), n * n * n / 6, [&](int64_t index) {
      const Rows<T> v{upper.data<T>() + index * n * n, n};
      info.data<int32_t>()[index] = factor(n, v);
      for (int64_t i = 1; i < n; ++i) std::fill_n(v[i], i, T(0));
    });
  });
}
CPU_KERNEL(cholesky, cholesky_cpu)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE

#include "ops/householder_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/dense_solver.h"
#include "cpu/dot.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

// Reflections that are applied at once, and those that are found one by one.
constexpr int64_t kBlock = 64, kPanel = 8;

template <class R> R real_part(R a) { return a; }
template <class R> R real_part(Complex<R> a) { return a.re; }
template <class R> R imaginary_part(R) { return 0; }
template <class R> R imaginary_part(Complex<R> a) { return a.im; }
template <class T> T with_imaginary(Real<T> re, [[maybe_unused]] Real<T> im) {
  if constexpr (is_complex_type<T>) {
    return {re, im};
  } else {
    return re;
  }
}

// The Euclidean norm, also where its square is out of range.
template <class T>
Real<T> norm(int64_t n, const T* x) {
  using R = Real<T>;
  const R square = real_part(dot<true>(n, x, x));
  if (square > std::numeric_limits<R>::min() * 1e10f &&
      square < std::numeric_limits<R>::max() / 1e10f)
    return std::sqrt(square);
  R most = 0;
  for (int64_t i = 0; i < n; ++i)
    most = std::max({most, std::abs(real_part(x[i])), std::abs(imaginary_part(x[i]))});
  if (most == 0 || !std::isfinite(most)) return std::sqrt(square);
  R sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const R re = real_part(x[i]) / most, im = imaginary_part(x[i]) / most;
    sum += re * re + im * im;
  }
  return most * std::sqrt(sum);
}

// The reflection H = I - tau v v^H with H^H x = (beta, 0, ...), as LAPACK's larfg chooses it: x
// becomes (beta, v without its leading one).
template <class T>
T reflect(int64_t n, T* x) {
  using R = Real<T>;
  const R re = real_part(x[0]), im = imaginary_part(x[0]);
  if (norm(n - 1, x + 1) == 0 && im == 0) return T(0);
  const R beta = re < 0 ? norm(n, x) : -norm(n, x);
  const T divisor = x[0] - T(beta), scale = T(1) / divisor;
  if (std::abs(beta) >= std::numeric_limits<R>::min()) {
    for (int64_t i = 1; i < n; ++i) x[i] = x[i] * scale;
  } else {  // the reciprocal is no number
    for (int64_t i = 1; i < n; ++i) x[i] = x[i] / divisor;
  }
  x[0] = T(beta);
  return with_imaginary<T>((beta - re) / beta, -im / beta);
}

// Up to kPanel columns, each dense in memory of its own.
template <class T>
void factor_panel(int64_t m, int64_t n, Rows<T> a, T* tau) {
  SmallScratch<T, 64 * kPanel> columns(m * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) columns[j * m + i] = a[i][j];
  for (int64_t j = 0; j < std::min(m, n); ++j) {
    T* v = columns + j * m + j;
    tau[j] = reflect(m - j, v);
    const T factor = conj_of(tau[j]);
    for (int64_t c = j + 1; c < n; ++c) {
      T* to = columns + c * m + j;
      const T along = factor * (to[0] + dot<true>(m - j - 1, v + 1, to + 1));
      to[0] = to[0] - along;
      for (int64_t i = 1; i < m - j; ++i) to[i] = to[i] - along * v[i];
    }
  }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) a[i][j] = columns[j * m + i];
}

// H_1 ... H_k = I - V T V^H: Schreiber and Van Loan, "A storage-efficient WY representation for
// products of Householder transformations" (1989).
template <class T>
class Block {
 public:
  // The reflectors stand below the diagonal of a, which is m x k.
  Block(int64_t m, int64_t k, Rows<const T> a, const T* tau)
      : m_(m), k_(k), v_(m * k), vh_(m * k), t_(k * k), th_(k * k) {
    const Rows<T> v{v_, k}, vh{vh_, m}, t{t_, k};
    for (int64_t i = 0; i < m; ++i) {
      const int64_t below = std::min(i, k);
      std::copy_n(a[i], below, v[i]);
      std::fill_n(v[i] + below, k - below, T(0));
      if (i < k) v[i][i] = T(1);
    }
    write_adjoint<T>(k, m, v, vh);
    Scratch<T> gram(k * k), column(k);
    std::fill_n(gram.data(), k * k, T(0));
    subtract_product<T>(k, k, m, vh, v, {gram, k});
    std::fill_n(t_.data(), k * k, T(0));
    for (int64_t i = 0; i < k; ++i) {
      t[i][i] = tau[i];
      for (int64_t l = 0; l < i; ++l) column[l] = gram[l * k + i] * tau[i];
      for (int64_t r = 0; r < i; ++r) t[r][i] = dot(i - r, t[r] + r, column + r);
    }
    write_adjoint<T>(k, k, t, {th_, k});
  }

  // c, which has n columns, becomes Q @ c or Q^H @ c.
  void apply(int64_t n, Rows<T> c, bool adjoint) const {
    Scratch<T> left(m_ * k_), right(k_ * n);
    std::fill_n(left.data(), m_ * k_, T(0));
    std::fill_n(right.data(), k_ * n, T(0));
    subtract_product<T>(m_, k_, k_, {v_, k_}, {adjoint ? th_ : t_, k_}, {left, k_});
    subtract_product<T>(k_, n, m_, {vh_, m_}, c, {right, n});
    subtract_product<T>(m_, n, k_, {left, k_}, {right, n}, c);
  }

 private:
  int64_t m_, k_;
  Scratch<T> v_, vh_, t_, th_;
};

// Elmroth and Gustavson, "Applying recursion to serial and parallel QR factorization leads to
// better performance" (2000).
template <class T>
void factor(int64_t m, int64_t n, Rows<T> a, T* tau) {
  if (n <= kPanel) return factor_panel(m, n, a, tau);
  check_interrupt();
  const int64_t half = (n / 2 + kPanel - 1) / kPanel * kPanel;
  const int64_t k = std::min(m, n > 2 * kBlock ? kBlock : half);
  factor(m, k, a, tau);
  Block<T>(m, k, a, tau).apply(n - k, a.at(0, k), true);
  if (m > k) factor(m - k, n - k, a.at(k, k), tau + k);
}

void householder_factor_cpu(const Tensor& a, const Tensor& tau) {
  if (a.numel() == 0) return;
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n);
  FB_DECOMPOSED(a.dtype(), "geqrf", {
    for_matrices(matrices_of(a), m * n * k, [&](int64_t index) {
      factor(m, n, Rows<T>{a.data<T>() + index * m * n, n}, tau.data<T>() + index * k);
    });
  });
}
CPU_KERNEL(householder_factor, householder_factor_cpu)

// c = H_j @ c, or H_j^H @ c, of few rows; `room` holds a row of c.
template <class T>
void apply_one(int64_t m, int64_t n, int64_t j, Rows<const T> a, T tau, Rows<T> c, T* room) {
  std::copy_n(c[j], n, room);
  for (int64_t i = j + 1; i < m; ++i) {
    const T v = conj_of(a[i][j]), *from = c[i];
    for (int64_t l = 0; l < n; ++l) room[l] = room[l] + v * from[l];
  }
  for (int64_t l = 0; l < n; ++l) room[l] = tau * room[l];
  for (int64_t i = j; i < m; ++i) {
    const T v = i == j ? T(1) : a[i][j];
    T* to = c[i];
    for (int64_t l = 0; l < n; ++l) to[l] = to[l] - v * room[l];
  }
}

// Block after block: Q = Q_1 Q_2 ..., so that Q @ c begins with the last. With `triangular`, c is
// the identity, and its columns left of a block are not changed by it.
template <class T>
void apply_all(int64_t m, int64_t n, int64_t k, Rows<const T> a, const T* tau, bool adjoint,
               bool triangular, Rows<T> c) {
  if (m <= 2 * kPanel) {
    SmallScratch<T, 64> room(n);
    for (int64_t step = 0; step < k; ++step) {
      const int64_t j = adjoint ? step : k - 1 - step;
      apply_one<T>(m, n, j, a, adjoint ? conj_of(tau[j]) : tau[j], c, room);
    }
    return;
  }
  const int64_t blocks = (k + kBlock - 1) / kBlock;
  for (int64_t step = 0; step < blocks; ++step) {
    const int64_t j = (adjoint ? step : blocks - 1 - step) * kBlock, skipped = triangular ? j : 0;
    check_interrupt();
    Block<T>(m - j, std::min(kBlock, k - j), a.at(j, j), tau + j)
        .apply(n - skipped, c.at(j, skipped), adjoint);
  }
}

void householder_apply_cpu(const Tensor& c, const Tensor& a, const Tensor& tau, bool adjoint) {
  if (c.numel() == 0) return;
  const int64_t m = c.size(-2), n = c.size(-1), k = tau.size(-1);
  FB_DECOMPOSED(c.dtype(), "ormqr", {
    for_matrices(matrices_of(c), 2 * m * n * k, [&](int64_t index) {
      DenseRows<T> reflectors(a, index);
      apply_all<T>(m, n, k, reflectors.rows(), tau.data<T>() + index * k, adjoint, false,
                   {c.data<T>() + index * m * n, n});
    });
  });
}
CPU_KERNEL(householder_apply, householder_apply_cpu)

void householder_product_cpu(const Tensor& q, const Tensor& a, const Tensor& tau) {
  if (q.numel() == 0) return;
  const int64_t m = q.size(-2), n = q.size(-1), k = tau.size(-1);
  FB_DECOMPOSED(q.dtype(), "linalg.householder_product", {
    for_matrices(matrices_of(q), m * n * k, [&](int64_t index) {
      DenseRows<T> reflectors(a, index);
      const Rows<T> to{q.data<T>() + index * m * n, n};
      for (int64_t i = 0; i < m; ++i) {
        std::fill_n(to[i], n, T(0));
        if (i < n) to[i][i] = T(1);
      }
      apply_all<T>(m, n, k, reflectors.rows(), tau.data<T>() + index * k, false, true, to);
    });
  });
}
CPU_KERNEL(householder_product, householder_product_cpu)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE

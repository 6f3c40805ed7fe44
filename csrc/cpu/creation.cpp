#include "ops/creation_kernels.h"

#include <cmath>

#include "core/error.h"
#include "cpu/cpu.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 16384;

// What sequences of a type are computed in.
template <class T>
struct Computed {
  using type = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
};
template <>
struct Computed<complex64> {
  using type = complex128;
};
template <>
struct Computed<complex128> {
  using type = complex128;
};
template <class T>
using Real = std::conditional_t<std::is_integral_v<T>, double, typename Computed<T>::type>;

template <class T, class C>
T narrowed(C v) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(v));
  } else if constexpr (std::is_integral_v<T> && !std::is_integral_v<C>) {
    return static_cast<T>(static_cast<int64_t>(v));
  } else {
    return static_cast<T>(v);
  }
}

void arange_cpu(const Tensor& out, const Scalar& start, const Scalar& step) {
  FB_DISPATCH(out.dtype(), FB_REAL, "arange_cpu", {
    using C = typename Computed<scalar_t>::type;
    auto* data = out.data<scalar_t>();
    const C first = start.to<C>(), by = step.to<C>();
    parallel_for(0, out.numel(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        data[i] = narrowed<scalar_t>(static_cast<C>(first + by * static_cast<C>(i)));
      }
    });
  });
}

// An end of a range as the type has it, as in PyTorch: integer types cut fractions off.
template <class T>
Real<T> bound(const Scalar& s) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<double>(s.to<T>());
  } else {
    return s.to<Real<T>>();
  }
}

// The i-th of n evenly spaced numbers; counted from the nearer end, so that both ends are exact.
template <class C>
C spaced(C first, C last, C step, int64_t i, int64_t n) {
  using R = decltype(std::abs(C()));
  return i < n / 2 ? first + step * static_cast<R>(i) : last - step * static_cast<R>(n - 1 - i);
}

void linspace_cpu(const Tensor& out, const Scalar& start, const Scalar& end) {
  const int64_t n = out.numel();
  FB_DISPATCH(out.dtype(), FB_ALL, "linspace_cpu", {
    using C = Real<scalar_t>;
    auto* data = out.data<scalar_t>();
    const C first = bound<scalar_t>(start), last = bound<scalar_t>(end);
    const C step = n > 1 ? (last - first) / static_cast<double>(n - 1) : C(0);
    parallel_for(0, n, kGrain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        data[i] = narrowed<scalar_t>(n == 1 ? first : spaced(first, last, step, i, n));
      }
    });
  });
}

void logspace_cpu(const Tensor& out, const Scalar& start, const Scalar& end, double base) {
  const int64_t n = out.numel();
  FB_DISPATCH(out.dtype(), FB_ALL, "logspace_cpu", {
    using C = Real<scalar_t>;
    auto* data = out.data<scalar_t>();
    const C first = bound<scalar_t>(start), last = bound<scalar_t>(end);
    const C step = n > 1 ? (last - first) / static_cast<double>(n - 1) : C(0);
    parallel_for(0, n, kGrain / 16, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const C power = n == 1 ? first : spaced(first, last, step, i, n);
        data[i] = narrowed<scalar_t>(static_cast<C>(std::pow(base, power)));
      }
    });
  });
}

void triangle_indices_cpu(const Tensor& out, int64_t row, int64_t col, int64_t offset, bool upper) {
  const int64_t n = out.sizes()[1];
  FB_DISPATCH(out.dtype(), FB_INTEGERS, upper ? "triu_indices" : "tril_indices", {
    auto* rows = out.data<scalar_t>();
    auto* columns = rows + n;
    int64_t k = 0;
    for (int64_t i = 0; i < row && k < n; ++i) {
      const int64_t border = upper ? std::max<int64_t>(0, i + offset) : i + offset + 1;
      const int64_t begin = upper ? border : 0, end = upper ? col : std::min(col, border);
      for (int64_t j = begin; j < end; ++j, ++k) {
        rows[k] = static_cast<scalar_t>(i);
        columns[k] = static_cast<scalar_t>(j);
      }
    }
  });
}

CPU_KERNEL(arange, arange_cpu)
CPU_KERNEL(linspace, linspace_cpu)
CPU_KERNEL(logspace, logspace_cpu)
CPU_KERNEL(triangle_indices, triangle_indices_cpu)

}  // namespace
}  // namespace fb

#include "ops/scan_kernels.h"

#include <limits>

#include "core/interrupt.h"
#include "cpu/complex.h"
#include "cpu/math.h"

namespace fb {
namespace {

constexpr int64_t kColumns = 64;   // columns scanned side by side
constexpr int64_t kGrain = 16384;  // elements of a piece of work for one thread
constexpr int kRows = 1 << 14;     // rows between questions of whether to go on

// A contiguous tensor as outer x length x inner, in strips of at most kColumns columns.
struct Strips {
  Strips(const Tensor& t, int64_t dim) {
    for (int64_t d = 0; d < t.dim(); ++d)
      (d < dim ? outer : d > dim ? inner : length) *= t.sizes()[d];
    per_row = (inner + kColumns - 1) / kColumns;
  }
  // f(offset, width) for each strip.
  template <class F>
  void each(F&& f) const {
    const int64_t work = std::max<int64_t>(1, length * std::min(inner, kColumns));
    parallel_for(0, outer * per_row, std::max<int64_t>(1, kGrain / work),
                 [&](int64_t from, int64_t to) {
                   for (int64_t s = from; s < to; ++s) {
                     const int64_t at = s % per_row * kColumns;
                     f(s / per_row * length * inner + at, std::min(kColumns, inner - at));
                   }
                 });
  }
  int64_t outer = 1, length = 1, inner = 1, per_row = 1;
};

// acc = f(acc, x) along each column; A is the type accumulated in.
template <class A, class T, class F>
void scan(T* out, const T* in, const Strips& s, A start, F f) {
  s.each([&](int64_t at, int64_t width) {
    if (width == 1) {
      A acc = start;
      in_stretches(s.length, kRows, [&](int64_t begin, int64_t end) {
        A sum = acc;
        for (int64_t r = begin; r < end; ++r) {
          sum = f(sum, static_cast<A>(in[at + r * s.inner]));
          out[at + r * s.inner] = static_cast<T>(sum);
        }
        acc = sum;
      });
      return;
    }
    A acc[kColumns];
    std::fill(acc, acc + width, start);
    in_stretches(s.length, kRows, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* row = in + at + r * s.inner;
        T* to = out + at + r * s.inner;
#pragma GCC ivdep
        for (int64_t c = 0; c < width; ++c) {
          acc[c] = f(acc[c], static_cast<A>(row[c]));
          to[c] = static_cast<T>(acc[c]);
        }
      }
    });
  });
}

// Sums and products run in twice the width.
template <class T> struct Wide {
  using type = int64_t;
};
template <> struct Wide<float> {
  using type = double;
};
template <> struct Wide<double> {
  using type = double;
};
template <> struct Wide<Half> {
  using type = float;
};
template <> struct Wide<BFloat16> {
  using type = float;
};
template <> struct Wide<Complex<float>> {
  using type = Complex<double>;
};
template <> struct Wide<Complex<double>> {
  using type = Complex<double>;
};

template <class F>
void scan_wide(const char* name, const Tensor& out, const Tensor& input, int64_t dim, int start,
               F f) {
  const Strips strips(input, dim);
  auto run = [&]<class T>(T* to) {
    using A = typename Wide<T>::type;
    scan<A>(to, static_cast<const T*>(input.raw()), strips, A(start), f);
  };
  switch (input.dtype()) {
    FB_REAL_BOOL(run(out.data<scalar_t>()))
    case DType::Complex64:
      return run(static_cast<Complex<float>*>(out.raw()));
    case DType::Complex128:
      return run(static_cast<Complex<double>*>(out.raw()));
    default:
      raise_unsupported_dtype(name, input.dtype());
  }
}

void cumsum_cpu(const Tensor& out, const Tensor& input, int64_t dim) {
  scan_wide("cumsum_out_cpu", out, input, dim, 0, [](auto acc, auto x) { return acc + x; });
}
CPU_KERNEL(cumsum, cumsum_cpu)

void cumprod_cpu(const Tensor& out, const Tensor& input, int64_t dim) {
  scan_wide("cumprod_out_cpu", out, input, dim, 1, [](auto acc, auto x) { return acc * x; });
}
CPU_KERNEL(cumprod, cumprod_cpu)

void logcumsumexp_cpu(const Tensor& out, const Tensor& input, int64_t dim) {
  const Strips strips(input, dim);
  FB_DISPATCH(input.dtype(), FB_FLOATS, "logcumsumexp_out_cpu", {
    constexpr scalar_t kInf = std::numeric_limits<scalar_t>::infinity();
    scan<scalar_t>(out.data<scalar_t>(), input.data<scalar_t>(), strips, -kInf,
                   [](scalar_t acc, scalar_t x) {
                     scalar_t low = x < acc ? x : acc, high = x < acc ? acc : x;
                     if (acc != acc) return acc;
                     if (low == high && math::abs(low) == kInf) return x;  // equal infinities
                     return high + math::log1p(math::exp(low - high));
                   });
  });
}
CPU_KERNEL(logcumsumexp, logcumsumexp_cpu)

template <bool kLargest, class T, class C>
void scan_extreme(T* values, int64_t* indices, const T* in, const Strips& s) {
  s.each([&](int64_t at, int64_t width) {
    C best[kColumns];
    int64_t place[kColumns];
    InterruptCheck<kRows> interrupted;
    for (int64_t r = 0; r < s.length; ++r) {
      interrupted.step();
      const int64_t row = at + r * s.inner;
      for (int64_t c = 0; c < width; ++c) {
        C x = static_cast<C>(in[row + c]);
        bool better = (r == 0) | (x != x) | (kLargest ? x >= best[c] : x <= best[c]);
        best[c] = better ? x : best[c];
        place[c] = better ? r : place[c];
        values[row + c] = static_cast<T>(best[c]);
        indices[row + c] = place[c];
      }
    }
  });
}

void cumulative_extreme_cpu(const Tensor& values, const Tensor& indices, const Tensor& input,
                            int64_t dim, bool largest) {
  const Strips strips(input, dim);
  FB_DISPATCH(input.dtype(), FB_REAL_BOOL, largest ? "cummax_cpu" : "cummin_cpu", {
    using C = std::conditional_t<is_reduced(dtype_of<scalar_t>), float, scalar_t>;
    auto* to = values.data<scalar_t>();
    const auto* in = input.data<scalar_t>();
    if (largest) {
      scan_extreme<true, scalar_t, C>(to, indices.data<int64_t>(), in, strips);
    } else {
      scan_extreme<false, scalar_t, C>(to, indices.data<int64_t>(), in, strips);
    }
  });
}
CPU_KERNEL(cumulative_extreme, cumulative_extreme_cpu)

template <class T>
void recurrence(const Tensor& out, const Tensor& a, const Tensor& b, int64_t dim, bool reverse) {
  const Strips s(out, dim);
  auto* to = static_cast<T*>(out.raw());
  const auto* factor = static_cast<const T*>(a.raw());
  const auto* term = static_cast<const T*>(b.raw());
  s.each([&](int64_t at, int64_t width) {
    T h[kColumns];
    std::fill(h, h + width, T(0));
    InterruptCheck<kRows> interrupted;
    for (int64_t r = 0; r < s.length; ++r) {
      interrupted.step();
      const int64_t row = at + (reverse ? s.length - 1 - r : r) * s.inner;
      for (int64_t c = 0; c < width; ++c) {
        h[c] = r == 0 ? term[row + c] : factor[row + c] * h[c] + term[row + c];
        to[row + c] = h[c];
      }
    }
  });
}

void linear_recurrence_cpu(const Tensor& out, const Tensor& a, const Tensor& b, int64_t dim,
                           bool reverse) {
  switch (out.dtype()) {
    case DType::Float32:
      return recurrence<float>(out, a, b, dim, reverse);
    case DType::Float64:
      return recurrence<double>(out, a, b, dim, reverse);
    case DType::Complex64:
      return recurrence<Complex<float>>(out, a, b, dim, reverse);
    case DType::Complex128:
      return recurrence<Complex<double>>(out, a, b, dim, reverse);
    default:
      raise_unsupported_dtype("linear_recurrence", out.dtype());
  }
}
CPU_KERNEL(linear_recurrence, linear_recurrence_cpu)

}  // namespace
}  // namespace fb

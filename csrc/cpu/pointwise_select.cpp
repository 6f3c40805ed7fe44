#include "ops/pointwise_select_kernels.h"

#include "cpu/elementwise.h"
#include "cpu/math.h"

namespace fb {
namespace {

using C64 = Complex<float>;
using C128 = Complex<double>;

// NaN wins, on either side.
template <class T> T larger(T a, T b) {
  T r = a > b ? a : b;
  return a != a ? a : r;
}
template <class T> T smaller(T a, T b) {
  T r = a < b ? a : b;
  return a != a ? a : r;
}

void maximum_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, int64_t, float, double>([](auto x, auto y) { return larger(x, y); });
  run(loops, "maximum_cpu", dtype, out, a, b);
}
void minimum_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, int64_t, float, double>([](auto x, auto y) { return smaller(x, y); });
  run(loops, "minimum_cpu", dtype, out, a, b);
}
// The number wins over NaN.
void fmax_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, float, double>([](auto x, auto y) {
    auto r = y > x ? y : x;
    return x != x ? y : r;
  });
  run(loops, "fmax_cpu", dtype, out, a, b);
}
void fmin_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, float, double>([](auto x, auto y) {
    auto r = y < x ? y : x;
    return x != x ? y : r;
  });
  run(loops, "fmin_cpu", dtype, out, a, b);
}

struct Bounds {
  Number min, max;
};

void clamp_cpu(const Tensor& out, const Tensor& input, const Scalar* min, const Scalar* max,
               DType dtype) {
  if (min && max) {
    // The upper bound has the last word; NaN passes.
    static constexpr Loops loops =
        pointwise_with<Bounds, 1, int64_t, float, double>([](auto x, const Bounds& bounds) {
          using T = decltype(x);
          T low = bounds.min.as<T>(), high = bounds.max.as<T>();
          x = x < low ? low : x;
          return x > high ? high : x;
        });
    run_with(Bounds{*min, *max}, loops, "clamp_scalar_cpu", dtype, out, input);
  } else if (min) {
    static constexpr Loops loops =
        pointwise_with<Number, 1, int64_t, float, double>([](auto x, const Number& min) {
          auto low = min.as<decltype(x)>();
          return x < low ? low : x;
        });
    run_with(Number(*min), loops, "clamp_min_scalar_cpu", dtype, out, input);
  } else {
    static constexpr Loops loops =
        pointwise_with<Number, 1, int64_t, float, double>([](auto x, const Number& max) {
          auto high = max.as<decltype(x)>();
          return x > high ? high : x;
        });
    run_with(Number(*max), loops, "clamp_max_scalar_cpu", dtype, out, input);
  }
}

void clamp_between_cpu(const Tensor& out, const Tensor& input, const Tensor& min, const Tensor& max,
                       DType dtype) {
  static constexpr Loops loops =
      pointwise<3, int64_t, float, double>([](auto x, auto low, auto high) {
        return smaller(larger(x, low), high);
      }).without_bool();
  run(loops, "clamp_cpu", dtype, out, input, min, max);
}

template <class T>
constexpr Loop choice() {
  // Compilers make vectors of bytes, not of bool.
  auto choose = [](uint8_t condition, T a, T b) { return condition != 0 ? a : b; };
  Loop loop = LoopOf<decltype(choose), void, uint8_t, T, T>::loop();
  loop.types[1] = DType::Bool;
  return loop;
}

void where_cpu(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b,
               DType dtype) {
  static constexpr Loops loops = [] {
    Loops l;
    l.operands = 3;
    l.by_kind[Loops::kind(DType::Int64)] = choice<int64_t>();
    l.by_kind[Loops::kind(DType::Int32)] = choice<int32_t>();
    l.by_kind[Loops::kind(DType::UInt8)] = choice<uint8_t>();
    l.by_kind[Loops::kind(DType::Bool)] = choice<bool>();
    l.by_kind[Loops::kind(DType::Float32)] = choice<float>();
    l.by_kind[Loops::kind(DType::Float64)] = choice<double>();
    l.by_kind[Loops::kind(DType::Complex64)] = choice<C64>();
    l.by_kind[Loops::kind(DType::Complex128)] = choice<C128>();
    return l;
  }();
  run(loops, "where_cpu", dtype, out, condition, a, b);
}

struct Stand {
  double nan, posinf, neginf;
  template <class T>
  T in_for(T x) const {
    T r = x == T(math::kInfinity) ? static_cast<T>(posinf) : x;
    r = x == -T(math::kInfinity) ? static_cast<T>(neginf) : r;
    return x != x ? static_cast<T>(nan) : r;
  }
};

void nan_to_num_cpu(const Tensor& out, const Tensor& input, double nan, double posinf,
                    double neginf, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Stand, 1, float, double, C64, C128>([](auto x, const Stand& stand) {
        using T = decltype(x);
        if constexpr (is_complex_type<T>) {
          return T(stand.in_for(x.re), stand.in_for(x.im));
        } else {
          return stand.in_for(x);
        }
      });
  run_with(Stand{nan, posinf, neginf}, loops, "nan_to_num", dtype, out, input);
}

CPU_KERNEL(maximum, maximum_cpu)
CPU_KERNEL(minimum, minimum_cpu)
CPU_KERNEL(fmax, fmax_cpu)
CPU_KERNEL(fmin, fmin_cpu)
CPU_KERNEL(clamp, clamp_cpu)
CPU_KERNEL(clamp_between, clamp_between_cpu)
CPU_KERNEL(where, where_cpu)
CPU_KERNEL(nan_to_num, nan_to_num_cpu)

}  // namespace
}  // namespace fb

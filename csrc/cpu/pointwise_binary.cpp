#include "ops/pointwise_binary_kernels.h"

#include "cpu/elementwise.h"
#include "cpu/math.h"
#include "cpu/special.h"

namespace fb {
namespace {

using C64 = Complex<float>;
using C128 = Complex<double>;

#define FUNCTION(name, cost, expression)                                                        \
  void name##_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {           \
    static constexpr Loops loops =                                                              \
        pointwise<2, float, double>([](auto x, auto y) { return expression; }).with_cost(cost); \
    run(loops, #name "_cpu", dtype, out, a, b);                                                 \
  }                                                                                             \
  CPU_KERNEL(name, name##_cpu)

// log(exp(x) + exp(y)) from the larger of the two; equal infinities would give NaN.
template <class T>
T log_add(T x, T y) {
  T larger = x > y ? x : y, distance = math::abs(x - y);
  T sum = larger + math::log1p(math::exp(-distance));
  return x == y && math::abs(x) == T(math::kInfinity) ? x : x != x ? x : sum;
}
template <class T>
T log2_add(T x, T y) {
  T larger = x > y ? x : y, distance = math::abs(x - y);
  T sum = larger + math::log1p(math::exp2(-distance)) * T(1.4426950408889634);
  return x == y && math::abs(x) == T(math::kInfinity) ? x : x != x ? x : sum;
}
// 0 log(y) is 0, whatever the logarithm, except for NaN.
template <class T>
T times_log(T x, T y, T log) {
  T r = x == 0 ? T(0) : x * log;
  return y != y ? y : r;
}

FUNCTION(atan2, 32, math::atan2(x, y))
FUNCTION(hypot, 16, math::hypot(x, y))
FUNCTION(copysign, 1, math::copysign(x, y))
FUNCTION(logaddexp, 24, log_add(x, y))
FUNCTION(logaddexp2, 24, log2_add(x, y))
FUNCTION(xlogy, 8, times_log(x, y, math::log(y)))
FUNCTION(xlog1py, 12, times_log(x, y, math::log1p(y)))
FUNCTION(zeta, 64, decltype(x)(zeta(x, y)))
#undef FUNCTION

// The neighbour in the operands' own type: a float's neighbour is lost when it is rounded to a half
// type.
template <class H>
float next_half(float x, float y, uint16_t infinity) {
  constexpr uint16_t kSign = 0x8000;
  uint16_t from = H(x).bits, to = H(y).bits;
  uint16_t magnitude = from & 0x7fff, target = to & 0x7fff;
  H result;
  if (magnitude > infinity) {
    result.bits = from;
  } else if (target > infinity || from == to || (magnitude == 0 && target == 0)) {
    result.bits = to;
  } else if (magnitude == 0) {
    result.bits = static_cast<uint16_t>((to & kSign) | 1);
  } else {
    bool towards_zero = ((from ^ to) & kSign) != 0 || magnitude > target;
    result.bits = static_cast<uint16_t>(towards_zero ? from - 1 : from + 1);
  }
  return static_cast<float>(result);
}

void nextafter_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops halves =
      pointwise<2, float>([](float x, float y) { return next_half<Half>(x, y, 0x7c00); });
  static constexpr Loops bfloats =
      pointwise<2, float>([](float x, float y) { return next_half<BFloat16>(x, y, 0x7f80); });
  static constexpr Loops loops =
      pointwise<2, float, double>([](auto x, auto y) { return math::nextafter(x, y); });
  const Loops& chosen = dtype == DType::Float16    ? halves
                        : dtype == DType::BFloat16 ? bfloats
                                                   : loops;
  run(chosen, "nextafter_cpu", dtype, out, a, b);
}

void heaviside_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, float, double>([](auto x, auto y) {
    using T = decltype(x);
    return x == 0 ? y : static_cast<T>(x > 0);
  });
  run(loops, "heaviside_cpu", dtype, out, a, b);
}

int64_t greatest_divisor(int64_t a, int64_t b) {
  auto magnitude = [](int64_t v) {
    return v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
  };
  uint64_t x = magnitude(a), y = magnitude(b);
  while (x != 0) {
    uint64_t rest = y % x;
    y = x;
    x = rest;
  }
  return static_cast<int64_t>(y);
}

void gcd_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, int64_t>([](auto x, auto y) { return greatest_divisor(x, y); })
          .with_cost(64)
          .without_bool();
  run(loops, "gcd_cpu", dtype, out, a, b);
}

void lcm_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, int64_t>([](auto x, auto y) -> int64_t {
        int64_t divisor = greatest_divisor(x, y);
        if (divisor == 0) return 0;
        int64_t product =
            static_cast<int64_t>(static_cast<uint64_t>(x / divisor) * static_cast<uint64_t>(y));
        return product < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(product)) : product;
      })
          .with_cost(64)
          .without_bool();
  run(loops, "lcm_cpu", dtype, out, a, b);
}

void complex_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, float, double>([](auto re, auto im) { return Complex<decltype(re)>(re, im); });
  run(loops, "complex_cpu", dtype, out, a, b);
}

void polar_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, float, double>([](auto r, auto angle) {
                                   using T = decltype(r);
                                   double s = __builtin_sin(static_cast<double>(angle)),
                                          c = __builtin_cos(static_cast<double>(angle));
                                   return Complex<T>(static_cast<T>(r * c), static_cast<T>(r * s));
                                 }).with_cost(48);
  run(loops, "polar_cpu", dtype, out, a, b);
}

CPU_KERNEL(nextafter, nextafter_cpu)
CPU_KERNEL(heaviside, heaviside_cpu)
CPU_KERNEL(gcd, gcd_cpu)
CPU_KERNEL(lcm, lcm_cpu)
CPU_KERNEL(complex, complex_cpu)
CPU_KERNEL(polar, polar_cpu)

}  // namespace
}  // namespace fb

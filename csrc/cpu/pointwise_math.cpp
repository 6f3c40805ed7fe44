#include "ops/pointwise_math_kernels.h"

#include "cpu/complex_math.h"
#include "cpu/elementwise.h"
#include "cpu/math.h"
#include "cpu/special.h"

namespace fb {
namespace {

using C64 = Complex<float>;
using C128 = Complex<double>;

// A kernel of one real (x) and one complex (z) expression.
#define FUNCTION(name, cost, real, complex)                                            \
  void name##_cpu(const Tensor& out, const Tensor& input, DType dtype) {               \
    static constexpr Loops loops = pointwise<1, float, double, C64, C128>([](auto x) { \
                                     if constexpr (is_complex_type<decltype(x)>) {     \
                                       auto z = x;                                     \
                                       return complex;                                 \
                                     } else {                                          \
                                       return real;                                    \
                                     }                                                 \
                                   }).with_cost(cost);                                 \
    run(loops, #name, dtype, out, input);                                              \
  }                                                                                    \
  CPU_KERNEL(name, name##_cpu)
#define REAL_FUNCTION(name, cost, real)                                           \
  void name##_cpu(const Tensor& out, const Tensor& input, DType dtype) {          \
    static constexpr Loops loops =                                                \
        pointwise<1, float, double>([](auto x) { return real; }).with_cost(cost); \
    run(loops, #name, dtype, out, input);                                         \
  }                                                                               \
  CPU_KERNEL(name, name##_cpu)
#define T decltype(x)

FUNCTION(sqrt, 4, math::sqrt(x), csqrt(z))
FUNCTION(rsqrt, 8, T(1) / math::sqrt(x), T(1) / csqrt(z))
FUNCTION(exp, 8, math::exp(x), cexp(z))
FUNCTION(exp2, 8, math::exp2(x), cexp(z* typename T::Real(0.69314718055994531)))
FUNCTION(expm1, 8, math::expm1(x), complex_expm1(z))
FUNCTION(log, 8, math::log(x), clog(z))
FUNCTION(log2, 16, math::log2(x), clog(z) * typename T::Real(1.4426950408889634))
FUNCTION(log10, 16, math::log10(x), clog(z) * typename T::Real(0.43429448190325183))
FUNCTION(log1p, 12, math::log1p(x), complex_log1p(z))
FUNCTION(asin, 24, math::asin(x), casin(z))
FUNCTION(acos, 24, math::acos(x), cacos(z))
FUNCTION(atan, 24, math::atan(x), catan(z))
FUNCTION(sinh, 24, math::sinh(x), csinh(z))
FUNCTION(cosh, 24, math::cosh(x), ccosh(z))
FUNCTION(tanh, 12, math::tanh(x), ctanh(z))
FUNCTION(asinh, 24, math::asinh(x), casinh(z))
FUNCTION(acosh, 24, math::acosh(x), cacosh(z))
FUNCTION(atanh, 24, math::atanh(x), catanh(z))
FUNCTION(sigmoid, 12, math::sigmoid(x), T(1) / (T(1) + cexp(-z)))
FUNCTION(angle, 8, x != x ? x : x < 0 ? T(math::kPi) : T(0), carg(z))
REAL_FUNCTION(erf, 16, math::erf(x))
REAL_FUNCTION(erfc, 32, math::erfc(x))
REAL_FUNCTION(erfinv, 64, T(erfinv(x)))
REAL_FUNCTION(lgamma, 64, T(lgamma(x)))
REAL_FUNCTION(digamma, 64, T(digamma(x)))
REAL_FUNCTION(ceil, 1, math::ceil(x))
REAL_FUNCTION(floor, 1, math::floor(x))
REAL_FUNCTION(trunc, 1, math::trunc(x))
REAL_FUNCTION(round, 1, math::round(x))
REAL_FUNCTION(frac, 1, x - math::trunc(x))
#undef T

// Beyond the range of the vector code the C library takes over, for the whole run of elements.
template <class Near, class Far>
void guarded_run(char* const* data, int64_t n, const void* params) {
  const float* x = reinterpret_cast<const float*>(data[1]);
  bool far = false;
  for (int64_t i = 0; i < n; ++i) far |= math::abs(x[i]) > math::detail::kTrigLimit;
  if (far) {
    LoopOf<Far, void, float>::run(data, n, params);
  } else {
    LoopOf<Near, void, float>::run(data, n, params);
  }
}

#define TRIGONOMETRIC(name)                                                                    \
  void name##_cpu(const Tensor& out, const Tensor& input, DType dtype) {                       \
    static constexpr Loops loops = [] {                                                        \
      auto near = [](float x) { return math::name(x); };                                       \
      auto far = [](float x) { return __builtin_##name##f(x); };                               \
      Loops l = pointwise<1, float, double, C64, C128>([](auto x) {                            \
        if constexpr (is_complex_type<decltype(x)>)                                            \
          return c##name(x);                                                                   \
        else                                                                                   \
          return math::name(x);                                                                \
      });                                                                                      \
      l.by_kind[Loops::kind(DType::Float32)].run = guarded_run<decltype(near), decltype(far)>; \
      return l.with_cost(16);                                                                  \
    }();                                                                                       \
    run(loops, #name, dtype, out, input);                                                      \
  }                                                                                            \
  CPU_KERNEL(name, name##_cpu)
TRIGONOMETRIC(sin)
TRIGONOMETRIC(cos)
TRIGONOMETRIC(tan)

void sinc_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, float, double, C64, C128>([](auto x) {
                                   using T = decltype(x);
                                   if constexpr (is_complex_type<T>) {
                                     if (x == T(0)) return T(1);
                                     T product = x * typename T::Real(math::kPi);
                                     return csin(product) / product;
                                   } else {
                                     // Whole numbers give exactly 0, which the rounded product with
                                     // pi would not.
                                     double product = math::kPi * x;
                                     return x == 0 ? T(1) : T(__builtin_sin(product) / product);
                                   }
                                 }).with_cost(32);
  run(loops, "sinc", dtype, out, input);
}

void round_decimals_cpu(const Tensor& out, const Tensor& input, int64_t decimals, DType dtype) {
  struct Scale {
    double ten;
    bool negative;
  };
  static constexpr Loops loops =
      pointwise_with<Scale, 1, float, double>([](auto x, const Scale& scale) {
        using T = decltype(x);
        T ten = static_cast<T>(scale.ten);
        return scale.negative ? math::round(x / ten) * ten : math::round(x * ten) / ten;
      });
  bool negative = decimals < 0;
  double power = __builtin_pow(10.0, static_cast<double>(negative ? -decimals : decimals));
  run_with(Scale{power, negative}, loops, "round_cpu", dtype, out, input);
}

void logit_cpu(const Tensor& out, const Tensor& input, double eps, DType dtype) {
  static constexpr Loops loops = pointwise_with<double, 1, float, double>([](auto x, double eps) {
                                   using T = decltype(x);
                                   T low = static_cast<T>(eps), high = T(1) - low;
                                   T clamped = x < low ? low : x > high ? high : x;
                                   T p = eps < 0 ? x : clamped;
                                   return math::log(p / (T(1) - p));
                                 }).with_cost(12);
  run_with(eps, loops, "logit_cpu", dtype, out, input);
}

void polygamma_cpu(const Tensor& out, const Tensor& input, int64_t n, DType dtype) {
  static constexpr Loops loops = pointwise_with<int64_t, 1, float, double>([](auto x, int64_t n) {
                                   return static_cast<decltype(x)>(polygamma(n, x));
                                 }).with_cost(64);
  run_with(n, loops, "polygamma", dtype, out, input);
}

// --- derivatives by the result ---

void tanh_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& result, DType dtype) {
  static constexpr Loops loops = pointwise<2, float, double, C64, C128>([](auto g, auto y) {
    using T = decltype(y);
    if constexpr (is_complex_type<T>) {
      return g * conj(T(1) - y * y);
    } else {
      return g * (T(1) - y * y);
    }
  });
  run(loops, "tanh_backward", dtype, out, grad, result);
}

void sigmoid_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& result,
                          DType dtype) {
  static constexpr Loops loops = pointwise<2, float, double, C64, C128>([](auto g, auto y) {
    using T = decltype(y);
    if constexpr (is_complex_type<T>) {
      return g * conj((T(1) - y) * y);
    } else {
      return g * (T(1) - y) * y;
    }
  });
  run(loops, "sigmoid_backward", dtype, out, grad, result);
}

CPU_KERNEL(sinc, sinc_cpu)
CPU_KERNEL(round_decimals, round_decimals_cpu)
CPU_KERNEL(logit, logit_cpu)
CPU_KERNEL(polygamma, polygamma_cpu)
CPU_KERNEL(tanh_backward, tanh_backward_cpu)
CPU_KERNEL(sigmoid_backward, sigmoid_backward_cpu)

}  // namespace
}  // namespace fb

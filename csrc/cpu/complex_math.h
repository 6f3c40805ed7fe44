// Functions of complex numbers, by the C library: its functions are ordinary symbols, the C++
// library's are templates that would be compiled under a kernel's instruction set.
#pragma once
#include "cpu/complex.h"
#include "cpu/math.h"

namespace fb::inline FB_CPU_NAMESPACE {

template <class T>
T cabs(Complex<T> z) {
  if constexpr (sizeof(T) == 4)
    return __builtin_hypotf(z.re, z.im);
  else
    return __builtin_hypot(z.re, z.im);
}
template <class T>
T carg(Complex<T> z) {
  if constexpr (sizeof(T) == 4)
    return __builtin_atan2f(z.im, z.re);
  else
    return __builtin_atan2(z.im, z.re);
}

inline _Complex float c_value(Complex<float> z) {
  _Complex float c;
  __real__ c = z.re;
  __imag__ c = z.im;
  return c;
}
inline _Complex double c_value(Complex<double> z) {
  _Complex double c;
  __real__ c = z.re;
  __imag__ c = z.im;
  return c;
}

#define FB_COMPLEX_FUNCTION(name, builtin)         \
  inline Complex<float> name(Complex<float> z) {   \
    _Complex float r = builtin##f(c_value(z));     \
    return {__real__ r, __imag__ r};               \
  }                                                \
  inline Complex<double> name(Complex<double> z) { \
    _Complex double r = builtin(c_value(z));       \
    return {__real__ r, __imag__ r};               \
  }
FB_COMPLEX_FUNCTION(csqrt, __builtin_csqrt)
FB_COMPLEX_FUNCTION(cexp, __builtin_cexp)
FB_COMPLEX_FUNCTION(clog, __builtin_clog)
FB_COMPLEX_FUNCTION(csin, __builtin_csin)
FB_COMPLEX_FUNCTION(ccos, __builtin_ccos)
FB_COMPLEX_FUNCTION(ctan, __builtin_ctan)
FB_COMPLEX_FUNCTION(casin, __builtin_casin)
FB_COMPLEX_FUNCTION(cacos, __builtin_cacos)
FB_COMPLEX_FUNCTION(catan, __builtin_catan)
FB_COMPLEX_FUNCTION(csinh, __builtin_csinh)
FB_COMPLEX_FUNCTION(ccosh, __builtin_ccosh)
FB_COMPLEX_FUNCTION(ctanh, __builtin_ctanh)
FB_COMPLEX_FUNCTION(casinh, __builtin_casinh)
FB_COMPLEX_FUNCTION(cacosh, __builtin_cacosh)
FB_COMPLEX_FUNCTION(catanh, __builtin_catanh)
#undef FB_COMPLEX_FUNCTION

// exp(z) - 1 = expm1(a) cos(b) - 2 sin(b/2)^2 + i exp(a) sin(b), without cancellation near 0
template <class T>
Complex<T> complex_expm1(Complex<T> z) {
  double a = z.re, b = z.im, s = __builtin_sin(0.5 * b), e = __builtin_expm1(a);
  return {static_cast<T>(e * __builtin_cos(b) - 2 * s * s),
          static_cast<T>(b == 0 ? b : (e + 1) * __builtin_sin(b))};
}
template <class T>
Complex<T> complex_log1p(Complex<T> z) {
  double a = z.re, b = z.im;
  return {static_cast<T>(0.5 * __builtin_log1p(a * (2 + a) + b * b)),
          static_cast<T>(__builtin_atan2(b, 1 + a))};
}

inline Complex<double> cpow(Complex<double> a, Complex<double> b) {
  if (b.re == 0 && b.im == 0) return {1, 0};
  if (a.re == 0 && a.im == 0) {
    if (b.re > 0) return {0, 0};
  }
  if (b.im == 0 && (b.re == 2 || b.re == 1 || b.re == 3))
    return b.re == 1 ? a : b.re == 2 ? a * a : a * a * a;
  _Complex double r = __builtin_cpow(c_value(a), c_value(b));
  return {__real__ r, __imag__ r};
}
// Through double: the logarithm's rounding would cost digits in float.
inline Complex<float> cpow(Complex<float> a, Complex<float> b) {
  return Complex<float>(cpow(Complex<double>(a), Complex<double>(b)));
}

}  // namespace fb::inline FB_CPU_NAMESPACE

// Complex numbers as kernels compute with them: laid out as std::complex, without its library calls
// and NaN recovery, so that loops vectorise and nothing of the standard library is instantiated
// under a kernel's instruction set.
#pragma once
#include "core/dtype.h"
#include "cpu/cpu.h"

namespace fb::inline FB_CPU_NAMESPACE {

template <class T>
struct Complex {
  using Real = T;
  T re, im;
  Complex() = default;
  constexpr Complex(T r, T i = 0) : re(r), im(i) {}
  template <class U>
  explicit constexpr Complex(const Complex<U>& z)
      : re(static_cast<T>(z.re)), im(static_cast<T>(z.im)) {}
  bool operator==(const Complex& o) const { return re == o.re && im == o.im; }
  bool operator!=(const Complex& o) const { return !(*this == o); }
  Complex operator-() const { return {-re, -im}; }
};
static_assert(sizeof(Complex<float>) == sizeof(complex64));

template <class T> constexpr bool is_complex_type = false;
template <class T> constexpr bool is_complex_type<Complex<T>> = true;

template <class T> Complex<T> operator+(Complex<T> a, Complex<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class T> Complex<T> operator-(Complex<T> a, Complex<T> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class T> Complex<T> operator*(Complex<T> a, Complex<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class T> Complex<T> operator*(Complex<T> a, T b) { return {a.re * b, a.im * b}; }
template <class T> Complex<T> operator*(T a, Complex<T> b) { return b * a; }
template <class T> Complex<T> conj(Complex<T> a) { return {a.re, -a.im}; }

template <class T>
Complex<T> operator/(Complex<T> a, Complex<T> b) {
  // Scaled by the larger part of the divisor, which keeps clear of overflow and underflow.
  T re = b.re < 0 ? -b.re : b.re, im = b.im < 0 ? -b.im : b.im;
  if (re >= im) {
    if (re == 0 && im == 0) return {a.re / re, a.im / im};
    T ratio = b.im / b.re, scale = T(1) / (b.re + b.im * ratio);
    return {(a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale};
  }
  T ratio = b.re / b.im, scale = T(1) / (b.re * ratio + b.im);
  return {(a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale};
}

}  // namespace fb::inline FB_CPU_NAMESPACE

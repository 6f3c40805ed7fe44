#include "ops/pointwise_kernels.h"

#include "cpu/complex_math.h"
#include "cpu/elementwise.h"
#include "cpu/math.h"

namespace fb {
namespace {

using C64 = Complex<float>;
using C128 = Complex<double>;

template <class T> constexpr bool is_integer = std::is_integral_v<T>;

void check_divisor(bool zero) {
  if (__builtin_expect(zero, 0)) raise(ErrorKind::Runtime, "ZeroDivisionError");
}

// --- arithmetic ---

void add_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, int32_t, float, double, C64, C128>(
      [](auto x, auto y) { return decltype(x)(x + y); });
  run(loops, "add", dtype, out, a, b);
}

void sub_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, int32_t, float, double, C64, C128>(
      [](auto x, auto y) { return decltype(x)(x - y); });
  run(loops, "sub", dtype, out, a, b);
}

void mul_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, int32_t, float, double, C64, C128>(
      [](auto x, auto y) { return decltype(x)(x * y); });
  run(loops, "mul", dtype, out, a, b);
}

void add_scaled_cpu(const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& alpha,
                    DType dtype) {
  static constexpr Loops loops = pointwise_with<Number, 2, int64_t, float, double, C64, C128>(
      [](auto x, auto y, const Number& alpha) {
        return decltype(x)(x + alpha.as<decltype(x)>() * y);
      });
  run_with(Number(alpha), loops, "add", dtype, out, a, b);
}

void div_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, float, double, C64, C128>([](auto x, auto y) { return decltype(x)(x / y); });
  run(loops, "div", dtype, out, a, b);
}

// The quotient rounded down; for floating numbers as Python does it, which is exact where x / y is
// not.
template <class T>
T floor_quotient(T x, T y) {
  if constexpr (is_integer<T>) {
    check_divisor(y == 0);
    if (y == -1)
      return static_cast<T>(0 -
                            static_cast<uint64_t>(x));  // the smallest number has no counterpart
    T q = x / y;
    return x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;
  } else {
    if (y == 0) return x / y;
    T rest = math::fmod(x, y);
    T q = (x - rest) / y;
    if (rest != 0 && (y < 0) != (rest < 0)) q -= 1;
    if (q == 0) return math::copysign(T(0), x / y);
    T down = math::floor(q);
    return q - down > T(0.5) ? down + 1 : down;
  }
}

void div_floor_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, int64_t, float, double>([](auto x, auto y) { return floor_quotient(x, y); })
          .with_cost(16)
          .without_bool();
  run(loops, "div_floor_cpu", dtype, out, a, b);
}

void div_trunc_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, int64_t, float, double>([](auto x, auto y) {
        using T = decltype(x);
        if constexpr (is_integer<T>) {
          check_divisor(y == 0);
          return y == -1 ? static_cast<T>(0 - static_cast<uint64_t>(x)) : T(x / y);
        } else {
          return math::trunc(x / y);
        }
      })
          .with_cost(4)
          .without_bool();
  // Half types round the quotient before its fraction goes, as PyTorch does.
  static constexpr Loops halves =
      pointwise<2, float>([](float x, float y) { return math::trunc(float(Half(x / y))); });
  static constexpr Loops bfloats =
      pointwise<2, float>([](float x, float y) { return math::trunc(float(BFloat16(x / y))); });
  const Loops& chosen = dtype == DType::Float16    ? halves
                        : dtype == DType::BFloat16 ? bfloats
                                                   : loops;
  run(chosen, "div_trunc_cpu", dtype, out, a, b);
}

void remainder_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, float, double>([](auto x, auto y) {
                                   using T = decltype(x);
                                   T rest;
                                   if constexpr (is_integer<T>) {
                                     check_divisor(y == 0);
                                     rest = y == -1 ? 0 : x % y;
                                   } else {
                                     rest = math::fmod(x, y);
                                   }
                                   return rest != 0 && (rest < 0) != (y < 0) ? T(rest + y) : rest;
                                 })
                                     .with_cost(16)
                                     .without_bool();
  run(loops, "remainder_cpu", dtype, out, a, b);
}

void fmod_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops = pointwise<2, int64_t, float, double>([](auto x, auto y) {
                                   using T = decltype(x);
                                   if constexpr (is_integer<T>) {
                                     check_divisor(y == 0);
                                     return y == -1 ? T(0) : T(x % y);
                                   } else {
                                     return math::fmod(x, y);
                                   }
                                 })
                                     .with_cost(16)
                                     .without_bool();
  run(loops, "fmod_cpu", dtype, out, a, b);
}

// --- powers ---

template <class T>
T power(T x, T y) {
  if constexpr (is_complex_type<T>) {
    return cpow(x, y);
  } else if constexpr (is_integer<T>) {
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 == 0 ? 1 : -1) : 0;
    uint64_t base = static_cast<uint64_t>(x), result = 1;
    for (; y; y >>= 1, base *= base) {
      if (y & 1) result *= base;
    }
    return static_cast<T>(result);
  } else {
    return math::pow(x, y);
  }
}

// Exponents that are numbers and common take no call of the library.
template <int kExponentTwice>
struct FixedPower {
  template <class T>
  T operator()(T x) const {
    if constexpr (kExponentTwice == 1) return math::sqrt(x);
    if constexpr (kExponentTwice == -1) return T(1) / math::sqrt(x);
    if constexpr (kExponentTwice == -2) return T(1) / x;
    if constexpr (kExponentTwice == -4) return T(1) / (x * x);
    if constexpr (kExponentTwice == 4) return x * x;
    if constexpr (kExponentTwice == 6) return x * x * x;
  }
};

bool fixed_power(const Tensor& out, const Tensor& a, double exponent, DType dtype) {
  if (exponent == 0.5) {
    static constexpr Loops loops = pointwise<1, float, double>(FixedPower<1>{});
    run(loops, "pow", dtype, out, a);
  } else if (exponent == -0.5) {
    static constexpr Loops loops = pointwise<1, float, double>(FixedPower<-1>{});
    run(loops, "pow", dtype, out, a);
  } else if (exponent == -1) {
    static constexpr Loops loops = pointwise<1, float, double>(FixedPower<-2>{});
    run(loops, "pow", dtype, out, a);
  } else if (exponent == -2) {
    static constexpr Loops loops = pointwise<1, float, double>(FixedPower<-4>{});
    run(loops, "pow", dtype, out, a);
  } else if (exponent == 2) {
    static constexpr Loops loops = pointwise<1, float, double>(FixedPower<4>{});
    run(loops, "pow", dtype, out, a);
  } else if (exponent == 3) {
    static constexpr Loops loops = pointwise<1, float, double>(FixedPower<6>{});
    run(loops, "pow", dtype, out, a);
  } else {
    return false;
  }
  return true;
}

void pow_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  if (b.dim() == 0 && is_floating(dtype) && fixed_power(out, a, item(b).to<double>(), dtype))
    return;
  static constexpr Loops loops =
      pointwise<2, int64_t, float, double, C64, C128>([](auto x, auto y) { return power(x, y); })
          .with_cost(32)
          .without_bool();
  run(loops, "pow", dtype, out, a, b);
}

// --- one operand ---

void neg_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, int64_t, float, double, C64, C128>([](auto x) { return decltype(x)(-x); });
  run(loops, "neg", dtype, out, input);
}

void abs_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, int64_t, float, double, C64, C128>([](auto x) {
                                   using T = decltype(x);
                                   if constexpr (is_complex_type<T>) {
                                     return cabs(x);
                                   } else if constexpr (is_integer<T>) {
                                     return x < 0 ? T(0 - static_cast<uint64_t>(x)) : x;
                                   } else {
                                     return math::abs(x);
                                   }
                                 }).without_bool();
  run(loops, "abs_cpu", dtype, out, input);
}

void sign_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, int64_t, float, double>([](auto x) {
    using T = decltype(x);
    return static_cast<T>(static_cast<T>(x > 0) - static_cast<T>(x < 0));
  });
  run(loops, "sign", dtype, out, input);
}

void sgn_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, C64, C128>([](auto z) {
    auto r = cabs(z);
    return r == 0 ? decltype(z)(0, 0) : decltype(z)(z.re / r, z.im / r);
  });
  run(loops, "sgn", dtype, out, input);
}

void square_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, int64_t, float, double, C64, C128>([](auto x) { return decltype(x)(x * x); });
  run(loops, "square", dtype, out, input);
}

void reciprocal_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, float, double, C64, C128>(
      [](auto x) { return decltype(x)(decltype(x)(1) / x); });
  run(loops, "reciprocal", dtype, out, input);
}

void conj_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, C64, C128>([](auto z) { return conj(z); });
  run(loops, "conj", dtype, out, input);
}

// --- three operands ---

void addcmul_cpu(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c,
                 const Scalar& value, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Number, 3, int64_t, float, double, C64, C128>([](auto x, auto y, auto z,
                                                                      const Number& value) {
        return decltype(x)(x + value.as<decltype(x)>() * y * z);
      }).without_bool();
  run_with(Number(value), loops, "addcmul_cpu_out", dtype, out, a, b, c);
}

void addcdiv_cpu(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c,
                 const Scalar& value, DType dtype) {
  static constexpr Loops loops = pointwise_with<Number, 3, float, double, C64, C128>(
      [](auto x, auto y, auto z, const Number& value) {
        return decltype(x)(x + value.as<decltype(x)>() * y / z);
      });
  run_with(Number(value), loops, "addcdiv_cpu_out", dtype, out, a, b, c);
}

void lerp_cpu(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c, DType dtype) {
  // From the nearer end, so that both ends are met exactly.
  static constexpr Loops loops = pointwise<3, float, double, C64, C128>([](auto x, auto y, auto w) {
    using T = decltype(x);
    bool near;
    if constexpr (is_complex_type<T>) {
      near = w.re * w.re + w.im * w.im < 0.25f;
    } else {
      near = math::abs(w) < T(0.5);
    }
    return near ? T(x + w * (y - x)) : T(y - (y - x) * (T(1) - w));
  });
  run(loops, "lerp_kernel", dtype, out, a, b, c);
}

CPU_KERNEL(add, add_cpu)
CPU_KERNEL(sub, sub_cpu)
CPU_KERNEL(mul, mul_cpu)
CPU_KERNEL(add_scaled, add_scaled_cpu)
CPU_KERNEL(div, div_cpu)
CPU_KERNEL(div_floor, div_floor_cpu)
CPU_KERNEL(div_trunc, div_trunc_cpu)
CPU_KERNEL(remainder, remainder_cpu)
CPU_KERNEL(fmod, fmod_cpu)
CPU_KERNEL(pow, pow_cpu)
CPU_KERNEL(neg, neg_cpu)
CPU_KERNEL(abs, abs_cpu)
CPU_KERNEL(sign, sign_cpu)
CPU_KERNEL(sgn, sgn_cpu)
CPU_KERNEL(square, square_cpu)
CPU_KERNEL(reciprocal, reciprocal_cpu)
CPU_KERNEL(conj, conj_cpu)
CPU_KERNEL(addcmul, addcmul_cpu)
CPU_KERNEL(addcdiv, addcdiv_cpu)
CPU_KERNEL(lerp, lerp_cpu)

}  // namespace
}  // namespace fb

#include "ops/pointwise_compare_kernels.h"

#include <atomic>
#include <cstring>

#include "cpu/complex_math.h"
#include "cpu/elementwise.h"
#include "cpu/math.h"

namespace fb {
namespace {

using C64 = Complex<float>;
using C128 = Complex<double>;

template <class T>
bool truth(T x) {
  if constexpr (is_complex_type<T>) {
    return (x.re != 0) | (x.im != 0);
  } else {
    return x != 0;
  }
}

// Real types only, or complex ones as well.
#define COMPARISON(name, label, ...)                                                  \
  void name##_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) { \
    static constexpr Loops loops =                                                    \
        pointwise<2, __VA_ARGS__>([](auto x, auto y) { return COMPARED(name); });     \
    run(loops, label, dtype, out, a, b);                                              \
  }                                                                                   \
  CPU_KERNEL(name, name##_cpu)
#define COMPARED(name) compared_##name(x, y)

template <class T> bool compared_eq(T x, T y) { return x == y; }
template <class T> bool compared_ne(T x, T y) { return x != y; }
template <class T> bool compared_lt(T x, T y) { return x < y; }
template <class T> bool compared_le(T x, T y) { return x <= y; }
template <class T> bool compared_logical_and(T x, T y) { return truth(x) & truth(y); }
template <class T> bool compared_logical_or(T x, T y) { return truth(x) | truth(y); }
template <class T> bool compared_logical_xor(T x, T y) { return truth(x) != truth(y); }

COMPARISON(eq, "eq_cpu", int64_t, int32_t, uint8_t, bool, float, double, C64, C128)
COMPARISON(ne, "ne_cpu", int64_t, int32_t, uint8_t, bool, float, double, C64, C128)
COMPARISON(lt, "lt_cpu", int64_t, int32_t, uint8_t, float, double)
COMPARISON(le, "le_cpu", int64_t, int32_t, uint8_t, float, double)
COMPARISON(logical_and, "logical_and_cpu", int64_t, bool, float, double, C64, C128)
COMPARISON(logical_or, "logical_or_cpu", int64_t, bool, float, double, C64, C128)
COMPARISON(logical_xor, "logical_xor_cpu", int64_t, bool, float, double, C64, C128)

void logical_not_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, int64_t, bool, float, double, C64, C128>([](auto x) { return !truth(x); });
  run(loops, "logical_not_cpu", dtype, out, input);
}

// --- tests of one number ---

template <class T>
bool is_nan(T x) {
  if constexpr (is_complex_type<T>) {
    return (x.re != x.re) | (x.im != x.im);
  } else {
    return x != x;
  }
}
template <class T>
bool is_infinite(T x) {
  if constexpr (is_complex_type<T>) {
    return is_infinite(x.re) | is_infinite(x.im);
  } else {
    return math::abs(x) == T(math::kInfinity);
  }
}
template <class T>
bool is_finite(T x) {
  if constexpr (is_complex_type<T>) {
    return is_finite(x.re) & is_finite(x.im);
  } else {
    return math::abs(x) < T(math::kInfinity);
  }
}

void isnan_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, float, double, C64, C128>([](auto x) { return is_nan(x); });
  run(loops, "isnan", dtype, out, input);
}
void isinf_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, float, double, C64, C128>([](auto x) { return is_infinite(x); });
  run(loops, "isinf", dtype, out, input);
}
void isfinite_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, float, double, C64, C128>([](auto x) { return is_finite(x); });
  run(loops, "isfinite", dtype, out, input);
}
void isposinf_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, float, double>([](auto x) { return x == decltype(x)(math::kInfinity); });
  run(loops, "isposinf", dtype, out, input);
}
void isneginf_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, float, double>([](auto x) { return x == -decltype(x)(math::kInfinity); });
  run(loops, "isneginf", dtype, out, input);
}
void signbit_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, int64_t, float, double>([](auto x) {
    using T = decltype(x);
    if constexpr (sizeof(T) == 4)
      return math::bits<int>(x) < 0;
    else
      return math::bits<int64_t>(x) < 0;
  });
  run(loops, "signbit_cpu", dtype, out, input);
}

void isclose_cpu(const Tensor& out, const Tensor& a, const Tensor& b, double rtol, double atol,
                 bool equal_nan, DType dtype) {
  struct Limits {
    double rtol, atol;
    bool equal_nan;
  };
  static constexpr Loops loops = pointwise_with<Limits, 2, int64_t, float, double, C64, C128>(
      [](auto x, auto y, const Limits& limits) {
        using T = decltype(x);
        if (x == y) return true;
        if (limits.equal_nan && is_nan(x) && is_nan(y)) return true;
        if constexpr (is_complex_type<T>) {
          auto distance = cabs(x - y);
          return is_finite(distance) && distance <= limits.atol + limits.rtol * cabs(y);
        } else {
          // In the operands' own type, as PyTorch rounds.
          using R = std::conditional_t<std::is_integral_v<T>, double, T>;
          R distance = math::abs(static_cast<R>(x) - static_cast<R>(y));
          R allowed = static_cast<R>(limits.atol) +
                      math::abs(static_cast<R>(limits.rtol) * static_cast<R>(y));
          return is_finite(distance) && distance <= allowed;
        }
      });
  run_with(Limits{rtol, atol, equal_nan}, loops, "isclose", dtype, out, a, b);
}

void all_true_cpu(const Tensor& input, bool* result) {
  const char* data = static_cast<const char*>(input.raw());
  std::atomic<bool> found{false};
  parallel_for(0, input.numel(), 1 << 20, [&](int64_t begin, int64_t end) {
    if (std::memchr(data + begin, 0, static_cast<size_t>(end - begin)))
      found.store(true, std::memory_order_relaxed);
  });
  *result = !found.load();
}

// --- bits ---

#define BITWISE(name, op)                                                             \
  void name##_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) { \
    static constexpr Loops loops = pointwise<2, int64_t, int32_t, uint8_t, bool>(     \
        [](auto x, auto y) { return decltype(x)(x op y); });                          \
    run(loops, #name, dtype, out, a, b);                                              \
  }                                                                                   \
  CPU_KERNEL(name, name##_cpu)
BITWISE(bitwise_and, &)
BITWISE(bitwise_or, |)
BITWISE(bitwise_xor, ^)

void bitwise_not_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops = pointwise<1, int64_t, int32_t, uint8_t, bool>([](auto x) {
    if constexpr (std::is_same_v<decltype(x), bool>)
      return !x;
    else
      return decltype(x)(~x);
  });
  run(loops, "bitwise_not", dtype, out, input);
}

// Shifts by as many bits as the type has, or by a negative number, leave nothing but the sign.
void shift_left_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<int64_t, 2, int64_t>([](auto x, auto y, int64_t width) {
        return y < 0 || y >= width ? int64_t{0}
                                   : static_cast<int64_t>(static_cast<uint64_t>(x) << y);
      }).without_bool();
  run_with(8 * item_size(dtype), loops, "lshift_cpu", dtype, out, a, b);
}
void shift_right_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<int64_t, 2, int64_t>([](auto x, auto y, int64_t width) {
        return x >> (y < 0 || y >= width ? int64_t{63} : y);
      }).without_bool();
  run_with(8 * item_size(dtype), loops, "rshift_cpu", dtype, out, a, b);
}

CPU_KERNEL(logical_not, logical_not_cpu)
CPU_KERNEL(isnan, isnan_cpu)
CPU_KERNEL(isinf, isinf_cpu)
CPU_KERNEL(isfinite, isfinite_cpu)
CPU_KERNEL(isposinf, isposinf_cpu)
CPU_KERNEL(isneginf, isneginf_cpu)
CPU_KERNEL(signbit, signbit_cpu)
CPU_KERNEL(isclose, isclose_cpu)
CPU_KERNEL(all_true, all_true_cpu)
CPU_KERNEL(bitwise_not, bitwise_not_cpu)
CPU_KERNEL(shift_left, shift_left_cpu)
CPU_KERNEL(shift_right, shift_right_cpu)

}  // namespace
}  // namespace fb

// Element types, their C++ counterparts and PyTorch's promotion lattice.
#pragma once
#include <bit>
#include <complex>
#include <cstdint>
#include <string_view>

namespace fb {

enum class DType : uint8_t {
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  Float32,
  Float64,
  Complex64,
  Complex128,
  Bool,
  BFloat16,
  Undefined
};
constexpr int kDTypes = 12;

// Half types are stored as such and computed in float32.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  explicit Half(float f);
  explicit operator float() const;
};

struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float f) {
    uint32_t u = std::bit_cast<uint32_t>(f);
    // Round to nearest even; a NaN stays a NaN.
    bits = f != f ? 0x7fc0 : static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
  explicit operator float() const {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
};

inline Half::Half(float f) {
#ifdef __FLT16_MAX__
  bits = std::bit_cast<uint16_t>(static_cast<_Float16>(f));
#else
  uint32_t u = std::bit_cast<uint32_t>(f), sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    bits = static_cast<uint16_t>(sign | 0x7e00);
  } else if (magnitude >= 0x477ff000) {
    bits = static_cast<uint16_t>(sign | 0x7c00);
  } else if (magnitude < 0x38800000) {  // subnormal half: let the float adder round
    float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(rounded) - 0x3f000000));
  } else {
    bits = static_cast<uint16_t>(
        sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13));
  }
#endif
}

inline Half::operator float() const {
#ifdef __FLT16_MAX__
  return static_cast<float>(std::bit_cast<_Float16>(bits));
#else
  uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00)
    return std::bit_cast<float>(sign | 0x7f800000 | ((magnitude & 0x3ff) << 13));
  if (magnitude >= 0x400) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000));
  float value = static_cast<float>(magnitude) * 0x1p-24f;
  return sign ? -value : value;
#endif
}

using complex64 = std::complex<float>;
using complex128 = std::complex<double>;

template <class T> struct DTypeOf;
#define FB_DTYPE_OF(type, name)                 \
  template <> struct DTypeOf<type> {            \
    static constexpr DType value = DType::name; \
  };
FB_DTYPE_OF(uint8_t, UInt8)
FB_DTYPE_OF(int8_t, Int8)
FB_DTYPE_OF(int16_t, Int16)
FB_DTYPE_OF(int32_t, Int32)
FB_DTYPE_OF(int64_t, Int64)
FB_DTYPE_OF(Half, Float16)
FB_DTYPE_OF(float, Float32)
FB_DTYPE_OF(double, Float64)
FB_DTYPE_OF(complex64, Complex64)
FB_DTYPE_OF(complex128, Complex128)
FB_DTYPE_OF(bool, Bool)
FB_DTYPE_OF(BFloat16, BFloat16)
#undef FB_DTYPE_OF
template <class T> constexpr DType dtype_of = DTypeOf<T>::value;

constexpr int kItemSize[kDTypes + 1] = {1, 1, 2, 4, 8, 2, 4, 8, 8, 16, 1, 2, 0};
constexpr int64_t item_size(DType t) { return kItemSize[static_cast<int>(t)]; }

constexpr bool is_floating(DType t) {
  return t == DType::Float16 || t == DType::Float32 || t == DType::Float64 || t == DType::BFloat16;
}
constexpr bool is_complex(DType t) { return t == DType::Complex64 || t == DType::Complex128; }
// Integers and bool.
constexpr bool is_integral(DType t) { return !is_floating(t) && !is_complex(t); }
constexpr bool is_reduced(DType t) { return t == DType::Float16 || t == DType::BFloat16; }
constexpr bool is_signed(DType t) { return t != DType::UInt8 && t != DType::Bool; }
constexpr bool is_differentiable(DType t) { return is_floating(t) || is_complex(t); }

// The real type of a complex one, and back; other types are returned as they are.
constexpr DType real_dtype(DType t) {
  return t == DType::Complex64 ? DType::Float32 : t == DType::Complex128 ? DType::Float64 : t;
}
constexpr DType complex_dtype(DType t) {
  return t == DType::Float64 || t == DType::Complex128 ? DType::Complex128 : DType::Complex64;
}

// "float32", "int64", ...
std::string_view dtype_name(DType t);
// "Float", "Long", ...: as PyTorch's errors name them.
std::string_view dtype_class_name(DType t);
// The smallest type both convert to (torch.promote_types).
DType promote_types(DType a, DType b);
// Whether PyTorch casts `from` to `to` implicitly into a given output (torch.can_cast).
bool can_cast(DType from, DType to);

DType default_dtype();            // float32 unless set
void set_default_dtype(DType t);  // floating types only

template <class Stream>
Stream& operator<<(Stream& s, DType t) {
  s << dtype_name(t);
  return s;
}

}  // namespace fb

// FB_DISPATCH(dtype, LIST, name, body): runs body with `scalar_t` bound to the C++ type of `dtype`;
// LIST is one of the lists below. A dtype outside of the list is the error `"name" not implemented
// for 'Half'`, as in PyTorch.
#define FB_CASE(enumerator, type, ...) \
  case ::fb::DType::enumerator: {      \
    using scalar_t = type;             \
    __VA_ARGS__;                       \
    break;                             \
  }
#define FB_INTEGERS(...)               \
  FB_CASE(UInt8, uint8_t, __VA_ARGS__) \
  FB_CASE(Int8, int8_t, __VA_ARGS__)   \
  FB_CASE(Int16, int16_t, __VA_ARGS__) \
  FB_CASE(Int32, int32_t, __VA_ARGS__) \
  FB_CASE(Int64, int64_t, __VA_ARGS__)
#define FB_BOOL(...) FB_CASE(Bool, bool, __VA_ARGS__)
#define FB_FLOATS(...)                 \
  FB_CASE(Float32, float, __VA_ARGS__) \
  FB_CASE(Float64, double, __VA_ARGS__)
#define FB_HALVES(...)                      \
  FB_CASE(Float16, ::fb::Half, __VA_ARGS__) \
  FB_CASE(BFloat16, ::fb::BFloat16, __VA_ARGS__)
#define FB_COMPLEX(...)                            \
  FB_CASE(Complex64, ::fb::complex64, __VA_ARGS__) \
  FB_CASE(Complex128, ::fb::complex128, __VA_ARGS__)
#define FB_FLOATS_HALVES(...) FB_FLOATS(__VA_ARGS__) FB_HALVES(__VA_ARGS__)
#define FB_REAL(...) FB_INTEGERS(__VA_ARGS__) FB_FLOATS(__VA_ARGS__) FB_HALVES(__VA_ARGS__)
#define FB_REAL_BOOL(...) FB_REAL(__VA_ARGS__) FB_BOOL(__VA_ARGS__)
#define FB_ALL(...) FB_REAL_BOOL(__VA_ARGS__) FB_COMPLEX(__VA_ARGS__)
#define FB_DISPATCH(dtype, LIST, name, ...)       \
  switch (dtype) {                                \
    LIST(__VA_ARGS__)                             \
    default:                                      \
      ::fb::raise_unsupported_dtype(name, dtype); \
  }
namespace fb {
[[noreturn]] void raise_unsupported_dtype(std::string_view op, DType dtype);
}

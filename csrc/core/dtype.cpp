#include "core/dtype.h"

#include <atomic>

#include "core/error.h"

namespace fb {
namespace {

constexpr std::string_view kNames[kDTypes + 1] = {
    "uint8",   "int8",      "int16",      "int32", "int64",    "float16",  "float32",
    "float64", "complex64", "complex128", "bool",  "bfloat16", "undefined"};
// How PyTorch names them in "... not implemented for 'Half'".
constexpr std::string_view kClassNames[kDTypes + 1] = {
    "Byte",   "Char",         "Short",         "Int",  "Long",     "Half",     "Float",
    "Double", "ComplexFloat", "ComplexDouble", "Bool", "BFloat16", "Undefined"};

std::atomic<DType> g_default_dtype{DType::Float32};

int integer_rank(DType t) {
  switch (t) {
    case DType::Bool:
      return 0;
    case DType::UInt8:
      return 1;
    case DType::Int8:
      return 2;
    case DType::Int16:
      return 3;
    case DType::Int32:
      return 4;
    default:
      return 5;
  }
}

DType promote_floating(DType a, DType b) {
  if (a == DType::Float64 || b == DType::Float64) return DType::Float64;
  return a == b ? a : DType::Float32;  // float16 with bfloat16 meet in float32
}

}  // namespace

std::string_view dtype_name(DType t) { return kNames[static_cast<int>(t)]; }
std::string_view dtype_class_name(DType t) { return kClassNames[static_cast<int>(t)]; }

DType promote_types(DType a, DType b) {
  if (a == b) return a;
  if (a == DType::Undefined) return b;
  if (b == DType::Undefined) return a;
  if (is_complex(a) || is_complex(b)) {
    bool wide = real_dtype(a) == DType::Float64 || real_dtype(b) == DType::Float64;
    return wide ? DType::Complex128 : DType::Complex64;
  }
  if (is_floating(a) && is_floating(b)) return promote_floating(a, b);
  if (is_floating(a)) return a;
  if (is_floating(b)) return b;
  // uint8 meets a signed type in a signed one that holds both.
  if ((a == DType::UInt8 && b == DType::Int8) || (a == DType::Int8 && b == DType::UInt8))
    return DType::Int16;
  return integer_rank(a) > integer_rank(b) ? a : b;
}

bool can_cast(DType from, DType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_floating(from) && is_integral(to)) return false;
  return !(from != DType::Bool && to == DType::Bool);
}

DType default_dtype() { return g_default_dtype.load(std::memory_order_relaxed); }

void set_default_dtype(DType t) {
  FB_CHECK_TYPE(
      is_floating(t),
      "set_default_dtype: only floating-point types are supported as the default type, but got ",
      t);
  g_default_dtype.store(t, std::memory_order_relaxed);
}

void raise_unsupported_dtype(std::string_view op, DType dtype) {
  raise(ErrorKind::NotImplemented, '"', op, "\" not implemented for '", dtype_class_name(dtype),
        "'");
}

}  // namespace fb

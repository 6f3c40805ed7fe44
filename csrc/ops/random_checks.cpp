#include "ops/random_checks.h"

#include <bit>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace fb {
namespace {

constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax64 = std::numeric_limits<int64_t>::max();

double largest(DType dtype) {
  switch (dtype) {
    case DType::Float16:
      return 65504;
    case DType::BFloat16:
      return 0x1.fep127;
    case DType::Float32:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

int digits(DType dtype) {
  switch (dtype) {
    case DType::Float16:
      return 11;
    case DType::BFloat16:
      return 8;
    case DType::Float32:
      return 24;
    default:
      return 53;
  }
}

struct IntegerLimits {
  int64_t min, max;
};

template <class T>
constexpr IntegerLimits limits_of() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

IntegerLimits integer_limits(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return {0, 1};
    case DType::UInt8:
      return limits_of<uint8_t>();
    case DType::Int8:
      return limits_of<int8_t>();
    case DType::Int16:
      return limits_of<int16_t>();
    case DType::Int32:
      return limits_of<int32_t>();
    default:
      return limits_of<int64_t>();
  }
}

// What is left of an integer after a stay in the floating-point type.
int64_t rounded(DType dtype, int64_t value) {
  double d = 0;
  switch (dtype) {
    case DType::Float16:
      d = static_cast<float>(Half(static_cast<float>(value)));
      break;
    case DType::BFloat16:
      d = static_cast<float>(BFloat16(static_cast<float>(value)));
      break;
    case DType::Float32:
      d = static_cast<float>(value);
      break;
    default:
      d = static_cast<double>(value);
  }
  return std::fabs(d) < 0x1p63 ? static_cast<int64_t>(d) : kMin64;
}

// The distance of neighbours of the type where `value` is.
int64_t spacing(DType dtype, int64_t value) {
  const uint64_t magnitude =
      value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const int shift = std::bit_width(magnitude) - digits(dtype);
  return shift > 0 ? int64_t{1} << shift : 0;
}

int64_t moved_from(DType dtype, int64_t from) {
  if (from == kMax64) return from;
  const int64_t next = rounded(dtype, from + 1);
  return next < from ? next + spacing(dtype, from + 1) : from;
}

int64_t moved_to(DType dtype, int64_t to) {
  if (to == kMin64) return to;
  const int64_t last = rounded(dtype, to - 1);
  return last >= to ? last - spacing(dtype, to - 1) : to;
}

void check_in_range(DType dtype, int64_t from, int64_t last) {
  FB_CHECK(!is_complex(dtype),
           "check_random_bounds handles only integral, floating-point and boolean types");
  double low = -largest(dtype), high = largest(dtype);
  bool from_fits, last_fits;
  if (is_floating(dtype)) {
    from_fits = static_cast<double>(from) >= low && static_cast<double>(from) <= high;
    last_fits = static_cast<double>(last) >= low && static_cast<double>(last) <= high;
  } else {
    const IntegerLimits limits = integer_limits(dtype);
    from_fits = from >= limits.min && from <= limits.max;
    last_fits = last >= limits.min && last <= limits.max;
  }
  FB_CHECK(from_fits, "from is out of bounds for ", cpp_type_name(dtype));
  FB_CHECK(last_fits, "to - 1 is out of bounds for ", cpp_type_name(dtype));
}

}  // namespace

Tensor as_real(const Tensor& t) {
  Dims sizes(t.sizes()), strides;
  for (int64_t stride : t.strides()) strides.push_back(2 * stride);
  sizes.push_back(2);
  strides.push_back(1);
  return from_storage(t.storage(), sizes, strides, 2 * t.offset(), real_dtype(t.dtype()));
}

Tensor expanded(const Tensor& t, Ints sizes) {
  const size_t extra = sizes.size() - t.sizes().size();
  FB_CHECK(t.sizes().size() <= sizes.size(), "expand: the number of sizes provided (", sizes.size(),
           ") must be greater or equal to the number of dimensions in the tensor (", t.dim(), ")");
  Dims strides(sizes.size());
  for (size_t d = extra; d < sizes.size(); ++d) {
    const int64_t size = t.sizes()[d - extra];
    FB_CHECK(size == sizes[d] || size == 1, "The expanded size of the tensor (", sizes[d],
             ") must match the existing size (", size, ") at non-singleton dimension ", d,
             ".  Target sizes: ", shape_text(sizes), ".  Tensor sizes: ", shape_text(t.sizes()));
    strides[d] = size == 1 && sizes[d] != 1 ? 0 : t.strides()[d - extra];
  }
  return t.alias(sizes, strides, t.offset());
}

const char* cpp_type_name(DType dtype) {
  switch (dtype) {
    case DType::UInt8:
      return "unsigned char";
    case DType::Int8:
      return "signed char";
    case DType::Int16:
      return "short";
    case DType::Int32:
      return "int";
    case DType::Int64:
      return "long int";
    case DType::Float16:
      return "c10::Half";
    case DType::BFloat16:
      return "c10::BFloat16";
    case DType::Float32:
      return "float";
    case DType::Float64:
      return "double";
    case DType::Bool:
      return "bool";
    case DType::Complex64:
      return "c10::complex<float>";
    case DType::Complex128:
      return "c10::complex<double>";
    default:
      return "undefined";
  }
}

void check_uniform_bounds(DType dtype, double from, double to) {
  if (!is_floating(dtype)) raise_unsupported_dtype("check_uniform_bounds", dtype);
  const double high = largest(dtype);
  FB_CHECK(from >= -high && from <= high, "from is out of bounds for ", cpp_type_name(dtype));
  FB_CHECK(to >= -high && to <= high, "to is out of bounds for ", cpp_type_name(dtype));
  FB_CHECK(from <= to, "uniform_ expects to return a [from, to) range, but found from=", from,
           " > to=", to);
  FB_CHECK(to - from <= high, "uniform_ expects to-from <= std::numeric_limits<",
           dtype_class_name(dtype), ">::max(), but found to=", to, " and from=", from,
           " which result in to-from to exceed the limit");
}

void check_permutation(int64_t n, DType dtype) {
  FB_CHECK(n >= 0, "Trying to create tensor with negative dimension ", n, ": [", n, "]");
  if (dtype == DType::Bool || is_complex(dtype)) raise_unsupported_dtype("randperm", dtype);
  if (is_integral(dtype)) {
    const char* types[] = {"uint8_t", "int8_t", "int16_t", "int", "int64_t"};
    FB_CHECK(n - 1 <= integer_limits(dtype).max, "value cannot be converted to type ",
             types[static_cast<int>(dtype)], " without overflow");
  } else if (dtype != DType::BFloat16) {  // whose numbers PyTorch lets round
    const int bits = digits(dtype);
    const int64_t most = (int64_t{1} << bits) + 1;
    const std::string text = bits == 11 ? std::to_string(most) : concat("2^", bits, "+1");
    FB_CHECK(n <= most, "n cannot be greater than ", text, " for ", dtype_class_name(dtype),
             " type.");
  }
}

IntegerBounds integer_bounds(DType dtype, int64_t from, std::optional<int64_t> to) {
  if (to) {
    FB_CHECK(from < *to, "random_ expects 'from' to be less than 'to', but got from=", from,
             " >= to=", *to);
    if (is_floating(dtype)) {
      from = moved_from(dtype, from);
      to = moved_to(dtype, *to);
      FB_CHECK(from < *to,
               "random_ expects 'from' casted to dtype to be less than 'to' casted to "
               "dtype, but got from=",
               from, " >= to=", *to);
    }
    check_in_range(dtype, from, *to - 1);
    return {from, static_cast<uint64_t>(*to) - static_cast<uint64_t>(from)};
  }
  int64_t last;
  if (is_floating(dtype)) {
    last = int64_t{1} << digits(dtype);
    from = moved_from(dtype, from);
    FB_CHECK(from < last,
             "random_ expects 'from' casted to dtype to be less than or equal to "
             "'to_inc' casted to dtype, but got from=",
             from, " > to_inc=", last);
  } else {
    FB_CHECK(!is_complex(dtype),
             "random_from_to_impl handles only integral, floating-point and boolean types");
    last = integer_limits(dtype).max;
  }
  check_in_range(dtype, from, last);
  return {from, static_cast<uint64_t>(last) - static_cast<uint64_t>(from) + 1};
}

}  // namespace fb

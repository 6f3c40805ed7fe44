// Comparisons, logic, bits and tests of numbers.
#include "ops/pointwise_compare.h"

#include "ops/copy_kernels.h"
#include "ops/forms.h"
#include "ops/pointwise_compare_kernels.h"

namespace fb {
namespace {

// --- comparisons ---------------------------------------------------------------------------------

// a > b is b < a.
template <class K>
Tensor turned(K& kernel, const Tensor& a, const Tensor& b, Out out) {
  Tensor result = pointwise_output(DType::Bool, out, a, b);
  kernel(result, b, a, result_type(a, b));
  return result;
}

Tensor eq_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_to(kernels::eq, DType::Bool, input, other, out);
}
Tensor ne_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_to(kernels::ne, DType::Bool, input, other, out);
}
Tensor lt_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_to(kernels::lt, DType::Bool, input, other, out);
}
Tensor le_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_to(kernels::le, DType::Bool, input, other, out);
}
Tensor gt_forward(const Tensor& input, const Tensor& other, Out out) {
  return turned(kernels::lt, input, other, out);
}
Tensor ge_forward(const Tensor& input, const Tensor& other, Out out) {
  return turned(kernels::le, input, other, out);
}

#define COMPARISON(op, alias, sign)                                                                               \
  OP(op){                                                                                                         \
      .schema = #op "(Tensor input, Tensor|Number other) -> Tensor",                                              \
      .names = #op ", " #alias ", Tensor." #op ", Tensor." #op "_, Tensor." #alias                                \
                   ", Tensor." #alias "_",                                                                        \
      .forward = boxed<op##_forward>,                                                                             \
      .vjp = no_gradient(),                                                                                       \
      .samples =                                                                                                  \
          "(3,4):int64@0..3 (4,):int64@0..3 | (0,3) 2.5 | (2,1,3):int64@0..3 (4,1):int64@0..3 | (3,) (3,):int64", \
      .errors = "(3,) (4,) -> RuntimeError: must match the size of tensor b",                                     \
      .doc = "Whether ``input " sign " other``, element by element.",                                             \
  };
OP(eq) {
  .schema = "eq(Tensor input, Tensor|Number other) -> Tensor",
  .names = "eq, Tensor.eq, Tensor.eq_",
  .forward = boxed<eq_forward>,
  .vjp = no_gradient(),
  .samples =
      "(3,4):int64@0..3 (4,):int64@0..3 | (0,3) 2.5 | (3,):complex64 (3,):complex64 | (3,):uint8 -1",
  .errors = "(3,) (4,) -> RuntimeError: must match the size of tensor b",
  .doc = R"(Whether ``input == other``, element by element.

Example::

    >>> torch.eq(torch.tensor([1, 2, 3]), 2)
    tensor([False,  True, False])
)",
};
COMPARISON(ne, not_equal, "!=")
COMPARISON(lt, less, "<")
COMPARISON(le, less_equal, "<=")
COMPARISON(gt, greater, ">")
COMPARISON(ge, greater_equal, ">=")
#undef COMPARISON

bool all_true(const Tensor& t) {
  FB_CHECK_KIND(NotImplemented, !t.is_meta(),
                "equal and allclose read their operands, which meta tensors do not have");
  bool result = true;
  if (t.numel() > 0) kernels::all_true(t, &result);
  return result;
}

bool equal_forward(const Tensor& input, const Tensor& other) {
  if (!same_shape(input.sizes(), other.sizes())) return false;
  FB_CHECK(input.dtype() == other.dtype(), "Expected object of data type ", input.dtype(),
           " but got data type ", other.dtype(), " for argument 'other'");
  return all_true(eq_forward(input, other, Out(nullptr)));
}

OP(equal) {
  .schema = "equal(Tensor input, Tensor other) -> bool",
  .forward = boxed<equal_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4) (3,4) | (3,) (4,) | (0,) (0,)",
  .doc = "True if both tensors have the same shape and equal elements.",
};

void check_close_types(const char* op, const Tensor& input, const Tensor& other, double rtol,
                       double atol) {
  FB_CHECK(input.dtype() == other.dtype(), op, ": ", dtype_class_name(input.dtype()),
           " did not match ", dtype_class_name(other.dtype()));
  FB_CHECK(rtol >= 0, "rtol must be greater than or equal to zero, but got ", rtol);
  FB_CHECK(atol >= 0, "atol must be greater than or equal to zero, but got ", atol);
}

Tensor isclose_forward(const Tensor& input, const Tensor& other, double rtol, double atol,
                       bool equal_nan) {
  check_close_types("isclose", input, other, rtol, atol);
  Tensor result = pointwise_output(DType::Bool, Out(nullptr), input, other);
  kernels::isclose(result, input, other, rtol, atol, equal_nan, input.dtype());
  return result;
}

OP(isclose) {
  .schema =
      "isclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
  .forward = boxed<isclose_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4) (4,) | (3,) (3,) rtol=0.5 | (3,) (3,) atol=10.0",
  .errors = "(3,) (3,):int64 -> RuntimeError: did not match",
  .doc = "Whether ``|input - other| <= atol + rtol * |other|``, element by element.",
};

bool allclose_forward(const Tensor& input, const Tensor& other, double rtol, double atol,
                      bool equal_nan) {
  return all_true(isclose_forward(input, other, rtol, atol, equal_nan));
}

OP(allclose) {
  .schema =
      "allclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool",
  .forward = boxed<allclose_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4) (3,4) | (3,) (3,) atol=100.0",
  .doc = "True if ``isclose`` holds for all elements.",
};

// --- logic ---------------------------------------------------------------------------------------

#define LOGIC(op, word)                                                                     \
  Tensor op##_forward(const Tensor& input, const Tensor& other, Out out) {                  \
    return binary_to(kernels::op, DType::Bool, input, other, out);                          \
  }                                                                                         \
  OP(op){                                                                                   \
      .schema = #op "(Tensor input, Tensor other) -> Tensor",                               \
      .names = #op ", Tensor." #op ", Tensor." #op "_",                                     \
      .forward = boxed<op##_forward>,                                                       \
      .vjp = no_gradient(),                                                                 \
      .samples = "(3,4):int64@0..2 (4,):int64@0..2 | (3,):bool (3,):bool | (3,) (3,):bool", \
      .doc = "Logical " word " of the elements, where everything but 0 is true.",           \
  };
LOGIC(logical_and, "and")
LOGIC(logical_or, "or")
LOGIC(logical_xor, "exclusive or")
#undef LOGIC

Tensor logical_not_forward(const Tensor& input, Out out) {
  return unary_to(kernels::logical_not, DType::Bool, input, out);
}

OP(logical_not) {
  .schema = "logical_not(Tensor input) -> Tensor",
  .names = "logical_not, Tensor.logical_not, Tensor.logical_not_",
  .forward = boxed<logical_not_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@0..2 | (3,):bool | (3,)",
  .doc = "Logical not of the elements: true for 0.",
};

// --- bits ----------------------------------------------------------------------------------------

template <class K>
Tensor bitwise(K& kernel, const char* name, const Tensor& a, const Tensor& b, Out out) {
  DType type = result_type(a, b);
  if (!is_integral(type)) raise_unsupported_dtype(name, type);
  Tensor result = pointwise_output(type, out, a, b);
  kernel(result, a, b, type);
  return result;
}

#define BITWISE(op, kernel, word)                                                \
  Tensor op##_forward(const Tensor& input, const Tensor& other, Out out) {       \
    return bitwise(kernels::kernel, #op "_cpu", input, other, out);              \
  }                                                                              \
  OP(op){                                                                        \
      .schema = #op "(Tensor|Number input, Tensor|Number other) -> Tensor",      \
      .names = #op ", Tensor." #op ", Tensor." #op "_",                          \
      .forward = boxed<op##_forward>,                                            \
      .vjp = no_gradient(),                                                      \
      .samples = "(3,4):int64@0..9 (4,):int64@0..9 | (3,):uint8 3",              \
      .errors = "(3,) (3,) -> NotImplementedError: not implemented for 'Float'", \
      .doc = word,                                                               \
  };
BITWISE(bitwise_and, bitwise_and, "Bits that both operands have; of bool the logical and.")
BITWISE(bitwise_or, bitwise_or, "Bits that either operand has; of bool the logical or.")
BITWISE(bitwise_xor, bitwise_xor, "Bits in which the operands differ; of bool the exclusive or.")
BITWISE(bitwise_left_shift, shift_left,
        "``input`` shifted left by ``other`` bits: ``input * 2 ** other``.")
BITWISE(bitwise_right_shift, shift_right,
        "``input`` shifted right by ``other`` bits, keeping the sign.")
#undef BITWISE

Tensor bitwise_not_forward(const Tensor& input, Out out) {
  if (!is_integral(input.dtype())) raise_unsupported_dtype("bitwise_not_cpu", input.dtype());
  return unary(kernels::bitwise_not, input, out);
}

OP(bitwise_not) {
  .schema = "bitwise_not(Tensor input) -> Tensor",
  .names = "bitwise_not, Tensor.bitwise_not, Tensor.bitwise_not_",
  .forward = boxed<bitwise_not_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64 | (3,):bool",
  .errors = "(3,) -> NotImplementedError: not implemented for 'Float'",
  .doc = "All bits inverted; of bool the logical not.",
};

// --- tests of numbers ----------------------------------------------------------------------------

// Integers are always finite numbers.
template <class K>
Tensor number_test(K& kernel, bool of_integers, const Tensor& input, Out out) {
  if (!is_integral(input.dtype())) return unary_to(kernel, DType::Bool, input, out);
  Tensor result = pointwise_output(DType::Bool, out, input);
  kernels::fill(result, Scalar(of_integers));
  return result;
}

#define NUMBER_TEST_CHECK(op)
#define NUMBER_TEST(op, names_, of_integers, text)            \
  Tensor op##_forward(const Tensor& input, Out out) {         \
    NUMBER_TEST_CHECK(op)                                     \
    return number_test(kernels::op, of_integers, input, out); \
  }                                                           \
  OP(op){                                                     \
      .schema = #op "(Tensor input) -> Tensor",               \
      .names = names_,                                        \
      .forward = boxed<op##_forward>,                         \
      .vjp = no_gradient(),                                   \
      .samples = "(3,4) | (3,):int64 | ()",                   \
      .doc = text,                                            \
  };
NUMBER_TEST(isnan, "isnan, Tensor.isnan", false, "Whether each element is not a number.")
NUMBER_TEST(isinf, "isinf, Tensor.isinf", false,
            "Whether each element is infinite, of either sign.")
NUMBER_TEST(isfinite, "isfinite, Tensor.isfinite", true,
            "Whether each element is neither infinite nor NaN.")
#undef NUMBER_TEST_CHECK
#define NUMBER_TEST_CHECK(op) \
  FB_CHECK(!is_complex(input.dtype()), #op " does not support complex inputs.");
NUMBER_TEST(isposinf, "isposinf, Tensor.isposinf", false,
            "Whether each element is positive infinity.")
NUMBER_TEST(isneginf, "isneginf, Tensor.isneginf", false,
            "Whether each element is negative infinity.")
#undef NUMBER_TEST
#undef NUMBER_TEST_CHECK

Tensor signbit_forward(const Tensor& input, Out out) {
  return unary_to(kernels::signbit, DType::Bool, input, out);
}

OP(signbit) {
  .schema = "signbit(Tensor input) -> Tensor",
  .forward = boxed<signbit_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4) | (3,):int64@-3..3",
  .doc = "Whether the sign bit is set: true for negative numbers and -0.0.",
};

Tensor isreal_forward(const Tensor& input) {
  Tensor result = pointwise_output(DType::Bool, Out(nullptr), input);
  if (!is_complex(input.dtype())) {
    kernels::fill(result, Scalar(true));
  } else {
    // A number is real if it equals its conjugate.
    Tensor conjugate = empty_like(input);
    kernels::conj(conjugate, input, input.dtype());
    kernels::eq(result, input, conjugate, input.dtype());
  }
  return result;
}

OP(isreal) {
  .schema = "isreal(Tensor input) -> Tensor",
  .forward = boxed<isreal_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4) | (3,):complex64",
  .doc = "Whether each element has no imaginary part.",
};

}  // namespace
}  // namespace fb

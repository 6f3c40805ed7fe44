// Arithmetic, element by element.
#include "ops/pointwise.h"

#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/forms.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_kernels.h"
#include "ops/pointwise_math.h"
#include "ops/pointwise_select.h"
#include "ops/view.h"

namespace fb {

Tensor zero_gradient(const GradShape& shape) {
  Tensor t = empty(shape.sizes, shape.dtype, shape.device);
  kernels::fill(t, Scalar(0));
  return t;
}

namespace {

// --- add, sub ------------------------------------------------------------------------------------

void check_alpha(DType type, const Scalar& alpha) {
  FB_CHECK(!alpha.is_bool() || type == DType::Bool,
           "Boolean alpha only supported for Boolean results.");
  FB_CHECK(!is_integral(type) || alpha.is_integral(),
           "For integral input tensors, argument alpha must not be a floating point number.");
  FB_CHECK(is_complex(type) || !alpha.is_complex(),
           "For non-complex input tensors, argument alpha must not be a complex number.");
}

Tensor add_forward(const Tensor& input, const Tensor& other, const Scalar& alpha, Out out) {
  if (alpha.is_integral() && alpha.equal(1)) return binary(kernels::add, input, other, out);
  DType type = result_type(input, other);
  check_alpha(type, alpha);
  Tensor result = pointwise_output(type, out, input, other);
  kernels::add_scaled(result, input, other, alpha, type);
  return result;
}

void add_vjp(Grad& g) {
  Scalar alpha = g.arg<Scalar>("alpha");
  if (g.needs("input")) g.set("input", g.dout());
  if (g.needs("other")) g.set("other", alpha.equal(1) ? g.dout() : g.dout() * alpha.conj());
}

OP(add) {
  .schema = "add(Number|Tensor input, Number|Tensor other, *, Scalar alpha=1) -> Tensor",
  .names = "add, Tensor.add, Tensor.add_",
  .forward = boxed<add_forward>,
  .vjp = add_vjp,
  .samples = "(3,4) (4,) alpha=2 | (0,3) 2.5 | (2,1,3) (4,1) | () (3,) | (3,):int64 (3,):bool",
  .errors =
      "(3,):int64 (3,):int64 alpha=0.5 -> RuntimeError: must not be a floating point number"
      " | (3,) (4,) -> RuntimeError: The size of tensor a (3) must match the size of tensor b (4)",
  .doc = R"(Add ``other``, scaled by ``alpha``, to ``input``: ``input + alpha * other``.

Both broadcast, and their types are promoted to a common one.

Example::

    >>> torch.add(torch.tensor([1., 2.]), torch.tensor([10., 20.]), alpha=2)
    tensor([21., 42.])
)",
};

Tensor sub_forward(const Tensor& input, const Tensor& other, const Scalar& alpha, Out out) {
  FB_CHECK(
      input.dtype() != DType::Bool || other.dtype() != DType::Bool,
      "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
      "instead.");
  FB_CHECK(
      input.dtype() != DType::Bool && other.dtype() != DType::Bool,
      "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
      "`~` or `logical_not()` operator instead.");
  if (alpha.is_integral() && alpha.equal(1)) return binary(kernels::sub, input, other, out);
  DType type = result_type(input, other);
  check_alpha(type, alpha);
  Tensor result = pointwise_output(type, out, input, other);
  kernels::add_scaled(result, input, other, -alpha, type);
  return result;
}

void sub_vjp(Grad& g) {
  Scalar alpha = g.arg<Scalar>("alpha");
  if (g.needs("input")) g.set("input", g.dout());
  if (g.needs("other")) g.set("other", alpha.equal(1) ? -g.dout() : g.dout() * -alpha.conj());
}

OP(sub) {
  .schema = "sub(Number|Tensor input, Number|Tensor other, *, Scalar alpha=1) -> Tensor",
  .names = "sub, subtract, Tensor.sub, Tensor.sub_, Tensor.subtract, Tensor.subtract_",
  .forward = boxed<sub_forward>,
  .vjp = sub_vjp,
  .samples = "(3,4) (4,) alpha=2 | (0,3) 2.5 | (2,1,3) (4,1)",
  .errors = "(3,):bool (3,):bool -> RuntimeError: with two bool tensors is not supported",
  .doc = "Subtract ``other``, scaled by ``alpha``, from ``input``: ``input - alpha * other``.",
};

Tensor rsub_forward(const Tensor& input, const Tensor& other, const Scalar& alpha) {
  return sub(other, input, alpha);
}

OP(rsub) {
  .schema = "rsub(Tensor input, Tensor|Number other, *, Scalar alpha=1) -> Tensor",
  .names = "rsub",
  .forward = boxed<rsub_forward>,
  .vjp = composite(),
  .samples = "(3,4) (4,) alpha=2 | (3,) 2",
  .doc = "Subtract the other way round: ``other - alpha * input``.",
};

// --- mul, div ------------------------------------------------------------------------------------

Tensor mul_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::mul, input, other, out);
}

void mul_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", g.dout() * conjugate(g.in("other")));
  if (g.needs("other")) g.set("other", g.dout() * conjugate(g.in("input")));
}

OP(mul) {
  .schema = "mul(Number|Tensor input, Number|Tensor other) -> Tensor",
  .names = "mul, multiply, Tensor.mul, Tensor.mul_, Tensor.multiply, Tensor.multiply_",
  .forward = boxed<mul_forward>,
  .vjp = mul_vjp,
  .save = "other for input, input for other",
  .samples = "(3,4) (4,) | (0,3) 2.5 | (2,1,3) (4,1) | () (3,)",
  .doc = R"(Multiply ``input`` by ``other``, element by element.

Example::

    >>> torch.mul(torch.tensor([1., 2.]), 3)
    tensor([3., 6.])
)",
};

Tensor div_forward(const Tensor& input, const Tensor& other, std::optional<std::string_view> mode,
                   Out out) {
  if (!mode) return binary_float(kernels::div, input, other, out);
  if (*mode == "floor") return binary(kernels::div_floor, input, other, out);
  FB_CHECK(*mode == "trunc",
           "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", *mode,
           "'");
  return binary(kernels::div_trunc, input, other, out);
}

void div_vjp(Grad& g) {
  if (g.arg<std::optional<std::string_view>>("rounding_mode")) {
    set_zero(g, "input");
    set_zero(g, "other");
    return;
  }
  Tensor other = g.in("other");
  if (g.needs("input")) g.set("input", g.dout() / conjugate(other));
  if (g.needs("other")) g.set("other", -g.dout() * conjugate((g.in("input") / other) / other));
}

OP(div) {
  .schema = "div(Number|Tensor input, Number|Tensor other, *, str? rounding_mode=None) -> Tensor",
  .names =
      "div, divide, true_divide, Tensor.div, Tensor.div_, Tensor.divide, Tensor.divide_, Tensor.true_divide, "
      "Tensor.true_divide_",
  .forward = boxed<div_forward>,
  .vjp = div_vjp,
  .save = "other, input for other",
  .samples =
      "(3,4) (4,)@0.5..2 | (3,) 2 | (3,4) (3,1)@0.5..2 rounding_mode='floor' | (5,) (5,)@0.5..2 rounding_mode='trunc'",
  .errors =
      "(3,) (3,) rounding_mode='up' -> RuntimeError: div expected rounding_mode to be one of"
      " | (3,):int64 0 rounding_mode='floor' -> RuntimeError: ZeroDivisionError",
  .doc = R"(Divide ``input`` by ``other``. Integers give the default floating type.

Args:
    rounding_mode: None divides truly, ``'trunc'`` rounds the quotient towards zero, ``'floor'`` down.

Example::

    >>> torch.div(torch.tensor([-7., 7.]), 2, rounding_mode='floor')
    tensor([-4.,  3.])
)",
};

Tensor floor_divide_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::div_floor, input, other, out);
}

OP(floor_divide) {
  .schema = "floor_divide(Number|Tensor input, Number|Tensor other) -> Tensor",
  .names = "floor_divide, Tensor.floor_divide, Tensor.floor_divide_",
  .forward = boxed<floor_divide_forward>,
  .vjp = not_differentiable("the quotient is rounded"),
  .samples = "(3,4):int64@-9..9 (4,):int64@1..5 | (5,):int64@-9..9 2",
  .doc = "Divide and round down: ``floor(input / other)``.",
};

Tensor remainder_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::remainder, input, other, out);
}
void remainder_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", g.dout());
  if (g.needs("other")) g.set("other", -g.dout() * div(g.in("input"), g.in("other"), "floor"));
}

OP(remainder) {
  .schema = "remainder(Tensor|Number input, Tensor|Number other) -> Tensor",
  .names = "remainder, Tensor.remainder, Tensor.remainder_",
  .forward = boxed<remainder_forward>,
  .vjp = remainder_vjp,
  .save = "input for other, other for other",
  .samples = "(3,4) (4,)@0.5..2 | (5,):int64@-9..9 3 | 7 (3,)@0.5..2",
  .errors = "(3,):int64 0 -> RuntimeError: ZeroDivisionError",
  .doc =
      "Python's modulus: what is left of ``input`` after division by ``other``, with the sign of ``other``.",
};

Tensor fmod_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::fmod, input, other, out);
}
void fmod_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", g.dout());
  if (g.needs("other")) g.set("other", -g.dout() * div(g.in("input"), g.in("other"), "trunc"));
}

OP(fmod) {
  .schema = "fmod(Tensor input, Tensor|Number other) -> Tensor",
  .names = "fmod, Tensor.fmod, Tensor.fmod_",
  .forward = boxed<fmod_forward>,
  .vjp = fmod_vjp,
  .save = "input for other, other for other",
  .samples = "(3,4) (4,)@0.5..2 | (5,):int64@-9..9 3",
  .doc =
      "C's modulus: what is left of ``input`` after division by ``other``, with the sign of ``input``.",
};

// --- powers --------------------------------------------------------------------------------------

bool is_number(const Tensor& t) { return t.impl()->wrapped_number; }

Tensor pow_forward(const Tensor& input, const Tensor& exponent, Out out) {
  DType type = result_type(input, exponent);
  if (is_integral(type) && is_number(exponent)) {
    FB_CHECK(item(exponent).to<int64_t>() >= 0,
             "Integers to negative integer powers are not allowed.");
  }
  Tensor result = pointwise_output(type, out, input, exponent);
  if (type == DType::Bool && is_number(exponent)) {  // False or True
    if (item(exponent).equal(0))
      kernels::fill(result, Scalar(true));
    else
      kernels::copy(result, input);
    return result;
  }
  kernels::pow(result, input, exponent, type);
  return result;
}

// d/dx x^p = p x^(p-1), which is 0 for p = 0 even where x^(p-1) is not finite.
Tensor pow_input_gradient(const Tensor& dout, const Tensor& input, const Tensor& exponent) {
  if (is_number(exponent)) {
    Scalar p = item(exponent);
    if (p.equal(0)) return dout * 0;
    if (p.equal(2)) return dout * conjugate(input * p);
    Scalar lower = p.is_integral()  ? Scalar(p.to<int64_t>() - 1)
                   : p.is_complex() ? Scalar(p.to<complex128>() - 1.0)
                                    : Scalar(p.to<double>() - 1);
    return dout * conjugate(pow(input, wrapped_number(lower)) * p);
  }
  Tensor slope = dout * conjugate(exponent * pow(input, exponent - 1));
  return where(eq(exponent, wrapped_number(0)), wrapped_number(0), slope);
}

// d/dp x^p = x^p log(x), taken as 0 for x = 0 and p >= 0.
Tensor pow_exponent_gradient(const Tensor& dout, const Tensor& input, const Tensor& exponent,
                             const Tensor& result) {
  Tensor positive = ge(is_complex(exponent.dtype()) ? real(exponent) : exponent, wrapped_number(0));
  Tensor flat = logical_and(eq(input, wrapped_number(0)), positive);
  // A negative base has a logarithm where the power is complex.
  Tensor base = is_complex(result.dtype()) && !is_complex(input.dtype())
                    ? _to_copy(input, result.dtype())
                    : input;
  return dout * where(flat, wrapped_number(0), conjugate(result * log(base)));
}

void pow_vjp(Grad& g) {
  Tensor input = g.in("input"), exponent = g.in("exponent");
  if (g.needs("input")) g.set("input", pow_input_gradient(g.dout(), input, exponent));
  if (g.needs("exponent"))
    g.set("exponent", pow_exponent_gradient(g.dout(), input, exponent, g.out()));
}

OP(pow) {
  .schema = "pow(Tensor|Number input, Tensor|Number exponent) -> Tensor",
  .names = "pow, Tensor.pow, Tensor.pow_",
  .forward = boxed<pow_forward>,
  .vjp = pow_vjp,
  .save = "input, exponent, result for exponent",
  .samples =
      "(3,4)@0.1..2 (4,) | (3,) 2 | (3,) 3 | (3,)@0.1..2 0.5 | (3,)@0.1..2 -1.5 | 2 (3,) | (3,):int64@0..5 3",
  .errors = "(3,):int64 -1 -> RuntimeError: Integers to negative integer powers are not allowed.",
  .doc = R"(Raise ``input`` to the power ``exponent``; either may be a number.

Example::

    >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
)",
};

// --- one operand ---------------------------------------------------------------------------------

Tensor neg_forward(const Tensor& input, Out out) {
  FB_CHECK(
      input.dtype() != DType::Bool,
      "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
      "`logical_not()` operator instead.");
  return unary(kernels::neg, input, out);
}
void neg_vjp(Grad& g) { g.set("input", -g.dout()); }

OP(neg) {
  .schema = "neg(Tensor input) -> Tensor",
  .names = "neg, negative, Tensor.neg, Tensor.neg_, Tensor.negative, Tensor.negative_",
  .forward = boxed<neg_forward>,
  .vjp = neg_vjp,
  .samples = "(3,4) | () | (3,):int64",
  .errors = "(3,):bool -> RuntimeError: on a bool tensor is not supported",
  .doc = "Change the sign: ``-input``.",
};

Tensor abs_forward(const Tensor& input, Out out) {
  FB_CHECK(!out.inplace() || !is_complex(input.dtype()),
           "In-place abs is not supported for complex tensors.");
  return unary_to(kernels::abs, real_dtype(input.dtype()), input, out);
}
void abs_vjp(Grad& g) { g.set("input", g.dout() * sgn(g.in("input"))); }

OP(abs) {
  .schema = "abs(Tensor input) -> Tensor",
  .names = "abs, absolute, Tensor.abs, Tensor.abs_, Tensor.absolute, Tensor.absolute_",
  .forward = boxed<abs_forward>,
  .vjp = abs_vjp,
  .save = "input",
  .samples = "(3,4) | () | (3,):int64 | (3,):complex64",
  .doc = "Absolute value; of complex numbers the modulus, a real number.",
};

Tensor sign_forward(const Tensor& input, Out out) {
  FB_CHECK_KIND(
      NotImplemented, !is_complex(input.dtype()),
      "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.");
  return unary(kernels::sign, input, out);
}
void flat_vjp(Grad& g) { set_zero(g, "input"); }

OP(sign) {
  .schema = "sign(Tensor input) -> Tensor",
  .names = "sign, Tensor.sign, Tensor.sign_",
  .forward = boxed<sign_forward>,
  .vjp = flat_vjp,
  .samples = "(3,4) | () | (3,):int64@-3..3",
  .doc = "-1, 0 or 1 by the sign of each element; 0 for NaN.",
};

Tensor sgn_forward(const Tensor& input, Out out) {
  return is_complex(input.dtype()) ? unary(kernels::sgn, input, out)
                                   : unary(kernels::sign, input, out);
}
void sgn_vjp(Grad& g) {
  Tensor z = g.in("input");
  if (!is_complex(z.dtype())) return set_zero(g, "input");
  Tensor r = abs(z), s = sgn(z);
  Tensor slope =
      (g.dout() - real(g.dout() * conjugate(s)) * s) / r;  // what turns z and does not stretch it
  g.set("input", where(eq(r, wrapped_number(0)), wrapped_number(0), slope));
}

OP(sgn) {
  .schema = "sgn(Tensor input) -> Tensor",
  .names = "sgn, Tensor.sgn, Tensor.sgn_",
  .forward = boxed<sgn_forward>,
  .vjp = sgn_vjp,
  .save = "input",
  .samples = "(3,4) | (3,):complex64",
  .doc = "The sign; of complex numbers ``input / abs(input)``, and 0 at 0.",
};

Tensor square_forward(const Tensor& input, Out out) {
  DType type = input.dtype() == DType::Bool ? DType::Int64 : input.dtype();  // as pow(input, 2)
  Tensor result = pointwise_output(type, out, input);
  kernels::square(result, input, type);
  return result;
}
void square_vjp(Grad& g) { g.set("input", g.dout() * conjugate(g.in("input") * 2)); }

OP(square) {
  .schema = "square(Tensor input) -> Tensor",
  .names = "square, Tensor.square, Tensor.square_",
  .forward = boxed<square_forward>,
  .vjp = square_vjp,
  .save = "input",
  .samples = "(3,4) | ()",
  .doc = "The square of each element.",
};

Tensor reciprocal_forward(const Tensor& input, Out out) {
  return unary_float(kernels::reciprocal, input, out);
}
void reciprocal_vjp(Grad& g) { g.set("input", -g.dout() * conjugate(square(g.out()))); }

OP(reciprocal) {
  .schema = "reciprocal(Tensor input) -> Tensor",
  .names = "reciprocal, Tensor.reciprocal, Tensor.reciprocal_",
  .forward = boxed<reciprocal_forward>,
  .vjp = reciprocal_vjp,
  .save = "result",
  .samples = "(3,4)@0.5..2 | () | (3,):int64@1..5",
  .doc = "``1 / input``.",
};

Tensor positive_forward(const Tensor& input) {
  FB_CHECK(input.dtype() != DType::Bool, "The `+` operator, on a bool tensor is not supported.");
  return input;
}

OP(positive) {
  .schema = "positive(Tensor input) -> Tensor",
  .names = "positive, Tensor.positive",
  .forward = boxed<positive_forward>,
  .vjp = composite(),
  .samples = "(3,4)",
  .errors = "(3,):bool -> RuntimeError: on a bool tensor is not supported",
  .doc = "``+input``: the tensor itself.",
};

// --- conjugates ----------------------------------------------------------------------------------

Tensor conj_physical_forward(const Tensor& input, Out out) {
  if (is_complex(input.dtype())) return unary(kernels::conj, input, out);
  if (!out.given()) return input;
  Tensor result = pointwise_output(input.dtype(), out, input);
  kernels::copy(result, input);
  return result;
}
void conj_vjp(Grad& g) { g.set("input", conjugate(g.dout())); }

OP(conj_physical) {
  .schema = "conj_physical(Tensor input) -> Tensor",
  .names = "conj_physical, Tensor.conj_physical, Tensor.conj_physical_",
  .forward = boxed<conj_physical_forward>,
  .vjp = conj_vjp,
  .samples = "(3,4):complex64 | (3,)",
  .doc = "The complex conjugate, as a new tensor.",
};

Tensor conj_forward(const Tensor& input) {
  return is_complex(input.dtype()) ? conj_physical(input) : input;
}

OP(conj) {
  .schema = "conj(Tensor input) -> Tensor",
  .names = "conj, Tensor.conj",
  .forward = boxed<conj_forward>,
  .vjp = composite(),
  .samples = "(3,4):complex64 | (3,)",
  .doc = "The complex conjugate; real tensors are returned as they are.",
};

// Nothing is conjugated or negated lazily.
Tensor same_forward(const Tensor& input) { return input; }

OP(resolve_conj) {
  .schema = "resolve_conj(Tensor input) -> Tensor",
  .forward = boxed<same_forward>,
  .vjp = composite(),
  .samples = "(3,4):complex64",
  .doc = "The tensor itself: conjugates are computed at once.",
};
OP(resolve_neg) {
  .schema = "resolve_neg(Tensor input) -> Tensor",
  .forward = boxed<same_forward>,
  .vjp = composite(),
  .samples = "(3,4)",
  .doc = "The tensor itself: negations are computed at once.",
};

// --- three operands ------------------------------------------------------------------------------

Tensor addcmul_forward(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& value,
                       Out out) {
  const Tensor* operands[] = {&input, &a, &b};
  DType type = result_type(operands);
  Tensor result = pointwise_output(type, out, operands);
  kernels::addcmul(result, input, a, b, value, type);
  return result;
}
void addcmul_vjp(Grad& g) {
  Scalar value = g.arg<Scalar>("value").conj();
  auto scaled = [&](const Tensor& t) { return value.equal(1) ? t : t * value; };
  if (g.needs("input")) g.set("input", g.dout());
  if (g.needs("tensor1")) g.set("tensor1", scaled(g.dout() * conjugate(g.in("tensor2"))));
  if (g.needs("tensor2")) g.set("tensor2", scaled(g.dout() * conjugate(g.in("tensor1"))));
}

OP(addcmul) {
  .schema = "addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
  .names = "addcmul, Tensor.addcmul, Tensor.addcmul_",
  .forward = boxed<addcmul_forward>,
  .vjp = addcmul_vjp,
  .save = "tensor2 for tensor1, tensor1 for tensor2",
  .samples = "(3,4) (3,4) (3,4) | (3,1) (3,4) (4,) value=0.5",
  .doc = "``input + value * tensor1 * tensor2``, element by element.",
};

Tensor addcdiv_forward(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& value,
                       Out out) {
  const Tensor* operands[] = {&input, &a, &b};
  DType type = result_type(operands);
  FB_CHECK(
      !is_integral(a.dtype()) || !is_integral(b.dtype()),
      "Integer division with addcdiv is no longer supported: use input + value * trunc(tensor1 / tensor2), or "
      "input + value * tensor1.to(float) / tensor2.");
  Tensor result = pointwise_output(type, out, operands);
  kernels::addcdiv(result, input, a, b, value, type);
  return result;
}
void addcdiv_vjp(Grad& g) {
  Scalar value = g.arg<Scalar>("value").conj();
  Tensor divisor = g.in("tensor2");
  auto scaled = [&](const Tensor& t) { return value.equal(1) ? t : t * value; };
  if (g.needs("input")) g.set("input", g.dout());
  if (g.needs("tensor1")) g.set("tensor1", scaled(g.dout() / conjugate(divisor)));
  if (g.needs("tensor2"))
    g.set("tensor2", scaled(-g.dout() * conjugate(g.in("tensor1") / square(divisor))));
}

OP(addcdiv) {
  .schema = "addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
  .names = "addcdiv, Tensor.addcdiv, Tensor.addcdiv_",
  .forward = boxed<addcdiv_forward>,
  .vjp = addcdiv_vjp,
  .save = "tensor2, tensor1 for tensor2",
  .samples = "(3,4) (3,4) (3,4)@0.5..2 | (3,1) (3,4) (4,)@0.5..2 value=0.5",
  .errors =
      "(3,):int64 (3,):int64 (3,):int64 -> RuntimeError: Integer division with addcdiv is no longer supported",
  .doc = "``input + value * tensor1 / tensor2``, element by element.",
};

Tensor lerp_forward(const Tensor& input, const Tensor& end, const Tensor& weight, Out out) {
  FB_CHECK(input.dtype() == end.dtype(), "expected dtype ", input.dtype(),
           " for `end` but got dtype ", end.dtype());
  FB_CHECK(is_number(weight) || weight.dtype() == input.dtype(), "expected dtype ", input.dtype(),
           " for `weight` but got dtype ", weight.dtype());
  const Tensor* operands[] = {&input, &end, &weight};
  Tensor result = pointwise_output(input.dtype(), out, operands);
  kernels::lerp(result, input, end, weight, input.dtype());
  return result;
}
void lerp_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", g.dout() * (1 - conjugate(g.in("weight"))));
  if (g.needs("end")) g.set("end", g.dout() * conjugate(g.in("weight")));
  if (g.needs("weight")) g.set("weight", g.dout() * conjugate(g.in("end") - g.in("input")));
}

OP(lerp) {
  .schema = "lerp(Tensor input, Tensor end, Tensor|Number weight) -> Tensor",
  .names = "lerp, Tensor.lerp, Tensor.lerp_",
  .forward = boxed<lerp_forward>,
  .vjp = lerp_vjp,
  .save = "weight, input for weight, end for weight",
  .samples = "(3,4) (3,4) 0.25 | (3,4) (4,) (3,1)",
  .errors = "(3,) (3,):int64 0.5 -> RuntimeError: for `end`",
  .doc = "The point between two tensors: ``input + weight * (end - input)``.",
};

}  // namespace
}  // namespace fb

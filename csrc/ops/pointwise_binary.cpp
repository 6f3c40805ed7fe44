// Functions of two numbers.
#include "ops/pointwise_binary.h"

#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/operators.h"
#include "ops/pointwise_binary_kernels.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_math.h"
#include "ops/pointwise_select.h"
#include "ops/view.h"

namespace fb {
namespace {

constexpr double kLn2 = 0.69314718055994531;
#define NAMES(op) #op ", Tensor." #op ", Tensor." #op "_"

Tensor zero_where(const Tensor& mask, const Tensor& t) {
  return masked_fill(t, mask, wrapped_number(0));
}

// --- geometry ------------------------------------------------------------------------------------

Tensor atan2_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_float(kernels::atan2, input, other, out);
}
void atan2_vjp(Grad& g) {
  Tensor y = g.in("input"), x = g.in("other"), r = square(x) + square(y);
  if (g.needs("input")) g.set("input", g.dout() * x / r);
  if (g.needs("other")) g.set("other", -g.dout() * y / r);
}

OP(atan2) {
  .schema = "atan2(Tensor input, Tensor other) -> Tensor",
  .names = NAMES(atan2) ", " NAMES(arctan2),
  .forward = boxed<atan2_forward>,
  .vjp = atan2_vjp,
  .save = "input, other",
  .samples = "(3,4) (4,) | (3,):int64 (3,):int64@1..5",
  .doc =
      "The angle of the point (``other``, ``input``) in the plane, in radians, between -pi and pi.",
};

Tensor hypot_forward(const Tensor& input, const Tensor& other, Out out) {
  DType type = result_type(input, other);
  if (is_integral(type)) raise_unsupported_dtype("hypot_cpu", type);
  return binary(kernels::hypot, input, other, out);
}
void hypot_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", g.dout() * (g.in("input") / g.out()));
  if (g.needs("other")) g.set("other", g.dout() * (g.in("other") / g.out()));
}

OP(hypot) {
  .schema = "hypot(Tensor input, Tensor other) -> Tensor",
  .names = NAMES(hypot),
  .forward = boxed<hypot_forward>,
  .vjp = hypot_vjp,
  .save = "input for input, other for other, result",
  .samples = "(3,4) (4,)",
  .doc = "The hypotenuse ``sqrt(input ** 2 + other ** 2)``, without overflow.",
};

// --- signs and neighbours ------------------------------------------------------------------------

Tensor copysign_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_float(kernels::copysign, input, other, out);
}
void copysign_vjp(Grad& g) {
  Tensor x = g.in("input");
  if (g.needs("input"))
    g.set("input", g.dout() * zero_where(eq(x, wrapped_number(0)), g.out() / x));
  set_zero(g, "other");
}

OP(copysign) {
  .schema = "copysign(Tensor input, Tensor|Number other) -> Tensor",
  .names = NAMES(copysign),
  .forward = boxed<copysign_forward>,
  .vjp = copysign_vjp,
  .save = "input, result",
  .samples = "(3,4) (4,) | (3,) -1.0 | (3,):int64 (3,)",
  .doc = "The magnitude of ``input`` with the sign of ``other``.",
};

Tensor nextafter_forward(const Tensor& input, const Tensor& other, Out out) {
  DType type = result_type(input, other);
  if (is_integral(type)) raise_unsupported_dtype("nextafter_cpu", type);
  return binary(kernels::nextafter, input, other, out);
}

void nextafter_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", g.dout());
  set_zero(g, "other");
}

OP(nextafter) {
  .schema = "nextafter(Tensor input, Tensor other) -> Tensor",
  .names = NAMES(nextafter),
  .forward = boxed<nextafter_forward>,
  .vjp = nextafter_vjp,
  .samples = "(3,4) (4,)",
  .doc = "The next representable number after ``input`` in the direction of ``other``.",
};

Tensor heaviside_forward(const Tensor& input, const Tensor& values, Out out) {
  FB_CHECK(!is_complex(input.dtype()) && !is_complex(values.dtype()),
           "heaviside is not yet implemented for complex tensors.");
  FB_CHECK(input.dtype() == values.dtype(),
           "heaviside is not yet implemented for tensors with different dtypes.");
  return binary(kernels::heaviside, input, values, out);
}

OP(heaviside) {
  .schema = "heaviside(Tensor input, Tensor values) -> Tensor",
  .names = NAMES(heaviside),
  .forward = boxed<heaviside_forward>,
  .vjp = not_differentiable("the step has no slope"),
  .samples = "(3,4) (4,) | (5,):int64@-2..3 (5,):int64",
  .errors = "(3,) (3,):int64 -> RuntimeError: different dtypes",
  .doc = "The step function: 0 below 0, ``values`` at 0, 1 above.",
};

// --- exponentials and logarithms -----------------------------------------------------------------

Tensor logaddexp_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::logaddexp, input, other, out);
}
void logaddexp_vjp(Grad& g) {
  Tensor a = g.in("input"), b = g.in("other");
  if (g.needs("input")) g.set("input", g.dout() * sigmoid(a - b));
  if (g.needs("other")) g.set("other", g.dout() * sigmoid(b - a));
}

OP(logaddexp) {
  .schema = "logaddexp(Tensor input, Tensor other) -> Tensor",
  .names = "logaddexp, Tensor.logaddexp",
  .forward = boxed<logaddexp_forward>,
  .vjp = logaddexp_vjp,
  .save = "input, other",
  .samples = "(3,4) (4,)",
  .doc = "``log(exp(input) + exp(other))``, without overflow.",
};

Tensor logaddexp2_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::logaddexp2, input, other, out);
}
void logaddexp2_vjp(Grad& g) {
  Tensor a = g.in("input"), b = g.in("other");
  if (g.needs("input")) g.set("input", g.dout() * sigmoid((a - b) * kLn2));
  if (g.needs("other")) g.set("other", g.dout() * sigmoid((b - a) * kLn2));
}

OP(logaddexp2) {
  .schema = "logaddexp2(Tensor input, Tensor other) -> Tensor",
  .names = "logaddexp2, Tensor.logaddexp2",
  .forward = boxed<logaddexp2_forward>,
  .vjp = logaddexp2_vjp,
  .save = "input, other",
  .samples = "(3,4) (4,)",
  .doc = "``log2(2 ** input + 2 ** other)``, without overflow.",
};

Tensor xlogy_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_float(kernels::xlogy, input, other, out);
}
void xlogy_vjp(Grad& g) {
  Tensor x = g.in("input"), y = g.in("other");
  if (g.needs("input")) {
    Tensor flat = logical_and(eq(x, wrapped_number(0)), le(y, wrapped_number(0)));
    g.set("input", g.dout() * zero_where(flat, log(y)));
  }
  if (g.needs("other")) g.set("other", g.dout() * x / y);
}

OP(xlogy) {
  .schema = "xlogy(Tensor|Number input, Tensor|Number other) -> Tensor",
  .names = NAMES(xlogy) ", special.xlogy",
  .forward = boxed<xlogy_forward>,
  .vjp = xlogy_vjp,
  .save = "input, other",
  .samples = "(3,4) (4,)@0.1..2 | (3,) 2.0 | 2 (3,)@0.1..2",
  .doc = "``input * log(other)``, and 0 where ``input`` is 0.",
};

Tensor xlog1py_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_float(kernels::xlog1py, input, other, out);
}
void xlog1py_vjp(Grad& g) {
  Tensor x = g.in("input"), y = g.in("other");
  if (g.needs("input")) {
    Tensor flat = logical_and(eq(x, wrapped_number(0)), le(y, wrapped_number(-1)));
    g.set("input", g.dout() * zero_where(flat, log1p(y)));
  }
  if (g.needs("other")) g.set("other", g.dout() * x / (y + 1));
}

OP(xlog1py) {
  .schema = "special_xlog1py(Tensor|Number input, Tensor|Number other) -> Tensor",
  .names = "special.xlog1py",
  .forward = boxed<xlog1py_forward>,
  .vjp = xlog1py_vjp,
  .save = "input, other",
  .samples = "(3,4) (4,)@0.1..2 | (3,) 2.0",
  .doc = "``input * log1p(other)``, and 0 where ``input`` is 0.",
};

Tensor zeta_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary_float(kernels::zeta, input, other, out);
}

OP(zeta) {
  .schema = "special_zeta(Tensor|Number input, Tensor|Number other) -> Tensor",
  .names = "special.zeta",
  .forward = boxed<zeta_forward>,
  .vjp = not_differentiable(
      "the derivative of the Hurwitz zeta function is not implemented, as in PyTorch"),
  .samples = "(3,4)@1.5..4 (4,)@0.5..4 | 2.0 (3,)@0.5..4",
  .doc = "The Hurwitz zeta function: the sum of ``(k + other) ** -input`` over all k from 0.",
};

Tensor ldexp_forward(const Tensor& input, const Tensor& other) {
  return mul(input, pow(wrapped_number(2.0), other));
}
void ldexp_vjp(Grad& g) {
  if (g.needs("input"))
    g.set("input", g.dout() * conjugate(pow(wrapped_number(2.0), g.in("other"))));
  if (g.needs("other")) g.set("other", g.dout() * conjugate(g.out()) * kLn2);
}

OP(ldexp) {
  .schema = "ldexp(Tensor input, Tensor other) -> Tensor",
  .names = NAMES(ldexp),
  .forward = boxed<ldexp_forward>,
  .vjp = ldexp_vjp,
  .save = "other for input, result for other",
  .samples = "(3,4) (4,):int64@-3..3 | (3,) (3,)",
  .doc = "``input * 2 ** other``.",
};

Tensor float_power_forward(const Tensor& input, const Tensor& exponent) {
  DType type = is_complex(result_type(input, exponent)) ? DType::Complex128 : DType::Float64;
  auto wide = [&](const Tensor& t) {
    return t.impl()->wrapped_number || t.dtype() == type ? t : _to_copy(t, type);
  };
  Tensor base = wide(input), power = wide(exponent);
  if (base.impl()->wrapped_number) base = scalar_tensor(item(base), type);
  return pow(base, power);
}

OP(float_power) {
  .schema = "float_power(Tensor|Number input, Tensor|Number exponent) -> Tensor",
  .names = "float_power, Tensor.float_power",
  .forward = boxed<float_power_forward>,
  .vjp = composite(),
  .samples = "(3,4)@0.1..2 (4,) | (3,):int64@1..5 2 | 2 (3,)",
  .doc = "``input ** exponent`` in double precision.",
};

// --- whole numbers -------------------------------------------------------------------------------

Tensor gcd_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::gcd, input, other, out);
}
Tensor lcm_forward(const Tensor& input, const Tensor& other, Out out) {
  return binary(kernels::lcm, input, other, out);
}

OP(gcd) {
  .schema = "gcd(Tensor input, Tensor other) -> Tensor",
  .names = NAMES(gcd),
  .forward = boxed<gcd_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@-20..20 (4,):int64@-20..20",
  .errors = "(3,) (3,) -> NotImplementedError: not implemented for 'Float'",
  .doc = "The greatest common divisor.",
};
OP(lcm) {
  .schema = "lcm(Tensor input, Tensor other) -> Tensor",
  .names = NAMES(lcm),
  .forward = boxed<lcm_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@-20..20 (4,):int64@-20..20",
  .errors = "(3,) (3,) -> NotImplementedError: not implemented for 'Float'",
  .doc = "The least common multiple.",
};

// --- complex numbers from their parts ------------------------------------------------------------

template <class K>
Tensor combined(K& kernel, const char* first, const char* second, const Tensor& a, const Tensor& b,
                Out out) {
  FB_CHECK((a.dtype() == DType::Float32 || a.dtype() == DType::Float64),
           "Expected both inputs to be Half, Float or Double tensors but got ",
           dtype_class_name(a.dtype()), " and ", dtype_class_name(b.dtype()));
  FB_CHECK(a.dtype() == b.dtype(), "Expected object of scalar type ", dtype_class_name(a.dtype()),
           " but got scalar type ", dtype_class_name(b.dtype()), " for ", second,
           ", which must be of the type of ", first);
  if (const Tensor* target = out.given()) {
    FB_CHECK(target->dtype() == complex_dtype(a.dtype()), "Expected object of scalar type ",
             dtype_class_name(complex_dtype(a.dtype())), " but got scalar type ",
             dtype_class_name(target->dtype()), " for argument 'out'");
  }
  Tensor result = pointwise_output(complex_dtype(a.dtype()), out, a, b);
  kernel(result, a, b, a.dtype());
  return result;
}

Tensor complex_forward(const Tensor& re, const Tensor& im, Out out) {
  return combined(kernels::complex, "real", "imag", re, im, out);
}
void complex_vjp(Grad& g) {
  if (g.needs("real")) g.set("real", real(g.dout()));
  if (g.needs("imag")) g.set("imag", imag(g.dout()));
}

OP(complex) {
  .schema = "complex(Tensor real, Tensor imag) -> Tensor",
  .names = "complex",
  .forward = boxed<complex_forward>,
  .vjp = complex_vjp,
  .samples = "(3,4) (4,)",
  .errors = "(3,):int64 (3,):int64 -> RuntimeError: Expected both inputs to be",
  .doc = "Complex numbers from their real and imaginary parts.",
};

Tensor polar_forward(const Tensor& r, const Tensor& angle, Out out) {
  return combined(kernels::polar, "abs", "angle", r, angle, out);
}
void polar_vjp(Grad& g) {
  Tensor inward = conjugate(g.dout()) * g.out();
  if (g.needs("abs")) g.set("abs", real(conjugate(g.dout()) * sgn(g.out())));
  if (g.needs("angle")) g.set("angle", real(inward * Scalar(complex128(0, 1))));
}

OP(polar) {
  .schema = "polar(Tensor abs, Tensor angle) -> Tensor",
  .names = "polar",
  .forward = boxed<polar_forward>,
  .vjp = polar_vjp,
  .save = "result",
  .autocast = Autocast::Float32,
  .samples = "(3,4)@0.1..2 (4,)",
  .doc = "Complex numbers from their moduli and angles (in radians).",
};

}  // namespace
}  // namespace fb

// Functions of one number.
#include "ops/pointwise_math.h"

#include "ops/copy_kernels.h"
#include "ops/forms.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_math_kernels.h"
#include "ops/pointwise_select.h"

namespace fb {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLn2 = 0.69314718055994531;
constexpr double kLn10 = 2.3025850929940457;

// dx = dout times the conjugate of the slope.
void set_slope(Grad& g, const Tensor& slope) { g.set("input", g.dout() * conjugate(slope)); }
void set_inverse_slope(Grad& g, const Tensor& inverse) {
  g.set("input", g.dout() / conjugate(inverse));
}

// A function whose result is floating. `slope` is a statement in g, x (the input) and y (the
// result).
#define FUNCTION(op, names_, save_, samples_, slope, doc_)  \
  Tensor op##_forward(const Tensor& input, Out out) {       \
    return unary_float(kernels::op, input, out);            \
  }                                                         \
  void op##_vjp(Grad& g) {                                  \
    [[maybe_unused]] Tensor x = g.in("input"), y = g.out(); \
    slope;                                                  \
  }                                                         \
  OP(op){                                                   \
      .schema = #op "(Tensor input) -> Tensor",             \
      .names = names_,                                      \
      .forward = boxed<op##_forward>,                       \
      .vjp = op##_vjp,                                      \
      .save = save_,                                        \
      .samples = samples_,                                  \
      .doc = doc_,                                          \
  };
#define EVERYWHERE "(3,4) | () | (0,2) | (3,):int64"
#define POSITIVE "(3,4)@0.1..4 | ()@0.1..4 | (0,2) | (3,):int64@1..9"
#define WITHIN_ONE "(3,4)@-0.9..0.9 | ()@-0.9..0.9 | (0,2)"
#define NAMES(op) #op ", Tensor." #op ", Tensor." #op "_"

// --- roots, exponentials, logarithms -------------------------------------------------------------

FUNCTION(sqrt, NAMES(sqrt), "result", POSITIVE, set_inverse_slope(g, y * 2),
         "The square root; NaN for negative numbers.")
FUNCTION(rsqrt, NAMES(rsqrt), "result", POSITIVE, set_slope(g, square(y) * y * -0.5),
         "``1 / sqrt(input)``.")
FUNCTION(exp, NAMES(exp), "result", EVERYWHERE, set_slope(g, y), R"(The exponential function.

Example::

    >>> torch.exp(torch.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
)")
FUNCTION(exp2, NAMES(exp2) ", special.exp2", "result", EVERYWHERE, set_slope(g, y* kLn2),
         "2 to the power of each element.")
FUNCTION(expm1, NAMES(expm1) ", special.expm1", "result", EVERYWHERE, set_slope(g, y + 1),
         "``exp(input) - 1``, accurate near 0.")
FUNCTION(log, NAMES(log), "input", POSITIVE, set_inverse_slope(g, x), "The natural logarithm.")
FUNCTION(log2, NAMES(log2), "input", POSITIVE, set_inverse_slope(g, x* kLn2),
         "The logarithm to base 2.")
FUNCTION(log10, NAMES(log10), "input", POSITIVE, set_inverse_slope(g, x* kLn10),
         "The logarithm to base 10.")
FUNCTION(log1p, NAMES(log1p) ", special.log1p", "input", POSITIVE, set_inverse_slope(g, x + 1),
         "``log(1 + input)``, accurate near 0.")

// --- trigonometry --------------------------------------------------------------------------------

// Complex roots are taken of the factors, whose product has another branch cut.
Tensor acosh_slope(const Tensor& x) {
  return is_complex(x.dtype()) ? rsqrt(x + 1) * rsqrt(x - 1) : rsqrt(square(x) - 1);
}

#define ARC_NAMES(op, alias) NAMES(op) ", " NAMES(alias)
FUNCTION(sin, NAMES(sin), "input", EVERYWHERE, set_slope(g, cos(x)),
         "The sine of angles in radians.")
FUNCTION(cos, NAMES(cos), "input", EVERYWHERE, set_slope(g, -sin(x)),
         "The cosine of angles in radians.")
FUNCTION(tan, NAMES(tan), "result", EVERYWHERE, set_slope(g, square(y) + 1),
         "The tangent of angles in radians.")
FUNCTION(asin, ARC_NAMES(asin, arcsin), "input", WITHIN_ONE, set_slope(g, rsqrt(1 - square(x))),
         "The angle whose sine is given, in radians.")
FUNCTION(acos, ARC_NAMES(acos, arccos), "input", WITHIN_ONE, set_slope(g, -rsqrt(1 - square(x))),
         "The angle whose cosine is given, in radians.")
FUNCTION(atan, ARC_NAMES(atan, arctan), "input", EVERYWHERE, set_inverse_slope(g, square(x) + 1),
         "The angle whose tangent is given, in radians.")
FUNCTION(sinh, NAMES(sinh), "input", EVERYWHERE, set_slope(g, cosh(x)), "The hyperbolic sine.")
FUNCTION(cosh, NAMES(cosh), "input", EVERYWHERE, set_slope(g, sinh(x)), "The hyperbolic cosine.")
FUNCTION(asinh, ARC_NAMES(asinh, arcsinh), "input", EVERYWHERE, set_slope(g, rsqrt(square(x) + 1)),
         "The inverse of the hyperbolic sine.")
FUNCTION(acosh, ARC_NAMES(acosh, arccosh), "input", "(3,4)@1.1..4 | (0,2)",
         set_slope(g, acosh_slope(x)), "The inverse of the hyperbolic cosine.")
FUNCTION(atanh, ARC_NAMES(atanh, arctanh), "input", WITHIN_ONE, set_inverse_slope(g, 1 - square(x)),
         "The inverse of the hyperbolic tangent.")

// tanh and sigmoid are what networks are made of: their derivatives are one kernel each.
FUNCTION(tanh, NAMES(tanh) ", nn.functional.tanh", "result", EVERYWHERE,
         g.set("input", tanh_backward(g.dout(), y)), "The hyperbolic tangent.")
FUNCTION(sigmoid, NAMES(sigmoid) ", special.expit, nn.functional.sigmoid", "result", EVERYWHERE,
         g.set("input", sigmoid_backward(g.dout(), y)), "``1 / (1 + exp(-input))``.")

Tensor tanh_backward_forward(const Tensor& grad, const Tensor& result) {
  return binary(kernels::tanh_backward, grad, result, Out(nullptr));
}
void tanh_backward_vjp(Grad& g) {
  Tensor y = g.in("result");
  if (g.needs("grad")) g.set("grad", tanh_backward(g.dout(), conjugate(y)));
  if (g.needs("result")) g.set("result", conjugate(g.dout() * y) * g.in("grad") * -2);
}

OP(tanh_backward) {
  .schema = "tanh_backward(Tensor grad, Tensor result) -> Tensor",
  .names = "",
  .forward = boxed<tanh_backward_forward>,
  .vjp = tanh_backward_vjp,
  .save = "result, grad for result",
  .samples = "(3,4) (3,4)@-1..1",
  .doc = "``grad * (1 - result ** 2)``.",
};

Tensor sigmoid_backward_forward(const Tensor& grad, const Tensor& result) {
  return binary(kernels::sigmoid_backward, grad, result, Out(nullptr));
}
void sigmoid_backward_vjp(Grad& g) {
  Tensor y = g.in("result");
  if (g.needs("grad")) g.set("grad", sigmoid_backward(g.dout(), conjugate(y)));
  if (g.needs("result")) g.set("result", conjugate(g.dout() * (1 - y * 2)) * g.in("grad"));
}

OP(sigmoid_backward) {
  .schema = "sigmoid_backward(Tensor grad, Tensor result) -> Tensor",
  .names = "",
  .forward = boxed<sigmoid_backward_forward>,
  .vjp = sigmoid_backward_vjp,
  .save = "result, grad for result",
  .samples = "(3,4) (3,4)@0..1",
  .doc = "``grad * result * (1 - result)``.",
};

// --- special functions ---------------------------------------------------------------------------

FUNCTION(erf, NAMES(erf) ", special.erf", "input", EVERYWHERE,
         set_slope(g, exp(-square(x)) * 1.1283791670955126), "The error function.")
FUNCTION(erfc, NAMES(erfc) ", special.erfc", "input", EVERYWHERE,
         set_slope(g, exp(-square(x)) * -1.1283791670955126), "``1 - erf(input)``.")
FUNCTION(erfinv, NAMES(erfinv) ", special.erfinv", "result", WITHIN_ONE,
         set_slope(g, exp(square(y)) * 0.88622692545275801), "The inverse of the error function.")
FUNCTION(lgamma, NAMES(lgamma) ", special.gammaln", "input", POSITIVE, set_slope(g, digamma(x)),
         "The logarithm of the absolute value of the gamma function.")
FUNCTION(digamma, NAMES(digamma) ", special.digamma, special.psi", "input", POSITIVE,
         set_slope(g, polygamma(1, x)), "The derivative of lgamma.")

Tensor polygamma_forward(int64_t n, const Tensor& input, Out out) {
  FB_CHECK(n >= 0, "polygamma(n, x) does not support negative n.");
  DType type = float_type(input.dtype());
  Tensor result = pointwise_output(type, out, input);
  kernels::polygamma(result, input, n, type);
  return result;
}
void polygamma_vjp(Grad& g) {
  g.set("input", g.dout() * polygamma(g.arg<int64_t>("n") + 1, g.in("input")));
}

OP(polygamma) {
  .schema = "polygamma(int n, Tensor input) -> Tensor",
  .names = "polygamma, special.polygamma",
  .forward = boxed<polygamma_forward>,
  .vjp = polygamma_vjp,
  .save = "input",
  .samples = "1 (3,4)@0.1..4 | 2 (3,)@0.1..4 | 0 (3,)@0.1..4",
  .errors = "-1 (3,) -> RuntimeError: does not support negative n",
  .doc = "The ``n``-th derivative of digamma.",
};

void sinc_vjp(Grad& g) {
  Tensor x = g.in("input"), angle = x * kPi;
  Tensor slope = (angle * cos(angle) - sin(angle)) / (angle * x);
  g.set("input", g.dout() * conjugate(where(eq(x, wrapped_number(0)), wrapped_number(0), slope)));
}
Tensor sinc_forward(const Tensor& input, Out out) { return unary_float(kernels::sinc, input, out); }

OP(sinc) {
  .schema = "sinc(Tensor input) -> Tensor",
  .names = NAMES(sinc) ", special.sinc",
  .forward = boxed<sinc_forward>,
  .vjp = sinc_vjp,
  .save = "input",
  .samples = EVERYWHERE,
  .doc = "``sin(pi input) / (pi input)``, and 1 at 0.",
};

Tensor logit_forward(const Tensor& input, std::optional<double> eps, Out out) {
  DType type = float_type(input.dtype());
  Tensor result = pointwise_output(type, out, input);
  kernels::logit(result, input, eps.value_or(-1), type);
  return result;
}
void logit_vjp(Grad& g) {
  Tensor x = g.in("input");
  auto eps = g.arg<std::optional<double>>("eps");
  double low = eps.value_or(0);
  Tensor free = logical_and(ge(x, wrapped_number(low)), le(x, wrapped_number(1 - low)));
  Tensor outside = wrapped_number(eps ? 0 : __builtin_nan(""));
  g.set("input", where(free, g.dout() / (x * (1 - x)), outside));
}

OP(logit) {
  .schema = "logit(Tensor input, float? eps=None) -> Tensor",
  .names = NAMES(logit) ", special.logit",
  .forward = boxed<logit_forward>,
  .vjp = logit_vjp,
  .save = "input",
  .samples = "(3,4)@0.1..0.9 | (3,)@0..1 0.1",
  .doc =
      "``log(input / (1 - input))``, with the input limited to ``[eps, 1 - eps]`` if ``eps`` is given.",
};

// --- rounding ------------------------------------------------------------------------------------

// Integers are round already.
template <class K>
Tensor rounded(K& kernel, const Tensor& input, Out out) {
  if (!is_integral(input.dtype())) return unary(kernel, input, out);
  if (input.dtype() == DType::Bool) raise_unsupported_dtype(kernel.name(), input.dtype());
  Tensor result = pointwise_output(input.dtype(), out, input);
  kernels::copy(result, input);
  return result;
}

#define ROUNDING(op, names_, doc_)                                                               \
  Tensor op##_forward(const Tensor& input, Out out) { return rounded(kernels::op, input, out); } \
  void op##_vjp(Grad& g) { set_zero(g, "input"); }                                               \
  OP(op){                                                                                        \
      .schema = #op "(Tensor input) -> Tensor",                                                  \
      .names = names_,                                                                           \
      .forward = boxed<op##_forward>,                                                            \
      .vjp = op##_vjp,                                                                           \
      .samples = EVERYWHERE,                                                                     \
      .doc = doc_,                                                                               \
  };
ROUNDING(ceil, NAMES(ceil), "The smallest whole number that is not smaller.")
ROUNDING(floor, NAMES(floor), "The largest whole number that is not larger.")
ROUNDING(trunc, NAMES(trunc) ", fix, Tensor.fix, Tensor.fix_",
         "The whole number without the fraction: rounds towards 0.")

Tensor round_forward(const Tensor& input, int64_t decimals, Out out) {
  if (decimals == 0) return rounded(kernels::round, input, out);
  Tensor result = pointwise_output(input.dtype(), out, input);
  kernels::round_decimals(result, input, decimals, input.dtype());
  return result;
}
void round_vjp(Grad& g) { set_zero(g, "input"); }

OP(round) {
  .schema = "round(Tensor input, *, int decimals=0) -> Tensor",
  .names = NAMES(round) ", special.round",
  .forward = boxed<round_forward>,
  .vjp = round_vjp,
  .samples = "(3,4) | (3,4) decimals=1 | (3,) decimals=-1 | (3,):int64",
  .doc =
      "The nearest whole number, or number of ``decimals`` digits; halves go to the even neighbour.",
};

Tensor frac_forward(const Tensor& input, Out out) {
  if (is_integral(input.dtype())) raise_unsupported_dtype("frac", input.dtype());
  return unary(kernels::frac, input, out);
}
void pass_vjp(Grad& g) { g.set("input", g.dout()); }

OP(frac) {
  .schema = "frac(Tensor input) -> Tensor",
  .names = NAMES(frac),
  .forward = boxed<frac_forward>,
  .vjp = pass_vjp,
  .samples = "(3,4) | ()",
  .doc = "The fraction: ``input - trunc(input)``.",
};

// --- angles --------------------------------------------------------------------------------------

Tensor scaled_angle(const Tensor& input, double factor) {
  FB_CHECK(!is_complex(input.dtype()),
           "deg2rad and rad2deg are not supported for complex tensors.");
  return mul(input, wrapped_number(factor));
}
Tensor deg2rad_forward(const Tensor& input) { return scaled_angle(input, kPi / 180); }
void deg2rad_vjp(Grad& g) { g.set("input", g.dout() * (kPi / 180)); }
Tensor rad2deg_forward(const Tensor& input) { return scaled_angle(input, 180 / kPi); }
void rad2deg_vjp(Grad& g) { g.set("input", g.dout() * (180 / kPi)); }

OP(deg2rad) {
  .schema = "deg2rad(Tensor input) -> Tensor",
  .names = NAMES(deg2rad),
  .forward = boxed<deg2rad_forward>,
  .vjp = deg2rad_vjp,
  .samples = EVERYWHERE,
  .doc = "Degrees to radians.",
};
OP(rad2deg) {
  .schema = "rad2deg(Tensor input) -> Tensor",
  .names = NAMES(rad2deg),
  .forward = boxed<rad2deg_forward>,
  .vjp = rad2deg_vjp,
  .samples = EVERYWHERE,
  .doc = "Radians to degrees.",
};

Tensor angle_forward(const Tensor& input, Out out) {
  DType type = float_type(input.dtype());
  Tensor result = pointwise_output(real_dtype(type), out, input);
  kernels::angle(result, input, type);
  return result;
}
void angle_vjp(Grad& g) {
  Tensor z = g.in("input");
  if (!is_complex(z.dtype())) return set_zero(g, "input");
  // The angle grows across the ray of z, by 1 / |z|.
  Tensor slope = g.dout() * (z * Scalar(complex128(0, 1))) / square(abs(z));
  g.set("input", where(eq(z, wrapped_number(0)), wrapped_number(0), slope));
}

OP(angle) {
  .schema = "angle(Tensor input) -> Tensor",
  .forward = boxed<angle_forward>,
  .vjp = angle_vjp,
  .save = "input",
  .samples = "(3,4) | (3,):complex64 | (3,):int64@-3..3",
  .doc = "The angle of each number in the complex plane, in radians; pi for negative real numbers.",
};

}  // namespace
}  // namespace fb

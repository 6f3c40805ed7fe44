// Activations. Each has its gradient as one kernel, which is an operator with a derivative of its
// own.
#include "ops/activation.h"

#include "ops/activation_kernels.h"
#include "ops/forms.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_math.h"
#include "ops/pointwise_select.h"
#include "ops/pointwise_select_kernels.h"
#include "ops/view.h"

namespace fb {
namespace {

// Runs a kernel that has parameters between its operands and the type.
template <class K, class... P>
Tensor activated(K& kernel, const Tensor& input, Out out, const P&... parameters) {
  Tensor result = pointwise_output(input.dtype(), out, input);
  kernel(result, input, parameters..., input.dtype());
  return result;
}
template <class K, class... P>
Tensor activated_backward(K& kernel, const Tensor& grad, const Tensor& input,
                          const P&... parameters) {
  DType type = result_type(grad, input);
  Tensor result = pointwise_output(type, Out(nullptr), grad, input);
  kernel(result, grad, input, parameters..., type);
  return result;
}

// Operators of nn.functional have a flag that asks for the in-place form.
#define WITH_INPLACE_FLAG(op, parameters, types, call, samples_, doc_)                          \
  Tensor op##_flag_forward(const Tensor& input FB_TYPES types, bool inplace) {                  \
    return inplace ? op##_(input FB_TYPES call) : op(input FB_TYPES call);                      \
  }                                                                                             \
  OP(op##_flag){                                                                                \
      .schema = "functional_" #op "(Tensor input" parameters ", bool inplace=False) -> Tensor", \
      .names = "nn.functional." #op,                                                            \
      .forward = boxed<op##_flag_forward>,                                                      \
      .vjp = composite(),                                                                       \
      .samples = samples_,                                                                      \
      .doc = doc_,                                                                              \
  };
#define FB_TYPES(...) __VA_OPT__(, ) __VA_ARGS__

constexpr const char* kSmall = "(3,4) | () | (0,2) | (2,3):float64";

// --- relu and its kin ----------------------------------------------------------------------------

Tensor relu_forward(const Tensor& input, Out out) {
  FB_CHECK(input.dtype() != DType::Bool, "Boolean inputs not supported for relu");
  return unary(kernels::relu, input, out);
}
void relu_vjp(Grad& g) { g.set("input", threshold_backward(g.dout(), g.out(), 0)); }

OP(relu) {
  .schema = "relu(Tensor input) -> Tensor",
  .names = "relu, relu_, Tensor.relu, Tensor.relu_, nn.functional.relu_",
  .forward = boxed<relu_forward>,
  .vjp = relu_vjp,
  .save = "result",
  .samples = "(3,4) | () | (0,2) | (3,):int64@-3..3",
  .errors = "(3,):bool -> RuntimeError: Boolean inputs not supported for relu",
  .doc = R"(``max(input, 0)``.

Example::

    >>> torch.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
)",
};
WITH_INPLACE_FLAG(relu, "", (), (), kSmall, "``max(input, 0)``, in place if asked for.")

Tensor threshold_forward(const Tensor& input, const Scalar& threshold, const Scalar& value,
                         Out out) {
  return activated(kernels::threshold, input, out, threshold, value);
}
void threshold_vjp(Grad& g) {
  g.set("input", threshold_backward(g.dout(), g.in("input"), g.arg<Scalar>("threshold")));
}

OP(threshold) {
  .schema = "threshold(Tensor input, Scalar threshold, Scalar value) -> Tensor",
  .names = "threshold, threshold_, nn.functional.threshold_",
  .forward = boxed<threshold_forward>,
  .vjp = threshold_vjp,
  .save = "input",
  .samples = "(3,4) 0.1 20 | (3,) -0.5 0",
  .doc = "Elements that are not above ``threshold`` become ``value``.",
};
#define PARAMETERS ", float threshold, float value"
WITH_INPLACE_FLAG(threshold, PARAMETERS, (double limit, double value), (limit, value),
                  "(3,4) 0.1 20.0", "Elements that are not above ``threshold`` become ``value``.")
#undef PARAMETERS

Tensor threshold_backward_forward(const Tensor& grad, const Tensor& input,
                                  const Scalar& threshold) {
  return activated_backward(kernels::threshold_backward, grad, input, threshold);
}
void threshold_backward_vjp(Grad& g) {
  if (g.needs("grad"))
    g.set("grad", threshold_backward(g.dout(), g.in("input"), g.arg<Scalar>("threshold")));
  set_zero(g, "input");
}

OP(threshold_backward) {
  .schema = "threshold_backward(Tensor grad, Tensor input, Scalar threshold) -> Tensor",
  .names = "",
  .forward = boxed<threshold_backward_forward>,
  .vjp = threshold_backward_vjp,
  .save = "input",
  .samples = "(3,4) (3,4) 0.25 | (3,) (3,) -1",
  .doc = "``grad`` where ``input > threshold``, 0 elsewhere.",
};

Tensor leaky_relu_forward(const Tensor& input, double slope, Out out) {
  return activated(kernels::leaky_relu, input, out, slope);
}
void leaky_relu_vjp(Grad& g) {
  g.set("input", leaky_relu_backward(g.dout(), g.in("input"), g.arg<double>("negative_slope")));
}

OP(leaky_relu) {
  .schema = "leaky_relu(Tensor input, float negative_slope=0.01) -> Tensor",
  .names = "nn.functional.leaky_relu_",
  .forward = boxed<leaky_relu_forward>,
  .vjp = leaky_relu_vjp,
  .save = "input",
  .samples = "(3,4) | (3,) 0.3",
  .doc = "``input`` where it is positive, ``negative_slope * input`` elsewhere, in place.",
};
WITH_INPLACE_FLAG(leaky_relu, ", float negative_slope=0.01", (double slope), (slope),
                  "(3,4) | (3,) 0.3",
                  "``input`` where it is positive, ``negative_slope * input`` elsewhere.")

Tensor leaky_relu_backward_forward(const Tensor& grad, const Tensor& input, double slope) {
  return activated_backward(kernels::leaky_relu_backward, grad, input, slope);
}
void leaky_relu_backward_vjp(Grad& g) {
  if (g.needs("grad"))
    g.set("grad", leaky_relu_backward(g.dout(), g.in("input"), g.arg<double>("negative_slope")));
  set_zero(g, "input");
}

OP(leaky_relu_backward) {
  .schema = "leaky_relu_backward(Tensor grad, Tensor input, float negative_slope) -> Tensor",
  .names = "",
  .forward = boxed<leaky_relu_backward_forward>,
  .vjp = leaky_relu_backward_vjp,
  .save = "input",
  .samples = "(3,4) (3,4) 0.3",
  .doc = "``grad`` where ``input > 0``, ``negative_slope * grad`` elsewhere.",
};

Tensor prelu_kernel_forward(const Tensor& input, const Tensor& weight) {
  return binary(kernels::prelu, input, weight, Out(nullptr));
}
void prelu_kernel_vjp(Grad& g) {
  Tensor x = g.in("input"), positive = gt(x, wrapped_number(0));
  if (g.needs("input")) g.set("input", where(positive, g.dout(), g.dout() * g.in("weight")));
  if (g.needs("weight")) g.set("weight", where(positive, wrapped_number(0), g.dout() * x));
}

OP(prelu_kernel) {
  .schema = "prelu_kernel(Tensor input, Tensor weight) -> Tensor",
  .names = "",
  .forward = boxed<prelu_kernel_forward>,
  .vjp = prelu_kernel_vjp,
  .save = "input, weight",
  .samples = "(3,4) (4,) | (3,) ()",
  .doc = "``input`` where it is positive, ``weight * input`` elsewhere; both broadcast.",
};

Tensor prelu_forward(const Tensor& input, const Tensor& weight) {
  FB_CHECK(input.dtype() == weight.dtype(), "prelu: Type promoting not supported. Got ",
           input.dtype(), " and ", weight.dtype());
  if (weight.numel() == 1)
    return prelu_kernel(input, weight.dim() == 0 ? weight : reshape(weight, Ints()));
  FB_CHECK(weight.dim() == 1,
           "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", weight.dim());
  const int64_t channels = input.dim() > 1 ? input.sizes()[1] : 1;
  FB_CHECK(input.dim() > 0 && channels == weight.numel(),
           "Mismatch of parameter numbers and input channel size. Found parameter numbers = ",
           weight.numel(), " and channel size = ", channels, ".");
  Dims shape(static_cast<size_t>(input.dim()), 1);
  shape[1] = channels;
  return prelu_kernel(input, reshape(weight, shape));
}

OP(prelu) {
  .schema = "prelu(Tensor input, Tensor weight) -> Tensor",
  .names = "prelu, Tensor.prelu, nn.functional.prelu",
  .forward = boxed<prelu_forward>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples = "(3,4) (1,) | (3,4) (4,) | (2,3,4) (3,) | () (1,)",
  .errors = "(3,4) (3,) -> RuntimeError: Mismatch of parameter numbers and input channel size",
  .doc =
      "``input`` where it is positive, ``weight * input`` elsewhere; ``weight`` has one element, or one per channel (dim 1).",
};

// --- exponential units ---------------------------------------------------------------------------

constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
constexpr double kSeluScale = 1.0507009873554804934193349852946;

Tensor elu_forward(const Tensor& input, double alpha, double scale, double inner, Out out) {
  return activated(kernels::elu, input, out, alpha, scale, inner);
}
void elu_vjp(Grad& g) {
  g.set("input", elu_backward(g.dout(), g.in("input"), g.arg<double>("alpha"),
                              g.arg<double>("scale"), g.arg<double>("input_scale")));
}

OP(elu) {
  .schema = "elu(Tensor input, float alpha=1.0, float scale=1.0, float input_scale=1.0) -> Tensor",
  .names = "nn.functional.elu_",
  .forward = boxed<elu_forward>,
  .vjp = elu_vjp,
  .save = "input",
  .samples = "(3,4) | (3,) 0.5 2.0 0.5",
  .doc = "``input`` where it is positive, ``alpha * (exp(input) - 1)`` elsewhere, in place.",
};
WITH_INPLACE_FLAG(
    elu, ", float alpha=1.0", (double alpha), (alpha), "(3,4) | (3,) 0.5",
    "``input`` where it is positive, ``alpha * (exp(input) - 1)`` elsewhere (Clevert et al. 2015).")

Tensor elu_backward_forward(const Tensor& grad, const Tensor& input, double alpha, double scale,
                            double inner) {
  return activated_backward(kernels::elu_backward, grad, input, alpha, scale, inner);
}
void elu_backward_vjp(Grad& g) {
  Tensor x = g.in("input");
  double alpha = g.arg<double>("alpha"), scale = g.arg<double>("scale"),
         inner = g.arg<double>("input_scale");
  if (g.needs("grad")) g.set("grad", elu_backward(g.dout(), x, alpha, scale, inner));
  if (g.needs("input")) {
    Tensor bent = g.dout() * g.in("grad") * exp(x * inner) * (alpha * scale * inner * inner);
    g.set("input", where(gt(x, wrapped_number(0)), wrapped_number(0), bent));
  }
}

OP(elu_backward) {
  .schema =
      "elu_backward(Tensor grad, Tensor input, float alpha, float scale, float input_scale) -> Tensor",
  .names = "",
  .forward = boxed<elu_backward_forward>,
  .vjp = elu_backward_vjp,
  .save = "input, grad for input",
  .samples = "(3,4) (3,4) 0.5 2.0 0.5",
  .doc = "The gradient of elu.",
};

Tensor selu_forward(const Tensor& input, Out out) {
  return elu_forward(input, kSeluAlpha, kSeluScale, 1, out);
}
void selu_vjp(Grad& g) {
  g.set("input", elu_backward(g.dout(), g.in("input"), kSeluAlpha, kSeluScale, 1));
}

OP(selu) {
  .schema = "selu(Tensor input) -> Tensor",
  .names = "selu, selu_, nn.functional.selu_",
  .forward = boxed<selu_forward>,
  .vjp = selu_vjp,
  .save = "input",
  .samples = kSmall,
  .doc = "elu with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017).",
};
WITH_INPLACE_FLAG(selu, "", (), (), kSmall,
                  "elu with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017).")

Tensor celu_forward(const Tensor& input, double alpha, Out out) {
  FB_CHECK(alpha != 0, "ZeroDivisionError: alpha cannot be 0 for CELU");
  return elu_forward(input, alpha, 1, 1 / alpha, out);
}
void celu_vjp(Grad& g) {
  double alpha = g.arg<double>("alpha");
  g.set("input", elu_backward(g.dout(), g.in("input"), alpha, 1, 1 / alpha));
}

OP(celu) {
  .schema = "celu(Tensor input, float alpha=1.0) -> Tensor",
  .names = "celu, celu_, nn.functional.celu_",
  .forward = boxed<celu_forward>,
  .vjp = celu_vjp,
  .save = "input",
  .samples = "(3,4) | (3,) 0.5",
  .errors = "(3,) 0.0 -> RuntimeError: alpha cannot be 0 for CELU",
  .doc = "``max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`` (Barron 2017).",
};
WITH_INPLACE_FLAG(celu, ", float alpha=1.0", (double alpha), (alpha), "(3,4) | (3,) 0.5",
                  "``max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`` (Barron 2017).")

// --- hard units ----------------------------------------------------------------------------------

Tensor hardtanh_forward(const Tensor& input, double min, double max, Out out) {
  FB_CHECK(input.dtype() != DType::Bool, "Bool inputs not supported for hardtanh");
  FB_CHECK(input.dtype() != DType::UInt8 || min >= 0,
           "cannot do hardtanh on an unsigned type with negative limits");
  FB_CHECK_VALUE(min <= max, "min_val cannot be greater than max_val");
  Scalar low(min), high(max);
  return activated(kernels::clamp, input, out, &low, &high);
}
void hardtanh_vjp(Grad& g) {
  g.set("input", hardtanh_backward(g.dout(), g.in("input"), g.arg<double>("min_val"),
                                   g.arg<double>("max_val")));
}

OP(hardtanh) {
  .schema = "hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0) -> Tensor",
  .names = "nn.functional.hardtanh_",
  .forward = boxed<hardtanh_forward>,
  .vjp = hardtanh_vjp,
  .save = "input",
  .samples = "(3,4) | (3,) -0.5 0.25",
  .doc = "Elements limited to ``[min_val, max_val]``, in place.",
};
#define PARAMETERS ", float min_val=-1.0, float max_val=1.0"
WITH_INPLACE_FLAG(hardtanh, PARAMETERS, (double min_val, double max_val), (min_val, max_val),
                  "(3,4) | (3,) -0.5 0.25", "Elements limited to ``[min_val, max_val]``.")
#undef PARAMETERS

Tensor hardtanh_backward_forward(const Tensor& grad, const Tensor& input, double min, double max) {
  return activated_backward(kernels::hardtanh_backward, grad, input, min, max);
}
void hardtanh_backward_vjp(Grad& g) {
  if (g.needs("grad"))
    g.set("grad", hardtanh_backward(g.dout(), g.in("input"), g.arg<double>("min_val"),
                                    g.arg<double>("max_val")));
  set_zero(g, "input");
}

OP(hardtanh_backward) {
  .schema = "hardtanh_backward(Tensor grad, Tensor input, float min_val, float max_val) -> Tensor",
  .names = "",
  .forward = boxed<hardtanh_backward_forward>,
  .vjp = hardtanh_backward_vjp,
  .save = "input",
  .samples = "(3,4) (3,4) -0.5 0.25",
  .doc = "``grad`` where ``min_val < input < max_val``, 0 elsewhere.",
};

Tensor relu6_forward(const Tensor& input, bool inplace) {
  return inplace ? hardtanh_(input, 0, 6) : hardtanh(input, 0, 6);
}

OP(relu6) {
  .schema = "relu6(Tensor input, bool inplace=False) -> Tensor",
  .names = "nn.functional.relu6",
  .forward = boxed<relu6_forward>,
  .vjp = composite(),
  .samples = "(3,4)@-9..9 | ()",
  .doc = "``min(max(input, 0), 6)``.",
};

// An activation without parameters and the operator of its gradient. `bent` is the gradient of the
// latter by the input.
#define ACTIVATION(op, names_, samples_, bent, doc_)                                           \
  Tensor op##_forward(const Tensor& input, Out out) { return unary(kernels::op, input, out); } \
  void op##_vjp(Grad& g) { g.set("input", op##_backward(g.dout(), g.in("input"))); }           \
  OP(op){                                                                                      \
      .schema = #op "(Tensor input) -> Tensor",                                                \
      .names = names_,                                                                         \
      .forward = boxed<op##_forward>,                                                          \
      .vjp = op##_vjp,                                                                         \
      .save = "input",                                                                         \
      .samples = samples_,                                                                     \
      .doc = doc_,                                                                             \
  };                                                                                           \
  Tensor op##_backward_forward(const Tensor& grad, const Tensor& input) {                      \
    return activated_backward(kernels::op##_backward, grad, input);                            \
  }                                                                                            \
  void op##_backward_vjp(Grad& g) {                                                            \
    Tensor x = g.in("input");                                                                  \
    if (g.needs("grad")) g.set("grad", op##_backward(g.dout(), x));                            \
    if (g.needs("input")) g.set("input", g.dout() * g.in("grad") * (bent));                    \
  }                                                                                            \
  OP(op##_backward){                                                                           \
      .schema = #op "_backward(Tensor grad, Tensor input) -> Tensor",                          \
      .names = "",                                                                             \
      .forward = boxed<op##_backward_forward>,                                                 \
      .vjp = op##_backward_vjp,                                                                \
      .save = "input, grad for input",                                                         \
      .doc = "The gradient of " #op ".",                                                       \
  };

Tensor within(const Tensor& x, double bound) { return lt(abs(x), wrapped_number(bound)); }

ACTIVATION(hardswish, "nn.functional.hardswish_", kSmall, within(x, 3) / 3.0,
           "``input * relu6(input + 3) / 6``, in place.")
WITH_INPLACE_FLAG(hardswish, "", (), (), kSmall,
                  "``input * relu6(input + 3) / 6`` (Howard et al. 2019).")
ACTIVATION(hardsigmoid, "nn.functional.hardsigmoid_", kSmall, x * 0,
           "``relu6(input + 3) / 6``, in place.")
WITH_INPLACE_FLAG(hardsigmoid, "", (), (), kSmall, "``relu6(input + 3) / 6``.")

// --- smooth units --------------------------------------------------------------------------------

Tensor silu_bend(const Tensor& x) {
  Tensor s = sigmoid(x);
  return s * (1 - s) * (2 + x * (1 - s * 2));
}
// With t = tanh(softplus(x)), s = sigmoid(x): t' = s (1 - t^2), mish' = t + x t'.
Tensor mish_bend(const Tensor& x) {
  Tensor t = tanh(softplus(x)), s = sigmoid(x), slope = s * (1 - square(t));
  return slope * (2 + x * (1 - s - t * s * 2));
}

ACTIVATION(silu, "nn.functional.silu_", kSmall, silu_bend(x),
           "``input * sigmoid(input)``, in place.")
WITH_INPLACE_FLAG(silu, "", (), (), kSmall, "``input * sigmoid(input)``, also called swish.")
ACTIVATION(mish, "nn.functional.mish_", kSmall, mish_bend(x),
           "``input * tanh(softplus(input))``, in place.")
WITH_INPLACE_FLAG(mish, "", (), (), kSmall, "``input * tanh(softplus(input))`` (Misra 2019).")
ACTIVATION(logsigmoid, "nn.functional.logsigmoid", kSmall, -(sigmoid(x) * sigmoid(-x)),
           "``log(sigmoid(input))``, without overflow.")

enum class Gelu { Exact, Tanh };
Gelu gelu_form(std::string_view approximate) {
  FB_CHECK(approximate == "none" || approximate == "tanh",
           "approximate argument must be either none or tanh.");
  return approximate == "none" ? Gelu::Exact : Gelu::Tanh;
}

Tensor gelu_forward(const Tensor& input, std::string_view approximate, Out out) {
  return gelu_form(approximate) == Gelu::Exact ? unary(kernels::gelu, input, out)
                                               : unary(kernels::gelu_tanh, input, out);
}
void gelu_vjp(Grad& g) {
  g.set("input", gelu_backward(g.dout(), g.in("input"), g.arg<std::string_view>("approximate")));
}

OP(gelu) {
  .schema = "gelu(Tensor input, *, str approximate='none') -> Tensor",
  .names = "nn.functional.gelu, nn.functional.gelu_",
  .forward = boxed<gelu_forward>,
  .vjp = gelu_vjp,
  .save = "input",
  .samples = "(3,4) | (3,4) approximate='tanh' | () | (0,2)",
  .errors =
      "(3,) approximate='erf' -> RuntimeError: approximate argument must be either none or tanh",
  .doc =
      R"(``input * Phi(input)``, where Phi is the normal distribution function (Hendrycks and Gimpel 2016).

Args:
    approximate: ``'none'``, or ``'tanh'`` for ``0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x ** 3)))``.
)",
};

Tensor gelu_backward_forward(const Tensor& grad, const Tensor& input,
                             std::string_view approximate) {
  return gelu_form(approximate) == Gelu::Exact
             ? activated_backward(kernels::gelu_backward, grad, input)
             : activated_backward(kernels::gelu_tanh_backward, grad, input);
}
Tensor gelu_bend(const Tensor& x, std::string_view approximate) {
  if (gelu_form(approximate) == Gelu::Exact)
    return exp(square(x) * -0.5) * 0.3989422804014327 * (2 - square(x));
  // x s(u) with s the sigmoid and u = 2 sqrt(2/pi) (x + 0.044715 x^3)
  constexpr double kInner = 1.5957691216057308, kCube = 0.044715;
  Tensor x2 = square(x), s = sigmoid((x + x2 * x * kCube) * kInner);
  Tensor u1 = (x2 * (3 * kCube) + 1) * kInner, u2 = x * (6 * kCube * kInner), s1 = s * (1 - s);
  return s1 * (u1 * 2 + x * (u2 + square(u1) * (1 - s * 2)));
}
void gelu_backward_vjp(Grad& g) {
  Tensor x = g.in("input");
  auto approximate = g.arg<std::string_view>("approximate");
  if (g.needs("grad")) g.set("grad", gelu_backward(g.dout(), x, approximate));
  if (g.needs("input")) g.set("input", g.dout() * g.in("grad") * gelu_bend(x, approximate));
}

OP(gelu_backward) {
  .schema = "gelu_backward(Tensor grad, Tensor input, str approximate) -> Tensor",
  .names = "",
  .forward = boxed<gelu_backward_forward>,
  .vjp = gelu_backward_vjp,
  .save = "input, grad for input",
  .samples = "(3,4) (3,4) 'none' | (3,4) (3,4) 'tanh'",
  .doc = "The gradient of gelu.",
};

Tensor softplus_forward(const Tensor& input, double beta, double threshold, Out out) {
  return activated(kernels::softplus, input, out, beta, threshold);
}
void softplus_vjp(Grad& g) {
  g.set("input", softplus_backward(g.dout(), g.in("input"), g.arg<double>("beta"),
                                   g.arg<double>("threshold")));
}

OP(softplus) {
  .schema = "softplus(Tensor input, float beta=1, float threshold=20) -> Tensor",
  .names = "nn.functional.softplus",
  .forward = boxed<softplus_forward>,
  .vjp = softplus_vjp,
  .save = "input",
  .samples = "(3,4) | (3,4) 2.0 0.5 | ()",
  .doc =
      "``log(1 + exp(beta * input)) / beta``, and ``input`` itself where ``beta * input > threshold``.",
};

Tensor softplus_backward_forward(const Tensor& grad, const Tensor& input, double beta,
                                 double threshold) {
  return activated_backward(kernels::softplus_backward, grad, input, beta, threshold);
}
void softplus_backward_vjp(Grad& g) {
  Tensor x = g.in("input");
  double beta = g.arg<double>("beta"), threshold = g.arg<double>("threshold");
  if (g.needs("grad")) g.set("grad", softplus_backward(g.dout(), x, beta, threshold));
  if (g.needs("input")) {
    Tensor s = sigmoid(x * beta), bent = g.dout() * g.in("grad") * s * (1 - s) * beta;
    g.set("input", where(gt(x * beta, wrapped_number(threshold)), wrapped_number(0), bent));
  }
}

OP(softplus_backward) {
  .schema = "softplus_backward(Tensor grad, Tensor input, float beta, float threshold) -> Tensor",
  .names = "",
  .forward = boxed<softplus_backward_forward>,
  .vjp = softplus_backward_vjp,
  .save = "input, grad for input",
  .samples = "(3,4) (3,4) 2.0 0.5",
  .doc = "The gradient of softplus.",
};

}  // namespace
}  // namespace fb

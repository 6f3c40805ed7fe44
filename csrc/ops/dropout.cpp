// Dropout in its forms, and the randomised leaky ReLU.
#include <cmath>

#include "ops/copy.h"
#include "ops/dropout.h"
#include "ops/dropout_kernels.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/random_checks.h"
#include "ops/view.h"

namespace fb {
namespace {

void check_probability(double p) {
  FB_CHECK(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ", p);
}

// nn.functional raises another type of exception for the same mistake.
void check_probability_value(double p) {
  FB_CHECK_VALUE(!(p < 0 || p > 1), "dropout probability has to be between 0 and 1, but got ", p);
}

// `value` as the dtype has it.
double rounded_to(DType dtype, double value) {
  switch (dtype) {
    case DType::Float16:
      return static_cast<float>(Half(static_cast<float>(value)));
    case DType::BFloat16:
      return static_cast<float>(BFloat16(static_cast<float>(value)));
    case DType::Float32:
      return static_cast<float>(value);
    default:
      return value;
  }
}

// What PyTorch's noise holds where an element is kept: 1 / (1 - p), divided in the computing type.
double kept_scale(DType dtype, double p) {
  const double keep = 1 - p;
  return dtype == DType::Float64 ? 1 / keep : rounded_to(dtype, 1.0f / static_cast<float>(keep));
}

void check_dropout_type(const Tensor& input) {
  FB_CHECK(!is_integral(input.dtype()),
           "result type Float can't be cast to the desired output type ",
           dtype_class_name(input.dtype()));
  if (is_complex(input.dtype())) raise_unsupported_dtype("bernoulli_scalar_cpu_", input.dtype());
}

// Where to write something of `like`'s shape and type: the target of an in-place call, if any.
Tensor output_like(const Tensor& like, Out out) {
  return out.given() ? *out.given() : empty_like(like);
}

// ---- primitives
// ----------------------------------------------------------------------------------

Tensor masked_scale_forward(const Tensor& input, const Tensor& mask, double scale) {
  Tensor result = empty_like(input);
  if (result.numel()) kernels::masked_scale(result, input, mask, scale);
  return result;
}

void masked_scale_vjp(Grad& g) {
  g.set("input", _masked_scale(g.dout(), g.in("mask"), g.arg<double>("scale")));
}

OP(masked_scale) {
  .schema = "_masked_scale(Tensor input, Tensor mask, float scale) -> Tensor",
  .names = "",
  .forward = boxed<masked_scale_forward>,
  .vjp = masked_scale_vjp,
  .save = "mask",
  .doc = "``input * scale`` where the mask is true, ``input * 0`` elsewhere."
};

std::tuple<Tensor, Tensor> dropout_forward(const Tensor& input, double p, Out out) {
  check_dropout_type(input);
  Tensor result = output_like(input, out);
  check_writable(result);
  Tensor mask = empty_like(input, DType::Bool);
  if (result.numel()) {
    kernels::draw_dropout(result, input, mask, default_generator(), 1 - p,
                          kept_scale(input.dtype(), p));
  }
  return {result, mask};
}

void dropout_vjp(Grad& g) {
  if (!g.dout(0).defined()) return;
  const double scale = kept_scale(g.dtype("input"), g.arg<double>("p"));
  g.set("input", _masked_scale(g.dout(0), g.out(1), scale));
}

OP(masked_dropout) {
  .schema = "_dropout(Tensor input, float p) -> (Tensor output, Tensor mask)",
  .names = "",
  .forward = boxed<dropout_forward>,
  .vjp = dropout_vjp,
  .save = "mask",
  .doc = "Dropout in training, with the mask that was drawn."
};

// ---- dropout
// -------------------------------------------------------------------------------------

bool does_nothing(const Tensor& input, double p, bool train) {
  check_probability(p);
  return p == 0 || !train || input.numel() == 0;
}

Tensor zero_like_number(const Tensor& input) { return scalar_tensor(Scalar(0), input.dtype()); }

Tensor dropout_composite(const Tensor& input, double p, bool train) {
  if (does_nothing(input, p, train)) return input;
  if (p == 1) return mul(input, zero_like_number(input));
  return std::get<0>(_dropout(input, p));
}

Tensor dropout_inplace(const Tensor& input, double p, bool train) {
  if (does_nothing(input, p, train)) return input;
  if (p == 1) return mul_(input, zero_like_number(input));
  static const OpDef& op = find_op("_dropout");
  return call_inplace(op, input, p);
}

OP(dropout) {
  .schema = "dropout(Tensor input, float p, bool train) -> Tensor",
  .names = "dropout",
  .forward = boxed<dropout_composite>,
  .vjp = composite(),
  .errors =
      "(3,) 1.5 True -> RuntimeError: dropout probability has to be between 0 and 1 | "
      "(3,):int64 0.5 True -> RuntimeError: result type Float can't be cast",
  .doc = "See :func:`nn.functional.dropout`."
};

OP(dropout_) {
  .schema = "dropout_(Tensor(a!) input, float p, bool train) -> Tensor",
  .names = "dropout_",
  .forward = boxed<dropout_inplace>,
  .vjp = composite(),
  .doc = "See :func:`nn.functional.dropout`."
};

Tensor functional_dropout(const Tensor& input, double p, bool training, bool inplace) {
  check_probability_value(p);
  return inplace ? dropout_inplace(input, p, training) : dropout_composite(input, p, training);
}

OP(functional_dropout) {
  .schema =
      "functional_dropout(Tensor input, float p=0.5, bool training=True, "
      "bool inplace=False) -> Tensor",
  .names = "nn.functional.dropout",
  .forward = boxed<functional_dropout>,
  .vjp = composite(),
  .errors = "(3,) -0.1 -> ValueError: dropout probability has to be between 0 and 1, but got -0.1",
  .doc = R"(Set elements to zero with probability ``p`` and multiply the others by ``1 / (1 - p)``
(Hinton et al. 2012), so that the expected value stays.

Args:
    input: any shape; a floating-point dtype.
    p: the probability of an element to become zero.
    training: do nothing if False.
    inplace: whether to write into ``input``.

Returns:
    A tensor like ``input``; ``input`` itself where nothing is to be done.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.nn.functional.dropout(torch.ones(6), 0.5)
    tensor([0., 0., 2., 0., 0., 0.]))"
};

Tensor masked_scale_composite(const Tensor& grad, const Tensor& mask, double scale) {
  return _masked_scale(grad, mask, scale);
}

OP(native_dropout_backward) {
  .schema = "native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor",
  .names = "native_dropout_backward",
  .forward = boxed<masked_scale_composite>,
  .vjp = composite(),
  .doc = "The gradient of :func:`native_dropout`: ``grad_output * mask * scale``."
};

double native_scale(double p) { return p == 1 ? 0 : 1 / (1 - p); }

std::tuple<Tensor, Tensor> native_dropout_forward(const Tensor& input, double p,
                                                  std::optional<bool> train) {
  check_probability(p);
  Tensor mask = empty_like(input, DType::Bool);
  if (input.numel() && !train.value_or(true)) fill_(mask, wrapped_number(Scalar(true)));
  if (input.numel() == 0 || !train.value_or(true)) return {input.alias(), mask};
  check_dropout_type(input);
  Tensor result = empty_like(input);
  kernels::draw_dropout(result, input, mask, default_generator(), 1 - p,
                        rounded_to(input.dtype(), native_scale(p)));
  return {result, mask};
}

void native_dropout_vjp(Grad& g) {
  if (!g.dout(0).defined()) return;
  const bool train = g.arg<std::optional<bool>>("train").value_or(true);
  const double scale = train ? native_scale(g.arg<double>("p")) : 1;
  g.set("input", native_dropout_backward(g.dout(0), g.out(1), scale));
}

OP(native_dropout) {
  .schema = "native_dropout(Tensor input, float p, bool? train) -> (Tensor output, Tensor mask)",
  .names = "native_dropout",
  .forward = boxed<native_dropout_forward>,
  .vjp = native_dropout_vjp,
  .save = "mask",
  .doc = "Dropout that also returns the mask of what was kept."
};

// ---- whole channels, and dropout for SELU
// --------------------------------------------------------

// Ones with probability 1 - p and zeros: for each element, or one for each channel.
Tensor draw_noise(const Tensor& input, double p, bool by_channel) {
  check_dropout_type(input);
  if (!by_channel) return bernoulli_(empty_like(input), 1 - p);
  FB_CHECK(input.dim() >= 2, "Feature dropout requires at least 2 dimensions in the input");
  Dims sizes(static_cast<size_t>(input.dim()), 1);
  sizes[0] = input.sizes()[0];
  sizes[1] = input.sizes()[1];
  return bernoulli_(empty(sizes, input.dtype(), input.device()), 1 - p);
}

Tensor drop_channels(const Tensor& input, double p, bool train, bool inplace) {
  if (does_nothing(input, p, train)) return input;
  Tensor noise = zero_like_number(input);
  if (p != 1)
    noise = mul_(draw_noise(input, p, true),
                 scalar_tensor(kept_scale(input.dtype(), p), input.dtype()));
  return inplace ? mul_(input, noise) : mul(input, noise);
}

// Dropped elements get the value that SELU saturates at, then everything is mapped back to mean 0
// and variance 1 (Klambauer et al. 2017).
Tensor drop_alpha(const Tensor& input, double p, bool train, bool inplace, bool by_channel) {
  if (does_nothing(input, p, train)) return input;
  if (p == 1) {
    Tensor zero = zero_like_number(input);
    return inplace ? mul_(input, zero) : mul(input, zero);
  }
  constexpr double kAlpha = 1.7580993408473766;
  const double a = 1 / std::sqrt((kAlpha * kAlpha * p + 1) * (1 - p));
  Tensor noise = draw_noise(input, p, by_channel);
  const auto number = [](double value) { return wrapped_number(Scalar(value)); };
  Tensor shift = add_(mul_(add(noise, number(-1)), number(kAlpha * a)), number(kAlpha * a * p));
  mul_(noise, number(a));
  return add_(inplace ? mul_(input, noise) : mul(input, noise), shift);
}

Tensor feature_dropout_forward(const Tensor& input, double p, bool train) {
  return drop_channels(input, p, train, false);
}
Tensor feature_dropout_inplace(const Tensor& input, double p, bool train) {
  return drop_channels(input, p, train, true);
}
Tensor alpha_dropout_forward(const Tensor& input, double p, bool train) {
  return drop_alpha(input, p, train, false, false);
}
Tensor alpha_dropout_inplace(const Tensor& input, double p, bool train) {
  return drop_alpha(input, p, train, true, false);
}
Tensor feature_alpha_dropout_forward(const Tensor& input, double p, bool train) {
  return drop_alpha(input, p, train, false, true);
}
Tensor feature_alpha_dropout_inplace(const Tensor& input, double p, bool train) {
  return drop_alpha(input, p, train, true, true);
}

#define FB_DROPOUT_FORM(id, signature, function)                         \
  OP(id){.schema = #id "(" signature ", float p, bool train) -> Tensor", \
         .names = #id,                                                   \
         .forward = boxed<function>,                                     \
         .vjp = composite(),                                             \
         .doc = "See the function of this name in ``nn.functional``."};
FB_DROPOUT_FORM(feature_dropout, "Tensor input", feature_dropout_forward)
FB_DROPOUT_FORM(feature_dropout_, "Tensor(a!) input", feature_dropout_inplace)
FB_DROPOUT_FORM(alpha_dropout, "Tensor input", alpha_dropout_forward)
FB_DROPOUT_FORM(alpha_dropout_, "Tensor(a!) input", alpha_dropout_inplace)
FB_DROPOUT_FORM(feature_alpha_dropout, "Tensor input", feature_alpha_dropout_forward)
FB_DROPOUT_FORM(feature_alpha_dropout_, "Tensor(a!) input", feature_alpha_dropout_inplace)
#undef FB_DROPOUT_FORM

Tensor functional_alpha_dropout(const Tensor& input, double p, bool training, bool inplace) {
  check_probability_value(p);
  return drop_alpha(input, p, training, inplace, false);
}

OP(functional_alpha_dropout) {
  .schema =
      "functional_alpha_dropout(Tensor input, float p=0.5, bool training=False, "
      "bool inplace=False) -> Tensor",
  .names = "nn.functional.alpha_dropout",
  .forward = boxed<functional_alpha_dropout>,
  .vjp = composite(),
  .doc = R"(Dropout for networks with SELU (Klambauer et al. 2017): keeps mean 0 and variance 1.

Dropped elements get the value at which SELU saturates, not zero.

Args:
    input: any shape; a floating-point dtype.
    p: the probability of an element to be dropped.
    training: do nothing if False.
    inplace: whether to write into ``input``.

Returns:
    A tensor like ``input``.)"
};

Tensor functional_feature_alpha_dropout(const Tensor& input, double p, bool training,
                                        bool inplace) {
  check_probability_value(p);
  return drop_alpha(input, p, training, inplace, true);
}

OP(functional_feature_alpha_dropout) {
  .schema =
      "functional_feature_alpha_dropout(Tensor input, float p=0.5, bool training=False, "
      "bool inplace=False) -> Tensor",
  .names = "nn.functional.feature_alpha_dropout",
  .forward = boxed<functional_feature_alpha_dropout>,
  .vjp = composite(),
  .doc = "As :func:`alpha_dropout`, for whole channels: ``input`` is ``(batch, channels, ...)``."
};

// Channels of an input without a batch dimension are counted by its first dimension.
Tensor functional_channels(const Tensor& input, double p, bool training, bool inplace,
                           bool batched) {
  check_probability_value(p);
  if (batched) return drop_channels(input, p, training, inplace);
  Dims sizes{1};
  for (int64_t size : input.sizes()) sizes.push_back(size);
  Tensor result = drop_channels(view(input, sizes), p, training, inplace);
  return inplace ? input : view(result, input.sizes());
}

Tensor functional_dropout1d(const Tensor& input, double p, bool training, bool inplace) {
  check_probability_value(p);
  FB_CHECK(input.dim() == 2 || input.dim() == 3,
           "dropout1d: Expected 2D or 3D input, but received a ", input.dim(),
           "D input: one spatial dimension, a channel dimension and, if any, a batch "
           "dimension");
  return functional_channels(input, p, training, inplace, input.dim() == 3);
}

Tensor functional_dropout2d(const Tensor& input, double p, bool training, bool inplace) {
  return functional_channels(input, p, training, inplace, true);
}

Tensor functional_dropout3d(const Tensor& input, double p, bool training, bool inplace) {
  return functional_channels(input, p, training, inplace, input.dim() == 5);
}

OP(functional_dropout1d) {
  .schema =
      "functional_dropout1d(Tensor input, float p=0.5, bool training=True, "
      "bool inplace=False) -> Tensor",
  .names = "nn.functional.dropout1d",
  .forward = boxed<functional_dropout1d>,
  .vjp = composite(),
  .errors = "(3,) -> RuntimeError: dropout1d: Expected 2D or 3D input, but received a 1D input",
  .doc =
      R"(Set channels to zero with probability ``p``; the others are scaled by ``1 / (1 - p)``.

Args:
    input: ``(batch, channels, length)`` or ``(channels, length)``.
    p: the probability of a channel to become zero.
    training: do nothing if False.
    inplace: whether to write into ``input``.

Returns:
    A tensor like ``input``.)"
};

OP(functional_dropout2d) {
  .schema =
      "functional_dropout2d(Tensor input, float p=0.5, bool training=True, "
      "bool inplace=False) -> Tensor",
  .names = "nn.functional.dropout2d",
  .forward = boxed<functional_dropout2d>,
  .vjp = composite(),
  .doc =
      R"(Set channels to zero with probability ``p``; the others are scaled by ``1 / (1 - p)``.

Args:
    input: ``(batch, channels, height, width)``. Three dimensions are taken for ``(batch, channels,
        length)``, as in PyTorch.
    p: the probability of a channel to become zero.
    training: do nothing if False.
    inplace: whether to write into ``input``.

Returns:
    A tensor like ``input``.)"
};

OP(functional_dropout3d) {
  .schema =
      "functional_dropout3d(Tensor input, float p=0.5, bool training=True, "
      "bool inplace=False) -> Tensor",
  .names = "nn.functional.dropout3d",
  .forward = boxed<functional_dropout3d>,
  .vjp = composite(),
  .doc =
      R"(Set channels to zero with probability ``p``; the others are scaled by ``1 / (1 - p)``.

Args:
    input: ``(batch, channels, depth, height, width)``, or without the batch dimension.
    p: the probability of a channel to become zero.
    training: do nothing if False.
    inplace: whether to write into ``input``.

Returns:
    A tensor like ``input``.)"
};

// ---- randomised leaky ReLU
// -----------------------------------------------------------------------

std::tuple<Tensor, Tensor> rrelu_noise_forward(const Tensor& input, double lower, double upper,
                                               Generator* generator, Out out) {
  Tensor result = out.given() ? *out.given() : empty(input.sizes(), input.dtype(), input.device());
  check_writable(result);
  Tensor noise = empty(input.sizes(), input.dtype(), input.device());
  if (input.numel()) {
    kernels::draw_rrelu(result, input, noise, generator_or_default(generator), lower, upper);
  }
  return {result, noise};
}

void rrelu_noise_vjp(Grad& g) {
  if (g.dout(0).defined()) g.set("input", mul(g.dout(0), g.out(1)));
}

OP(rrelu_noise) {
  .schema =
      "_rrelu(Tensor input, float lower, float upper, Generator? generator=None) "
      "-> (Tensor output, Tensor noise)",
  .names = "",
  .forward = boxed<rrelu_noise_forward>,
  .vjp = rrelu_noise_vjp,
  .save = "noise",
  .doc = "rrelu in training, with the factors of the elements."
};

void check_rrelu(double lower, double upper) {
  FB_CHECK(lower <= upper, "Lower bound should be less than or equal to the upper bound");
  FB_CHECK(std::isfinite(lower) && std::isfinite(upper),
           "rrelu: the bounds must be finite, but got lower=", lower, " and upper=", upper);
}

Tensor rrelu_forward(const Tensor& input, double lower, double upper, bool training,
                     Generator* generator) {
  check_rrelu(lower, upper);
  static const OpDef& leaky_relu = find_op("leaky_relu");
  return training ? std::get<0>(_rrelu(input, lower, upper, generator))
                  : call_op<Tensor>(leaky_relu, input, (lower + upper) / 2);
}

Tensor rrelu_inplace(const Tensor& input, double lower, double upper, bool training,
                     Generator* generator) {
  check_rrelu(lower, upper);
  static const OpDef& drawn = find_op("_rrelu");
  static const OpDef& leaky_relu = find_op("leaky_relu");
  return training ? call_inplace(drawn, input, lower, upper, generator)
                  : call_inplace(leaky_relu, input, (lower + upper) / 2);
}

OP(rrelu) {
  .schema =
      "rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, "
      "bool training=False, Generator? generator=None) -> Tensor",
  .names = "rrelu",
  .forward = boxed<rrelu_forward>,
  .vjp = composite(),
  .samples = "(3,4) | (5,) 0.1 0.2 | (0,)",
  .errors = "(3,) 0.5 0.2 -> RuntimeError: Lower bound should be less than or equal to the upper",
  .doc = "See :func:`nn.functional.rrelu`."
};

OP(rrelu_) {
  .schema =
      "rrelu_(Tensor(a!) input, float lower=0.125, float upper=0.3333333333333333, "
      "bool training=False, Generator? generator=None) -> Tensor",
  .names = "rrelu_, nn.functional.rrelu_",
  .forward = boxed<rrelu_inplace>,
  .vjp = composite(),
  .doc = "See :func:`nn.functional.rrelu`."
};

Tensor functional_rrelu(const Tensor& input, double lower, double upper, bool training,
                        bool inplace) {
  return inplace ? rrelu_inplace(input, lower, upper, training, nullptr)
                 : rrelu_forward(input, lower, upper, training, nullptr);
}

OP(functional_rrelu) {
  .schema =
      "functional_rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, "
      "bool training=False, bool inplace=False) -> Tensor",
  .names = "nn.functional.rrelu",
  .forward = boxed<functional_rrelu>,
  .vjp = composite(),
  .samples = "(3,4) | (5,) 0.1 0.2 | (0,)",
  .doc = R"(Leaky ReLU with random slopes: ``x`` where ``x > 0``, else ``a * x`` (Xu et al. 2015).

In training every ``a`` is drawn uniformly from ``[lower, upper)``, else it is their mean.

Args:
    input: any shape; a floating-point dtype.
    lower: the smallest slope.
    upper: the largest slope.
    training: whether to draw the slopes.
    inplace: whether to write into ``input``.

Returns:
    A tensor of ``input``'s shape and dtype.

Example::

    >>> torch.nn.functional.rrelu(torch.tensor([-1.0, 2.0]), 0.2, 0.4)
    tensor([-0.3000,  2.0000]))"
};

}  // namespace
}  // namespace fb

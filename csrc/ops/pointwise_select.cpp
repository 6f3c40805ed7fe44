// Choosing between elements: extremes, bounds, masks.
#include "ops/pointwise_select.h"

#include <cmath>
#include <limits>

#include "ops/copy_kernels.h"
#include "ops/forms.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select_kernels.h"
#include "ops/reduce.h"

namespace fb {
namespace {

Tensor zero_where(const Tensor& mask, const Tensor& t) {
  return masked_fill(t, mask, wrapped_number(0));
}
Tensor only_where(const Tensor& mask, const Tensor& t) { return where(mask, t, wrapped_number(0)); }

// --- maximum, minimum ----------------------------------------------------------------------------

template <class K>
Tensor extreme(K& kernel, const char* name, const Tensor& a, const Tensor& b, Out out) {
  FB_CHECK(!is_complex(a.dtype()) && !is_complex(b.dtype()), name,
           " not implemented for complex tensors.");
  return binary(kernel, a, b, out);
}
Tensor maximum_forward(const Tensor& input, const Tensor& other, Out out) {
  return extreme(kernels::maximum, "maximum", input, other, out);
}
Tensor minimum_forward(const Tensor& input, const Tensor& other, Out out) {
  return extreme(kernels::minimum, "minimum", input, other, out);
}
Tensor fmax_forward(const Tensor& input, const Tensor& other, Out out) {
  return extreme(kernels::fmax, "fmax", input, other, out);
}
Tensor fmin_forward(const Tensor& input, const Tensor& other, Out out) {
  return extreme(kernels::fmin, "fmin", input, other, out);
}

// Where both are equal each gets half.
void maximum_vjp(Grad& g) {
  Tensor a = g.in("input"), b = g.in("other"), shared = where(eq(a, b), g.dout() * 0.5, g.dout());
  if (g.needs("input")) g.set("input", zero_where(lt(a, b), shared));
  if (g.needs("other")) g.set("other", zero_where(gt(a, b), shared));
}
void minimum_vjp(Grad& g) {
  Tensor a = g.in("input"), b = g.in("other"), shared = where(eq(a, b), g.dout() * 0.5, g.dout());
  if (g.needs("input")) g.set("input", zero_where(gt(a, b), shared));
  if (g.needs("other")) g.set("other", zero_where(lt(a, b), shared));
}
void fmax_vjp(Grad& g) {
  Tensor a = g.in("input"), b = g.in("other"), first = logical_or(ge(a, b), isnan(b));
  if (g.needs("input")) g.set("input", only_where(first, g.dout()));
  if (g.needs("other")) g.set("other", zero_where(first, g.dout()));
}
void fmin_vjp(Grad& g) {
  Tensor a = g.in("input"), b = g.in("other"), first = logical_or(le(a, b), isnan(b));
  if (g.needs("input")) g.set("input", only_where(first, g.dout()));
  if (g.needs("other")) g.set("other", zero_where(first, g.dout()));
}

#define EXTREME(op, text)                                                                   \
  OP(op){                                                                                   \
      .schema = #op "(Tensor input, Tensor other) -> Tensor",                               \
      .forward = boxed<op##_forward>,                                                       \
      .vjp = op##_vjp,                                                                      \
      .save = "input, other",                                                               \
      .samples = "(3,4) (4,) | (3,):int64 (3,):int64 | () (3,)",                            \
      .errors = "(3,):complex64 (3,) -> RuntimeError: not implemented for complex tensors", \
      .doc = text,                                                                          \
  };
EXTREME(maximum, "The larger of two elements; NaN if either is.")
EXTREME(minimum, "The smaller of two elements; NaN if either is.")
EXTREME(fmax, "The larger of two elements; a number wins over NaN.")
EXTREME(fmin, "The smaller of two elements; a number wins over NaN.")
#undef EXTREME

// --- clamp ---------------------------------------------------------------------------------------

const Scalar* pointer(const std::optional<Scalar>& s) { return s ? &*s : nullptr; }
bool is_nan(const std::optional<Scalar>& s) {
  return s && s->is_floating() && std::isnan(s->to<double>());
}

Tensor clamp_forward(const Tensor& input, std::optional<Scalar> min, std::optional<Scalar> max,
                     Out out) {
  FB_CHECK(min || max, "torch.clamp: At least one of 'min' or 'max' must not be None");
  FB_CHECK_KIND(NotImplemented, !is_complex(input.dtype()),
                "clamp is not supported for complex types");
  Promotion promotion;
  promotion.add(input);
  if (min) promotion.add(*min);
  if (max) promotion.add(*max);
  DType type = promotion.type();
  Tensor result = pointwise_output(type, out, input);
  if (is_nan(min) || is_nan(max)) {
    kernels::fill(result, Scalar(std::numeric_limits<double>::quiet_NaN()));
  } else {
    kernels::clamp(result, input, pointer(min), pointer(max), type);
  }
  return result;
}

// The gradient passes where no bound was in force.
Tensor inside(const Tensor& input, const Tensor& min, const Tensor& max) {
  if (!min.defined()) return le(input, max);
  if (!max.defined()) return ge(input, min);
  return logical_and(ge(input, min), le(input, max));
}
Tensor bound(const std::optional<Scalar>& s) { return s ? wrapped_number(*s) : Tensor(); }

void clamp_vjp(Grad& g) {
  Tensor min = bound(g.arg<std::optional<Scalar>>("min")),
         max = bound(g.arg<std::optional<Scalar>>("max"));
  g.set("input", only_where(inside(g.in("input"), min, max), g.dout()));
}

OP(clamp) {
  .schema = "clamp(Tensor input, Scalar? min=None, Scalar? max=None) -> Tensor",
  .names = "clamp, clip, Tensor.clamp, Tensor.clamp_, Tensor.clip, Tensor.clip_",
  .forward = boxed<clamp_forward>,
  .vjp = clamp_vjp,
  .save = "input",
  .samples =
      "(3,4) -0.5 0.5 | (3,4) min=0 | (3,4) max=0.25 | (5,):int64@-9..9 -2 3 | (3,):int64@-9..9 0.5",
  .errors = "(3,) -> RuntimeError: At least one of 'min' or 'max' must not be None",
  .doc =
      R"(Limit the elements to ``[min, max]``. Either bound may be None, and either both numbers or both tensors.

Example::

    >>> torch.clamp(torch.tensor([-2., 0.5, 2.]), min=-1, max=1)
    tensor([-1.0000,  0.5000,  1.0000])
)",
};

Tensor clamp_tensor_forward(const Tensor& input, const Tensor& min, const Tensor& max, Out out) {
  FB_CHECK(min.defined() || max.defined(),
           "torch.clamp: At least one of 'min' or 'max' must not be None");
  FB_CHECK_KIND(NotImplemented, !is_complex(input.dtype()),
                "clamp is not supported for complex types");
  if (!min.defined()) return binary(kernels::minimum, input, max, out);
  if (!max.defined()) return binary(kernels::maximum, input, min, out);
  const Tensor* operands[] = {&input, &min, &max};
  DType type = result_type(operands);
  Tensor result = pointwise_output(type, out, operands);
  kernels::clamp_between(result, input, min, max, type);
  return result;
}

void clamp_tensor_vjp(Grad& g) {
  Tensor x = g.in("input"), min = g.in("min"), max = g.in("max");
  if (g.needs("input")) g.set("input", only_where(inside(x, min, max), g.dout()));
  if (g.needs("min")) {
    Tensor below = lt(x, min);
    g.set("min", only_where(max.defined() ? logical_and(lt(min, max), below) : below, g.dout()));
  }
  if (g.needs("max")) {
    Tensor above = gt(x, max);
    g.set("max", only_where(min.defined() ? logical_or(above, lt(max, min)) : above, g.dout()));
  }
}

OP(clamp_tensor) {
  .schema = "clamp.Tensor(Tensor input, Tensor? min=None, Tensor? max=None) -> Tensor",
  .names = "clamp, clip, Tensor.clamp, Tensor.clamp_, Tensor.clip, Tensor.clip_",
  .forward = boxed<clamp_tensor_forward>,
  .vjp = clamp_tensor_vjp,
  .save = "input, min, max",
  .samples = "(3,4) (4,)@-1..0 (3,1)@0..1 | (3,4) max=(4,)",
};

Tensor clamp_min_forward(const Tensor& input, const Tensor& min, Out out) {
  return binary(kernels::maximum, input, min, out);
}
void clamp_min_vjp(Grad& g) {
  Tensor free = ge(g.in("input"), g.in("min"));
  if (g.needs("input")) g.set("input", only_where(free, g.dout()));
  if (g.needs("min")) g.set("min", zero_where(free, g.dout()));
}

OP(clamp_min) {
  .schema = "clamp_min(Tensor input, Tensor|Number min) -> Tensor",
  .names = "clamp_min, Tensor.clamp_min, Tensor.clamp_min_",
  .forward = boxed<clamp_min_forward>,
  .vjp = clamp_min_vjp,
  .save = "input, min",
  .samples = "(3,4) 0.1 | (3,4) (4,)",
  .doc = "Elements below ``min`` are set to it.",
};

Tensor clamp_max_forward(const Tensor& input, const Tensor& max, Out out) {
  return binary(kernels::minimum, input, max, out);
}
void clamp_max_vjp(Grad& g) {
  Tensor free = le(g.in("input"), g.in("max"));
  if (g.needs("input")) g.set("input", only_where(free, g.dout()));
  if (g.needs("max")) g.set("max", zero_where(free, g.dout()));
}

OP(clamp_max) {
  .schema = "clamp_max(Tensor input, Tensor|Number max) -> Tensor",
  .names = "clamp_max, Tensor.clamp_max, Tensor.clamp_max_",
  .forward = boxed<clamp_max_forward>,
  .vjp = clamp_max_vjp,
  .save = "input, max",
  .samples = "(3,4) 0.1 | (3,4) (4,)",
  .doc = "Elements above ``max`` are set to it.",
};

// --- where, masked_fill --------------------------------------------------------------------------

Tensor where_forward(const Tensor& condition, const Tensor& input, const Tensor& other, Out out) {
  FB_CHECK(condition.dtype() == DType::Bool || condition.dtype() == DType::UInt8,
           "where expected condition to be a boolean tensor, but got a tensor with dtype ",
           dtype_class_name(condition.dtype()));
  DType type = result_type(input, other);
  const Tensor* operands[] = {&condition, &input, &other};
  Tensor result = pointwise_output(type, out, operands);
  kernels::where(result, condition, input, other, type);
  return result;
}
void where_vjp(Grad& g) {
  Tensor condition = g.in("condition");
  if (g.needs("input")) g.set("input", only_where(condition, g.dout()));
  if (g.needs("other")) g.set("other", where(condition, wrapped_number(0), g.dout()));
}

OP(where) {
  .schema = "where(Tensor condition, Tensor|Number input, Tensor|Number other) -> Tensor",
  .names = "where",
  .forward = boxed<where_forward>,
  .vjp = where_vjp,
  .save = "condition",
  .samples =
      "(3,4):bool (4,) (3,1) | (3,):bool (3,) 0 | (3,):bool 1.5 (3,) | (3,):bool (3,):int64 2.5 | (0,):bool (0,) (0,)",
  .errors = "(3,) (3,) (3,) -> RuntimeError: where expected condition to be a boolean tensor",
  .doc =
      R"(Elements of ``input`` where ``condition`` is true, of ``other`` elsewhere. All three broadcast.

With ``condition`` alone: the indices of its true elements, one tensor per dimension.

Example::

    >>> x = torch.tensor([-1., 2.])
    >>> torch.where(x > 0, x, 0)
    tensor([0., 2.])
)",
};

Tensor where_method_forward(const Tensor& input, const Tensor& condition, const Tensor& other) {
  return where(condition, input, other);
}

OP(where_method) {
  .schema = "where_method(Tensor input, Tensor condition, Tensor|Number other) -> Tensor",
  .names = "Tensor.where",
  .forward = boxed<where_method_forward>,
  .vjp = composite(),
  .samples = "(3,4) (3,4):bool (4,) | (3,) (3,):bool 0",
  .doc = "This tensor's elements where ``condition`` is true, those of ``other`` elsewhere.",
};

Tensor masked_fill_forward(const Tensor& input, const Tensor& mask, const Tensor& value, Out out) {
  FB_CHECK(mask.dtype() == DType::Bool,
           "masked_fill_ only supports boolean masks, but got mask with dtype ", mask.dtype());
  FB_CHECK(value.dim() == 0,
           "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
           value.dim(), " dimension(s).");
  FB_CHECK(is_complex(input.dtype()) || !is_complex(value.dtype()),
           "value cannot be converted to type ", input.dtype(), " without overflow");
  if (value.impl()->wrapped_number) check_fits(item(value), input.dtype());
  const Tensor* operands[] = {&input, &mask};
  Tensor result = pointwise_output(input.dtype(), out, operands);
  kernels::where(result, mask, value, input, input.dtype());
  return result;
}
void masked_fill_vjp(Grad& g) {
  Tensor mask = g.in("mask");
  if (g.needs("input")) g.set("input", zero_where(mask, g.dout()));
  if (g.needs("value")) g.set("value", sum(only_where(mask, g.dout())));
}

OP(masked_fill) {
  .schema = "masked_fill(Tensor input, Tensor mask, Tensor|Number value) -> Tensor",
  .names = "masked_fill, Tensor.masked_fill, Tensor.masked_fill_",
  .forward = boxed<masked_fill_forward>,
  .vjp = masked_fill_vjp,
  .save = "mask",
  .samples =
      "(3,4) (3,4):bool 0 | (3,4) (4,):bool -inf | (3,):int64 (3,):bool 7 | (3,4) (3,1):bool ()",
  .errors =
      "(3,) (3,):int64 0 -> RuntimeError: masked_fill_ only supports boolean masks"
      " | (3,) (3,):bool (3,) -> RuntimeError: only supports a 0-dimensional value tensor",
  .doc = "Elements where ``mask`` is true are replaced by ``value``, a number or a 0-d tensor.",
};

// --- nan_to_num ----------------------------------------------------------------------------------

double largest(DType t) {
  switch (real_dtype(t)) {
    case DType::Float16:
      return 65504;
    case DType::BFloat16:
      return 3.38953138925153547590470800371487867e38;
    case DType::Float32:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

Tensor nan_to_num_forward(const Tensor& input, std::optional<double> nan,
                          std::optional<double> posinf, std::optional<double> neginf, Out out) {
  Tensor result = pointwise_output(input.dtype(), out, input);
  if (is_integral(input.dtype())) {
    kernels::copy(result, input);
  } else {
    double top = largest(input.dtype());
    kernels::nan_to_num(result, input, nan.value_or(0), posinf.value_or(top), neginf.value_or(-top),
                        input.dtype());
  }
  return result;
}
void nan_to_num_vjp(Grad& g) { g.set("input", g.dout() * isfinite(g.in("input"))); }

OP(nan_to_num) {
  .schema =
      "nan_to_num(Tensor input, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
  .names = "nan_to_num, Tensor.nan_to_num, Tensor.nan_to_num_",
  .forward = boxed<nan_to_num_forward>,
  .vjp = nan_to_num_vjp,
  .save = "input",
  .samples = "(3,4) | (3,) nan=1.0 posinf=2.0 neginf=3.0 | (3,):int64",
  .doc = R"(Replace NaN and infinities by numbers.

Args:
    nan: what stands for NaN; 0 by default.
    posinf: what stands for infinity; the type's largest number by default.
    neginf: what stands for minus infinity; the type's smallest number by default.
)",
};

}  // namespace
}  // namespace fb

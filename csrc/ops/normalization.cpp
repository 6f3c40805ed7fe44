// Layer, RMS and group normalization.
#include "ops/normalization.h"

#include <limits>

#include "ops/copy.h"
#include "ops/dense.h"
#include "ops/grad.h"
#include "ops/normalization_grad.h"
#include "ops/normalization_kernels.h"
#include "ops/view.h"

namespace fb {
namespace {

using Three = std::tuple<Tensor, Tensor, Tensor>;

Tensor maybe_empty(bool wanted, Ints sizes, DType dtype, const Tensor& like) {
  return wanted ? empty(sizes, dtype, like.device()) : Tensor();
}

// --- checks --------------------------------------------------------------------------------------

void check_normalized_shape(const Tensor& input, Ints shape, const Tensor& weight,
                            const Tensor& bias, bool rms) {
  FB_CHECK(
      !shape.empty(),
      "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but "
      "got normalized_shape = ",
      shape_text(shape));
  for (const auto& [name, t] : {std::pair("weight", &weight), std::pair("bias", &bias)}) {
    FB_CHECK(!t->defined() || same_shape(t->sizes(), shape), "Expected ", name,
             " to be of same shape as normalized_shape, but got ", name, " of shape ",
             shape_text(t->sizes()), " and normalized_shape = ", shape_text(shape));
  }
  const size_t dims = input.sizes().size(), last = shape.size();
  const bool fits = dims >= last && same_shape(input.sizes().subspan(dims - last), shape);
  if (fits) return;
  const std::string text = shape_text(shape);
  raise(ErrorKind::Runtime, "Given normalized_shape=", text, ", expected input with shape [*",
        rms ? "" : ", ", text.substr(1), ", but got input of size", shape_text(input.sizes()));
}

// Parameters are of the input's type, or float beside half types.
void check_parameter_types(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  const DType own = input.dtype(), wide = is_reduced(own) ? DType::Float32 : own;
  const DType first = weight.defined() ? weight.dtype() : bias.defined() ? bias.dtype() : own;
  const DType second = bias.defined() ? bias.dtype() : first;
  FB_CHECK(first == second && (first == own || first == wide),
           "mixed dtype (CPU): expect parameter to have scalar type of ", dtype_class_name(wide));
}

int64_t product(Ints sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}
// The input's sizes with 1 for those normalised over.
Dims statistics_sizes(const Tensor& input, Ints shape) {
  Dims sizes(input.sizes());
  for (size_t d = sizes.size() - shape.size(); d < sizes.size(); ++d) sizes[d] = 1;
  return sizes;
}
Dims last_dims(int64_t ndim, size_t count) {
  Dims dims;
  for (size_t d = 0; d < count; ++d) dims.push_back(ndim - 1 - static_cast<int64_t>(d));
  return dims;
}

Tensor plus(const Tensor& a, const Tensor& b) { return a.defined() ? a + b : b; }
void set_three(Grad& g, const Tensor& input, const Tensor& weight, const Tensor& bias) {
  if (g.needs("input") && input.defined()) g.set("input", input);
  if (weight.defined()) g.set("weight", weight);
  if (bias.defined()) g.set("bias", bias);
}

// --- layer norm ----------------------------------------------------------------------------------

Three layer_norm_parts_forward(const Tensor& input, Ints shape, const Tensor& weight,
                               const Tensor& bias, double eps) {
  check_normalized_shape(input, shape, weight, bias, false);
  if (!is_floating(input.dtype())) raise_unsupported_dtype("LayerNormKernelImpl", input.dtype());
  check_parameter_types(input, weight, bias);
  Tensor out = empty(input.sizes(), input.dtype(), input.device());
  Dims sizes = statistics_sizes(input, shape);
  Tensor mean = empty(sizes, wide_type(input.dtype()), input.device()), rstd = empty_like(mean);
  kernels::row_norm(out, mean, rstd, dense(input), dense(weight), dense(bias), product(shape), eps);
  return {out, mean, rstd};
}
void layer_norm_parts_vjp(Grad& g) {
  Ints shape = g.arg<Ints>("normalized_shape");
  Tensor x = g.in("input"), dx, dw, db;
  if (g.dout(0).defined())
    std::tie(dx, dw, db) = layer_norm_backward(g.dout(0), x, g.out(1), g.out(2), g.in("weight"),
                                               shape, g.arg<double>("eps"), g.needs("input"),
                                               g.needs("weight"), g.needs("bias"));
  if (g.dout(1).defined() || g.dout(2).defined())
    dx = plus(dx, statistics_gradient(x, g.out(1), g.out(2), g.dout(1), g.dout(2),
                                      static_cast<double>(product(shape))));
  set_three(g, dx, dw, db);
}

OP(layer_norm_parts) {
  .schema =
      "layer_norm_parts(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps)"
      " -> (Tensor out, Tensor mean, Tensor rstd)",
  .names = "",
  .forward = boxed<layer_norm_parts_forward>,
  .vjp = layer_norm_parts_vjp,
  .save = "input, weight, mean, rstd",
  .doc = "Layer normalization with the means and reciprocal deviations it used.",
};

Three layer_norm_backward_forward(const Tensor& grad, const Tensor& input, const Tensor& mean,
                                  const Tensor& rstd, const Tensor& weight, Ints shape, double,
                                  bool for_input, bool for_weight, bool for_bias) {
  const DType wide = wide_type(input.dtype());
  Tensor dx = maybe_empty(for_input, input.sizes(), input.dtype(), input);
  Tensor dw = maybe_empty(for_weight, shape, wide, input),
         db = maybe_empty(for_bias, shape, wide, input);
  kernels::row_norm_backward(dx, dw, db, dense(grad), dense(input), mean, rstd, dense(weight),
                             product(shape));
  return {dx, dw, db};
}
void layer_norm_backward_vjp(Grad& g) {
  Tensor x = g.in("input"), w = g.in("weight"), grad = g.in("grad");
  NormalizationGrad n(x, last_dims(x.dim(), g.arg<Ints>("normalized_shape").size()),
                      g.arg<double>("eps"), true);
  const Tensor &up = g.dout(0), &up_w = g.dout(1), &up_b = g.dout(2);
  if (g.needs("grad")) {
    Tensor d = n.by_grad(up, w, up_w, up_b);
    g.set("grad", same_shape(d.sizes(), x.sizes()) ? d : expand(d, x.sizes()));
  }
  if (g.needs("weight") && up.defined()) g.set("weight", n.by_weight(up, grad));
  if (g.needs("input") && (up.defined() || up_w.defined()))
    g.set("input", n.by_input(up, grad, w, up_w));
}

OP(layer_norm_backward) {
  .schema =
      "layer_norm_backward(Tensor grad, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, int[] normalized_shape,"
      " float eps, bool for_input, bool for_weight, bool for_bias) -> (Tensor, Tensor, Tensor)",
  .names = "",
  .forward = boxed<layer_norm_backward_forward>,
  .vjp = layer_norm_backward_vjp,
  .save = "grad, input, weight",
  .doc = "The gradients of layer normalization.",
};

Tensor layer_norm_forward(const Tensor& input, Ints shape, const Tensor& weight, const Tensor& bias,
                          double eps) {
  return std::get<0>(layer_norm_parts(input, shape, weight, bias, eps));
}

OP(layer_norm) {
  .schema =
      "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor",
  .names = "layer_norm, nn.functional.layer_norm",
  .forward = boxed<layer_norm_forward>,
  .vjp = composite(),
  .samples = "(3,4) [4] | (2,3,4) [3,4] (3,4) (3,4) | (2,5) [5] weight=(5,) eps=0.01 | (0,3) [3]",
  .errors =
      "(3,4) [3] -> RuntimeError: Given normalized_shape=[3], expected input with shape [*, 3], but got input of size[3, 4]"
      " | (3,4) [4] (3,) -> RuntimeError: Expected weight to be of same shape as normalized_shape",
  .doc =
      R"(``(x - mean) / sqrt(var + eps) * weight + bias`` over the last dimensions (Ba et al. 2016).

Args:
    normalized_shape: the sizes of the dimensions that are normalised over, the last ones of ``input``.
    weight, bias: of that shape.
    eps: keeps the root from zero.

Example::

    >>> torch.nn.functional.layer_norm(torch.tensor([[1., 3.]]), (2,), eps=0.)
    tensor([[-1.,  1.]])
)",
};

// PyTorch's operator below layer_norm: the statistics are of the parameters' type.
DType statistics_type(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  return weight.defined() ? weight.dtype() : bias.defined() ? bias.dtype() : input.dtype();
}
Tensor cast(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : _to_copy(t, dtype); }

Three native_layer_norm_forward(const Tensor& input, Ints shape, const Tensor& weight,
                                const Tensor& bias, double eps) {
  auto [out, mean, rstd] = layer_norm_parts(input, shape, weight, bias, eps);
  const DType type = statistics_type(input, weight, bias);
  return {out, cast(mean, type), cast(rstd, type)};
}

OP(native_layer_norm) {
  .schema =
      "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps)"
      " -> (Tensor, Tensor, Tensor)",
  .names = "native_layer_norm",
  .forward = boxed<native_layer_norm_forward>,
  .vjp = composite(),
  .samples = "(3,4) [4] None None 0.1 | (2,3,4) [3,4] (3,4) (3,4) 0.1",
  .doc = "Layer normalization, and the means and reciprocal deviations it used.",
};

// --- RMS norm ------------------------------------------------------------------------------------

double default_epsilon(DType t) {
  switch (t) {
    case DType::Float64:
    case DType::Complex128:
      return std::numeric_limits<double>::epsilon();
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

std::tuple<Tensor, Tensor> rms_norm_parts_forward(const Tensor& input, Ints shape,
                                                  const Tensor& weight, double eps) {
  Tensor out = empty(input.sizes(), input.dtype(), input.device());
  Tensor rstd = empty(statistics_sizes(input, shape), wide_type(input.dtype()), input.device());
  kernels::row_norm(out, Tensor(), rstd, dense(input), dense(weight), Tensor(), product(shape),
                    eps);
  return {out, rstd};
}
void rms_norm_parts_vjp(Grad& g) {
  if (!g.dout(0).defined()) return;
  auto [dx, dw] = rms_norm_backward(g.dout(0), g.in("input"), g.out(1), g.in("weight"),
                                    g.arg<Ints>("normalized_shape"), g.arg<double>("eps"),
                                    g.needs("input"), g.needs("weight"));
  if (dx.defined()) g.set("input", dx);
  if (dw.defined()) g.set("weight", dw);
}

OP(rms_norm_parts) {
  .schema =
      "rms_norm_parts(Tensor input, int[] normalized_shape, Tensor? weight, float eps) -> (Tensor out, Tensor rstd)",
  .names = "",
  .forward = boxed<rms_norm_parts_forward>,
  .vjp = rms_norm_parts_vjp,
  .save = "input, weight, rstd",
  .doc = "RMS normalization with the reciprocal roots it used.",
};

std::tuple<Tensor, Tensor> rms_norm_backward_forward(const Tensor& grad, const Tensor& input,
                                                     const Tensor& rstd, const Tensor& weight,
                                                     Ints shape, double, bool for_input,
                                                     bool for_weight) {
  Tensor dx = maybe_empty(for_input, input.sizes(), input.dtype(), input);
  Tensor dw = maybe_empty(for_weight, shape, wide_type(input.dtype()), input);
  kernels::row_norm_backward(dx, dw, Tensor(), dense(grad), dense(input), Tensor(), rstd,
                             dense(weight), product(shape));
  return {dx, dw};
}
void rms_norm_backward_vjp(Grad& g) {
  Tensor x = g.in("input"), w = g.in("weight"), grad = g.in("grad");
  NormalizationGrad n(x, last_dims(x.dim(), g.arg<Ints>("normalized_shape").size()),
                      g.arg<double>("eps"), false);
  const Tensor &up = g.dout(0), &up_w = g.dout(1);
  if (g.needs("grad")) g.set("grad", n.by_grad(up, w, up_w, Tensor()));
  if (g.needs("weight") && up.defined()) g.set("weight", n.by_weight(up, grad));
  if (g.needs("input")) g.set("input", n.by_input(up, grad, w, up_w));
}

OP(rms_norm_backward) {
  .schema =
      "rms_norm_backward(Tensor grad, Tensor input, Tensor rstd, Tensor? weight, int[] normalized_shape, float eps,"
      " bool for_input, bool for_weight) -> (Tensor, Tensor)",
  .names = "",
  .forward = boxed<rms_norm_backward_forward>,
  .vjp = rms_norm_backward_vjp,
  .save = "grad, input, weight",
  .doc = "The gradients of RMS normalization.",
};

Tensor rms_norm_forward(const Tensor& input, Ints shape, const Tensor& weight,
                        std::optional<double> eps) {
  check_normalized_shape(input, shape, weight, Tensor(), true);
  const double floor = eps.value_or(default_epsilon(input.dtype()));
  if (is_complex(input.dtype())) {
    Dims dims = last_dims(input.dim(), shape.size());
    Tensor out = input * rsqrt(mean(input * input, dims.span(), true) + floor);
    return weight.defined() ? out * weight : out;
  }
  if (!is_floating(input.dtype())) raise_unsupported_dtype("rms_norm", input.dtype());
  return std::get<0>(rms_norm_parts(input, shape, weight, floor));
}

OP(rms_norm) {
  .schema =
      "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
  .names = "rms_norm, nn.functional.rms_norm",
  .forward = boxed<rms_norm_forward>,
  .vjp = composite(),
  .samples = "(3,4) [4] | (2,3,4) [3,4] (3,4) | (2,5) [5] (5,) 0.01",
  .errors = "(3,4) [3] -> RuntimeError: Given normalized_shape=[3]",
  .doc =
      R"(``x / sqrt(mean(x^2) + eps) * weight`` over the last dimensions (Zhang and Sennrich 2019).

Args:
    normalized_shape: the sizes of the dimensions that are normalised over, the last ones of ``input``.
    weight: of that shape.
    eps: by default the distance from 1 to the next number of the type.
)",
};

// --- group norm ----------------------------------------------------------------------------------

Three group_norm_parts_forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
                               int64_t groups, double eps) {
  if (!is_floating(input.dtype())) raise_unsupported_dtype("GroupNormKernelImpl", input.dtype());
  check_parameter_types(input, weight, bias);
  Tensor out = empty(input.sizes(), input.dtype(), input.device());
  Tensor mean = empty(Dims{input.sizes()[0], groups}, wide_type(input.dtype()), input.device()),
         rstd = empty_like(mean);
  kernels::group_norm(out, mean, rstd, dense(input), dense(weight), dense(bias), input.sizes()[1],
                      groups, product(input.sizes().subspan(2)), eps);
  return {out, mean, rstd};
}
void group_norm_parts_vjp(Grad& g) {
  const int64_t groups = g.arg<int64_t>("num_groups");
  Tensor x = g.in("input"), dx, dw, db;
  if (g.dout(0).defined())
    std::tie(dx, dw, db) = group_norm_backward(g.dout(0), x, g.out(1), g.out(2), g.in("weight"),
                                               groups, g.arg<double>("eps"), g.needs("input"),
                                               g.needs("weight"), g.needs("bias"));
  if (g.dout(1).defined() || g.dout(2).defined()) {
    auto column = [](const Tensor& t) { return t.defined() ? unsqueeze(t, 2) : t; };
    Tensor rows = reshape(x, Dims{x.sizes()[0], groups, product(x.sizes().subspan(1)) / groups});
    Tensor by_statistics =
        statistics_gradient(rows, column(g.out(1)), column(g.out(2)), column(g.dout(1)),
                            column(g.dout(2)), static_cast<double>(rows.sizes()[2]));
    dx = plus(dx, reshape(by_statistics, x.sizes()));
  }
  set_three(g, dx, dw, db);
}

OP(group_norm_parts) {
  .schema =
      "group_norm_parts(Tensor input, Tensor? weight, Tensor? bias, int num_groups, float eps)"
      " -> (Tensor out, Tensor mean, Tensor rstd)",
  .names = "",
  .forward = boxed<group_norm_parts_forward>,
  .vjp = group_norm_parts_vjp,
  .save = "input, weight, mean, rstd",
  .doc = "Group normalization with the means and reciprocal deviations it used.",
};

Three group_norm_backward_forward(const Tensor& grad, const Tensor& input, const Tensor& mean,
                                  const Tensor& rstd, const Tensor& weight, int64_t groups, double,
                                  bool for_input, bool for_weight, bool for_bias) {
  const int64_t channels = input.sizes()[1];
  const DType wide = wide_type(input.dtype());
  Tensor dx = maybe_empty(for_input, input.sizes(), input.dtype(), input);
  Tensor dw = maybe_empty(for_weight, Dims{channels}, wide, input),
         db = maybe_empty(for_bias, Dims{channels}, wide, input);
  kernels::group_norm_backward(dx, dw, db, dense(grad), dense(input), mean, rstd, dense(weight),
                               channels, groups, product(input.sizes().subspan(2)));
  return {dx, dw, db};
}
void group_norm_backward_vjp(Grad& g) {
  Tensor x = g.in("input");
  const int64_t groups = g.arg<int64_t>("num_groups"), channels = x.sizes()[1],
                in_group = channels / groups;
  const Dims split{x.sizes()[0], groups, in_group, product(x.sizes().subspan(2))},
      per_channel{1, groups, in_group, 1};
  auto shaped = [&](const Tensor& t, const Dims& sizes) {
    return t.defined() ? reshape(t, sizes) : t;
  };
  Tensor grad = shaped(g.in("grad"), split), w = shaped(g.in("weight"), per_channel),
         up = shaped(g.dout(0), split);
  Tensor up_w = shaped(g.dout(1), per_channel), up_b = shaped(g.dout(2), per_channel);
  NormalizationGrad n(reshape(x, split), Dims{2, 3}, g.arg<double>("eps"), true);
  if (g.needs("grad"))
    g.set("grad", reshape(expand(n.by_grad(up, w, up_w, up_b), split), x.sizes()));
  if (g.needs("weight") && up.defined())
    g.set("weight", reshape(sum(n.by_weight(up, grad), Dims{0, 3}.span()), Dims{channels}));
  if (g.needs("input") && (up.defined() || up_w.defined()))
    g.set("input", reshape(n.by_input(up, grad, w, up_w), x.sizes()));
}

OP(group_norm_backward) {
  .schema =
      "group_norm_backward(Tensor grad, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, int num_groups, float eps,"
      " bool for_input, bool for_weight, bool for_bias) -> (Tensor, Tensor, Tensor)",
  .names = "",
  .forward = boxed<group_norm_backward_forward>,
  .vjp = group_norm_backward_vjp,
  .save = "grad, input, weight",
  .doc = "The gradients of group normalization.",
};

Tensor group_norm_forward(const Tensor& input, int64_t groups, const Tensor& weight,
                          const Tensor& bias, double eps) {
  FB_CHECK(input.dim() >= 2, "Expected at least 2 dimensions for input tensor but received ",
           input.dim());
  FB_CHECK(groups > 0, "Expected num groups to be greater than 0, got ", groups);
  const int64_t channels = input.sizes()[1];
  FB_CHECK(
      channels % groups == 0,
      "Expected number of channels in input to be divisible by num_groups, but got input of shape ",
      shape_text(input.sizes()), " and num_groups=", groups);
  Dims seen{input.sizes()[0] * channels / groups, groups};
  for (int64_t n : input.sizes().subspan(2)) seen.push_back(n);
  FB_CHECK_VALUE(seen[0] * product(input.sizes().subspan(2)) != 1,
                 "Expected more than 1 value per channel when training, got input size ",
                 shape_text(seen));
  for (const auto& [name, t] : {std::pair("weight", &weight), std::pair("bias", &bias)}) {
    FB_CHECK(!t->defined() || (t->dim() == 1 && t->numel() == channels), "Expected ", name,
             " to be a vector of size equal to the number of channels in input, but got ", name,
             " of shape ", shape_text(t->sizes()), " and input of shape ",
             shape_text(input.sizes()));
  }
  return std::get<0>(group_norm_parts(input, weight, bias, groups, eps));
}

OP(group_norm) {
  .schema =
      "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor",
  .names = "group_norm, nn.functional.group_norm",
  .forward = boxed<group_norm_forward>,
  .vjp = composite(),
  .samples =
      "(2,4,3) 2 | (2,6,3,2) 3 (6,) (6,) | (2,4) 2 (4,) (4,) | (3,4,2) 4 bias=(4,) | (0,4,2) 2",
  .errors =
      "(2,3,4) 2 -> RuntimeError: Expected number of channels in input to be divisible by num_groups",
  .doc =
      R"(``(x - mean) / sqrt(var + eps) * weight + bias`` over groups of channels (Wu and He 2018).

Args:
    input: (N, C, ...).
    num_groups: number of groups the channels are split into; divides C.
    weight, bias: (C).
)",
};

Three native_group_norm_forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                int64_t samples, int64_t channels, int64_t inner, int64_t groups,
                                double eps) {
  FB_CHECK(samples * channels * inner == input.numel() && groups > 0 && channels % groups == 0,
           "native_group_norm: expected N * C * HxW elements and groups that divide C, got shape ",
           shape_text(input.sizes()), ", N = ", samples, ", C = ", channels, ", HxW = ", inner,
           ", group = ", groups);
  auto [out, mean, rstd] =
      group_norm_parts(reshape(input, Dims{samples, channels, inner}), weight, bias, groups, eps);
  const DType type = statistics_type(input, weight, bias);
  return {reshape(out, input.sizes()), cast(mean, type), cast(rstd, type)};
}

OP(native_group_norm) {
  .schema =
      "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps)"
      " -> (Tensor, Tensor, Tensor)",
  .names = "native_group_norm",
  .forward = boxed<native_group_norm_forward>,
  .vjp = composite(),
  .samples = "(2,4,3) None None 2 4 3 2 0.1 | (2,4,3,2) (4,) (4,) 2 4 6 2 0.1",
  .errors = "(2,4,3) None None 2 4 4 2 0.1 -> RuntimeError: expected N * C * HxW elements",
  .doc = "Group normalization, and the means and reciprocal deviations it used.",
};

}  // namespace
}  // namespace fb

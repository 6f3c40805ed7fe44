// The convolution behind conv1d to conv_transpose3d, and its two gradients. Each of the three is
// linear in both of its tensors and has the other two for derivatives.
#include "ops/conv.h"

#include "ops/conv_checks.h"
#include "ops/conv_kernels.h"
#include "ops/copy.h"
#include "ops/grad.h"
#include "ops/matrix_views.h"
#include "ops/operators.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace fb {
namespace {

// Channels-last if one of the two is.
MemoryFormat common_format(const Tensor& a, const Tensor& b) {
  bool last = is_channels_last(a.sizes(), a.strides()) || is_channels_last(b.sizes(), b.strides());
  if (!last) return MemoryFormat::Contiguous;
  return a.dim() == 5 ? MemoryFormat::ChannelsLast3d : MemoryFormat::ChannelsLast;
}

Tensor in_format(const Tensor& t, MemoryFormat format) {
  return t.is_contiguous(format) ? t : contiguous(t, format);
}

Tensor dense(const Tensor& t) {
  return !t.defined() || is_dense(t.sizes(), t.strides()) ? t : contiguous(t);
}

Tensor filled(const Tensor& t, const Tensor& bias) {
  if (t.numel() > 0) zero_(t);
  if (bias.defined() && t.numel() > 0) {
    Dims sizes(static_cast<size_t>(t.dim()), 1);
    sizes[1] = bias.numel();
    add_(t, reshape(bias, sizes));
  }
  return t;
}

ConvSteps steps_of(const ConvArguments& a) { return {a.stride, a.padding, a.dilation, a.groups}; }

Tensor input_grad(Ints sizes, const Tensor& grad, const Tensor& weight, const Tensor& bias,
                  const ConvSteps& steps) {
  MemoryFormat format = common_format(grad, weight);
  Tensor out = empty(sizes, grad.dtype(), grad.device(), format);
  if (grad.numel() == 0 || weight.numel() == 0 || out.numel() == 0) return filled(out, bias);
  kernels::convolution_input_grad(out, in_format(grad, format), dense(weight), dense(bias), steps);
  return out;
}

Tensor forward(Ints sizes, const Tensor& input, const Tensor& weight, const Tensor& bias,
               const ConvSteps& steps) {
  MemoryFormat format = common_format(input, weight);
  Tensor out = empty(sizes, input.dtype(), input.device(), format);
  if (input.numel() == 0 || weight.numel() == 0 || out.numel() == 0) return filled(out, bias);
  kernels::convolution(out, in_format(input, format), dense(weight), dense(bias), steps);
  return out;
}

Tensor convolution_forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
                           Ints stride, Ints padding, Ints dilation, bool transposed,
                           Ints output_padding, int64_t groups) {
  ConvArguments a = check_convolution(input, weight, bias, stride, padding, dilation, transposed,
                                      output_padding, groups);
  Dims sizes = convolution_sizes(input.sizes(), weight.sizes(), a);
  return transposed ? input_grad(sizes, input, weight, bias, steps_of(a))
                    : forward(sizes, input, weight, bias, steps_of(a));
}

// A plain convolution with an output of a known size.
Tensor convolution_to(Ints sizes, const Tensor& input, const Tensor& weight, Ints stride,
                      Ints padding, Ints dilation, int64_t groups) {
  Tensor y = convolution(input, weight, Tensor(), stride, padding, dilation, false,
                         Dims(stride.size(), 0), groups);
  // An output_padding that reaches the stride leaves room for further outputs.
  for (size_t i = 2; i < sizes.size(); ++i)
    if (y.sizes()[i] != sizes[i]) y = narrow(y, static_cast<int64_t>(i), 0, sizes[i]);
  return y;
}

void convolution_vjp(Grad& g) {
  Tensor dy = g.dout(), x = g.in("input"), w = g.in("weight");
  if (g.needs("bias")) {
    Dims dims{0};
    for (int64_t d = 2; d < dy.dim(); ++d) dims.push_back(d);
    g.set("bias", sum(dy, dims.span()));
  }
  int64_t spatial = dy.dim() - 2, groups = g.arg<int64_t>("groups");
  Dims stride = one_per_dimension("stride", g.arg<Ints>("stride"), spatial);
  Dims padding = one_per_dimension("padding", g.arg<Ints>("padding"), spatial);
  Dims dilation = one_per_dimension("dilation", g.arg<Ints>("dilation"), spatial);
  bool transposed = g.arg<bool>("transposed");
  if (g.needs("input")) {
    Dims sizes(g.sizes("input"));
    g.set("input", transposed
                       ? convolution_to(sizes, dy, w, stride, padding, dilation, groups)
                       : _convolution_input_grad(dy, w, sizes, stride, padding, dilation, groups));
  }
  if (g.needs("weight")) {
    Dims sizes(g.sizes("weight"));
    g.set("weight", _convolution_weight_grad(transposed ? dy : x, transposed ? x : dy, sizes,
                                             stride, padding, dilation, groups));
  }
}

OP(convolution) {
  .schema =
      "convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] "
      "dilation, bool transposed, "
      "int[] output_padding, int groups) -> Tensor",
  .names = "convolution",
  .forward = boxed<convolution_forward>,
  .vjp = convolution_vjp,
  .save = "input for weight, weight for input",
  .samples =
      "(2,3,7) (4,3,3) (4,) [2] [1] [1] False [0] 1 | (2,4,5,6) (4,2,3,2) None [1,2] [1,0] [1,2] "
      "False [0,0] 2"
      " | (1,2,4,5,3) (3,2,2,3,1) (3,) [1,1,1] [0,1,0] [1,1,1] False [0,0,0] 1"
      " | (2,4,3,4) (4,3,3,2) (6,) [2,1] [1,0] [1,2] True [1,1] 2 | (0,3,7) (4,3,3) (4,) [1] [0] "
      "[1] False [0] 1",
  .errors =
      "(2,3,5) (4,4,3) None [1] [0] [1] False [0] 1 -> RuntimeError: expected input[2, 3, 5] to "
      "have 4 channels"
      " | (2,3,5) (4,3,3) None [1] [0] [1] False [0] 3 -> RuntimeError: expected weight to be "
      "divisible by 3",
  .doc =
      R"(Convolution or transposed convolution of a batch, with all options spelled out: see :func:`nn.functional.conv2d` and
:func:`nn.functional.conv_transpose2d`.)",
};

// --- gradients -----------------------------------------------------------------------------------

Tensor input_grad_forward(const Tensor& grad, const Tensor& weight, Ints input_size, Ints stride,
                          Ints padding, Ints dilation, int64_t groups) {
  return input_grad(input_size, grad, weight, Tensor(), {stride, padding, dilation, groups});
}

void input_grad_vjp(Grad& g) {
  Ints stride = g.arg<Ints>("stride"), padding = g.arg<Ints>("padding"),
       dilation = g.arg<Ints>("dilation");
  int64_t groups = g.arg<int64_t>("groups");
  if (g.needs("grad")) {
    g.set("grad", convolution_to(Dims(g.sizes("grad")), g.dout(), g.in("weight"), stride, padding,
                                 dilation, groups));
  }
  if (g.needs("weight")) {
    g.set("weight", _convolution_weight_grad(g.dout(), g.in("grad"), Dims(g.sizes("weight")),
                                             stride, padding, dilation, groups));
  }
}

OP(convolution_input_grad) {
  .schema =
      "_convolution_input_grad(Tensor grad, Tensor weight, int[] input_size, int[] stride, int[] "
      "padding, int[] dilation, "
      "int groups) -> Tensor",
  .names = "",
  .forward = boxed<input_grad_forward>,
  .vjp = input_grad_vjp,
  .save = "grad for weight, weight for grad",
};

Tensor weight_grad_forward(const Tensor& input, const Tensor& grad, Ints weight_size, Ints stride,
                           Ints padding, Ints dilation, int64_t groups) {
  Tensor out = empty(weight_size, input.dtype(), input.device());
  if (input.numel() == 0 || grad.numel() == 0 || out.numel() == 0) return filled(out, Tensor());
  MemoryFormat format = common_format(input, grad);
  kernels::convolution_weight_grad(out, in_format(input, format), in_format(grad, format),
                                   {stride, padding, dilation, groups});
  return out;
}

void weight_grad_vjp(Grad& g) {
  Ints stride = g.arg<Ints>("stride"), padding = g.arg<Ints>("padding"),
       dilation = g.arg<Ints>("dilation");
  int64_t groups = g.arg<int64_t>("groups");
  if (g.needs("input")) {
    g.set("input", _convolution_input_grad(g.in("grad"), g.dout(), Dims(g.sizes("input")), stride,
                                           padding, dilation, groups));
  }
  if (g.needs("grad")) {
    g.set("grad", convolution_to(Dims(g.sizes("grad")), g.in("input"), g.dout(), stride, padding,
                                 dilation, groups));
  }
}

OP(convolution_weight_grad) {
  .schema =
      "_convolution_weight_grad(Tensor input, Tensor grad, int[] weight_size, int[] stride, "
      "int[] padding, int[] dilation, "
      "int groups) -> Tensor",
  .names = "",
  .forward = boxed<weight_grad_forward>,
  .vjp = weight_grad_vjp,
  .save = "input for grad, grad for input",
};

}  // namespace
}  // namespace fb

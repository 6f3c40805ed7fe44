#pragma once
#include "ops/kernel.h"

namespace fb {
// Per spatial dimension, and the number of groups.
struct ConvSteps {
  Ints stride, padding, dilation;
  int64_t groups;
};
}  // namespace fb

// Activations are (N, C, spatial...), contiguous or channels-last; weights (out channels, in
// channels / groups, spatial...) of any strides. Every tensor has elements, but for weights without
// input channels. out = input convolved with weight, plus bias (out channels; may be undefined).
FB_KERNEL(convolution, const Tensor& out, const Tensor& input, const Tensor& weight,
          const Tensor& bias, const ConvSteps& steps)
// out, of the shape of the convolution's input = its gradient, plus bias (out's channels; may be
// undefined).
FB_KERNEL(convolution_input_grad, const Tensor& out, const Tensor& grad, const Tensor& weight,
          const Tensor& bias, const ConvSteps& steps)
// out, of the shape of the weight and contiguous = its gradient.
FB_KERNEL(convolution_weight_grad, const Tensor& out, const Tensor& input, const Tensor& grad,
          const ConvSteps& steps)

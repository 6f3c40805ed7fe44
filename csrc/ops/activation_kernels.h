#pragma once
#include "ops/pointwise_kernels.h"

// Activations and, each beside it, the gradient: `grad` times the derivative at `input`.
#define FB_ACTIVATION_KERNEL(name)                                                       \
  FB_UNARY_KERNEL(name)                                                                  \
  FB_KERNEL(name##_backward, const Tensor& out, const Tensor& grad, const Tensor& input, \
            DType dtype)
#define FB_ACTIVATION_KERNEL_1(name)                                                               \
  FB_KERNEL(name, const Tensor& out, const Tensor& input, double a, DType dtype)                   \
  FB_KERNEL(name##_backward, const Tensor& out, const Tensor& grad, const Tensor& input, double a, \
            DType dtype)

FB_UNARY_KERNEL(relu)
FB_ACTIVATION_KERNEL(gelu)
FB_ACTIVATION_KERNEL(gelu_tanh)
FB_ACTIVATION_KERNEL(silu)
FB_ACTIVATION_KERNEL(mish)
FB_ACTIVATION_KERNEL(hardswish)
FB_ACTIVATION_KERNEL(hardsigmoid)
FB_ACTIVATION_KERNEL(logsigmoid)
FB_ACTIVATION_KERNEL_1(leaky_relu)
FB_ACTIVATION_KERNEL_1(hardshrink)
FB_KERNEL(softshrink, const Tensor& out, const Tensor& input, double lambd, DType dtype)
FB_KERNEL(threshold, const Tensor& out, const Tensor& input, const Scalar& threshold,
          const Scalar& value, DType dtype)
FB_KERNEL(threshold_backward, const Tensor& out, const Tensor& grad, const Tensor& input,
          const Scalar& threshold, DType dtype)
FB_KERNEL(hardtanh_backward, const Tensor& out, const Tensor& grad, const Tensor& input, double min,
          double max, DType dtype)
FB_KERNEL(softplus, const Tensor& out, const Tensor& input, double beta, double threshold,
          DType dtype)
FB_KERNEL(softplus_backward, const Tensor& out, const Tensor& grad, const Tensor& input,
          double beta, double threshold, DType dtype)
// scale * (x > 0 ? x : alpha * expm1(inner * x))
FB_KERNEL(elu, const Tensor& out, const Tensor& input, double alpha, double scale, double inner,
          DType dtype)
FB_KERNEL(elu_backward, const Tensor& out, const Tensor& grad, const Tensor& input, double alpha,
          double scale, double inner, DType dtype)
FB_BINARY_KERNEL(prelu)

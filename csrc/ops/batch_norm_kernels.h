#pragma once
#include "ops/kernel.h"

namespace fb {

// The input's elements: contiguous samples x channels x inner, or, channels last, rows of channels.
// Results lie alike.
struct ChannelLayout {
  int64_t samples, channels, inner;
  bool channels_last;
};

}  // namespace fb

// Statistics, weight and bias have one element per channel; `mean` and `rstd` are float, or double
// for double input. The running statistics, weight and bias may be undefined. Writes mean, rstd
// and, with the unbiased variance, the running statistics.
FB_KERNEL(batch_norm_train, const Tensor& out, const Tensor& mean, const Tensor& rstd,
          const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
          const Tensor& running_var, const ChannelLayout& layout, double momentum, double eps)
// With given statistics; writes rstd from var.
FB_KERNEL(batch_norm_apply, const Tensor& out, const Tensor& rstd, const Tensor& input,
          const Tensor& weight, const Tensor& bias, const Tensor& mean, const Tensor& var,
          const ChannelLayout& layout, double eps)
// Gradients that are undefined are not wanted. `training`: mean and rstd depend on the input.
FB_KERNEL(batch_norm_backward, const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
          const Tensor& grad, const Tensor& input, const Tensor& mean, const Tensor& rstd,
          const Tensor& weight, const ChannelLayout& layout, bool training)

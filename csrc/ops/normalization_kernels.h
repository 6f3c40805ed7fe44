#pragma once
#include "ops/kernel.h"

// Rows of `size` contiguous elements, each normalised by itself, with one weight and bias per
// column (both may be undefined). Tensors are contiguous; mean and rstd have one element per row,
// float or, for double input, double. RMS norm subtracts no mean: `mean` is undefined.
FB_KERNEL(row_norm, const Tensor& out, const Tensor& mean, const Tensor& rstd, const Tensor& input,
          const Tensor& weight, const Tensor& bias, int64_t size, double eps)
// Gradients that are undefined are not wanted.
FB_KERNEL(row_norm_backward, const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
          const Tensor& grad, const Tensor& input, const Tensor& mean, const Tensor& rstd,
          const Tensor& weight, int64_t size)

// Contiguous input of samples x channels x inner, normalised over each of `groups` runs of
// channels, with one weight and bias per channel; mean and rstd have one element per sample and
// group.
FB_KERNEL(group_norm, const Tensor& out, const Tensor& mean, const Tensor& rstd,
          const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t channels,
          int64_t groups, int64_t inner, double eps)
FB_KERNEL(group_norm_backward, const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
          const Tensor& grad, const Tensor& input, const Tensor& mean, const Tensor& rstd,
          const Tensor& weight, int64_t channels, int64_t groups, int64_t inner)

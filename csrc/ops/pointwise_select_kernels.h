#pragma once
#include "ops/pointwise_kernels.h"

FB_BINARY_KERNEL(maximum)
FB_BINARY_KERNEL(minimum)
FB_BINARY_KERNEL(fmax)
FB_BINARY_KERNEL(fmin)
// Bounds are optional: null stands for none.
FB_KERNEL(clamp, const Tensor& out, const Tensor& input, const Scalar* min, const Scalar* max,
          DType dtype)
FB_KERNEL(clamp_between, const Tensor& out, const Tensor& input, const Tensor& min,
          const Tensor& max, DType dtype)
FB_KERNEL(where, const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b,
          DType dtype)
FB_KERNEL(nan_to_num, const Tensor& out, const Tensor& input, double nan, double posinf,
          double neginf, DType dtype)

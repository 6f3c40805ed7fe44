#pragma once
#include "ops/kernel.h"

// Running reductions along `dim` of contiguous tensors of one shape.
FB_KERNEL(cumsum, const Tensor& out, const Tensor& input, int64_t dim)
FB_KERNEL(cumprod, const Tensor& out, const Tensor& input, int64_t dim)
FB_KERNEL(logcumsumexp, const Tensor& out, const Tensor& input, int64_t dim)
// The extreme so far and its last place; NaN outranks every number.
FB_KERNEL(cumulative_extreme, const Tensor& values, const Tensor& indices, const Tensor& input,
          int64_t dim, bool largest)
// h[t] = a[t] h[t-1] + b[t], or with reverse h[t] = a[t] h[t+1] + b[t]; of float32, float64 and
// complex types.
FB_KERNEL(linear_recurrence, const Tensor& out, const Tensor& a, const Tensor& b, int64_t dim,
          bool reverse)

#pragma once
#include "ops/kernel.h"

// `out` and `indices` have the input's sizes with 1 for each reduced dimension and are contiguous;
// NaN outranks every number.
FB_KERNEL(extreme, const Tensor& out, const Tensor& input, bool largest)
// The first place of the largest (smallest) element along the only reduced dimension, and that
// element.
FB_KERNEL(extreme_index, const Tensor& indices, const Tensor& values, const Tensor& input,
          int64_t dim, bool largest)

#pragma once
#include "ops/kernel.h"

// All write contiguous outputs.
FB_KERNEL(arange, const Tensor& out, const Scalar& start, const Scalar& step)
FB_KERNEL(linspace, const Tensor& out, const Scalar& start, const Scalar& end)
FB_KERNEL(logspace, const Tensor& out, const Scalar& start, const Scalar& end, double base)
// (2, n): rows and columns of the elements on one side of a diagonal.
FB_KERNEL(triangle_indices, const Tensor& out, int64_t row, int64_t col, int64_t offset, bool upper)

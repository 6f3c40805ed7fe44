#pragma once
#include "ops/kernel.h"

// In `x` stand the right sides, contiguous; `a` has its batch, with any strides.
FB_KERNEL(triangular_solve, const Tensor& x, const Tensor& a, bool upper, bool unit)

#pragma once
#include "ops/pointwise_kernels.h"

// Comparisons and tests write bool.
FB_BINARY_KERNEL(eq)
FB_BINARY_KERNEL(ne)
FB_BINARY_KERNEL(lt)
FB_BINARY_KERNEL(le)
FB_BINARY_KERNEL(logical_and)
FB_BINARY_KERNEL(logical_or)
FB_BINARY_KERNEL(logical_xor)
FB_UNARY_KERNEL(logical_not)
FB_UNARY_KERNEL(isnan)
FB_UNARY_KERNEL(isinf)
FB_UNARY_KERNEL(isfinite)
FB_UNARY_KERNEL(isposinf)
FB_UNARY_KERNEL(isneginf)
FB_UNARY_KERNEL(signbit)
FB_BINARY_KERNEL(bitwise_and)
FB_BINARY_KERNEL(bitwise_or)
FB_BINARY_KERNEL(bitwise_xor)
FB_UNARY_KERNEL(bitwise_not)
FB_BINARY_KERNEL(shift_left)
FB_BINARY_KERNEL(shift_right)
FB_KERNEL(isclose, const Tensor& out, const Tensor& a, const Tensor& b, double rtol, double atol,
          bool equal_nan, DType dtype)
// Whether all elements of a bool tensor are true.
FB_KERNEL(all_true, const Tensor& input, bool* result)

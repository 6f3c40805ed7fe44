#pragma once
#include "ops/kernel.h"

// In `lu` stand the matrices, contiguous; they are overwritten with their factors.
FB_KERNEL(lu_factor, const Tensor& lu, const Tensor& pivots, const Tensor& info, bool pivot)
// In `x` stand the right sides, contiguous; `lu` and `pivots` have its batch, with any strides.
FB_KERNEL(lu_solve, const Tensor& x, const Tensor& lu, const Tensor& pivots, bool adjoint)
// `lu` is contiguous and is overwritten, `x` is contiguous.
FB_KERNEL(lu_inverse, const Tensor& x, const Tensor& lu, const Tensor& pivots)
// All are contiguous.
FB_KERNEL(lu_determinant, const Tensor& out, const Tensor& lu, const Tensor& pivots)
FB_KERNEL(lu_log_determinant, const Tensor& sign, const Tensor& logarithm, const Tensor& lu,
          const Tensor& pivots)
FB_KERNEL(lu_permutation, const Tensor& out, const Tensor& pivots)

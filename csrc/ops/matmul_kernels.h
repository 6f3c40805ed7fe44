#pragma once
#include "core/scalar.h"
#include "ops/kernel.h"

// out = alpha * a @ b + beta * addend for matrices in the last two dimensions; the leading ones of
// a, b and the addend broadcast to out's. The addend may be undefined; else its last two dimensions
// are out's (expanded). out is contiguous.
FB_KERNEL(matrix_product, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& addend,
          const Scalar& beta, const Scalar& alpha)
// out (..., n) = x (..., k) @ weight (n, k)^T + bias (n or 1); x is a matrix or contiguous, bias
// may be undefined.
FB_KERNEL(linear, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias)
// out () = sum of a * b, with a conjugated where asked.
FB_KERNEL(dot, const Tensor& out, const Tensor& a, const Tensor& b, bool conjugate)

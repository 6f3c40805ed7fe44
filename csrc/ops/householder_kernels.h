#pragma once
#include "ops/kernel.h"

// In `a` stand the matrices, contiguous; they are overwritten with R and, below its diagonal, the
// reflectors.
FB_KERNEL(householder_factor, const Tensor& a, const Tensor& tau)
// c = Q @ c, or Q^H @ c; c and tau are contiguous, `a` has the batch of c, with any strides.
FB_KERNEL(householder_apply, const Tensor& c, const Tensor& a, const Tensor& tau, bool adjoint)
// The first columns of Q, all contiguous but for `a`.
FB_KERNEL(householder_product, const Tensor& q, const Tensor& a, const Tensor& tau)

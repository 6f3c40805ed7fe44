#pragma once
#include "ops/kernel.h"

// On and above the diagonals of `upper`, which is contiguous, stand transposed Hermitian matrices;
// they are overwritten with the transposed lower factors, and what is below with zeros.
FB_KERNEL(cholesky, const Tensor& upper, const Tensor& info)

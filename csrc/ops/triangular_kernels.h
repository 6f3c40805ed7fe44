#pragma once
#include "ops/kernel.h"

// Keeps each matrix on one side of a diagonal; both are contiguous, and may be the same.
FB_KERNEL(triangle, const Tensor& out, const Tensor& input, int64_t diagonal, bool upper)

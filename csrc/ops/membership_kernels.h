#pragma once
#include "ops/kernel.h"

// Whether each element occurs among the sorted ones; contiguous, of one dtype.
FB_KERNEL(isin, const Tensor& out, const Tensor& elements, const Tensor& sorted)

#pragma once
#include "ops/kernel.h"

// Least and greatest of some int64 numbers.
FB_KERNEL(int_range, const Tensor& input, int64_t* least, int64_t* most)
// out[..., input[...]] = 1, for indices within bounds; `out` is contiguous int64.
FB_KERNEL(set_ones, const Tensor& out, const Tensor& input)

#pragma once
#include "ops/kernel.h"

// Sum of contiguous counts, none of which may be negative.
FB_KERNEL(sum_counts, const Tensor& counts, int64_t* total)
// i, counts[i] times in a row, for each i.
FB_KERNEL(interleave_index, const Tensor& index, const Tensor& counts)

#pragma once
#include "ops/kernel.h"

// Slices are the rows of a contiguous matrix. The order of slices compared element by element,
// stable.
FB_KERNEL(order_slices, const Tensor& order, const Tensor& matrix)
// Numbers the runs of equal slices in the given order from 0 on: groups[i] belongs to slice
// order[i].
FB_KERNEL(group_slices, const Tensor& groups, const Tensor& matrix, const Tensor& order)
// The first slice and the number of slices of each run, and the run of each slice.
FB_KERNEL(collect_groups, const Tensor& firsts, const Tensor& counts, const Tensor& inverse,
          const Tensor& groups, const Tensor& order)

#pragma once
#include "ops/kernel.h"

// All of these work on the last dimension of contiguous tensors and order NaN above every number.
// Stable; `values` or `indices` (int64) may be undefined.
FB_KERNEL(sort, const Tensor& input, const Tensor& values, const Tensor& indices, bool descending)
// The k first in order, k the size of the results' last dimension; sorted if asked for. Of equal
// ones the first are taken.
FB_KERNEL(topk, const Tensor& values, const Tensor& indices, const Tensor& input, bool largest,
          bool sorted)
// The element at position k of the sorted order; `k` holds one number for all rows or one for each.
FB_KERNEL(select_kth, const Tensor& values, const Tensor& indices, const Tensor& input,
          const Tensor& k)
// The most frequent element, the smallest of them, and its last place.
FB_KERNEL(mode, const Tensor& values, const Tensor& indices, const Tensor& input)

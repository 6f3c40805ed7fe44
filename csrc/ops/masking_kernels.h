#pragma once
#include "ops/kernel.h"

// Masks are contiguous bool.
FB_KERNEL(count_true, const Tensor& mask, int64_t& count)
// Row d of out (dims, count) holds the d-th index of each true element, in order.
FB_KERNEL(true_indices, const Tensor& out, const Tensor& mask)
// offsets[k] = sum of index * stride of the k-th true element.
FB_KERNEL(true_offsets, const Tensor& offsets, const Tensor& mask, Ints strides)

#pragma once
#include "ops/kernel.h"

// All tensors are contiguous: outer x size x inner, where `size` is the dimension normalised over.
// Half types: inner is 1.
FB_KERNEL(softmax, const Tensor& out, const Tensor& input, int64_t size, int64_t inner, bool log)
FB_KERNEL(softmax_backward, const Tensor& out, const Tensor& grad, const Tensor& result,
          int64_t size, int64_t inner, bool log)

#pragma once
#include "ops/kernel.h"

// Results have the input's sizes with 1 for each reduced dimension and are contiguous. Inputs that
// are counted are not complex; truth values are bool or uint8.
FB_KERNEL(any_nonzero, const Tensor& out, const Tensor& input)
FB_KERNEL(every_nonzero, const Tensor& out, const Tensor& input)
FB_KERNEL(count_nonzero, const Tensor& out, const Tensor& input)
// Of float32, float64 (prod: also int64 and complex), into the same dtype. NaN counts as zero in
// nansum.
FB_KERNEL(nansum, const Tensor& out, const Tensor& input)
FB_KERNEL(prod, const Tensor& out, const Tensor& input)

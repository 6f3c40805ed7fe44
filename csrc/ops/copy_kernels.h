#pragma once
#include "ops/kernel.h"

// Any type and strides into any; `src` broadcasts to `out`.
FB_KERNEL(copy, const Tensor& out, const Tensor& src)
FB_KERNEL(fill, const Tensor& out, const Scalar& value)

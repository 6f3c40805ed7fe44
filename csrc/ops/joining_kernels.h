#pragma once
#include "ops/kernel.h"

// Tensors of out's type and order in memory, one after the other along `dim`; all are contiguous.
FB_KERNEL(join, const Tensor& out, std::span<const Tensor> tensors, int64_t dim)

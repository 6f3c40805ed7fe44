#pragma once
#include "ops/kernel.h"

// `out` has the input's sizes with 1 for each reduced dimension, its own dtype, and is contiguous.
FB_KERNEL(sum, const Tensor& out, const Tensor& input)

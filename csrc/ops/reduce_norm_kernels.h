#pragma once
#include "ops/kernel.h"

// The result has the input's sizes with 1 for each reduced dimension, its dtype (floating), and is
// contiguous.
// Of the absolute values: (sum of x^p)^(1/p), the largest for p = inf, the smallest for -inf, the
// number of x != 0 for 0.
FB_KERNEL(vector_norm, const Tensor& out, const Tensor& input, double p)

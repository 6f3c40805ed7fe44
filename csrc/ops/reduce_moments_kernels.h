#pragma once
#include "ops/kernel.h"

// Results have the input's sizes with 1 for each reduced dimension, its dtype (floating), and are
// contiguous. The sum of squared distances from the mean, divided by max(count - correction, 0);
// `mean` is written if it is defined.
FB_KERNEL(variance, const Tensor& out, const Tensor& mean, const Tensor& input, double correction,
          bool root)
FB_KERNEL(logsumexp, const Tensor& out, const Tensor& input)
// Of the absolute values: (sum of x^p)^(1/p), the largest for p = inf, the smallest for -inf, the
// number of x != 0 for 0.
FB_KERNEL(vector_norm, const Tensor& out, const Tensor& input, double p)

#pragma once
#include "ops/kernel.h"

// Results have the input's sizes with 1 for each reduced dimension, its dtype (floating), and are
// contiguous. The sum of squared distances from the mean, divided by max(count - correction, 0);
// `mean` is written if it is defined.
FB_KERNEL(variance, const Tensor& out, const Tensor& mean, const Tensor& input, double correction,
          bool root)
FB_KERNEL(logsumexp, const Tensor& out, const Tensor& input)

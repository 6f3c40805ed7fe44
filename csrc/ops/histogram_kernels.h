#pragma once
#include "ops/kernel.h"

// out[input[i]] += weights[i], or 1 where there are none (int64 results); `input` is int64, weights
// have the result's dtype.
FB_KERNEL(bincount, const Tensor& out, const Tensor& input, const Tensor& weights)
// Counts of the elements in equal bins between two numbers, the last with its upper end; others are
// left out.
FB_KERNEL(histc, const Tensor& out, const Tensor& input, double min, double max)

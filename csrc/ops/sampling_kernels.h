// Kernels of sampling from distributions whose parameters are tensors.
#pragma once
#include "core/generator.h"
#include "ops/kernel.h"

// Raises unless every row of weights is finite, not negative and not all zero.
FB_KERNEL(check_weights, const Tensor& weights)
// Both for weights of shape (rows, categories) and an int64 output of shape (rows, samples).
FB_KERNEL(sample_with_replacement, const Tensor& out, const Tensor& weights, Generator& generator)
// `noise` is exponential; the categories with the largest weight / noise are drawn.
FB_KERNEL(sample_without_replacement, const Tensor& out, const Tensor& weights, const Tensor& noise)
// Raises if a standard deviation is negative.
FB_KERNEL(check_std, const Tensor& std)
// Inputs have the size and type of the output.
FB_KERNEL(sample_poisson, const Tensor& out, const Tensor& rates, Generator& generator)
FB_KERNEL(sample_binomial, const Tensor& out, const Tensor& counts, const Tensor& p,
          Generator& generator)

// Kernels of the random fills. Each takes the generator's lock for its whole run.
#pragma once
#include "core/generator.h"
#include "ops/kernel.h"

// Real floating-point types.
FB_KERNEL(fill_uniform, const Tensor& out, Generator& generator, double from, double to)
FB_KERNEL(fill_normal, const Tensor& out, Generator& generator, double mean, double std)
FB_KERNEL(fill_log_normal, const Tensor& out, Generator& generator, double mean, double std)
FB_KERNEL(fill_cauchy, const Tensor& out, Generator& generator, double median, double sigma)
FB_KERNEL(fill_exponential, const Tensor& out, Generator& generator, double lambda)
// Real types except bool.
FB_KERNEL(fill_geometric, const Tensor& out, Generator& generator, double p)
FB_KERNEL(fill_permutation, const Tensor& out, Generator& generator)
// Real types and bool. Integers in [base, base + range); in all of int64; in the type's own range.
FB_KERNEL(fill_integers, const Tensor& out, Generator& generator, uint64_t range, int64_t base)
FB_KERNEL(fill_integers_full, const Tensor& out, Generator& generator)
FB_KERNEL(fill_integers_of_type, const Tensor& out, Generator& generator)
FB_KERNEL(fill_bernoulli, const Tensor& out, Generator& generator, double p)
// `p` has the size of `out`.
FB_KERNEL(fill_bernoulli_tensor, const Tensor& out, const Tensor& p, Generator& generator)
